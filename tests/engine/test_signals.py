"""An interrupt ends what runs, even one that falls where Python forgets it."""

import signal
import sys
import threading

import pytest

from authprobe.engine.signals import interruptible
from tests.support.waiting import PATIENCE


class Finalized:
    """What happens in its finalizer is printed and forgotten."""

    def __init__(self, number: signal.Signals | None) -> None:
        self.number = number

    def __del__(self) -> None:
        if self.number is None:
            raise ValueError("its own trouble")
        signal.raise_signal(self.number)


def interrupted_in_a_finalizer(number: signal.Signals) -> None:
    with interruptible():
        finalized = Finalized(number)
        del finalized
        threading.Event().wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_finalizer_swallows_is_raised_after_it(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted_in_a_finalizer(number)


def test_other_troubles_of_finalizers_are_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: told.append(str(lost.exc_value)))
    hook = sys.unraisablehook
    with interruptible():
        Finalized(None)
    assert told == ["its own trouble"]
    assert sys.unraisablehook is hook
