"""A run as annotations of GitHub Actions: lines on stdout which the runner shows at the job.

How they are escaped: github.com/actions/toolkit, packages/core/src/command.ts.
"""

from collections.abc import Iterator
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.report.model import matrix, phrases
from authprobe.run.model import CaseRecord, Run

LIMIT: Final = 10
"""GitHub shows ten errors of a step, and drops the rest without a word."""


def annotations(run: Run) -> Iterator[str]:
    """A line for each problem, at most ten, then one that sums up if anything went wrong."""
    problems = [
        *(_error("authprobe: known failure", line) for line in run.complaints),
        *(_error(_title(record), _message(record)) for record in matrix.problems(run)),
    ]
    yield from problems[:LIMIT]
    if problems:
        line = matrix.headline(run)
        more = len(problems) - LIMIT
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
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
