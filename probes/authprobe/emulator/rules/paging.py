"""Pages of a list: the parameters of the Models, Message Batches and Files APIs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 1000
_LIMIT: Final = "limit"


def _limit_invalid(request: RequestContext) -> bool:
    """The parameter limit is not a number from 1 to 1000."""
    return limit(request) is None


def limit(request: RequestContext) -> int | None:
    """Return the number of items on a page; None: the parameter is invalid."""
    text = request.parameters.get(_LIMIT, str(DEFAULT_LIMIT))
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_LIMIT))
    return int(text) if is_number and 1 <= int(text) <= MAX_LIMIT else None


def page(request: RequestContext, items: Sequence[Mapping[str, Any]]) -> Answer:
    """Return the items after `after_id` and before `before_id`, at most `limit`.

    An id that is not in the list is ignored.
    """
    ids = [item["id"] for item in items]
    after, before = request.parameters.get("after_id"), request.parameters.get("before_id")
    start = ids.index(after) + 1 if after in ids else 0
    end = ids.index(before) if before in ids else len(ids)
    size = limit(request) or DEFAULT_LIMIT
    rest = items[start:end]
    # Backwards, the page is the one directly before the id.
    data = rest[-size:] if before in ids and after not in ids else rest[:size]
    body = {
        "data": data,
        "has_more": len(rest) > size,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
    return Answer(status=200, body=body)


LIMIT_INVALID: Final = rule(
    "page-limit",
    _limit_invalid,
    # The range is documented, the wording is not.
    refusal(400, "invalid_request_error", "limit: the value must be a number from 1 to 1000"),
    "platform.claude.com/docs/en/api/models-list",
    "platform.claude.com/docs/en/api/listing-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.INFERRED,
)
