"""`authprobe merge`: one run and one report from the shards of several machines."""

import os
from functools import partial
from pathlib import Path

from authprobe.commands.console import OutputConsole
from authprobe.commands.printing import print_error, print_json
from authprobe.core.gates import Gate
from authprobe.core.safe_files import is_missing
from authprobe.diagnosis.reasons.explain import explain_run
from authprobe.errors import ExitCode, SettingsError
from authprobe.items.reports import RunReports, check_output
from authprobe.redaction.publishing import ArtifactGuard
from authprobe.report.files import HTML, RESULTS
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.report.terminal import print_run
from authprobe.run.gates import gate_result
from authprobe.run.history.worker import HistoryWorker
from authprobe.run.merging import JudgedBy, differing_versions, merge_shards
from authprobe.run.model import Run
from authprobe.run.results_file import read_run
from authprobe.run.size_limit import CUT_NOTICE, fit_run, fitting_text
from authprobe.settings import Settings


def merge(
    folders: tuple[Path, ...],
    settings: Settings,
    *,
    fail_on: tuple[Gate, ...] | None = None,
    allows_missing: bool = False,
    as_json: bool = False,
    verbose: bool = False,
) -> int:
    """Merge the shards in these folders, write the reports, and return the exit code.

    With `fail_on`, these gates decide the exit code instead of those of the shards.

    Raises:
        RecordError, ScenarioError, SettingsError: nothing was merged.
    """
    files = _results_files(folders)
    runs = {str(file): read_run(file) for file in files}
    judged_by = JudgedBy(settings.baseline, settings.known_failures)
    merged = explain_run(
        merge_shards(runs, judged_by, allows_missing=allows_missing, fail_on=fail_on)
    )
    check_output(settings, settings.out, ())
    if any(file.resolve() == (settings.out / RESULTS).resolve() for file in files):
        raise SettingsError(
            f"--out {settings.out}: has a shard, which would be lost; choose another directory"
        )
    run, results = fit_run(merged)
    if run is not merged:
        print_error(CUT_NOTICE)
    code = _publish(run, results, settings)
    if code is ExitCode.SECRET_FOUND:
        return code
    if as_json:
        print_json(results.rstrip("\n"))
    else:
        print_run(run, OutputConsole(), verbose=verbose)
        if code is None:
            print_error(f"report: {settings.out / HTML}")
    for line in differing_versions(run):
        print_error(line)
    result = gate_result(run)
    if code is None and result.reason:
        print_error(result.reason)
    return result.exit_code if code is None else code


def _results_files(folders: tuple[Path, ...]) -> list[Path]:
    """Return the results of the shards in these folders, each of which may also be the file.

    Raises:
        SettingsError: a folder has none, or a file is given twice.
    """
    # `Path.is_dir` raises an error for some paths, such as a name that is too long.
    files = [folder / RESULTS if os.path.isdir(folder) else folder for folder in folders]  # noqa: PTH112
    for folder, file in zip(folders, files, strict=True):
        if file != folder and is_missing(file):
            raise SettingsError(f"{folder}: has no {RESULTS}; name the folders of the shards")
    if doubled := [str(file) for file in files if files.count(file) > 1]:
        raise SettingsError(f"{doubled[0]}: is given twice; name each shard once")
    return files


def _publish(run: Run, results: str, settings: Settings) -> ExitCode | None:
    """Write the reports and the history, and say what went wrong; return its exit code."""
    # Imported here: jinja2 is slow to import, and nothing was read yet when this module was.
    from authprobe.report.html.report import report_page

    past = HistoryWorker(settings.history_location, settings.history_runs)
    reports = RunReports(settings, settings.out, ArtifactGuard(), past)
    try:
        past.prefetch(run.cases)
        if reports.publish_results(results):
            page = partial(
                report_page, past=past.points(), bisections=read_bisections(settings.out)
            )
            reports.publish(run, lambda: fitting_text(run, page))
    finally:
        past.close()
    for message in filter(None, (past.trouble, reports.problem)):
        print_error(message)
    return reports.exit_code
