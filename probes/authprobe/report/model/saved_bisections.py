"""The answers of bisections that stand as files beside the report, and what it tells of them."""

import contextlib
import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = "bisections"
_MOST: Final = 50
"""Answers that the report tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer."""

    headline: str
    command: str
    at: datetime.datetime
    page: str
    """The path of its page, as the report links to it."""


def read_answers(out: Path) -> tuple[Answered, ...]:
    """What was found in this folder, the latest first; what cannot be read is passed over."""
    found = sorted(_answers(out / FOLDER), key=lambda each: each.at, reverse=True)
    return tuple(found[:_MOST])


def _answers(folder: Path) -> Iterator[Answered]:
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            told = json.loads(path.read_bytes())
            yield Answered(
                headline=str(told["headline"]),
                command=str(told["command"]),
                at=datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC),
                page=f"{FOLDER}/{path.stem}.html",
            )
