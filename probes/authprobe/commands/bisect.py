"""`authprobe bisect`: find the version in which a case, or one of its fields, changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from authprobe.bisection.question import BisectionQuestion, make_question, versions_between
from authprobe.bisection.runner import (
    BisectionProber,
    BisectionReport,
    records_from_log,
    replay,
    run_bisection,
)
from authprobe.clients.installation import storage
from authprobe.commands.output import (
    INTERRUPTED,
    check_output_format,
    check_writable,
    print_lines,
    publish,
    read_trials,
)
from authprobe.commands.printing import print_error
from authprobe.core.escaping import for_json
from authprobe.core.executors import ExecutorAddress
from authprobe.core.serialization import to_json
from authprobe.core.shown_paths import display_path
from authprobe.core.signals import interruptible
from authprobe.engine.laboratory import published_versions
from authprobe.engine.progress import NullReporter, make_reporter
from authprobe.engine.runner import load_with_bundled
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.plan.expand import package_of
from authprobe.report import bisection as words
from authprobe.report.model import saved_bisections
from authprobe.settings import Settings, cache_folder, is_ci
from authprobe.trials.log import LOG_FILE, ProbeLog, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectOptions:
    """Options of `authprobe bisect`."""

    case: str | None
    good: str | None
    bad: str | None
    find_fix: bool
    when: str | None
    scenarios: tuple[Path, ...]
    out: Path
    executor: ExecutorAddress | None
    from_log: bool
    as_json: bool
    as_markdown: bool


def bisect(options: BisectOptions) -> int:
    """Find the version in which a case changes, or list the probe log; return the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: an option, a scenario or the log is invalid.
    """
    check_output_format(as_json=options.as_json, as_markdown=options.as_markdown)
    log = ProbeLog(options.out / LOG_FILE)
    trials = read_trials(log)
    if options.case is None and options.from_log:
        return _list_log(options, trials, log)
    settings = Settings(scenarios=options.scenarios, out=options.out, executor=options.executor)
    question = _question(options, settings)
    published, installed = _published(question), _installed(question)
    versions = versions_between(question, published, installed, fix=options.find_fix)
    check_writable(options.out, [LOG_FILE])
    check_writable(options.out / saved_bisections.FOLDER)
    try:
        report = _find(question, versions, trials, settings, log, options)
    except KeyboardInterrupt:
        print_error(INTERRUPTED)
        return ExitCode.INTERRUPTED
    return _print_and_save(report, options, log)


def _list_log(options: BisectOptions, trials: Sequence[Trial], log: ProbeLog) -> int:
    if options.as_markdown or options.good or options.bad:
        raise SettingsError(
            "--log without CASE lists the probe log; use it alone or with --json, or add CASE"
        )
    if not trials:
        print_error(f"{log.path}: the probe log is empty")
    lines = [words.log_line(trial) for trial in trials]
    if options.as_json:
        lines = [for_json(to_json(trials, indent=1).decode())]
    return print_lines(lines, log)


def _question(options: BisectOptions, settings: Settings) -> BisectionQuestion:
    """Return what to ask of each version.

    Raises:
        ScenarioError, SettingsError: an option is missing, or names no case or version.
    """
    if options.case is None or options.good is None or options.bad is None:
        raise SettingsError("give CASE, --good and --bad; list cases with `authprobe run --list`")
    loaded = load_with_bundled(settings.all_scenario_paths, [options.case])
    return make_question(
        tuple(each.scenario for each in loaded),
        options.case,
        good=options.good,
        bad=options.bad,
        when=options.when,
    )


def _print_and_save(report: BisectionReport, options: BisectOptions, log: ProbeLog) -> int:
    """Print a report and write its page, unless a credential is in them; return the exit code."""
    scenarios = tuple(map(display_path, options.scenarios))
    command = words.rerun_command(report, str(options.case), scenarios)
    json_text = for_json(to_json(words.as_json(report, command), indent=1).decode())
    lines: Iterable[str] = [json_text]
    if not options.as_json:
        render = words.markdown if options.as_markdown else words.text
        lines = render(report, command)
    code = print_lines(lines, log)
    if not (options.from_log and report.bisection.problem):  # keep the page of an earlier answer
        from authprobe.report.html.bisection_page import bisection_page  # jinja2 takes long

        folder, name = options.out / saved_bisections.FOLDER, words.file_name(report)
        texts = {f"{name}.html": bisection_page(report, command), f"{name}.json": f"{json_text}\n"}
        if publish_code := publish(folder, texts, log.redactor):
            return publish_code
        print_error(f"page: {folder / name}.html")
    decided = report.bisection.problem is None and report.bisection.monotonic
    return code or (ExitCode.OK if decided else ExitCode.FAILURES)


def _published(question: BisectionQuestion) -> tuple[str, ...]:
    try:
        return published_versions(package_of(question.client), (question.good, question.bad))
    except ClientError as error:
        raise SettingsError(f"{question.kind}: {error}") from None


def _installed(question: BisectionQuestion) -> list[str]:
    return [
        entry.version
        for entry in storage.entries(cache_folder())
        if entry.name == package_of(question.client).folder
    ]


def _find(
    question: BisectionQuestion,
    versions: tuple[str, ...],
    trials: Sequence[Trial],
    settings: Settings,
    log: ProbeLog,
    options: BisectOptions,
) -> BisectionReport:
    """Probe versions until the question is answered; with --log, replay the log alone."""
    records = records_from_log(question, versions, trials, tested=not options.from_log)
    fix = options.find_fix
    if options.from_log:
        return run_bisection(question, versions, records, replay, NullReporter(), fix=fix)
    with (
        interruptible(),
        make_reporter(plain=is_ci()) as reporter,
        BisectionProber(question, settings, log, reporter) as prober,
    ):
        return run_bisection(question, versions, records, prober, reporter, fix=fix)
