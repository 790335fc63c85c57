"""Shard: one of several parts of a run, which several machines share."""

import re
from dataclasses import dataclass
from typing import Final

MAX_SHARDS: Final = 1000
_SHARD: Final = re.compile(r"([0-9]{1,4})/([0-9]{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One of several parts of a run."""

    index: int
    """From 1."""
    count: int

    def __str__(self) -> str:
        """The spelling on the command line: `1/3`."""
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Return a shard.

    Raises:
        ValueError: the text does not name one.
    """
    match = _SHARD.fullmatch(text)
    if match and 1 <= int(match[1]) <= int(match[2]) <= MAX_SHARDS:
        return Shard(int(match[1]), int(match[2]))
    raise ValueError(f"write it as I/N with I from 1 to N, such as 1/3; N is at most {MAX_SHARDS}")
