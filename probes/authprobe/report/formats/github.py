"""A run as annotations of GitHub Actions: lines on stdout that the runner shows beside the job.

The escaping follows packages/core/src/command.ts of github.com/actions/toolkit.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.core.gates import Gate
from authprobe.report.model import matrix, news, phrases
from authprobe.run.model import Run
from authprobe.verdict.model import Status

MAX_ANNOTATIONS: Final = 10
"""GitHub shows ten errors of a step, and silently drops the others."""
MAX_NAMES: Final = 5
"""Cases that one annotation names."""


def annotations(run: Run) -> Iterator[str]:
    """Yield a line for each different problem or change, then the counts, if there are any.

    Failures come first, regressions before the others, then absent cases, those that could not be
    tested, flaky ones, and other changes since the baseline.
    """
    problems = news.problem_groups(run)
    failed = [group for group in problems if group.first.verdict.status is Status.FAILED]
    others = [group for group in problems if group not in failed]
    lines = [
        *(_line("error", "authprobe: known failure", (line,)) for line in run.complaints),
        *(_group("error", group, news.problem_lines(group.first)) for group in failed),
        *_absent(run),
        *(_group("error", group, news.problem_lines(group.first)) for group in others),
        *(_group("warning", each, news.flaky_lines(each.first)) for each in news.flaky_groups(run)),
        *(
            _group("warning", each, matrix.change_words(each.first))
            for each in news.change_groups(run)
        ),
    ]
    yield from lines[:MAX_ANNOTATIONS]
    if lines:
        line = matrix.headline(run)
        more = len(lines) - MAX_ANNOTATIONS
        rest = f"; {more:,} more in the job summary" if more > 0 else ""
        yield f"::notice title=authprobe::{_data(f'{line.word}: {line.counts}{rest}')}"


def _group(level: str, group: news.CaseGroup, lines: Iterable[str]) -> str:
    """Return one annotation for all cases of a group, beginning with what changed."""
    verdict = group.first.verdict
    is_problem = verdict.status in (Status.FAILED, Status.ERROR) or verdict.flaky
    word = phrases.status_words(verdict) if is_problem else phrases.change_word(verdict)
    names = [record.id for record in group.records]
    title = f"{word}: {group.count_words or one_line(group.first.id)}"
    return _line(level, title, (*lines, *(_names(names) if group.count_words else ())))


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
