"""Saved answers of `authprobe bisect`, which the report beside them links to."""

import contextlib
import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = "bisections"
MAX_ANSWERS: Final = 50
"""Answers that a report lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBisection:
    """The answer of one bisection."""

    headline: str
    command: str
    at: datetime.datetime
    page: str
    """Path of its page, relative to the report."""


def read_bisections(out: Path) -> tuple[SavedBisection, ...]:
    """Return the answers in a folder of reports, the latest first; unreadable ones are skipped."""
    answers = sorted(_answers(out / FOLDER), key=lambda each: each.at, reverse=True)
    return tuple(answers[:MAX_ANSWERS])


def _answers(folder: Path) -> Iterator[SavedBisection]:
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            answer = json.loads(path.read_bytes())
            yield SavedBisection(
                headline=str(answer["headline"]),
                command=str(answer["command"]),
                at=datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC),
                page=f"{FOLDER}/{path.stem}.html",
            )
