"""Interrupts, including those that Python loses in finalizers."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from authprobe.core.signals import RERAISE_DELAY, interruptible, uninterrupted
from tests.support.waiting import PATIENCE


class RaisingFinalizer:
    """An object whose finalizer raises a signal, or an exception that Python only prints."""

    def __init__(self, number: signal.Signals | None) -> None:
        self.number = number

    def __del__(self) -> None:
        if self.number is None:
            raise ValueError("an unrelated error")
        signal.raise_signal(self.number)


def interrupt_in_finalizer(number: signal.Signals) -> None:
    with interruptible():
        victim = RaisingFinalizer(number)
        del victim
        threading.Event().wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_in_a_finalizer_is_raised_again(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt_in_finalizer(number)


@contextlib.contextmanager
def ignored(number: signal.Signals) -> Iterator[None]:
    """The signal is ignored, as SIGINT in a background job of a shell, SIGTERM after a `trap`."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("number", "other"), [(signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)]
)
def test_a_lost_signal_is_raised_again_where_the_other_is_ignored(
    number: signal.Signals, other: signal.Signals
) -> None:
    with ignored(other), pytest.raises(KeyboardInterrupt):
        interrupt_in_finalizer(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_stays_ignored(number: signal.Signals) -> None:
    with ignored(number):
        with interruptible():
            os.kill(os.getpid(), number)
            with uninterrupted():
                os.kill(os.getpid(), number)
                time.sleep(3 * RERAISE_DELAY)
            os.kill(os.getpid(), number)
            time.sleep(3 * RERAISE_DELAY)
        assert signal.getsignal(number) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_another_thread_ends_the_waiting_of_the_main_one(
    number: signal.Signals,
) -> None:
    """As one that arrives just before: no handler runs while the main thread waits for a lock."""
    taken = threading.Lock()
    taken.acquire()

    def receive() -> None:
        signal.pthread_kill(threading.get_ident(), number)

    def wait() -> None:
        with interruptible():
            threading.Timer(0.1, receive).start()
            taken.acquire(timeout=PATIENCE)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait()
    assert time.monotonic() - began < PATIENCE / 2, "it was raised when the waiting had ended"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_signal_that_was_answered_is_not_sent_again(number: signal.Signals, depth: int) -> None:
    """Also in a run within a command, as both are interruptible."""
    interrupts = 0
    with contextlib.ExitStack() as stack:
        for _ in range(depth):
            stack.enter_context(interruptible())
        for _ in range(3):
            try:
                signal.raise_signal(number)
                time.sleep(PATIENCE)
            except KeyboardInterrupt:
                interrupts += 1
                time.sleep(3 * RERAISE_DELAY)
    assert interrupts == 3


def test_the_thread_and_the_handlers_end_with_the_block() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with interruptible():
        assert "signals" in {thread.name for thread in threading.enumerate()}
        assert [signal.getsignal(number) for number in numbers] != before
    assert "signals" not in {thread.name for thread in threading.enumerate()}
    assert [signal.getsignal(number) for number in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_other_errors_in_finalizers_reach_the_previous_hook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    messages: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: messages.append(str(lost.exc_value)))
    hook = sys.unraisablehook
    with interruptible():
        RaisingFinalizer(None)
    assert messages == ["an unrelated error"]
    assert sys.unraisablehook is hook


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_that_is_lost_at_the_end_is_raised_there(number: signal.Signals) -> None:
    """Later it would end the process."""

    def lose_one() -> None:
        with interruptible():
            victim = RaisingFinalizer(number)
            del victim

    with pytest.raises(KeyboardInterrupt):
        lose_one()
    time.sleep(2 * RERAISE_DELAY)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_waits_for_the_end_of_what_belongs_together(number: signal.Signals) -> None:
    done = []

    def interrupt_what_belongs_together() -> None:
        with interruptible():
            with uninterrupted():
                signal.raise_signal(number)
                done.append("the rest")
            done.append("what follows")

    with pytest.raises(KeyboardInterrupt):
        interrupt_what_belongs_together()
    assert done == ["the rest"]


def test_without_a_signal_the_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with uninterrupted():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
