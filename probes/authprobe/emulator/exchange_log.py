"""The recorded exchanges of a backend, limited in number and size."""

from collections import deque
from typing import Final

from authprobe.observation.model import Exchange

MAX_REFUSED_HOSTS: Final = 100
"""Names of refused hosts that are recorded."""
MAX_FIRST: Final = 500
MAX_LAST: Final = 500
MAX_BYTES: Final = 512 * 1024
"""Size of all recorded exchanges of a case, of which half is for the first ones."""
FIXED_BYTES: Final = 512
"""About the size of an exchange without the values that a client chooses."""


class ExchangeRecord:
    """A mutable slot for an exchange, which is replaced once the request is answered."""

    __slots__ = ("exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def __reduce__(self) -> tuple[type["ExchangeRecord"], tuple[Exchange]]:
        return ExchangeRecord, (self.exchange,)


class ExchangeLog:
    """The first and the last exchanges of a backend: those between are dropped, and counted.

    A client decides how many requests it makes, and how long their values are.
    """

    def __init__(
        self,
        *,
        max_first: int = MAX_FIRST,
        max_last: int = MAX_LAST,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._max_first, self._max_last, self._max_bytes = max_first, max_last, max_bytes
        self.request_count = 0
        """Requests since the start, including those that were dropped or discarded."""
        self.clear()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The recorded exchanges in order of arrival."""
        last = tuple(self._last)
        return (*(r.exchange for r in tuple(self._first)), *(r.exchange for r, _ in last))

    @property
    def egress_refused(self) -> tuple[str, ...]:
        """Names of requested hosts that are not emulated."""
        return tuple(sorted(self._refused_hosts))

    def add_refused_host(self, name: str) -> None:
        """Record the name of a host that is not emulated, unless there are too many."""
        if len(self._refused_hosts) < MAX_REFUSED_HOSTS:
            self._refused_hosts.add(name)

    def add(self, record: ExchangeRecord) -> None:
        """Record a request, and drop the oldest of the last ones for which there is no room."""
        self.request_count += 1
        size = exchange_size(record.exchange)
        if not self._last and len(self._first) < self._max_first and size <= self._first_room:
            self._first.append(record)
            self._first_room -= size
            return
        self._last.append((record, size))
        self._last_room -= size
        while len(self._last) > self._max_last or (self._last_room < 0 and len(self._last) > 1):
            _, dropped_size = self._last.popleft()
            self._last_room += dropped_size
            self.dropped += 1

    def clear(self) -> None:
        """Discard what is recorded."""
        self.dropped = 0
        """Number of requests since then that are not recorded, as there were too many."""
        self._refused_hosts: set[str] = set()
        self._first: list[ExchangeRecord] = []
        self._last: deque[tuple[ExchangeRecord, int]] = deque()
        self._first_room = self._max_bytes // 2 if self._max_first else 0
        self._last_room = self._max_bytes - self._first_room


def exchange_size(exchange: Exchange) -> int:
    """Return about how many characters a request takes, without its answer."""
    values = (exchange.method, exchange.host, exchange.path, *exchange.headers.values())
    words = (*exchange.betas, *exchange.scopes, *exchange.products)
    return FIXED_BYTES + sum(map(len, values)) + sum(map(len, words))
