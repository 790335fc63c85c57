"""`authprobe history`: list the recorded runs, or the changes of a case between them."""

import itertools
from collections.abc import Iterator, Sequence

from authprobe.commands.printing import print_json, print_text
from authprobe.core.escaping import one_line
from authprobe.core.history_location import NO_HISTORY
from authprobe.core.serialization import to_json
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import ExitCode, HistoryError, SettingsError
from authprobe.observation.fingerprint import describe_transitions, find_transitions
from authprobe.plan.case_ids import without_version
from authprobe.redaction.redactor import Redactor
from authprobe.report.model.phrases import plural
from authprobe.report.model.timeline import version_words
from authprobe.run.history.database import History
from authprobe.run.history.model import PastRun, Point
from authprobe.run.history.timelines import follow, follow_all
from authprobe.settings import history_location


def history(case: str | None, *, location: str | None, as_json: bool) -> int:
    """Print the runs, or the changes of a case or question; return the exit code.

    Raises:
        HistoryError, SettingsError: the history cannot be read, or does not have the case.
    """
    location = location or history_location()
    if location == NO_HISTORY:
        raise SettingsError("history none: name a file or URL with --history")
    with History(location) as database:
        runs = () if case else database.runs()
        timelines = _timelines(case, database) if case else ()
    redactor = Redactor()  # a history from elsewhere may contain anything
    if as_json:
        points = tuple(itertools.chain.from_iterable(timelines))
        print_json(redactor(to_json(points if case else runs, indent=1).decode()))
        return ExitCode.OK
    for line in (*_timeline_lines(timelines), *_run_lines(runs)):
        print_text(redactor(line))
    return ExitCode.OK


def _timelines(case: str, database: History) -> tuple[tuple[Point, ...], ...]:
    """Return the points of a case, or of each case that asks a question.

    Raises:
        HistoryError: there are none.
    """
    points = database.question(without_version(case))
    if any(point.case_id == case for point in points):
        return (follow(points, (case,)),)
    if points and case == without_version(case):
        return follow_all(points)
    remedy = "list the ids with `authprobe run --list`"
    hint = did_you_mean(case, database.case_ids(), otherwise=remedy)
    raise HistoryError(f"{case}: no recorded run has this case{hint}")


def _timeline_lines(timelines: Sequence[Sequence[Point]]) -> Iterator[str]:
    """Yield the changes of each case, with its id if there are several."""
    for number, points in enumerate(timelines):
        if len(timelines) > 1:
            yield from ("",) if number else ()
            yield f"{one_line(points[-1].case_id)}:"
        yield from _change_lines(points)


def _change_lines(points: Sequence[Point]) -> Iterator[str]:
    """Yield a line for the first point and for each change, followed by what changed."""
    previous: Point | None = None
    unchanged = 0
    for point in points:
        lines = list(_transitions(previous, point))
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


def _transitions(previous: Point | None, point: Point) -> Iterator[str]:
    """Yield the client's version if it changed, and what else did."""
    if previous is None:
        return
    if versions := version_words(previous.client_version, point.client_version):
        yield versions
    transitions = find_transitions(previous.fingerprint, point.fingerprint)
    yield from map(one_line, describe_transitions(transitions))


def _unchanged_line(runs: int) -> Iterator[str]:
    if runs:
        yield f"    the same in {plural(runs, 'more run')}"


def _run_lines(runs: Sequence[PastRun]) -> Iterator[str]:
    for run in runs:
        summary = f"{plural(run.cases, 'case')}, {run.failed:,} not as expected"
        partial = ", partial" if run.partial else ""
        made_by = f"{one_line(run.id[:8])}  authprobe {one_line(run.tool)}"
        yield f"{run.at:%Y-%m-%d %H:%M}  {made_by}  {summary}{partial}"
