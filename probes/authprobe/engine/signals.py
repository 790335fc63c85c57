"""Ctrl-C and SIGTERM end what runs, wherever they arrive."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

RERAISE_DELAY: Final = 0.02
"""Seconds until what was lost is raised again: by then the finalizer is over."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does, and neither is lost.

    Python raises KeyboardInterrupt between any two of its instructions; in a finalizer, as that of
    a file lock, it is printed and forgotten: docs.python.org/3/library/sys.html, `unraisablehook`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = threading.get_ident()
    tell = sys.unraisablehook

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def interrupt_again(lost: "sys.UnraisableHookArgs", /) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            # To this thread: what it waits for ends by a signal of its own alone.
            threading.Timer(RERAISE_DELAY, signal.pthread_kill, (ours, signal.SIGINT)).start()
        else:
            tell(lost)

    before = signal.signal(signal.SIGTERM, interrupt)
    sys.unraisablehook = interrupt_again
    try:
        yield
    finally:
        sys.unraisablehook = tell
        signal.signal(signal.SIGTERM, before)
