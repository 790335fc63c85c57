"""A run as annotations of GitHub Actions: lines on stdout that the runner shows beside the job.

The escaping follows packages/core/src/command.ts of github.com/actions/toolkit.
"""

from collections.abc import Iterator
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.report.model import matrix, phrases
from authprobe.run.model import CaseRecord, Run

MAX_ERRORS: Final = 10
"""GitHub shows ten errors of a step, and silently drops the others."""


def annotations(run: Run) -> Iterator[str]:
    """Yield a line for each problem, at most ten, then a summary if there are problems."""
    problems = [
        *(_error("authprobe: known failure", line) for line in run.complaints),
        *(_error(_title(record), _message(record)) for record in matrix.problems(run)),
    ]
    yield from problems[:MAX_ERRORS]
    if problems:
        line = matrix.headline(run)
        more = len(problems) - MAX_ERRORS
        rest = f"; {more:,} more in the job summary" if more > 0 else ""
        yield f"::notice title=authprobe::{_data(f'{line.word}: {line.counts}{rest}')}"


def _title(record: CaseRecord) -> str:
    return f"{phrases.status_words(record.verdict)}: {one_line(record.id)}"


def _message(record: CaseRecord) -> str:
    lines = (*phrases.describe_problem(record), *phrases.describe_changes(record))
    return "\n".join(one_line(line) for line in lines)


def _error(title: str, message: str) -> str:
    return f"::error title={_property(title)}::{_data(message)}"


def _data(value: str) -> str:
    value = value.replace("##[", "#\\u0023[")  # a command of another system
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
