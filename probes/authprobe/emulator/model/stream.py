"""A message as server-sent events (platform.claude.com/docs/en/build-with-claude/streaming)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

CHUNK_LENGTH: Final = 24
"""Characters of a delta."""

Event = tuple[str, Mapping[str, Any]]


def events(message: Mapping[str, Any]) -> tuple[Event, ...]:
    """Return the events from which a client makes this message."""
    return tuple((event["type"], event) for event in _events(message))


def _events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    usage = message["usage"]
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": min(1, usage["output_tokens"])},
    }
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        empty, deltas = _parts(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {name: message[name] for name in ("stop_reason", "stop_sequence")},
        "usage": {
            name: usage[name]
            for name in usage
            if name.endswith("_tokens") or name == "output_tokens_details"
        },
    }
    yield {"type": "message_stop"}


def _parts(block: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """Return the block as it starts, and what is then added to it."""
    match block["type"]:
        case "text":
            deltas = [{"type": "text_delta", "text": part} for part in _chunks(block["text"])]
            return {**block, "text": ""}, deltas
        case "thinking":
            deltas = [
                {"type": "thinking_delta", "thinking": part} for part in _chunks(block["thinking"])
            ]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, deltas
        case "tool_use":
            parts = ["", *_chunks(json.dumps(block["input"]))]
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": part} for part in parts
            ]
        case _:
            return block, []


def _chunks(text: str) -> Iterator[str]:
    for start in range(0, len(text), CHUNK_LENGTH):
        yield text[start : start + CHUNK_LENGTH]
