"""Rules of the Message Batches API.

A batch is in progress until a client asks about it, alone or in the list: then it has ended.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from authprobe.core.claude_api import MESSAGES_PATH
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule
from authprobe.emulator.rules.credentials import (
    INVALID,
    has_one_valid_credential,
    missing_credential,
)
from authprobe.emulator.rules.messages import ANSWERS
from authprobe.emulator.rules.paging import page
from authprobe.emulator.state.resources import BATCH_LIFETIME, Batch

MAX_REQUESTS: Final = 100_000
"""platform.claude.com/docs/en/build-with-claude/batch-processing, "Batch limitations"."""
CUSTOM_ID: Final = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


def make_batch(request: RequestContext, id: str, requests: list[dict[str, Any]]) -> Batch:
    """Return a new batch, whose requests are answered like those to the Messages API."""
    return Batch(
        id=id,
        created_at=request.now,
        results=tuple((item["custom_id"], _result(request, item["params"])) for item in requests),
    )


def _result(request: RequestContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = {name: value for name, value in params.items() if name != "stream"}
    single = replace(request, path=MESSAGES_PATH, body=json.dumps(fields).encode())
    answer = next(rule for rule in ANSWERS if rule.applies(single)).reply(single)
    if answer.status == 200:
        return {"type": "succeeded", "message": answer.body}
    body = answer.body if isinstance(answer.body, Mapping) else {}
    return {"type": "errored", "error": {**body, "request_id": None}}


def _problem(request: RequestContext) -> str | None:
    """Return what is wrong with the body of a new batch."""
    requests = request.fields.get("requests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MAX_REQUESTS:
        return f"requests: a list of 1 to {MAX_REQUESTS} requests is required"
    for number, item in enumerate(requests):
        if not isinstance(item, dict) or not isinstance(item.get("params"), dict):
            return f"requests.{number}.params: Field required"
        name = item.get("custom_id")
        if not isinstance(name, str) or not CUSTOM_ID.fullmatch(name):
            return f"requests.{number}.custom_id: String should match pattern '{CUSTOM_ID.pattern}'"
    names = Counter(item["custom_id"] for item in requests)
    repeated = [name for name, count in names.items() if count > 1]
    return f"requests: custom_id must be unique: {repeated[0]}" if repeated else None


def _body_invalid(request: RequestContext) -> bool:
    """The body has no list of requests, each with params and a custom_id of its own."""
    return _problem(request) is not None


def _refuse_body(request: RequestContext) -> Answer:
    return refusal(400, INVALID, _problem(request) or "")


def _missing_requests(request: RequestContext) -> tuple[str, ...]:
    return missing_credential(request) + ("requests",) * _body_invalid(request)


def _valid_body(request: RequestContext) -> bool:
    """The request has one valid credential, and a list of requests."""
    return not _missing_requests(request)


def _find(request: RequestContext) -> Batch | None:
    return request.state.batches.find(request.path_parameters["batch_id"])


def _unknown(request: RequestContext) -> bool:
    """No batch has the id in the path."""
    return _find(request) is None


def _refuse_unknown(request: RequestContext) -> Answer:
    id = request.path_parameters["batch_id"]
    return refusal(404, "not_found_error", f"Message Batch {id} not found.")


def _in_progress(request: RequestContext) -> bool:
    """The batch has not ended yet."""
    batch = _find(request)
    return batch is not None and batch.ended_at is None


def _ended(request: RequestContext) -> bool:
    """The batch has ended."""
    batch = _find(request)
    return batch is not None and batch.ended_at is not None


def _missing_batch(request: RequestContext) -> tuple[str, ...]:
    return missing_credential(request) + ("path",) * _unknown(request)


def _known(request: RequestContext) -> bool:
    """The request has one valid credential, and the batch exists."""
    return not _missing_batch(request)


def _create(request: RequestContext) -> Answer:
    batches = request.state.batches
    number = batches.count + 1
    id = "msgbatch_authprobe" + (f"_{number}" if number > 1 else "")
    batch = make_batch(request, id, request.fields["requests"])
    return _describe(request, batches.put(batch))


def _list(request: RequestContext) -> Answer:
    batches = request.state.batches
    for batch in batches:
        batches.put(batch.end(request.now))
    return page(request, [_object(request, batch) for batch in batches])


def _batch(request: RequestContext) -> Batch:
    batch = _find(request)
    assert batch is not None  # noqa: S101 - for the type checker: the route refuses unknown ids
    return batch


def _retrieve(request: RequestContext) -> Answer:
    return _describe(request, request.state.batches.put(_batch(request).end(request.now)))


def _results(request: RequestContext) -> Answer:
    body = _batch(request).results_jsonl()
    return Answer(status=200, body=body, content_type="application/x-jsonl")


def _cancel(request: RequestContext) -> Answer:
    return _describe(request, request.state.batches.put(_batch(request).cancel(request.now)))


def _delete(request: RequestContext) -> Answer:
    id = _batch(request).id
    request.state.batches.remove(id)
    return Answer(status=200, body={"id": id, "type": "message_batch_deleted"})


def _describe(request: RequestContext, batch: Batch) -> Answer:
    return Answer(status=200, body=_object(request, batch))


def _object(request: RequestContext, batch: Batch) -> Mapping[str, Any]:
    ended = batch.ended_at is not None
    status = "ended" if ended else "canceling" if batch.cancel_initiated_at else "in_progress"
    url = f"{request.origin}/v1/messages/batches/{batch.id}/results"
    kinds = ("processing", "succeeded", "errored", "canceled", "expired")
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": status,
        "request_counts": {kind: batch.count(kind) for kind in kinds},
        "ended_at": batch.ended_at and batch.ended_at.isoformat(),
        "created_at": batch.created_at.isoformat(),
        "expires_at": (batch.created_at + BATCH_LIFETIME).isoformat(),
        "archived_at": None,
        "cancel_initiated_at": batch.cancel_initiated_at and batch.cancel_initiated_at.isoformat(),
        "results_url": url if ended else None,
    }


_GUIDE: Final = "platform.claude.com/docs/en/build-with-claude/batch-processing"

BATCH_INVALID: Final = rule(
    "batch-invalid",
    _body_invalid,
    _refuse_body,  # The conditions are documented, the wordings are not.
    _GUIDE,
    "platform.claude.com/docs/en/api/creating-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.INFERRED,
)
BATCH_CREATED: Final = rule(
    "batch-created",
    _valid_body,
    _create,
    "platform.claude.com/docs/en/api/creating-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_requests,
)
BATCHES: Final = rule(
    "batches",
    has_one_valid_credential,
    _list,
    "platform.claude.com/docs/en/api/listing-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=missing_credential,
)
BATCH_UNKNOWN: Final = rule(
    "batch-unknown",
    _unknown,
    _refuse_unknown,
    "anthropics/anthropic-sdk-python#1432",
    "platform.claude.com/docs/en/api/errors",
    seen=("2026-04-21", "2026-08-22"),
    certainty=RuleCertainty.DOCUMENTED,
)
BATCH: Final = rule(
    "batch",
    _known,
    _retrieve,
    "platform.claude.com/docs/en/api/retrieving-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_batch,
)
RESULTS_MISSING: Final = rule(
    "batch-results-missing",
    _in_progress,
    refusal(404, "not_found_error", "The results are available once processing ends."),
    "platform.claude.com/docs/en/api/retrieving-message-batch-results",
    seen="2026-08-22",
    certainty=RuleCertainty.INFERRED,
)
RESULTS: Final = rule(
    "batch-results",
    _known,
    _results,
    "platform.claude.com/docs/en/api/retrieving-message-batch-results",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_batch,
)
CANCEL_TOO_LATE: Final = rule(
    "batch-cancel-too-late",
    _ended,
    refusal(400, INVALID, "Batches may be canceled any time before processing ends."),
    "platform.claude.com/docs/en/api/canceling-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.INFERRED,
)
BATCH_CANCELED: Final = rule(
    "batch-canceled",
    _known,
    _cancel,
    "platform.claude.com/docs/en/api/canceling-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_batch,
)
DELETE_TOO_EARLY: Final = rule(
    "batch-delete-too-early",
    _in_progress,
    refusal(
        400, INVALID, "Message Batches can only be deleted once they have finished processing."
    ),
    "platform.claude.com/docs/en/api/deleting-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.INFERRED,
)
BATCH_DELETED: Final = rule(
    "batch-deleted",
    _known,
    _delete,
    "platform.claude.com/docs/en/api/deleting-message-batches",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing_batch,
)
