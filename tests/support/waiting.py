"""Waiting for what another thread or process is about to do."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds for what surely comes, on however busy a machine."""


def wait_until(so: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until it is so; a test that waits in vain fails."""
    until = time.monotonic() + patience
    while not so():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)
