"""Resources that a test puts in place before its program asks for them."""

import enum
from collections.abc import Mapping
from typing import Any, Final, assert_never

from authprobe.emulator.state.resources import MAX_RESOURCES, Batch, File
from authprobe.emulator.state.state import State


class ResourceKind(enum.StrEnum):
    """Kind of a resource of the API."""

    MODEL = "model"
    BATCH = "batch"
    FILE = "file"


_RESULT: Final[Mapping[str, Any]] = {"type": "expired"}
"""Result of the only request of a batch that no client created."""


def add_resource(
    state: State, kind: ResourceKind, id: str, *, ended: bool, content: bytes | None
) -> None:
    """Put a resource in place, instead of the one with this id."""
    now = state.clock.now
    match kind:
        case ResourceKind.MODEL:
            state.models[id] = None
            while len(state.models) > MAX_RESOURCES:
                del state.models[next(iter(state.models))]
        case ResourceKind.BATCH:
            batch = Batch(id=id, created_at=now, results=(("request-1", _RESULT),))
            state.batches.put(batch.end(now) if ended else batch)
        case ResourceKind.FILE:
            state.files.put(
                File(
                    id=id,
                    created_at=now,
                    filename=f"{id}.txt",
                    mime_type="text/plain",
                    size_bytes=len(content or b""),
                    content=content,
                )
            )
        case _:
            assert_never(kind)
