"""A run as annotations of GitHub Actions: lines on stdout that the runner shows beside the job.

The escaping follows packages/core/src/command.ts of github.com/actions/toolkit.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.core.gates import Gate
from authprobe.report.model import matrix, phrases
from authprobe.report.model.breakages import Breakage, breakages, flaky_cases, other_changes
from authprobe.run.model import Run
from authprobe.verdict.model import Status

MAX_ANNOTATIONS: Final = 10
"""GitHub shows ten errors of a step, and silently drops the others."""
MAX_DETAILS: Final = 5
"""Differences of one of them beside the reasons."""
MAX_NAMES: Final = 5
"""Cases that one annotation names."""


def annotations(run: Run) -> Iterator[str]:
    """Yield a line for each different problem or change, then the counts, if there are any.

    Failures come first, regressions before the others, then absent cases, those that could not be
    tested, flaky ones, and other changes since the baseline.
    """
    found = breakages(run)
    lines = [
        *(_line("error", "authprobe: known failure", (line,)) for line in run.complaints),
        *(_breakage("error", each) for each in found if each.status is Status.FAILED),
        *_absent(run),
        *(_breakage("error", each) for each in found if each.status is not Status.FAILED),
        *(_breakage("warning", each) for each in (*flaky_cases(run), *other_changes(run))),
    ]
    yield from lines[:MAX_ANNOTATIONS]
    if lines:
        line = matrix.headline(run)
        more = len(lines) - MAX_ANNOTATIONS
        rest = f"; {more:,} more in the job summary" if more > 0 else ""
        yield f"::notice title=authprobe::{_data(f'{line.word}: {line.counts}{rest}')}"


def _breakage(level: str, found: Breakage) -> str:
    """Return one annotation for all cases of an entry, beginning with what changed."""
    title = f"{found.word}: {one_line(found.case_words)}"
    names = _names([record.id for record in found.cases]) if found.size > 1 else ()
    return _line(level, title, (*found.lines(MAX_DETAILS), *names))


def _absent(run: Run) -> Iterator[str]:
    if run.absent:
        level = "error" if Gate.ABSENT in run.fail_on else "warning"
        title = f"absent: {phrases.plural(len(run.absent), 'case')} of the baseline"
        yield _line(level, title, tuple(_names(run.absent)))


def _names(names: Sequence[str]) -> Iterator[str]:
    yield from names[:MAX_NAMES]
    if (more := len(names) - MAX_NAMES) > 0:
        yield f"… and {more:,} more"


def _line(level: str, title: str, lines: Iterable[str]) -> str:
    message = "\n".join(map(one_line, lines))
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(value: str) -> str:
    value = value.replace("##[", "#\\u0023[")  # a command of another system
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
