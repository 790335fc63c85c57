"""`authprobe run`: probe the cases in a session of pytest, and print a report of its own."""

import contextlib
import dataclasses
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from authprobe.commands.console import OutputConsole
from authprobe.commands.output import check_writable, publish
from authprobe.commands.printing import print_annotations, print_error, print_json, print_text
from authprobe.commands.run_session import ARGUMENT, RunSession, suite_words
from authprobe.core.escaping import for_shell
from authprobe.core.signals import interruptible
from authprobe.core.standard_streams import discard_output
from authprobe.core.targets import Target
from authprobe.engine.last_failed import was_interrupted
from authprobe.engine.runner import RunPlan, load_plan
from authprobe.engine.shard import take_shard
from authprobe.errors import ExitCode
from authprobe.options import OUT
from authprobe.plan.case import Case
from authprobe.plan.selection import select_cases
from authprobe.plan.suites import DEFAULT_SUITE, FULL_SUITE, bundled_suites
from authprobe.redaction.redactor import Redactor
from authprobe.report.files import HTML, RESULTS
from authprobe.report.formats.github import annotations
from authprobe.report.html.pytest_html import PLUGINS
from authprobe.report.model.phrases import plural, rerun_failed_command
from authprobe.report.terminal import print_run
from authprobe.run.model import Run
from authprobe.run.results_file import dump_run
from authprobe.settings import Settings, is_github_actions
from authprobe.verdict.model import Status


def run(
    settings: Settings,
    expression: str | None,
    *,
    only_list: bool,
    as_json: bool,
    verbose: bool = False,
) -> int:
    """Probe the cases, judge them and write the reports; return the exit code.

    Raises:
        ScenarioError, SettingsError: nothing was run.
    """
    if settings.asks_live:
        # Imported here, and below: most runs ask only the emulator.
        from authprobe.commands.live_consent import check_before_loading

        check_before_loading(settings)
    settings = _with_suite(settings, expression)
    plan = load_plan(settings)
    cases = select_cases(plan.cases, expression)
    if expression and not cases:
        print_error(f"-k {expression!r}: no case matches; {_remedy(settings, expression)}")
        return ExitCode.NOTHING_SELECTED
    if settings.asks_live:
        for line in plan.not_live:
            print_error(line)
        if not cases:
            print_error("--target live: no case of these scenarios can be asked live")
            return ExitCode.NOTHING_SELECTED
    if settings.last_failed and not cases:
        print_error(_nothing_failed(settings))
        return ExitCode.NOTHING_SELECTED
    plan, cases = take_shard(plan, cases)
    if settings.metrics:
        check_writable(settings.metrics.parent, [settings.metrics.name])
    if settings.sends_traces:
        from authprobe.commands.traces import check_traces

        check_traces()
    if only_list:
        _print_ids(plan, cases)
        return ExitCode.OK
    if any(case.live for case in cases):
        from authprobe.commands.live_consent import obtain_consent

        plan = dataclasses.replace(plan, consent=obtain_consent(settings, cases, verbose=verbose))
    with interruptible():  # also what follows the probes, which writes and searches files
        return _execute(plan, cases, as_json=as_json, verbose=verbose)


def _with_suite(settings: Settings, expression: str | None) -> Settings:
    """Return the settings, with the default suite if they select nothing."""
    selects = settings.scenarios or settings.leaves_out_cases or settings.asks_live or expression
    if settings.suite or selects:
        return settings
    return dataclasses.replace(settings, suite=DEFAULT_SUITE)


def _print_ids(plan: RunPlan, cases: Sequence[Case]) -> None:
    """Print the ids; of a suite, also every suite on stderr, as programs read the ids."""
    for case in cases:
        print_text(Redactor()(case.id))
    sys.stdout.flush()
    if plan.suite:
        print_error(suite_words(plan.suite, len(cases)))
        for suite in bundled_suites().values():
            print_error(f"  --suite {suite.id:<10} {suite.title}")


def _execute(plan: RunPlan, cases: tuple[Case, ...], *, as_json: bool, verbose: bool) -> int:
    """Probe the cases, and print the results; return the exit code."""
    settings = plan.settings
    session = RunSession(plan, cases)
    pytest_output = io.StringIO()
    try:
        with contextlib.redirect_stdout(pytest_output):
            code = int(pytest.main(pytest_arguments(), plugins=[session]))
    except KeyboardInterrupt:
        if session.lacks_reports:
            command = for_shell(("authprobe", "report", str(settings.out / RESULTS)))
            print_error(f"the reports were not all written; write them: {command}")
        raise
    if session.run is None:
        return _report_failed_start(code, session.start_problem, pytest_output.getvalue())
    if code != ExitCode.SECRET_FOUND:  # what must not be written must not be printed
        try:
            _print_results(session, session.run, as_json=as_json, verbose=verbose)
            sys.stdout.flush()
        except BrokenPipeError:  # the reports are written, so the run's own exit code counts
            discard_output()
    reports = session.reports
    for message in filter(None, (reports.past.trouble, reports.problem, reports.exit_reason)):
        print_error(message)
    telemetry = None if code == ExitCode.SECRET_FOUND else _publish_telemetry(session)
    return _check_residue(plan, session.run) or telemetry or code


def _publish_telemetry(session: RunSession) -> ExitCode | None:
    """Write the metrics and send the trace; return the exit code if one has a credential.

    Raises:
        SettingsError: the metrics cannot be written.
    """
    settings, run, guard = session.plan.settings, session.run, session.reports.guard
    code: ExitCode | None = None
    if settings.metrics and run:
        from authprobe.report.formats.prometheus import prometheus

        texts = {settings.metrics.name: prometheus(run)}
        code = publish(settings.metrics.parent, texts, guard.redactor) or None
    if session.times and run:
        from authprobe.commands.traces import send_traces

        code = send_traces(run, session.times, guard) or code
    return code


def _check_residue(plan: RunPlan, run: Run) -> ExitCode | None:
    """Search what a live run wrote for the user's secrets; return the exit code if one is there."""
    if plan.consent is None or not plan.consent.secrets.names:
        return None
    from authprobe.live.residue import search_residue

    settings = plan.settings
    places = (settings.out, *filter(None, (settings.har,)), Path(settings.history_location))
    residue = search_residue(plan.consent.secrets, places)
    for line in residue.lines:
        print_error(line)
    search = run.secret_search
    for name in search.found if search else ():
        print_error(f"a temporary file of the run had {name}; it was removed; please report it")
    is_clean = search is None or not (search.found or search.blind)
    return None if residue.is_clean and is_clean else ExitCode.SECRET_FOUND


def _remedy(settings: Settings, expression: str) -> str:
    """Return what to do about an expression that no case matches."""
    target = f" --target {_target_name(settings)}" if settings.asks_live else ""
    has_suite = not (settings.scenarios or settings.asks_live)
    suite = f" --suite {settings.suite or FULL_SUITE}" if has_suite else ""
    words = f"list them with `authprobe run{suite}{target} --list`"
    if not (settings.asks_live and settings.clients):
        return words
    others = load_plan(dataclasses.replace(settings, clients=())).cases
    names = dict.fromkeys(case.client.kind for case in select_cases(others, expression))
    if not names:
        return words
    return f"without --client, those of {', '.join(names)} do; {words}"


def _target_name(settings: Settings) -> str:
    return "both" if Target.EMULATOR in settings.targets else Target.LIVE


def _nothing_failed(settings: Settings) -> str:
    start = f"--last-failed: no selected case failed in the last run in {settings.out}"
    if was_interrupted(settings.out):
        return f"{start}, which was interrupted; leave the option out to probe all cases"
    return f"{start}; if one did, give the scenarios and options of that run as well"


def pytest_arguments() -> list[str]:
    """Return arguments that keep the user's pytest settings and plugins out of the run."""
    return [
        str(ARGUMENT),
        f"--rootdir={Path.cwd()}",
        f"-c{os.devnull}",
        "--noconftest",
        "--import-mode=importlib",
        "--capture=no",
        "--disable-plugin-autoload",
        "-pno:cacheprovider",
        # These plugins watch code under test; the items only return verdicts.
        "-pno:logging",
        "-pno:threadexception",
        "-pno:unraisableexception",
        "-pno:warnings",
        *(f"-p{name}" for name in PLUGINS),
    ]


def _report_failed_start(code: int, problem: str | None, pytest_output: str) -> int:
    """Print why nothing ran, unless pytest did so on stderr; return the exit code."""
    if problem:
        print_error(problem)
    elif code not in (ExitCode.USAGE, ExitCode.INTERRUPTED):
        print_error(Redactor()(pytest_output))
    return code


def _print_results(session: RunSession, run: Run, *, as_json: bool, verbose: bool) -> None:
    settings, is_written = session.plan.settings, session.reports.problem is None
    if as_json:
        print_json(dump_run(run).rstrip("\n"))
        return
    print_run(run, OutputConsole(), verbose=verbose)
    if is_written:
        print_error(f"report: {settings.out / HTML}")
    bad = [each for each in run.cases if each.verdict.status in (Status.FAILED, Status.ERROR)]
    if len(bad) > 1:
        out = None if settings.out == OUT.default() else str(settings.out)
        print_error(f"all that failed, again: {rerun_failed_command(run, out)}")
    if settings.har and is_written:
        print_error(f"requests: {settings.har}, {plural(len(run.cases), 'HAR file')}")
    if is_github_actions():
        print_annotations(annotations(run))
