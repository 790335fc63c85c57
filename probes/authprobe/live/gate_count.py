"""The counts of a gate: connections, bytes and seconds of each host."""

import time
from dataclasses import dataclass, field

from authprobe.observation.model import GateCount


@dataclass(slots=True)
class HostCount:
    """Running counts of one host."""

    connections: int = 0
    refused: int = 0
    sent: int = 0
    received: int = 0
    failure: str | None = None
    _open: int = 0
    _since: float = 0.0
    _seconds: float = 0.0

    def begin(self) -> None:
        """Count a connection that was made."""
        self.connections += 1
        self.failure = None
        if self._open == 0:
            self._since = time.monotonic()
        self._open += 1

    def end(self) -> None:
        """Note that a connection has closed."""
        self._open -= 1
        if self._open == 0:
            self._seconds += time.monotonic() - self._since

    def record(self, host: str) -> GateCount:
        """Return the counts so far."""
        running = time.monotonic() - self._since if self._open else 0.0
        return GateCount(
            host=host,
            connections=self.connections,
            refused=self.refused,
            sent=self.sent,
            received=self.received,
            seconds=round(self._seconds + running, 3),
            failure=self.failure,
        )


@dataclass(slots=True)
class HostCounts:
    """Running counts of all hosts; beside those that are known, only so many have a name."""

    known: set[str]
    limit: int
    _by_host: dict[str, HostCount] = field(default_factory=dict)

    def of(self, host: str) -> HostCount:
        """Return the counts of a host; those of `(others)` if there are too many names."""
        if host not in self._by_host and host not in self.known:
            others = sum(name not in self.known for name in self._by_host)
            host = host if others < self.limit else "(others)"
        return self._by_host.setdefault(host, HostCount())

    def records(self) -> tuple[GateCount, ...]:
        """Return the counts so far, sorted by host."""
        return tuple(count.record(host) for host, count in sorted(self._by_host.items()))
