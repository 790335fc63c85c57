"""`authprobe history`: the runs of the past, and how a case has changed from one to the next."""

import sys
from collections.abc import Iterator, Sequence

from pydantic_core import to_json

from authprobe.core.escaping import one_line
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import ExitCode, HistoryError, SettingsError
from authprobe.observation.fingerprint import Transition, describe_transition, find_transitions
from authprobe.report.model.phrases import plural
from authprobe.run.history.database import History
from authprobe.run.history.model import NO_HISTORY, PastRun, Point
from authprobe.settings import history_place


def history(case: str | None, *, location: str | None, as_json: bool) -> int:
    """Print the runs, or the changes of a case; the exit code.

    Raises:
        HistoryError, SettingsError: there is nothing to print.
    """
    location = location or history_place()
    if location == NO_HISTORY:
        raise SettingsError("history none: name a file or an address with --history")
    with History(location, create=False) as kept:
        found = kept.case(case) if case else kept.runs()
        if case and not found:
            _say_unknown(case, kept)
    if as_json:
        sys.stdout.write(to_json(found, indent=1).decode() + "\n")
        return ExitCode.OK
    points = [x for x in found if isinstance(x, Point)]
    runs = [x for x in found if isinstance(x, PastRun)]
    for line in (*_changes(points), *_runs(runs)):
        print(line)
    return ExitCode.OK


def _say_unknown(case: str, kept: History) -> None:
    hint = did_you_mean(case, kept.case_ids(), otherwise="list the ids with `authprobe run --list`")
    raise HistoryError(f"{case}: no run that is kept has this case{hint}")


def _changes(points: Sequence[Point]) -> Iterator[str]:
    """A line for the first point and for each change, with what has changed beneath it."""
    before: Point | None = None
    same = 0
    for point in points:
        lines = [one_line(describe_transition(x)) for x in _between(before, point)]
        if before is not None and not lines and before.status == point.status:
            same += 1
            before = point
            continue
        yield from _same(same)
        same = 0
        ran = point.client_version or "version unknown"
        outcome = point.fingerprint.outcome
        yield f"{point.at:%Y-%m-%d %H:%M}  {point.status:<7}  {outcome:<12}  {ran}"
        yield from (f"    {line}" for line in lines)
        before = point
    yield from _same(same)


def _between(before: Point | None, point: Point) -> tuple[Transition, ...]:
    return () if before is None else find_transitions(before.fingerprint, point.fingerprint)


def _same(runs: int) -> Iterator[str]:
    if runs:
        yield f"    the same in {plural(runs, 'more run')}"


def _runs(runs: Sequence[PastRun]) -> Iterator[str]:
    for run in runs:
        words = f"{plural(run.cases, 'case')}, {run.failed:,} not as expected"
        part = ", partial" if run.partial else ""
        yield f"{run.at:%Y-%m-%d %H:%M}  {run.id[:8]}  authprobe {run.tool}  {words}{part}"
