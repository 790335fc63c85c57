"""`authprobe report`: the reports of a run, written again from its results."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from authprobe.commands.output import check_writable, publish
from authprobe.core.escaping import for_log
from authprobe.core.history_location import NO_HISTORY
from authprobe.errors import ExitCode, HistoryError, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.report.files import HTML, text_reports
from authprobe.report.html.report import report_page
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.report.model.timeline import earlier_points
from authprobe.run.history.database import last_points
from authprobe.run.history.model import Point
from authprobe.run.model import Run
from authprobe.run.results_file import read_run
from authprobe.settings import history_location


def report(results: Path, *, out: Path | None, history: str | None) -> int:
    """Write every report of the run in `results`, and return the exit code.

    Raises:
        RecordError: `results` cannot be read, or is not a results file.
        SettingsError: `out` cannot be written, or `history` does not exist.
    """
    run = read_run(results)
    folder = results.parent if out is None else out
    check_writable(folder)
    past = _earlier_results(run, _history(history, results.parent))
    page = report_page(run, past, bisections=read_bisections(folder))
    code = publish(folder, text_reports(run) | {HTML: page}, Redactor())
    if code == ExitCode.OK:
        print(f"report: {folder / HTML}", file=sys.stderr)
    return code


def _history(chosen: str | None, reports: Path) -> str:
    """Return the file or URL of the history; a file that the user names must exist.

    Raises:
        SettingsError: it does not.
    """
    if chosen is None:
        return history_location(reports)
    if chosen != NO_HISTORY and "://" not in chosen and not Path(chosen).exists():
        raise SettingsError(f"--history {chosen}: no such file; name another one, or 'none'")
    return chosen


def _earlier_results(run: Run, history: str) -> Mapping[str, Sequence[Point]]:
    """Return the results of each case before this run; print why if they cannot be read."""
    try:
        points = last_points(history, [(record.id, record.formerly) for record in run.cases])
    except HistoryError as error:
        print(for_log(f"the report has no timelines: {error}"), file=sys.stderr)
        return {}
    return {case_id: earlier_points(run, each) for case_id, each in points.items()}
