"""Budget: the number of requests that a run may still send."""

import threading
from typing import Final

MAX_REQUESTS: Final = 40
"""Requests of one run, whatever it is told."""


class Budget:
    """A number of requests that is never exceeded; safe for threads."""

    def __init__(self, limit: int) -> None:
        if not 0 <= limit <= MAX_REQUESTS:
            raise ValueError(f"{limit}: a budget is 0 to {MAX_REQUESTS} requests")
        self.limit = limit
        self._used = 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Use up one request; return False if none is left."""
        with self._lock:
            if self._used >= self.limit:
                return False
            self._used += 1
            return True

    @property
    def used(self) -> int:
        """Number of requests taken so far."""
        return self._used

    @property
    def left(self) -> int:
        """Number of requests that may still be sent."""
        return self.limit - self._used
