"""`authprobe history`: list the recorded runs, or the changes of a case between them."""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from pydantic_core import to_json

from authprobe.commands.printing import print_json, print_text
from authprobe.core.escaping import one_line
from authprobe.core.history_location import NO_HISTORY
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import ExitCode, HistoryError, SettingsError
from authprobe.observation.fingerprint import Transition, describe_transition, find_transitions
from authprobe.redaction.redactor import Redactor
from authprobe.report.model.phrases import plural
from authprobe.run.history.database import History
from authprobe.run.history.model import PastRun, Point
from authprobe.settings import history_location


def history(case: str | None, *, location: str | None, as_json: bool) -> int:
    """Print the runs, or the changes of a case; return the exit code.

    Raises:
        HistoryError, SettingsError: the history cannot be read, or does not have the case.
    """
    location = location or history_location()
    if location == NO_HISTORY:
        raise SettingsError("history none: name a file or URL with --history")
    with History(location) as database:
        entries = database.case(case) if case else database.runs()
        if case and not entries:
            _raise_unknown(case, database)
    redactor = Redactor()  # a history from elsewhere may contain anything
    if as_json:
        print_json(redactor(to_json(entries, indent=1).decode()))
        return ExitCode.OK
    points = [entry for entry in entries if isinstance(entry, Point)]
    runs = [entry for entry in entries if isinstance(entry, PastRun)]
    for line in (*_change_lines(points), *_run_lines(runs)):
        print_text(redactor(line))
    return ExitCode.OK


def _raise_unknown(case: str, database: History) -> NoReturn:
    remedy = "list the ids with `authprobe run --list`"
    hint = did_you_mean(case, database.case_ids(), otherwise=remedy)
    raise HistoryError(f"{case}: no recorded run has this case{hint}")


def _change_lines(points: Sequence[Point]) -> Iterator[str]:
    """Yield a line for the first point and for each change, followed by what changed."""
    previous: Point | None = None
    unchanged = 0
    for point in points:
        lines = [one_line(describe_transition(each)) for each in _transitions(previous, point)]
        if previous is not None and not lines and previous.status == point.status:
            unchanged += 1
            previous = point
            continue
        yield from _unchanged_line(unchanged)
        unchanged = 0
        version = one_line(point.client_version or "version unknown")
        status, outcome = one_line(point.status), one_line(point.fingerprint.outcome)
        yield f"{point.at:%Y-%m-%d %H:%M}  {status:<7}  {outcome:<12}  {version}"
        yield from (f"    {line}" for line in lines)
        previous = point
    yield from _unchanged_line(unchanged)


def _transitions(previous: Point | None, point: Point) -> tuple[Transition, ...]:
    return () if previous is None else find_transitions(previous.fingerprint, point.fingerprint)


def _unchanged_line(runs: int) -> Iterator[str]:
    if runs:
        yield f"    the same in {plural(runs, 'more run')}"


def _run_lines(runs: Sequence[PastRun]) -> Iterator[str]:
    for run in runs:
        summary = f"{plural(run.cases, 'case')}, {run.failed:,} not as expected"
        partial = ", partial" if run.partial else ""
        made_by = f"{one_line(run.id[:8])}  authprobe {one_line(run.tool)}"
        yield f"{run.at:%Y-%m-%d %H:%M}  {made_by}  {summary}{partial}"
