"""`authprobe report`: the reports of a run, written again from its results."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from authprobe.commands.output import check_writable, publish
from authprobe.commands.printing import print_error
from authprobe.core.history_location import database_file
from authprobe.core.safe_files import is_missing
from authprobe.core.suggestions import did_you_mean
from authprobe.diagnosis.reasons.explain import explain_run
from authprobe.errors import ExitCode, HistoryError, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.report.files import HTML, REPORTS, report_texts
from authprobe.report.formats.har import har_files
from authprobe.report.html.report import report_page
from authprobe.report.model.phrases import plural
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.report.model.timeline import earlier_points
from authprobe.run.history.database import last_points
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import read_run
from authprobe.settings import history_location


def report(
    results: Path,
    *,
    out: Path | None,
    history: str | None,
    har: Path | None = None,
    cases: Sequence[str] = (),
) -> int:
    """Write every report of the run in `results`, and return the exit code.

    With `har`, also the requests of its cases, or only of `cases`.

    Raises:
        RecordError: `results` cannot be read, or is not a results file.
        SettingsError: `out` or `har` cannot be written, or `history` or a case does not exist.
    """
    if cases and har is None:
        raise SettingsError("--case needs --har; the other reports always have all cases")
    run = explain_run(read_run(results))
    folder = results.parent if out is None else out
    check_writable(folder, REPORTS)
    archives = har_files(run, _named_cases(run, cases)) if har else {}
    if har:
        check_writable(har, archives)
    past = _earlier_results(run, history, results.parent)
    page = partial(report_page, past=past, bisections=read_bisections(folder))
    code = publish(folder, report_texts(run, page), Redactor())
    if code == ExitCode.OK:
        print_error(f"report: {folder / HTML}")
    if code != ExitCode.OK or har is None:
        return code
    code = publish(har, archives, Redactor())
    if code == ExitCode.OK:
        print_error(f"requests: {har}, {plural(len(archives), 'HAR file')}")
    return code


def _named_cases(run: Run, ids: Sequence[str]) -> Sequence[CaseRecord]:
    """Return the cases with these ids; all without ids.

    Raises:
        SettingsError: the run has no such case.
    """
    by_id = {record.id: record for record in run.cases}
    for case_id in ids:
        if case_id not in by_id:
            remedy = did_you_mean(case_id, by_id, otherwise="its ids are in results.json")
            raise SettingsError(f"--case {case_id}: no such case in this run{remedy}")
    return [by_id[case_id] for case_id in dict.fromkeys(ids)] if ids else run.cases


def _earlier_results(run: Run, history: str | None, reports: Path) -> Mapping[str, Sequence[Point]]:
    """Return the results of each case before this run; without a history, print why and go on.

    Raises:
        HistoryError, SettingsError: the user named a history that cannot be read.
    """
    location = history_location(reports) if history is None else history
    file = database_file(location)
    if history is not None and file and is_missing(file):
        raise SettingsError(f"--history {file}: no such file; name another one, or 'none'")
    try:
        points = last_points(location, [(record.id, record.formerly) for record in run.cases])
    except HistoryError as error:
        if history is not None:
            raise
        print_error(f"the report has no timelines: {error}")
        return {}
    return {case_id: earlier_points(run, each) for case_id, each in points.items()}
