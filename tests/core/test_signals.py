"""Interrupts, including those that Python loses in finalizers."""

import signal
import sys
import threading
import time

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


def test_lost_sigterm_is_raised_again_where_ctrl_c_is_ignored() -> None:
    """As in a background job of a shell."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt_in_finalizer(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


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
