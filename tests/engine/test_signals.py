"""Interrupts, including those that Python loses in finalizers."""

import signal
import sys
import threading

import pytest

from authprobe.engine.signals import interruptible
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
