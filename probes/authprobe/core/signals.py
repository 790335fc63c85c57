"""Reliable interruption of a run by Ctrl-C and SIGTERM."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

RERAISE_DELAY: Final = 0.02
"""Seconds until a lost KeyboardInterrupt is raised again: by then the finalizer has returned."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM as on Ctrl-C, and lose neither in a finalizer.

    Python raises KeyboardInterrupt between any two instructions. In a finalizer, such as that of a
    file lock, it only prints it: docs.python.org/3/library/sys.html#sys.unraisablehook.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    main_thread_id = threading.get_ident()
    previous_hook = sys.unraisablehook
    timers: list[threading.Timer] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def raise_again(args: "sys.UnraisableHookArgs", /) -> None:
        if isinstance(args.exc_value, KeyboardInterrupt):
            # To the main thread: a signal to another one does not interrupt its system call.
            # SIGTERM, as shells let background jobs ignore SIGINT.
            arguments = main_thread_id, signal.SIGTERM
            timers.append(threading.Timer(RERAISE_DELAY, signal.pthread_kill, arguments))
            timers[-1].start()
        else:
            previous_hook(args)

    previous_handler = signal.signal(signal.SIGTERM, interrupt)
    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = previous_hook
        # None may fire later, when the signal would end the process instead of being handled.
        is_lost = any(timer.is_alive() for timer in timers)
        for timer in timers:
            timer.cancel()
            timer.join()
        signal.signal(signal.SIGTERM, previous_handler)
        if is_lost:
            raise KeyboardInterrupt


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM until the end, such as of writing files that belong together."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.getsignal(number) for number in numbers}
    # None is a handler in C, of a program that has imported authprobe: nothing could restore it.
    previous = {number: handler for number, handler in handlers.items() if handler is not None}
    for number in previous:
        signal.signal(number, lambda number, frame: kept.append(number))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if kept:
            signal.raise_signal(kept[0])
