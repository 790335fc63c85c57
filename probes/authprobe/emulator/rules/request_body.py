"""Refusals of invalid bodies of requests to the Messages API."""

from collections.abc import Iterator
from typing import Any, Final

from authprobe.core.host_names import own_host_problem
from authprobe.emulator.model.names import is_model_name
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule
from authprobe.emulator.rules.credentials import INVALID

ROLES: Final = ("user", "assistant", "system")
"""Roles of messages; `system` since Claude Opus 4.8
(platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages).
"""
NOT_FOUND: Final = "not_found_error"
_ERRORS: Final = "platform.claude.com/docs/en/api/errors"


def _body_problem(request: RequestContext) -> str | None:
    """Return what is wrong with the body; None: nothing that the emulator looks at."""
    return next(_problems(request.fields, request.path), None)


def _problems(fields: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the problems in the order in which the service reports them."""
    yield from _text_problems("model", fields)
    if "messages" not in fields:
        yield "messages: Field required"
    elif not isinstance(fields["messages"], list):
        yield "messages: Input should be a valid list"
    elif not fields["messages"]:
        yield "messages: at least one message is required"
    else:
        yield from _message_problems(fields["messages"])
    if not path.endswith("/count_tokens"):
        yield from _max_tokens_problems(fields)


def _text_problems(name: str, fields: dict[str, Any]) -> Iterator[str]:
    if name not in fields:
        yield f"{name}: Field required"
    elif not isinstance(fields[name], str):
        yield f"{name}: Input should be a valid string"
    elif not fields[name]:
        yield f"{name}: String should have at least 1 character"


def _message_problems(messages: list[Any]) -> Iterator[str]:
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            yield f"messages.{index}: Input should be an object"
            continue
        for name in ("role", "content"):
            if name not in message:
                yield f"messages.{index}.{name}: Field required"
        if message["role"] not in ROLES:
            role = str(message["role"])[:200]
            yield f'messages: Unexpected role "{role}". Allowed roles are "user" or "assistant"'
        if not isinstance(message["content"], str | list):
            yield f"messages.{index}.content: Input should be a valid list"


def _max_tokens_problems(fields: dict[str, Any]) -> Iterator[str]:
    value = fields.get("max_tokens")
    if "max_tokens" not in fields:
        yield "max_tokens: Field required"
    elif isinstance(value, bool) or not isinstance(value, int):
        yield "max_tokens: Input should be a valid integer"
    elif value < 0:
        yield "max_tokens: must be greater than or equal to 0"


def _body_invalid(request: RequestContext) -> bool:
    """The body lacks the model, the messages or max_tokens, or a message has an unknown role."""
    return _body_problem(request) is not None


def _refuse_body(request: RequestContext) -> Answer:
    return refusal(400, INVALID, _body_problem(request) or "max_tokens: Field required")


def _model_unknown(request: RequestContext) -> bool:
    """The name of the model does not follow the scheme of the names of models; a gateway of one's
    own can have other names.
    """
    name = request.text("model")
    return not (is_model_name(name) or name in request.state.models or _is_own_host(request))


def _is_own_host(request: RequestContext) -> bool:
    return bool(request.requested_host) and own_host_problem(request.requested_host) is None


def _refuse_model(request: RequestContext) -> Answer:
    return refusal(404, NOT_FOUND, f"model: {request.text('model')}")


BODY_INVALID: Final = rule(
    "invalid-body",
    _body_invalid,
    _refuse_body,
    _ERRORS,
    "platform.claude.com/docs/en/api/messages",
    "tickernelz/opencode-mem#50",
    "langgenius/dify#25953",
    "sgl-project/sglang#367",
    seen=("2024-04-15", "2026-03-03"),
    certainty=RuleCertainty.DOCUMENTED,
)
MODEL_UNKNOWN: Final = rule(
    "message-model-unknown",
    _model_unknown,
    _refuse_model,
    _ERRORS,
    "platform.claude.com/docs/en/about-claude/models/model-ids-and-versions",
    "anthropics/claude-code#5349",
    "continuedev/continue#11538",
    seen=("2025-08-07", "2026-03-17"),
    certainty=RuleCertainty.DOCUMENTED,
)

BODY: Final = (BODY_INVALID, MODEL_UNKNOWN)
