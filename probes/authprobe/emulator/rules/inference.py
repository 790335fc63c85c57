"""Rules of the Messages API: successful answers, and refusals of the `anthropic-beta` header."""

from collections.abc import Mapping
from typing import Any, Final

from authprobe.emulator.config import TokenState
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule
from authprobe.emulator.rules.credentials import (
    INVALID,
    has_one_valid_credential,
    is_key_in,
    missing_credential,
)
from authprobe.emulator.rules.limits import limit_headers, unified_headers

ANSWER: Final = "pong"
"""The answer of every model."""
USAGE: Final = {"input_tokens": 1, "output_tokens": 1}


def _beta_dropped(request: RequestContext) -> bool:
    """The body contains context_management, but the anthropic-beta header is absent."""
    return (
        b"context_management" in request.body
        and not request.betas
        and "context_management" in request.fields
    )


def _quota_headers(request: RequestContext) -> Mapping[str, str]:
    has_key = is_key_in(request, TokenState.VALID)
    return limit_headers(request) if has_key else unified_headers(request, "allowed")


def _message(request: RequestContext) -> Answer:
    """Return a message of one word, as JSON or as a stream."""
    message = {
        "id": "msg_authprobe",
        "type": "message",
        "role": "assistant",
        "model": request.text("model"),
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
    }
    return Answer(
        status=200, body=message, events=_stream(message) if request.fields.get("stream") else ()
    )


def _stream(message: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Return the message as events (platform.claude.com/docs/en/build-with-claude/streaming)."""
    start = {**message, "content": [], "stop_reason": None}
    text = message["content"][0]["text"]
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
    return tuple((event["type"], event) for event in events)


def _unknown_betas(request: RequestContext) -> Answer:
    values = ", ".join(f"`{flag}`" for flag in request.betas)
    return refusal(
        400,
        INVALID,
        f"Unexpected value(s) {values} for the `anthropic-beta` header. Please consult our "
        "documentation at docs.anthropic.com or try again without the header.",
    )


BETA_DROPPED: Final = rule(
    "A37",
    _beta_dropped,
    refusal(400, INVALID, "context_management: Extra inputs are not permitted"),
    "anthropics/claude-code#14135",
    "code.claude.com/docs/en/errors",
    "code.claude.com/docs/en/llm-gateway-protocol",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
BETA_UNKNOWN: Final = rule(
    "A38",
    "The server does not know a value of anthropic-beta.",
    _unknown_betas,
    "zed-industries/zed#42715",
    "code.claude.com/docs/en/errors",
    "code.claude.com/docs/en/env-vars",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
MESSAGE: Final = rule(
    "messages",
    has_one_valid_credential,
    _message,
    "platform.claude.com/docs/en/api/messages",
    "platform.claude.com/docs/en/manage-claude/authentication",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    headers=_quota_headers,
    missing=missing_credential,
)
TOKEN_COUNT: Final = rule(
    "count-tokens",
    has_one_valid_credential,
    Answer(status=200, body={"input_tokens": 1}),
    "platform.claude.com/docs/en/api/messages-count-tokens",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=missing_credential,
)
