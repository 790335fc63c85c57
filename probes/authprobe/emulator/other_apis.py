"""Other APIs in front of the Messages API: what a gateway translates, and back."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from authprobe.core.claude_api import MESSAGES_PATH
from authprobe.emulator.config import Service
from authprobe.emulator.rules.base import Answer, RequestContext

VERSION: Final = "2023-06-01"
CHAT_PATHS: Final = ("/v1/chat/completions", "/chat/completions")
CHAT_MODELS_PATHS: Final = ("/v1/models", "/models")
DEFAULT_MAX_TOKENS: Final = 1024
VERTEX_PATH: Final = re.compile(
    r"(?:/v1)?/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
    r"(?P<model>[^/:]+):(?:raw|streamRaw)Predict"
)
VERTEX_COUNT: Final = "count-tokens"
"""Model that stands for counting tokens."""
STOP_REASONS: Final = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


@dataclass(frozen=True, slots=True)
class OtherApi:
    """An API that is translated to the Messages API."""

    to_messages: Callable[[RequestContext], RequestContext | None]
    """Returns the request to the Messages API; None: the other API has no such path."""
    from_messages: Callable[[RequestContext, Answer], Answer]
    """Returns the answer of the other API for a successful one of the Messages API."""


def openai_error(
    status: int, error_type: str, message: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an error in the envelope of OpenAI's API."""
    error = {"message": message, "type": error_type, "param": None, "code": None}
    return Answer(
        status=status,
        body={"error": error},
        headers=headers or {},
        identified=False,
        error_type=error_type,
        message=message,
    )


# --- OpenAI's Chat Completions --------------------------------------------------------------------


def _chat_to_messages(request: RequestContext) -> RequestContext | None:
    if request.method == "GET" and request.path in CHAT_MODELS_PATHS:
        return _with(request, "/v1/models", None)
    if request.path not in CHAT_PATHS:
        return None
    fields = request.fields
    messages = fields.get("messages")
    turns = [x for x in messages if isinstance(x, dict)] if isinstance(messages, list) else []
    system = [x.get("content") for x in turns if x.get("role") in ("system", "developer")]
    body = {
        "model": fields.get("model"),
        "max_tokens": fields.get("max_completion_tokens")
        or fields.get("max_tokens")
        or DEFAULT_MAX_TOKENS,
        "messages": [
            {"role": x["role"], "content": x.get("content")}
            for x in turns
            if x.get("role") in ("user", "assistant")
        ],
        "stream": fields.get("stream") is True,
    }
    if texts := [text for text in system if isinstance(text, str)]:
        body["system"] = "\n".join(texts)
    return _with(request, MESSAGES_PATH, body)


def _chat_from_messages(request: RequestContext, answer: Answer) -> Answer:
    if request.path != MESSAGES_PATH:
        return answer
    message = answer.body if isinstance(answer.body, Mapping) else {}
    text = "".join(part.get("text", "") for part in message.get("content", ()))
    reason = STOP_REASONS.get(str(message.get("stop_reason")), "stop")
    head = {"id": "chatcmpl-authprobe", "created": 0, "model": message.get("model")}
    if not answer.events:
        usage = message.get("usage", {})
        counts = [int(usage.get(name, 0)) for name in ("input_tokens", "output_tokens")]
        body = {
            **head,
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": reason,
                }
            ],
            "usage": {
                "prompt_tokens": counts[0],
                "completion_tokens": counts[1],
                "total_tokens": sum(counts),
            },
        }
        return replace(answer, body=body)
    deltas: tuple[tuple[dict[str, str], str | None], ...] = (
        ({"role": "assistant", "content": ""}, None),
        ({"content": text}, None),
        ({}, reason),
    )
    chunks = tuple(
        {
            **head,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        for delta, finish in deltas
    )
    return replace(answer, body=None, events=(*(("", chunk) for chunk in chunks), ("", "[DONE]")))


# --- Google Vertex AI -----------------------------------------------------------------------------


def _vertex_to_messages(request: RequestContext) -> RequestContext | None:
    match = VERTEX_PATH.fullmatch(request.path)
    if match is None or request.method != "POST":
        return None
    fields = {name: value for name, value in request.fields.items() if name != "anthropic_version"}
    if match["model"] == VERTEX_COUNT:
        return _with(request, f"{MESSAGES_PATH}/count_tokens", fields)
    return _with(request, MESSAGES_PATH, {**fields, "model": match["model"]})


def _unchanged(request: RequestContext, answer: Answer) -> Answer:
    return answer


def _with(request: RequestContext, path: str, body: Mapping[str, Any] | None) -> RequestContext:
    return replace(
        request,
        path=path,
        headers={"anthropic-version": VERSION, **request.headers},
        body=request.body if body is None else json.dumps(body).encode(),
    )


API_OF_SERVICE: Final[Mapping[Service, OtherApi]] = {
    Service.CHAT_COMPLETIONS: OtherApi(_chat_to_messages, _chat_from_messages),
    Service.VERTEX: OtherApi(_vertex_to_messages, _unchanged),
}
"""The APIs that are translated, by what a gateway serves."""
