"""The pytest plugin of every project that has authprobe installed: scenario files become items.

It imports nothing that takes long before there is a scenario file. `authprobe.emulator.fixture`,
which pytest finds by its entry point, loads it under this name; so `-p authprobe.plugin` is no
second plugin.
"""

import argparse
import datetime
import glob
import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from authprobe.errors import ProbesError
from authprobe.items.attributes import FACTS, RECORD, UNTESTABLE
from authprobe.options import PYTEST_OPTIONS, prefixed_name

if TYPE_CHECKING:
    from authprobe.items.results import Received

SUFFIXES: Final = (".authprobe.yaml", ".authprobe.yml")
"""Endings of the names of files that are scenarios wherever they are."""
SCENARIOS: Final = "authprobe_scenarios"
BUNDLED: Final = Path(__file__).with_name("test_compat.py")
"""The module that stands for the bundled scenarios."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("authprobe", "authprobe: scenario files as tests")
    for option in PYTEST_OPTIONS:
        group.addoption(
            prefixed_name(option),
            action="append",
            default=[],
            metavar=option.metavar,
            help=argparse.SUPPRESS if option.hidden else option.help_text,
        )
    parser.addini(
        SCENARIOS,
        type="args",
        default=[],
        help=(
            "Scenario files beside those named *.authprobe.yaml, as patterns such as "
            "probes/*.yaml from the root directory"
        ),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the collector of scenario files; check the options of authprobe if there are any.

    Raises:
        UsageError: an option is invalid, or the reports cannot be written.
    """
    config.pluginmanager.register(ScenarioFiles(config), "authprobe-files")
    if any(config.getoption(prefixed_name(option)) for option in PYTEST_OPTIONS):
        from authprobe.items.session import check_options, with_prefixes

        try:
            check_options(config)
        except ProbesError as error:
            raise pytest.UsageError(with_prefixes(str(error))) from None


class ScenarioFiles:
    """The plugin that finds scenario files, and receives the records of their cases."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.named = frozenset(self._named_files())
        """Files that the ini option names."""
        self.received: Received | None = None
        self._began_at = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self._began = time.monotonic()
        self.lines: tuple[str, ...] = ()
        self._has_warned = False
        self._add_arguments()

    def _named_files(self) -> Iterator[Path]:
        root = self.config.rootpath
        for pattern in self.config.getini(SCENARIOS):
            # Path.glob refuses a pattern that is absolute or has `..`.
            matches = sorted(glob.glob(pattern, root_dir=root, recursive=True))  # noqa: PTH207
            if not matches:
                message = f"{SCENARIOS}: {pattern!r} matches no file in {root}; change or remove it"
                self.config.issue_config_time_warning(pytest.PytestConfigWarning(message), 2)
            for match in matches:
                yield Path(os.path.normpath(root / match))

    def _add_arguments(self) -> None:
        """Collect the named files also where `testpaths` leaves out their directories."""
        if self.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            roots = [self.config.invocation_params.dir / each for each in self.config.args]
            for path in sorted(self.named):
                if not any(path.is_relative_to(root) for root in roots):
                    self.config.args.append(str(path))

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Return the collector of a scenario file, or of the bundled scenarios."""
        is_named = file_path.name.endswith(SUFFIXES) or file_path in self.named
        if is_named or file_path == BUNDLED:
            self._warn_of_variables()
        if is_named:
            from authprobe.items.collection import ScenarioCollector

            return ScenarioCollector.from_parent(parent, path=file_path)
        if file_path == BUNDLED:
            from authprobe.items.collection import BundledCollector

            return BundledCollector.from_parent(parent, path=file_path)
        return None

    def _warn_of_variables(self) -> None:
        """Warn, once in a session, of variables of authprobe that set nothing."""
        if self._has_warned:
            return
        self._has_warned = True
        from authprobe.cli import main
        from authprobe.cli.configured import unknown_variables

        for line in unknown_variables(main):
            self.config.issue_config_time_warning(pytest.PytestConfigWarning(line), 2)

    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, str] | None:
        """Return `error` for a case that could not be tested: it has not failed."""
        if report.failed and getattr(report, UNTESTABLE, False):
            return "error", "E", "ERROR"
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the record of a probe, also of one in another process."""
        if record := getattr(report, RECORD, None):
            received = self._receive()
            received.records.append(record)
            received.failed_cases += report.failed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Keep what a process of pytest-xdist knows beside its records."""
        if facts := getattr(node, "workeroutput", {}).get(FACTS):
            self._receive().facts.append(facts)

    def _receive(self) -> "Received":
        if self.received is None:
            from authprobe.items.results import Received

            self.received = Received(began_at=self._began_at, began=self._began)
        return self.received

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Write the reports after the other plugins' reports, and before the terminal summary."""
        yield
        is_worker = hasattr(self.config, "workerinput")
        if self.received and not is_worker:
            from authprobe.items.results import publish_session
            from authprobe.items.session import with_prefixes

            try:
                self.lines = publish_session(session, self.received)
            except ProbesError as error:
                self.lines = (with_prefixes(str(error)),)
                session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.lines:
            terminalreporter.write_sep("-", "authprobe")
        for line in self.lines:
            terminalreporter.write_line(line, yellow=True)
