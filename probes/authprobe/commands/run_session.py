"""The pytest session of `authprobe run`: cases become items, the engine probes them all, each item
gets its verdict.

The engine runs before the first item, so that pytest only sees verdicts: no secret, traceback or
local variable of a probe can reach its reports.
"""

import traceback
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

import authprobe
from authprobe.core.escaping import for_log
from authprobe.engine import runner
from authprobe.engine.progress import Reporter, make_reporter
from authprobe.engine.step_times import TimedReporter
from authprobe.errors import ProbesError, SettingsError
from authprobe.items.reports import RunReports, check_output
from authprobe.plan.case import Case
from authprobe.plan.suites import FULL_SUITE, Suite
from authprobe.redaction.publishing import ArtifactGuard
from authprobe.report.files import HTML
from authprobe.report.html.pytest_html import PytestHtmlPage
from authprobe.report.model.phrases import describe_problem, plural
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.run.history.worker import HistoryWorker
from authprobe.run.model import CaseRecord, Run
from authprobe.run.partial_results import PARTIAL_FILE
from authprobe.run.size_limit import CUT_NOTICE, fit_run, fitting_text
from authprobe.settings import is_ci
from authprobe.verdict.model import Status

ARGUMENT: Final = Path(authprobe.__file__).with_name("py.typed")
"""The file for which pytest collects the cases of the plan: it needs one that exists."""


class RunSession:
    """The plugin that takes a plan into a session of pytest, and the results out of it."""

    def __init__(self, plan: runner.RunPlan, cases: tuple[Case, ...]) -> None:
        """Take the cases of the plan that are to be probed."""
        settings = plan.settings
        past = HistoryWorker(settings.history_location, settings.history_runs)
        self.plan = plan
        self.cases = cases
        self.run: Run | None = None
        self.records: dict[str, CaseRecord] = {}
        self.reports = RunReports(settings, settings.out, ArtifactGuard(), past)
        self.start_problem: str | None = None
        """Why nothing was probed."""
        self.lacks_reports = False
        """True while `results.json` is written, and the reports that are made of it are not."""
        self.times: TimedReporter | None = None
        """Times of the steps, if a trace is to show them."""
        self._page: PytestHtmlPage | None = None
        self._failed_cases = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        page = PytestHtmlPage(config, content=self._html_content, is_case=lambda report: True)
        config.pluginmanager.register(page, "authprobe-html")
        self._page = page

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        if file_path != ARGUMENT:
            return None
        return PlanFile.from_parent(parent, path=file_path, run_session=self)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Probe the cases, before pytest runs the first item."""
        if session.testsfailed or not self.cases:
            return
        with make_reporter(plain=is_ci()) as reporter:
            self._check_output()
            if self.plan.suite:
                reporter.notify(suite_words(self.plan.suite, len(self.cases)))
            self.reports.past.prefetch(self.cases)
            if self.plan.settings.sends_traces:
                self.times = TimedReporter(reporter)
            run = self._execute(self.times or reporter)
            self.run, results = fit_run(run)
            if self.run is not run:
                reporter.notify(CUT_NOTICE)
        if not self.reports.publish_results(results):
            session.items.clear()  # their messages are made of the results, which hold a credential
        self.lacks_reports = self.reports.problem is None
        self.records = {record.id: record for record in self.run.cases}
        session.items[:] = [item for item in session.items if item.name in self.records]

    def _check_output(self) -> None:
        try:
            ids = (case.id for case in self.plan.cases)
            check_output(self.plan.settings, self.plan.settings.out, ids)
        except SettingsError as error:
            raise self._usage_error(str(error)) from None

    def _usage_error(self, text: str) -> pytest.UsageError:
        """Return the error that ends the session; the command prints its text."""
        self.start_problem = text
        return pytest.UsageError()

    def _execute(self, reporter: Reporter) -> Run:
        redactor = self.reports.guard.redactor
        try:
            return runner.execute_plan(self.plan, reporter, self.cases, redactor)
        except ProbesError as error:
            raise self._usage_error(redactor(str(error))) from None
        except Exception as error:  # noqa: BLE001 - pytest would print it unredacted
            message = redactor("".join(traceback.format_exception(error)))
            raise RuntimeError(message) from None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Write the reports after pytest-html has made its page."""
        run, reports = self.run, self.reports
        try:
            yield
            if run is not None and reports.problem is None:
                self._publish(run)
        finally:
            reports.past.close()
        if run is not None:
            reports.set_exit_status(session, run, self._failed_cases)

    def _publish(self, run: Run) -> None:
        page = self._page
        is_written = self.reports.publish(run, lambda: page.text() if page else None)
        self.lacks_reports = False
        if is_written and not run.interrupted:
            (self.plan.settings.out / PARTIAL_FILE).unlink(missing_ok=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        """Report a verdict, without the setup and teardown of a test: an item has none."""
        hook = item.config.hook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        interrupts = (KeyboardInterrupt, pytest.exit.Exception)
        call = pytest.CallInfo.from_call(item.runtest, when="call", reraise=interrupts)
        report = hook.pytest_runtest_makereport(item=item, call=call)
        hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed_cases += report.failed

    def _html_content(self) -> str | None:
        """Return the report as HTML, None if nothing was probed."""
        if self.run is None:
            return None
        # Imported here: jinja2 takes longer to import than the first probes take to run.
        from authprobe.report.html.report import report_content

        with self.reports.keeping_the_others(HTML):
            past = self.reports.past.points()
            bisections = read_bisections(self.plan.settings.out)
            return fitting_text(self.run, partial(report_content, past=past, bisections=bisections))
        return None


class PlanFile(pytest.File):
    """The cases of the plan."""

    def __init__(self, *, run_session: RunSession, **values: Any) -> None:
        super().__init__(**values)
        self._run_session = run_session

    def collect(self) -> Iterator["VerdictItem"]:
        """Yield the cases that are to be probed."""
        for case in self._run_session.cases:
            yield VerdictItem.from_parent(self, name=case.id, run_session=self._run_session)


class VerdictItem(pytest.Item):
    """A case that the engine has probed; its test is the verdict."""

    def __init__(self, *, run_session: RunSession, **values: Any) -> None:
        super().__init__(**values)
        self._run_session = run_session

    def runtest(self) -> None:
        """Take the verdict.

        Raises:
            Failed: the case failed or could not be tested.
            Skipped: it failed like a known failure.
        """
        record = self._run_session.records[self.name]
        if record.verdict.status is Status.SKIPPED:
            pytest.skip(describe(record))
        if record.verdict.status is not Status.PASSED:
            pytest.fail(describe(record), pytrace=False)


def suite_words(suite: Suite, number: int) -> str:
    """Return the name of a suite and its number of cases, and how to probe the others."""
    rest = "" if suite.has_every_case else f"; `--suite {FULL_SUITE}` has every bundled case"
    return f"suite {suite.id}: {plural(number, 'case')}{rest}"


def describe(record: CaseRecord) -> str:
    """Return why a case did not pass, in a few lines."""
    return for_log("\n".join(describe_problem(record)))
