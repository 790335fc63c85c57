"""Limits of processor time that hold on a machine of any speed."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Final

REFERENCE_TIME: Final = 0.018
"""Processor time of `_reference_time` on the machine for which the limits are written."""
_WORDS: Final = re.compile(r"\w+")
_TEXT: Final = "a few words, 401 and more " * 12_000


@contextlib.contextmanager
def processor_time_below(seconds: float) -> Iterator[None]:
    """Check that the block takes less processor time than this.

    On a slower machine, or one whose caches are shared with others, it may take longer, by as much
    as a known piece of work takes before and after it.
    """
    before = _reference_time()
    began = time.process_time()
    yield
    spent = time.process_time() - began
    slowness = (before + _reference_time()) / 2 / REFERENCE_TIME
    assert spent < seconds * max(1.0, slowness)


def processor_time(call: Callable[[], object]) -> float:
    """Return the processor time of a call in seconds, to compare with that of another one."""
    began = time.process_time()
    call()
    return time.process_time() - began


def _reference_time() -> float:
    """Return the processor time of work of the kind that the limits are about: texts and dicts."""
    began = time.process_time()
    counts: dict[str, int] = {}
    for word in _WORDS.findall(_TEXT):
        counts[word] = counts.get(word, 0) + 1
    assert len(counts) == 6
    return time.process_time() - began
