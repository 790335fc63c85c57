"""The pytest plugin: cases become items, the engine probes them all, each item gets its verdict.

The engine runs before the first item, so that pytest only sees verdicts: no secret, traceback or
local variable of a probe can reach its reports.
"""

import argparse
import contextlib
import traceback
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from authprobe.core.escaping import for_log
from authprobe.core.history_location import database_file
from authprobe.core.safe_files import check_database, check_places, make_folder
from authprobe.engine import runner
from authprobe.engine.faults import fault_words
from authprobe.engine.progress import Reporter, make_reporter
from authprobe.errors import ExitCode, ProbesError
from authprobe.options import HAR, OUT, RUN_OPTIONS
from authprobe.plan.case import Case
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.report.files import HTML, REPORTS, RESULTS, TEXT_REPORTS
from authprobe.report.formats.har import har_files, har_name
from authprobe.report.html.pytest_html import PytestHtmlPage
from authprobe.report.model.matrix import inconclusive_reason
from authprobe.report.model.phrases import describe_problem
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.run.gates import GateResult, gate_result
from authprobe.run.history.worker import HistoryWorker
from authprobe.run.model import CaseRecord, Run
from authprobe.run.partial_results import PARTIAL_FILE
from authprobe.run.results_file import dump_run
from authprobe.run.size_limit import CUT_NOTICE, fit_run, fitting_text
from authprobe.settings import Settings, is_ci, parse_settings
from authprobe.verdict.model import Status

TEST_FILE: Final = Path(__file__).with_name("test_compat.py")
CASE: Final = "case"

_KEY: Final = pytest.StashKey["CompatibilityRun"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("authprobe", "authprobe: compatibility of Claude clients")
    for option in RUN_OPTIONS:
        group.addoption(
            option.name,
            action="append",
            default=[],
            metavar=option.metavar,
            help=argparse.SUPPRESS if option.hidden else option.help_text,
        )


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of a run from the options given to pytest.

    Raises:
        SettingsError: the value of an option or of an environment variable is invalid.
    """
    return parse_settings({option.name: config.getoption(option.name) for option in RUN_OPTIONS})


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Plan the run if pytest collects the compatibility test; do nothing otherwise."""
    paths = [Path(config.invocation_params.dir, arg.split("::")[0]) for arg in config.args]
    if not any(TEST_FILE.is_relative_to(path.resolve()) for path in paths):
        return
    if config.getoption("numprocesses", None):
        raise pytest.UsageError("cases already run in parallel; use --jobs N instead of -n N")
    prepared = [p for p in config.pluginmanager.get_plugins() if isinstance(p, PreparedRun)]
    try:
        plan = prepared[0].plan if prepared else runner.load_plan(settings_of(config))
    except ProbesError as error:
        raise pytest.UsageError(f"no case was run\n{error}") from None
    cases = prepared[0].cases if prepared else plan.cases
    run = CompatibilityRun(config, plan, cases, is_command=bool(prepared))
    config.stash[_KEY] = run
    config.pluginmanager.register(run, "authprobe-run")


@dataclass(slots=True, eq=False)
class PreparedRun:
    """A plugin that passes a plan into a pytest session, and the results out of it."""

    plan: runner.RunPlan
    cases: tuple[Case, ...]
    """The cases of the plan to probe."""
    run: Run | None = None
    problem: str | None = None
    """Why reports were not written; None: they were."""
    history_problem: str | None = None
    """Why the run was not added to the history; None: it was."""
    start_problem: str | None = None
    """Why nothing was probed."""
    exit_reason: str | None = None
    """Reason for the exit code, if the cases decide it."""

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Take the results from the session."""
        if session := config.stash.get(_KEY, None):
            self.run = session.run
            self.problem = session.problem
            self.history_problem = session.past.trouble
            self.exit_reason = session.exit_reason
            self.start_problem = session.start_problem


class CompatibilityRun:
    """The plugin of one compatibility run."""

    def __init__(
        self,
        config: pytest.Config,
        plan: runner.RunPlan,
        cases: tuple[Case, ...],
        *,
        is_command: bool,
    ) -> None:
        self.config = config
        self.plan = plan
        self.cases = cases
        self.run: Run | None = None
        self.records: dict[str, CaseRecord] = {}
        self.problem: str | None = None
        self.past = HistoryWorker(plan.settings.history_location, plan.settings.history_runs)
        self.guard = ArtifactGuard()
        self.exit_code: ExitCode | None = None
        """Exit code of a problem, which replaces that of the cases."""
        self.is_command = is_command
        """True: `authprobe run` started the session, and prints its problems."""
        self.start_problem: str | None = None
        self.exit_reason: str | None = None
        self.failed_reports = 0
        self.page = PytestHtmlPage(config, content=self._html_content, is_case=self._is_case)
        config.pluginmanager.register(self.page, "authprobe-html")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "record" in metafunc.fixturenames:
            ids = [case.id for case in self.cases]
            metafunc.parametrize("record", self.cases, ids=ids, indirect=True)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if case := case_of(item):
            item.extra_keyword_matches.update(case.tags)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Probe the cases of all selected items, before pytest runs the first of them."""
        if session.config.option.collectonly or session.testsfailed:
            return
        cases = [case for item in session.items if (case := case_of(item))]
        capture = session.config.pluginmanager.getplugin("capturemanager")
        if not cases or capture is None:
            return
        with (
            capture.global_and_fixture_disabled(),
            make_reporter(plain=is_ci()) as reporter,
        ):
            self._check_places()
            self.past.prefetch(cases)
            run = self._execute(reporter, cases)
            self.run = fit_run(run)
            if self.run is not run:
                reporter.notify(CUT_NOTICE)
        if not self._publish_results(self.run):
            session.items.clear()  # their messages are made of the results, which hold a credential
        self.records = {record.id: record for record in self.run.cases}
        session.items[:] = [
            item
            for item in session.items
            if (case := case_of(item)) is None or case.id in self.records
        ]

    def _check_places(self) -> None:
        """Check that the reports and the history can be written, before anything is probed.

        Raises:
            UsageError: something else has the place of one.
        """
        settings = self.plan.settings
        location = settings.history_location
        for folder, option, names in self._places():
            try:
                make_folder(folder)
                check_places(folder, names)
            except OSError as error:
                reason = error.strerror or str(error)
                # Some reasons have a remedy already: one is enough.
                remedy = "" if ";" in reason else f"; choose another {option}"
                text = for_log(f"{folder}: cannot be written: {reason}{remedy}")
                raise self._usage_error(text) from None
        try:
            if history := database_file(location):
                check_database(history)
        except OSError as error:
            text = for_log(f"history {history}: {error.strerror}")
            raise self._usage_error(text) from None

    def _places(self) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
        """Yield each directory that is written to, its option, and the names of the files."""
        settings = self.plan.settings
        yield settings.out, OUT.name, (RESULTS, *REPORTS)
        if settings.har:
            yield settings.har, HAR.name, tuple(har_name(case.id) for case in self.cases)

    def _usage_error(self, text: str) -> pytest.UsageError:
        """Return the error that ends the session; pytest prints it, unless a command does."""
        self.start_problem = text
        return pytest.UsageError() if self.is_command else pytest.UsageError(text)

    def _execute(self, reporter: Reporter, cases: list[Case]) -> Run:
        redactor = self.guard.redactor
        try:
            return runner.execute_plan(self.plan, reporter, cases, redactor)
        except ProbesError as error:
            raise self._usage_error(redactor(str(error))) from None
        except Exception as error:  # noqa: BLE001 - pytest would print it unredacted
            message = redactor("".join(traceback.format_exception(error)))
            raise RuntimeError(message) from None

    def _publish_results(self, run: Run) -> bool:
        """Write `results.json` before anything is shown; return False if it holds a credential."""
        with self._recording_problems():
            self.guard.publish(self.plan.settings.out, {RESULTS: dump_run(run)})
        return self.exit_code is not ExitCode.SECRET_FOUND

    @contextlib.contextmanager
    def _recording_problems(self) -> Iterator[None]:
        """Record why reports are not written, and the exit code."""
        try:
            yield
        except SecretFoundError as error:
            self.problem = str(error)
            self.exit_code = ExitCode.SECRET_FOUND
        except OSError as error:
            self.problem = f"the reports could not be written: {error.strerror or error}"
            self.exit_code = ExitCode.USAGE
        except Exception as error:  # noqa: BLE001 - pytest would print it unredacted
            self.problem = (
                f"the reports could not be looked through for credentials: {fault_words(error)}; "
                f"the cases are in {PARTIAL_FILE}; please report it"
            )
            self.exit_code = ExitCode.BUG

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Write the reports after the other plugins' reports, and before the terminal summary."""
        try:
            yield
            if self.run is not None and self.problem is None:
                with self._recording_problems():
                    self._publish(self.run)
        finally:
            self.past.close()
        if self.run is not None and self.exit_code is None:
            self._apply_gates(session, gate_result(self.run))
        if self.exit_code is not None:
            session.exitstatus = self.exit_code

    def _apply_gates(self, session: pytest.Session, result: GateResult) -> None:
        """Set the exit code of the cases, unless ordinary tests failed or nothing was run."""
        is_interrupted = result.exit_code is ExitCode.INTERRUPTED
        if session.exitstatus not in (ExitCode.OK, ExitCode.FAILURES) and not is_interrupted:
            return
        if session.testsfailed > self.failed_reports and not is_interrupted:
            return
        session.exitstatus = result.exit_code
        self.exit_reason = result.reason

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count the failures that are cases: the others fail the session whatever is chosen."""
        self.failed_reports += report.failed and self._is_case(report)

    def _publish(self, run: Run) -> None:
        texts = {}
        for name, make in TEXT_REPORTS.items():
            with self._keeping_the_others(name):
                texts[name] = fitting_text(run, make)
        if (page := self.page.text()) is not None:
            texts[HTML] = page
        self.page.move_to(self.plan.settings.out / HTML)
        self.guard.publish(self.plan.settings.out, texts)
        if not run.interrupted:
            (self.plan.settings.out / PARTIAL_FILE).unlink(missing_ok=True)
        self.past.append(run)
        if har := self.plan.settings.har:
            with self._keeping_the_others(str(har)):
                files = har_files(run)
            make_folder(har)
            self.guard.publish(har, files)

    def _html_content(self) -> str | None:
        """Return the report as HTML, None if nothing was probed."""
        if self.run is None:
            return None
        # Imported here: jinja2 takes longer to import than the first probes take to run.
        from authprobe.report.html.report import report_content

        with self._keeping_the_others(HTML):
            bisections = read_bisections(self.plan.settings.out)
            make = partial(report_content, past=self.past.points(), bisections=bisections)
            return fitting_text(self.run, make)
        return None

    @contextlib.contextmanager
    def _keeping_the_others(self, name: str) -> Iterator[None]:
        """Record that one report could not be made, so that the others are written."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a fault of ours, provoked by what was observed
            self.problem = (
                f"{name} could not be made: {fault_words(error)}; {RESULTS} has the whole run; "
                "please report it"
            )
            self.exit_code = ExitCode.BUG

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.past.trouble:
            terminalreporter.write_line(self.past.trouble, yellow=True)
        if self.problem:
            terminalreporter.write_line(self.problem, red=True)
        elif self.run is not None and (reason := inconclusive_reason(self.run)):
            terminalreporter.write_line(reason, yellow=True)
        if self.exit_reason:
            terminalreporter.write_line(self.exit_reason, yellow=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if case := case_of(item):
            report.user_properties.append((CASE, case.id))
        return report

    def _is_case(self, report: pytest.TestReport) -> bool:
        return dict(report.user_properties).get(CASE) in self.records


@pytest.fixture
def record(request: pytest.FixtureRequest) -> CaseRecord:
    """Return the record of the item's case; a case that could not be tested is an error."""
    record = request.config.stash[_KEY].records[request.param.id]
    if record.verdict.status is Status.ERROR:
        pytest.fail(describe(record), pytrace=False)
    if record.verdict.status is Status.SKIPPED:
        pytest.skip(describe(record))
    return record


def case_of(item: pytest.Item) -> Case | None:
    """Return the case of an item, None for an ordinary test."""
    callspec = getattr(item, "callspec", None)
    value = callspec.params.get("record") if callspec else None
    return value if isinstance(value, Case) else None


def describe(record: CaseRecord) -> str:
    """Return why a case did not pass, in a few lines."""
    return for_log("\n".join(describe_problem(record)))
