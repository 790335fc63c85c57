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

INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)
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

    A signal that was ignored before stays ignored, such as Ctrl-C in a background job of a shell.
    """
    handlers = {number: signal.getsignal(number) for number in INTERRUPTS}
    # One block within another would count the signals of both.
    is_within_another = any(
        isinstance(getattr(handler, "__self__", None), _Watcher) for handler in handlers.values()
    )
    numbers = [
        *([signal.SIGTERM] if handlers[signal.SIGTERM] is not signal.SIG_IGN else []),
        *([signal.SIGINT] if handlers[signal.SIGINT] is signal.default_int_handler else []),
    ]
    is_main = threading.current_thread() is threading.main_thread()
    if is_within_another or not numbers or not is_main:
        yield
        return
    previous_hook = sys.unraisablehook
    watcher = _Watcher(numbers[0])

    def raise_again(args: "sys.UnraisableHookArgs", /) -> None:
        if isinstance(args.exc_value, KeyboardInterrupt):
            watcher.note_lost()
        else:
            previous_hook(args)

    previous = {number: signal.signal(number, watcher.interrupt) for number in numbers}
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

    def __init__(self, number: signal.Signals) -> None:
        """Take the signal that is sent again, whichever was lost: one that is not ignored."""
        self._number = number
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
            self._theirs.send(bytes([self._number]))

    def _watch(self) -> None:
        """Read the number of each signal, which Python writes as soon as it arrives."""
        answered = 0
        with self._ours:
            while numbers := self._ours.recv(MAX_SIGNALS):
                time.sleep(RERAISE_DELAY)
                with contextlib.suppress(BlockingIOError):  # what came meanwhile is of the same
                    numbers += self._ours.recv(MAX_SIGNALS, socket.MSG_DONTWAIT)
                if self._is_closing or set(INTERRUPTS).isdisjoint(numbers):
                    continue
                if self._raised > answered and not self.has_lost:
                    answered = self._raised
                else:
                    # To the main thread: a signal to another one does not interrupt its system
                    # call.
                    signal.pthread_kill(self._main_thread_id, self._number)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM until the end, such as of writing files that belong together.

    A signal that was ignored before stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: list[int] = []
    handlers = {number: signal.getsignal(number) for number in INTERRUPTS}
    # None is a handler in C, of a program that has imported authprobe: nothing could restore it.
    left_alone = (None, signal.SIG_IGN)
    previous = {
        number: handler for number, handler in handlers.items() if handler not in left_alone
    }
    for number in previous:
        signal.signal(number, lambda number, frame: kept.append(number))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if kept:
            signal.raise_signal(kept[0])
