"""Rules of the Messages API: successful answers, and refusals of the `anthropic-beta` header."""

from collections.abc import Mapping
from typing import Any, Final

from authprobe.emulator.config import TokenState
from authprobe.emulator.model.answer import Generated, generate
from authprobe.emulator.model.conversation import Conversation
from authprobe.emulator.model.stream import events
from authprobe.emulator.model.tokens import input_token_count
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule
from authprobe.emulator.rules.credentials import (
    INVALID,
    account_headers,
    has_one_valid_credential,
    is_key_in,
    missing_credential,
)
from authprobe.emulator.rules.limits import limit_headers, unified_headers


def _beta_dropped(request: RequestContext) -> bool:
    """The body contains context_management, but the anthropic-beta header is absent."""
    return (
        b"context_management" in request.body
        and not request.betas
        and "context_management" in request.fields
    )


def _quota_headers(request: RequestContext) -> Mapping[str, str]:
    has_key = is_key_in(request, TokenState.VALID)
    limits = limit_headers(request) if has_key else unified_headers(request, "allowed")
    return {**limits, **account_headers(request)}


def _message(request: RequestContext) -> Answer:
    """Return the answer of the model, as JSON or as a stream."""
    state, conversation = request.state, Conversation.read(request.fields)
    answer_id = state.next_answer_id()
    generated = generate(
        conversation,
        state.script.take(conversation),
        follows_prompts=state.follows_prompts,
        answer_id=answer_id,
    )
    message = {
        "id": f"msg_{answer_id}",
        "type": "message",
        "role": "assistant",
        "model": request.text("model"),
        "content": list(generated.blocks),
        "stop_reason": generated.stop_reason,
        "stop_sequence": generated.stop_sequence,
        "usage": _usage(request, generated),
    }
    return Answer(
        status=200, body=message, events=events(message) if request.fields.get("stream") else ()
    )


def _usage(request: RequestContext, generated: Generated) -> Mapping[str, Any]:
    """Return the tokens of a request and its answer; nothing is cached."""
    usage: dict[str, Any] = {
        "input_tokens": input_token_count(request.fields),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": generated.output_tokens,
        "service_tier": "standard",
    }
    if thinking_tokens := generated.thinking_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": thinking_tokens}
    return usage


def _count_tokens(request: RequestContext) -> Answer:
    return Answer(status=200, body={"input_tokens": input_token_count(request.fields)})


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
    "platform.claude.com/docs/en/build-with-claude/streaming",
    "platform.claude.com/docs/en/build-with-claude/handling-stop-reasons",
    "platform.claude.com/docs/en/build-with-claude/structured-outputs",
    "platform.claude.com/docs/en/build-with-claude/thinking",
    "platform.claude.com/docs/en/agents-and-tools/tool-use/overview",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    headers=_quota_headers,
    missing=missing_credential,
)
TOKEN_COUNT: Final = rule(
    "count-tokens",
    has_one_valid_credential,
    _count_tokens,
    "platform.claude.com/docs/en/api/messages-count-tokens",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    headers=account_headers,
    missing=missing_credential,
)
