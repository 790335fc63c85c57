"""Reliable interruption of a run by Ctrl-C and SIGTERM."""

import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

MAX_SIGNALS: Final = 4096
RERAISE_DELAY: Final = 0.02
"""Seconds until a lost signal is sent again: by then a finalizer has returned, and the main thread
waits for what it was about to wait for."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM as on Ctrl-C, and lose neither.

    Python raises KeyboardInterrupt between any two instructions. In a finalizer, such as that of a
    file lock, it only prints it: docs.python.org/3/library/sys.html#sys.unraisablehook. And it does
    not raise it as long as the main thread waits for a lock, if the signal came just before, or to
    another thread: docs.python.org/3/library/signal.html#execution-of-python-signal-handlers.
    """
    around = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    is_within_another = isinstance(around, _Watcher)  # which would count the signals of both
    if is_within_another or threading.current_thread() is not threading.main_thread():
        yield
        return
    previous_hook = sys.unraisablehook
    watcher = _Watcher()

    def raise_again(args: "sys.UnraisableHookArgs", /) -> None:
        if isinstance(args.exc_value, KeyboardInterrupt):
            watcher.note_lost()
        else:
            previous_hook(args)

    previous = {signal.SIGTERM: signal.signal(signal.SIGTERM, watcher.interrupt)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored
        previous[signal.SIGINT] = signal.signal(signal.SIGINT, watcher.interrupt)
    sys.unraisablehook = raise_again
    try:
        with watcher:
            yield
    finally:
        sys.unraisablehook = previous_hook
        for number, handler in previous.items():
            signal.signal(number, handler)
        if watcher.has_lost:
            raise KeyboardInterrupt


class _Watcher:
    """A thread that sends a signal again until the main thread has raised its exception."""

    def __init__(self) -> None:
        self.has_lost = False
        """True if the last exception was lost."""
        self._raised = 0
        self._is_closing = False
        self._main_thread_id = threading.get_ident()
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)  # as set_wakeup_fd wants it
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        self._previous = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)

    def __exit__(self, *_: object) -> None:
        # A signal that it sent later would end the process instead of being handled.
        self._is_closing = True
        signal.set_wakeup_fd(self._previous)
        self._theirs.close()
        self._thread.join()

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt: the handler of the signals."""
        self._raised += 1
        self.has_lost = False
        raise KeyboardInterrupt

    def note_lost(self) -> None:
        """Have the exception raised again: nobody could catch it."""
        self.has_lost = True
        with contextlib.suppress(OSError):  # full: it wakes anyway; closed: at the end
            self._theirs.send(bytes([signal.SIGTERM]))

    def _watch(self) -> None:
        """Read the number of each signal, which Python writes as soon as it arrives."""
        answered = 0
        with self._ours:
            while numbers := self._ours.recv(MAX_SIGNALS):
                time.sleep(RERAISE_DELAY)
                with contextlib.suppress(BlockingIOError):  # what came meanwhile is of the same
                    numbers += self._ours.recv(MAX_SIGNALS, socket.MSG_DONTWAIT)
                if self._is_closing or {signal.SIGINT, signal.SIGTERM}.isdisjoint(numbers):
                    continue
                if self._raised > answered and not self.has_lost:
                    answered = self._raised
                else:
                    # To the main thread: a signal to another one does not interrupt its system
                    # call. SIGTERM, as shells let background jobs ignore SIGINT.
                    signal.pthread_kill(self._main_thread_id, signal.SIGTERM)


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
