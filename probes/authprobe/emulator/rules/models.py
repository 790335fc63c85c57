"""Rules of the Models API: the list of models, and one model."""

import re
from collections.abc import Mapping
from typing import Any, Final

from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule
from authprobe.emulator.rules.credentials import (
    account_headers,
    has_one_valid_credential,
    missing_credential,
)
from authprobe.emulator.rules.paging import page

IDS: Final = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-mythos-5-1",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-mythos-preview",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-opus-4-5-20251101",
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5-20250929",
)
"""Models that the API's SDKs name, in their order (anthropic 2.12.0, `types/model.py`)."""
DEPRECATED: Final = {"claude-sonnet-4-5-20250929": "2026-11-30"}
"""Models that still answer, by the date on which they retire; old clients ask them by default."""
_DATE: Final = re.compile(r"-(\d{4})(\d\d)(\d\d)$")
ALIASES: Final = {_DATE.sub("", id): id for id in IDS if _DATE.search(id)}
"""Model ids by the alias that stands for them."""
_UNKNOWN_DATE: Final = "1970-01-01T00:00:00Z"
"""As documented for a model whose release date is not known."""
_LINE: Final = re.compile(r"claude-([a-z]+)-(.+)")


def find_model(request: RequestContext, id: str) -> Mapping[str, Any] | None:
    """Return the model with this id or alias; None: the backend does not have it."""
    id = ALIASES.get(id, id)
    return _model(id) if id in request.state.models or id in IDS else None


def _model(id: str) -> Mapping[str, Any]:
    line = _LINE.fullmatch(_DATE.sub("", id))
    name = f"Claude {line[1].title()} {line[2].replace('-', '.').title()}" if line else id
    date = _DATE.search(id)
    return {
        "type": "model",
        "id": id,
        "display_name": name,
        "created_at": f"{date[1]}-{date[2]}-{date[3]}T00:00:00Z" if date else _UNKNOWN_DATE,
        "lifecycle": "deprecated" if id in DEPRECATED else "active",
        "line": line[1] if line else None,
    }


def _list(request: RequestContext) -> Answer:
    return page(request, [_model(id) for id in (*reversed(request.state.models), *IDS)])


def _unknown(request: RequestContext) -> bool:
    """No model has the id in the path."""
    return find_model(request, request.path_parameters["model_id"]) is None


def _missing(request: RequestContext) -> tuple[str, ...]:
    return missing_credential(request) + ("path",) * _unknown(request)


def _known(request: RequestContext) -> bool:
    """The request has one valid credential, and the model exists."""
    return not _missing(request)


def _refuse_unknown(request: RequestContext) -> Answer:
    return refusal(404, "not_found_error", f"model: {request.path_parameters['model_id']}")


def _retrieve(request: RequestContext) -> Answer:
    return Answer(status=200, body=find_model(request, request.path_parameters["model_id"]))


MODELS: Final = rule(
    "models",
    has_one_valid_credential,
    _list,
    "platform.claude.com/docs/en/api/models-list",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    headers=account_headers,
    missing=missing_credential,
)
MODEL_UNKNOWN: Final = rule(
    "model-unknown",
    _unknown,
    _refuse_unknown,
    "platform.claude.com/docs/en/api/models",
    "platform.claude.com/docs/en/api/errors",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
MODEL: Final = rule(
    "model",
    _known,
    _retrieve,
    "platform.claude.com/docs/en/api/models",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    headers=account_headers,
    missing=_missing,
)
