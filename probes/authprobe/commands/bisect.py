"""`authprobe bisect`: the version in which a case, or a field of it, changes."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic_core import to_json

from authprobe.bisection.question import BisectionQuestion, make_inquiry, versions_between
from authprobe.bisection.runner import (
    BisectionProber,
    BisectionReport,
    records_from_log,
    replay,
    run_bisection,
)
from authprobe.clients.installation import storage as folders
from authprobe.commands.output import (
    check_output_format,
    check_writable,
    print_lines,
    publish,
    read_trials,
)
from authprobe.core.escaping import for_json, for_log
from authprobe.engine.laboratory import published_versions
from authprobe.engine.progress import NullReporter, make_reporter
from authprobe.engine.signals import interruptible
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.redaction.pseudonyms import display_path
from authprobe.report import bisection as words
from authprobe.report.model import saved_bisections
from authprobe.scenario.load import load_all
from authprobe.settings import Settings, cache_folder, is_ci
from authprobe.trials.log import LOG_FILE, ProbeLog, Trial


def bisect(
    case: str | None,
    *,
    good: str | None,
    bad: str | None,
    find_fix: bool,
    when: str | None,
    scenarios: tuple[Path, ...],
    out: Path,
    from_log: bool,
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Find the change, or show the log; the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing was asked.
    """
    check_output_format(as_json=as_json, as_markdown=as_markdown)
    log = ProbeLog(out / LOG_FILE)
    trials = read_trials(log)
    if case is None and from_log:
        if as_markdown or good or bad:
            raise SettingsError("--log without a case shows the log, as text or with --json")
        if not trials:
            print(f"{log.path}: there is nothing in the log", file=sys.stderr)
        return print_lines(_log_lines(trials, as_json=as_json), log)
    if case is None or good is None or bad is None:
        raise SettingsError("give a case, --good and --bad; `authprobe run --list` shows the cases")
    settings = Settings(scenarios=scenarios, out=out)
    inquiry = make_inquiry(
        tuple(load_all(settings.all_scenario_paths)), case, good=good, bad=bad, when=when
    )
    versions = versions_between(inquiry, _published(inquiry), _installed(inquiry), fix=find_fix)
    folder = out / saved_bisections.FOLDER
    check_writable(folder)
    try:
        found = _find(inquiry, versions, trials, settings, log, fix=find_fix, from_log=from_log)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return ExitCode.INTERRUPTED
    command = words.again(found, case, tuple(map(display_path, scenarios)))
    told = for_json(to_json(words.as_json(found, command), indent=1).decode())
    lines: Iterable[str] = [told]
    if not as_json:
        lines = words.markdown(found, command) if as_markdown else words.text(found, command)
        lines = map(for_log, lines)
    code = print_lines(lines, log)
    if not (from_log and found.bisection.problem):  # what was found once stays
        from authprobe.report.html.bisection_page import bisection_page  # jinja2 takes long

        name = words.file_name(found)
        texts = {f"{name}.html": bisection_page(found, command), f"{name}.json": f"{told}\n"}
        if withheld := publish(folder, texts, log.redactor):
            return withheld
        print(f"page: {folder / name}.html", file=sys.stderr)
    decided = found.bisection.problem is None and found.bisection.monotonic
    return code or (ExitCode.OK if decided else ExitCode.FAILURES)


def _published(inquiry: BisectionQuestion) -> tuple[str, ...]:
    try:
        return published_versions(inquiry.kind, having=(inquiry.good, inquiry.bad))
    except ClientError as error:
        raise SettingsError(f"{inquiry.kind}: {error}") from None


def _installed(inquiry: BisectionQuestion) -> list[str]:
    return [each.version for each in folders.entries(cache_folder()) if each.name == inquiry.kind]


def _find(
    inquiry: BisectionQuestion,
    versions: tuple[str, ...],
    trials: Sequence[Trial],
    settings: Settings,
    log: ProbeLog,
    *,
    fix: bool,
    from_log: bool,
) -> BisectionReport:
    known = records_from_log(inquiry, versions, trials, tested=not from_log)
    if from_log:
        return run_bisection(inquiry, versions, known, replay, NullReporter(), fix=fix)
    with (
        interruptible(),
        make_reporter(plain=is_ci()) as reporter,
        BisectionProber(inquiry, settings, log, reporter) as bench,
    ):
        return run_bisection(inquiry, versions, known, bench, reporter, fix=fix)


def _log_lines(trials: Sequence[Trial], *, as_json: bool) -> list[str]:
    if as_json:
        return [for_json(to_json(trials, indent=1).decode())]
    return [words.log_line(trial) for trial in trials]
