"""Saved answers of `authprobe bisect`, for the report and the text of an issue beside them."""

import contextlib
import datetime
import itertools
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from authprobe.core.escaping import one_line
from authprobe.core.safe_files import read_bounded
from authprobe.core.version_ranges import EXACT, version_key
from authprobe.plan.case_ids import without_version

FOLDER: Final = "bisections"
MAX_FILES: Final = 10_000
MAX_ANSWER_BYTES: Final = 10_000_000
MAX_TOTAL_BYTES: Final = 100_000_000
"""Of all answers that are read."""
MAX_ANSWERS: Final = 50
"""Answers that a report lists."""
MAX_LINE_LENGTH: Final = 4_000
"""Characters of a headline or command; an answer with a longer one is left out."""
VISIBLE_SUBJECTS: Final = ("outcome", "message")
"""Changes that a user of the client sees."""
MAX_SYMPTOMS: Final = len(VISIBLE_SUBJECTS)
MAX_SYMPTOM_LENGTH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedBisection:
    """The answer of one bisection."""

    headline: str
    command: str
    at: datetime.datetime
    page: str
    """Path of its page, relative to the report."""
    case: str = ""
    """Id of the case, with the good version in it."""
    bounds: tuple[str, str] = ("", "")
    """The good and the bad version between which it was searched."""
    breakage: tuple[str, str] | None = None
    """Last good and first bad version.

    None: it found no single change, or asked for a fix or about a field.
    """

    symptoms: tuple[str, ...] = ()
    """What a user of the client sees of the change: `message: pong → Not logged in`."""

    def explains(self, case: str, before: str, after: str) -> bool:
        """Return True if it found what broke this case from one version to another.

        `before` is empty if no earlier version is known.
        """
        if self.breakage is None or without_version(self.case) != without_version(case):
            return False
        last_good, first_bad = self.breakage
        if not before:  # then nothing but its own bounds says that the answer is about this version
            return _in_order(first_bad, after, self.bounds[1])
        return _in_order(before, last_good, first_bad, after)


def _in_order(*versions: str) -> bool:
    """Return True if these are versions, and none is newer than the next."""
    if not all(map(EXACT.fullmatch, versions)):
        return False
    keys = [version_key(version) for version in versions]
    return keys == sorted(keys)


def read_bisections(out: Path) -> tuple[SavedBisection, ...]:
    """Return the answers in a folder of reports, the latest first; unreadable ones are skipped."""
    return tuple(itertools.islice(_answers(out / FOLDER), MAX_ANSWERS))


def _answers(folder: Path) -> Iterator[SavedBisection]:
    rest = MAX_TOTAL_BYTES
    for seconds, path, size in sorted(_files(folder), reverse=True):
        rest -= size
        if rest < 0:
            return
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, OverflowError):
            answer = from_json(read_bounded(path, MAX_ANSWER_BYTES))
            headline, command = str(answer["headline"]), str(answer["command"])
            if max(len(headline), len(command)) > MAX_LINE_LENGTH:
                continue
            if not is_plain_command(command):  # the page tells its reader to run it
                continue
            yield SavedBisection(
                headline=headline,
                command=command,
                at=datetime.datetime.fromtimestamp(seconds, datetime.UTC),
                page=f"{FOLDER}/{path.stem}.html",
                case=str(answer.get("case", "")),
                bounds=_bounds(answer),
                breakage=_breakage(answer),
                symptoms=tuple(itertools.islice(_symptoms(answer), MAX_SYMPTOMS)),
            )


def _breakage(answer: Mapping[str, object]) -> tuple[str, str] | None:
    if answer.get("monotonic") is not True or answer.get("find_fix") or answer.get("when"):
        return None
    last_good, first_bad = str(answer["last_before"]), str(answer["first_after"])
    good, bad = _bounds(answer)
    is_change = last_good != first_bad and _in_order(good, last_good, first_bad, bad)
    return (last_good, first_bad) if is_change else None


def _symptoms(answer: Mapping[str, Any]) -> Iterator[str]:
    for change in answer.get("changes", ()):
        if change["subject"] in VISIBLE_SUBJECTS:
            before, after = (
                one_line(str(change[key]), MAX_SYMPTOM_LENGTH) for key in ("before", "after")
            )
            yield f"{change['subject']}: {before} → {after}"


def _bounds(answer: Mapping[str, object]) -> tuple[str, str]:
    return str(answer.get("good", "")), str(answer.get("bad", ""))


def _files(folder: Path) -> Iterator[tuple[float, Path, int]]:
    """Yield each file with the time of its last change, in seconds, and its bytes."""
    for path in itertools.islice(folder.glob("*.json"), MAX_FILES):
        with contextlib.suppress(OSError):
            status = path.stat()
            yield status.st_mtime, path, status.st_size


def is_plain_command(command: str) -> bool:
    """Return True for one command of authprobe, of which a shell expands nothing."""
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return words[:1] == ["authprobe"] and shlex.join(words) == command
