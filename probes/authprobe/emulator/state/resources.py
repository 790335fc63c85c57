"""Resources that clients keep at the API: batches of messages and files, and further models."""

import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Protocol, TypeVar

MAX_RESOURCES: Final = 1000
"""Batches, files and models of one backend that are kept; more push out the oldest."""
MAX_CONTENT_BYTES: Final = 32 * 1024 * 1024
"""Results of all batches, and likewise contents of all files."""
BATCH_LIFETIME: Final = datetime.timedelta(hours=24)
"""platform.claude.com/docs/en/api/creating-message-batches."""


class Resource(Protocol):
    """A resource with an id and a size."""

    @property
    def id(self) -> str:
        """Id in the path of requests."""

    @property
    def stored_bytes(self) -> int:
        """Size of its content."""


R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch of messages. It is in progress until a client asks about it for the first time."""

    id: str
    created_at: datetime.datetime
    results: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """The `custom_id` of each request, and its result, which is hidden until the batch ends."""
    cancel_initiated_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None

    @property
    def stored_bytes(self) -> int:
        """Size of the results."""
        return len(self.results_jsonl())

    def cancel(self, now: datetime.datetime) -> "Batch":
        """Return the batch with cancellation begun, so that none of its requests is answered."""
        results = tuple((custom_id, {"type": "canceled"}) for custom_id, _ in self.results)
        return replace(self, results=results, cancel_initiated_at=now)

    def end(self, now: datetime.datetime) -> "Batch":
        """Return the batch with its processing ended."""
        return self if self.ended_at else replace(self, ended_at=now)

    def count(self, kind: str) -> int:
        """Return the number of requests with this kind of result; none has one before the end."""
        if self.ended_at is None:
            return len(self.results) if kind == "processing" else 0
        return sum(result["type"] == kind for _, result in self.results)

    def results_jsonl(self) -> bytes:
        """Return the results, one per line."""
        lines = ({"custom_id": name, "result": result} for name, result in self.results)
        return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file. The content of an upload is not kept, because only files of tools can be downloaded
    (platform.claude.com/docs/en/build-with-claude/files).
    """

    id: str
    created_at: datetime.datetime
    filename: str
    mime_type: str
    size_bytes: int
    expires_at: datetime.datetime | None = None
    content: bytes | None = field(default=None, repr=False)
    """None: the file cannot be downloaded."""

    @property
    def stored_bytes(self) -> int:
        """Size of the content that is kept."""
        return len(self.content or b"")


class Store(Generic[R]):
    """Resources of one kind by id, the newest first; a bounded number with a bounded size."""

    def __init__(self) -> None:
        self._resources: dict[str, R] = {}
        self._sizes: dict[str, int] = {}
        self._stored_bytes = 0
        self.count = 0
        """Number of resources that were ever added."""

    def __iter__(self) -> Iterator[R]:
        return reversed(tuple(self._resources.values()))

    def find(self, id: str) -> R | None:
        """Return the resource with this id; None: there is none."""
        return self._resources.get(id)

    def put(self, resource: R) -> R:
        """Add a resource, or replace the one with its id where it stands; return it."""
        id = resource.id
        if self._resources.get(id) is resource:
            return resource
        self.count += id not in self._resources
        size = resource.stored_bytes  # asked once: a batch is written as JSON for it
        self._stored_bytes += size - self._sizes.get(id, 0)
        self._resources[id], self._sizes[id] = resource, size
        while len(self._resources) > MAX_RESOURCES or (
            self._stored_bytes > MAX_CONTENT_BYTES and len(self._resources) > 1
        ):
            self.remove(next(iter(self._resources)))
        return resource

    def remove(self, id: str) -> None:
        """Remove the resource with this id."""
        del self._resources[id]
        self._stored_bytes -= self._sizes.pop(id)
