"""The decision about a request: the answer, and where it comes from."""

from typing import NamedTuple

from authprobe.emulator.config import Fault
from authprobe.emulator.rules.base import Answer
from authprobe.emulator.rules.denial import Denial


class Decision(NamedTuple):
    """The answer to a request, the rule it comes from, and the faults that alter it."""

    rule: str
    answer: Answer
    denial: Denial | None = None
    faults: tuple[Fault, ...] = ()
    delay: float = 0.0
    gateway: tuple[str, ...] = ()
    """Changes by a gateway of one's own to the request and the answer, in the words of `Act`."""
    rewritten: Answer | None = None
    """The error before a gateway rewrote it."""
