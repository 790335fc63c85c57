"""Interrupts that arrive while a value is written as JSON."""

import datetime
import signal
from collections.abc import Callable

import pydantic_core
import pytest

from authprobe.core.serialization import to_json, to_jsonable_python
from authprobe.core.signals import interruptible


class Interrupting(datetime.tzinfo):
    """A time zone that is asked for its offset when Ctrl-C or SIGTERM arrives."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def utcoffset(self, when: datetime.datetime | None) -> datetime.timedelta:
        signal.raise_signal(self.number)
        return datetime.timedelta()

    def dst(self, when: datetime.datetime | None) -> None:
        pass

    def tzname(self, when: datetime.datetime | None) -> None:
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("write", [to_json, to_jsonable_python])
def test_an_interrupt_is_raised_when_the_value_is_written(
    write: Callable[[object], object], number: signal.Signals
) -> None:
    moment = datetime.datetime(2026, 11, 28, tzinfo=Interrupting(number))
    with interruptible(), pytest.raises(KeyboardInterrupt):
        write({"started_at": moment})


@pytest.mark.parametrize("write", [to_json, to_jsonable_python])
def test_a_value_without_a_form_in_json_is_refused(write: Callable[[object], object]) -> None:
    with pytest.raises(pydantic_core.PydanticSerializationError):
        write(object())
