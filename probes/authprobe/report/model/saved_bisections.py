"""Saved answers of `authprobe bisect`, which the report beside them links to."""

import contextlib
import datetime
import itertools
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic_core import from_json

from authprobe.core.safe_files import read_bounded

FOLDER: Final = "bisections"
MAX_FILES: Final = 10_000
MAX_ANSWER_BYTES: Final = 10_000_000
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
    return tuple(itertools.islice(_answers(out / FOLDER), MAX_ANSWERS))


def _answers(folder: Path) -> Iterator[SavedBisection]:
    for seconds, path in sorted(_times(folder), reverse=True)[: 2 * MAX_ANSWERS]:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, OverflowError):
            answer = from_json(read_bounded(path, MAX_ANSWER_BYTES))
            command = str(answer["command"])
            if not is_plain_command(command):  # the page tells its reader to run it
                continue
            yield SavedBisection(
                headline=str(answer["headline"]),
                command=command,
                at=datetime.datetime.fromtimestamp(seconds, datetime.UTC),
                page=f"{FOLDER}/{path.stem}.html",
            )


def _times(folder: Path) -> Iterator[tuple[float, Path]]:
    with contextlib.suppress(OSError):
        for path in itertools.islice(folder.glob("*.json"), MAX_FILES):
            yield path.stat().st_mtime, path


def is_plain_command(command: str) -> bool:
    """Return True for one command of authprobe, of which a shell expands nothing."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return words[:1] == ["authprobe"] and shlex.join(words) == command
