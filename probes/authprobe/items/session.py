"""The cases of a pytest session in one process: their scenarios, their probes, their records."""

import datetime
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest
from pydantic import ConfigDict

from authprobe.configuration.keys import PYTEST
from authprobe.configuration.merged import Configured, named_sources, shape_of
from authprobe.core.escaping import for_log
from authprobe.core.isolation import Isolation
from authprobe.core.serialization import to_json
from authprobe.core.shown_paths import display_path
from authprobe.documents.source import escape, quote
from authprobe.engine.progress import NullReporter
from authprobe.errors import ScenarioError, SettingsError
from authprobe.items.attributes import FACTS, RECORD, UNTESTABLE
from authprobe.items.source import ScenarioSource
from authprobe.options import (
    ITEM_JOBS,
    OUT,
    PYTEST_OPTIONS,
    REPORT,
    TARGET,
    prefixed_name,
    renamed,
)
from authprobe.plan.case import Case
from authprobe.redaction.publishing import ArtifactGuard
from authprobe.redaction.scanner import scan_text
from authprobe.run.baseline import EMPTY_BASELINE, Baseline, read_baseline
from authprobe.run.known_failures import KnownFailureList, load_known_failures
from authprobe.run.model import CaseRecord
from authprobe.run.results_file import dump_record
from authprobe.run.scenario_files import ScenarioFile, name_file
from authprobe.scenario.clients import kind_name
from authprobe.scenario.definition_files import DefinitionFiles
from authprobe.scenario.load import LoadedScenario, check_variables
from authprobe.settings import (
    Settings,
    bundled_scenarios,
    configured,
    ignored_config_files,
    is_bundled,
    parse_settings,
)
from authprobe.verdict.model import Status

if TYPE_CHECKING:
    from authprobe.items.prober import Prober

_SESSION: Final = pytest.StashKey["ItemSession"]()
_NAMES: Final = {each.name: prefixed_name(each) for each in PYTEST_OPTIONS} | {
    OUT.name: prefixed_name(REPORT)
}
"""Names that options have in pytest."""


def item_session(config: pytest.Config) -> "ItemSession":
    """Return the session of this process, begun at the first call, with a warning of each file of
    options that does not count.

    Raises:
        ProbesError: an option, the baseline or the file of known failures is invalid.
    """
    if _SESSION not in config.stash:
        for line in ignored_config_files():
            config.issue_config_time_warning(pytest.PytestConfigWarning(for_log(line)), 2)
        session = ItemSession(config, session_settings(config))
        config.stash[_SESSION] = session
        config.pluginmanager.register(session, "authprobe-session")
    return config.stash[_SESSION]


def begun_session(config: pytest.Config) -> "ItemSession | None":
    """Return the session of this process; None: it has collected no scenario file."""
    return config.stash.get(_SESSION, None)


def session_settings(config: pytest.Config) -> Settings:
    """Return the settings from the options given to pytest, and from variables and files.

    Raises:
        SettingsError: the value of an option or of an environment variable is invalid.
    """
    found = _configured(config)
    texts = _texts(config, found)
    texts[ITEM_JOBS.name] = texts[ITEM_JOBS.name] or [str(ITEM_JOBS.default())]
    texts[OUT.name] = texts[REPORT.name]
    try:
        return parse_settings(texts)
    except SettingsError as error:
        lines = (str(error), *named_sources(str(error), found))
        raise SettingsError(with_prefixes("\n".join(lines))) from None


def report_folder(config: pytest.Config) -> Path | None:
    """Return the directory for the reports; None: none are written.

    Raises:
        SettingsError: a variable or a file is invalid.
    """
    texts = _texts(config, _configured(config))[REPORT.name]
    return Path(texts[-1]) if texts else None


def _configured(config: pytest.Config) -> Mapping[str, Configured]:
    """Return what variables and files set of the options that pytest was not given."""
    shapes = {
        option.key: shape_of(option)
        for option in PYTEST_OPTIONS
        if not config.getoption(prefixed_name(option))
    }
    return configured(PYTEST, shapes)


def _texts(config: pytest.Config, found: Mapping[str, Configured]) -> dict[str, Sequence[str]]:
    """Return the texts given for each option, or those that variables and files set."""
    texts: dict[str, Sequence[str]] = {}
    for option in PYTEST_OPTIONS:
        set_by = found.get(option.key)
        if set_by is None:
            texts[option.name] = config.getoption(prefixed_name(option))
        else:
            value = set_by.value
            texts[option.name] = value if isinstance(value, tuple) else (str(value),)
    return texts


def check_options(config: pytest.Config) -> None:
    """Check the options, and that the reports can be written, before anything is collected.

    Raises:
        ProbesError: an option is invalid, or something else has the place of a report.
    """
    settings = session_settings(config)
    if settings.asks_live:
        raise SettingsError(
            f"{prefixed_name(TARGET)}: pytest asks the emulator only; for the real service use "
            "`authprobe run --target live`, which shows its questions and asks for your consent"
        )
    _read_accepted(settings)
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        from authprobe.items.reports import check_output

        check_output(settings, report_folder(config), ())


def _read_accepted(settings: Settings) -> tuple[Baseline, KnownFailureList]:
    """Return the baseline and the known failures.

    Raises:
        ProbesError: one of these files is invalid.
    """
    today = datetime.datetime.now(datetime.UTC).date()
    baseline = read_baseline(settings.baseline) if settings.baseline else EMPTY_BASELINE
    return baseline, load_known_failures(settings.known_failures, today)


def with_prefixes(text: str) -> str:
    """Return a message with the names that its options have in pytest."""
    return renamed(text, _NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """Parts of a run beside its records."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    scenarios: tuple[ScenarioFile, ...] = ()
    paths: tuple[str, ...] = ()
    """Files of the scenarios that are not bundled, without local parent directories."""
    texts: dict[str, str] = field(default_factory=dict)
    """YAML of these scenarios, by id."""
    planned: int = 0
    """Number of cases before items were deselected."""
    isolation: Isolation | None = None
    refusal: str | None = None
    problem: str | None = None
    """Why nothing was run."""


class ItemSession:
    """The plugin that probes the cases of this process."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        """Read the baseline and the known failures.

        Raises:
            ProbesError: one of these files is invalid.
        """
        self.config = config
        self.settings = settings
        self.guard = ArtifactGuard()
        self.definitions = DefinitionFiles()
        self.baseline, self.known_failures = _read_accepted(settings)
        self._loaded: dict[str, LoadedScenario] = {}
        self._planned: Counter[str] = Counter()
        self._problem: str | None = None
        self._prober: Prober | None = None
        self._order: dict[pytest.Item, int] = {}

    @property
    def prober(self) -> "Prober":
        """The prober of the cases, made on first access."""
        if self._prober is None:
            # Imported here: a session that only collects does not need the clients.
            from authprobe.items.prober import Prober

            self._prober = Prober(
                self.settings, self.baseline, self.known_failures, self.guard.redactor
            )
        return self._prober

    def add(self, loaded: LoadedScenario, source: ScenarioSource) -> None:
        """Add a scenario to the run.

        Raises:
            ScenarioError: another file has a scenario with this id.
        """
        other = self._loaded.setdefault(loaded.scenario.id, loaded)
        if other.path != loaded.path:
            place = f"{escape(str(loaded.path))}:{source.place_of_id()}"
            id = quote(loaded.scenario.id)
            raise ScenarioError(
                (f"{place}: the id {id} is also that of {escape(str(other.path))}",)
            )

    def count(self, cases: Sequence[Case]) -> None:
        """Count cases that were collected, by the kinds of their clients."""
        self._planned += Counter(case.client.kind for case in cases)

    def prepare(self, case: Case) -> None:
        """Open the laboratory, and install the clients of a case, unless that was done before.

        Raises:
            SettingsError: the laboratory could not be opened.
        """
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        capture = self.config.pluginmanager.getplugin("capturemanager")
        shown = capture.global_and_fixture_disabled() if capture and terminal else nullcontext()
        with shown:
            reporter = _TerminalReporter(terminal, case) if terminal else NullReporter()
            self.prober.prepare(case, reporter)

    def probe(self, item: pytest.Item, case: Case) -> CaseRecord:
        """Probe a case and return its record.

        Raises:
            SettingsError: the record contains a credential, and is kept back.
        """
        record = self.prober.probe(case, self._following(item))
        if scan_text(dump_record(record), self.guard.redactor):
            raise SettingsError(
                "the record of this case would contain a credential, and is kept back; "
                "please report it"
            )
        return record

    def _following(self, item: pytest.Item) -> Iterator[Case]:
        """Yield the cases of the items after this one, if others may be probed beside it."""
        if self.settings.jobs == 1 or hasattr(self.config, "workerinput"):
            return  # pytest-xdist decides later which items this process runs
        items = item.session.items
        if len(self._order) != len(items):
            self._order = {each: number for number, each in enumerate(items)}
        for number in range(self._order[item] + 1, len(items)):
            case = getattr(items[number], "case", None)
            if isinstance(case, Case):
                yield case

    def clean(self, text: str) -> str:
        """Return a text for the terminal, without credentials."""
        return for_log(self.guard.redactor(text))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Check that the options are about a scenario that was collected.

        Raises:
            UsageError: a client or a variable is in none. A process of pytest-xdist, in which an
                error is a crash, sends it to the one that prints it, and runs nothing.
        """
        names = (name for each in self._loaded.values() for name in each.variables)
        try:
            check_variables(self.settings.variables, names)
            for text in self.settings.clients:
                if kind_name(text) not in self._planned:
                    raise SettingsError(f"--client {text}: no scenario has a case for it")
        except SettingsError as error:
            self._problem = with_prefixes(str(error))
            if not hasattr(self.config, "workerinput"):
                raise pytest.UsageError(self._problem) from None
            items.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the record to the report of a probed case, and the time that its probe took."""
        report = yield
        record = getattr(item, "record", None)
        if call.when == "call" and isinstance(record, CaseRecord):
            setattr(report, RECORD, dump_record(record))
            setattr(report, UNTESTABLE, record.verdict.status is Status.ERROR)
            report.duration = max(report.duration, record.observation.elapsed)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Close the laboratory, and send what the reports need to the process that writes them."""
        if self._prober:
            self._prober.close()
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput[FACTS] = to_json(self.facts()).decode()

    def facts(self) -> SessionFacts:
        """Return what the run is made of, beside its records."""
        laboratory = self._prober and self._prober.opened
        own = [each for each in self._loaded.values() if not is_bundled(each.path)]
        return SessionFacts(
            scenarios=tuple(map(_named, self._loaded.values())),
            paths=tuple(display_path(relative_path(each.path)) for each in own),
            texts={each.scenario.id: each.text for each in own},
            planned=self._planned.total(),
            isolation=laboratory.children.known_isolation if laboratory else None,
            refusal=laboratory.children.known_refusal if laboratory else None,
            problem=self._problem,
        )


def relative_path(path: Path) -> Path:
    """Return a path from the working directory; unchanged if it is elsewhere."""
    current = Path.cwd()
    return path.relative_to(current) if path.is_relative_to(current) else path


def _named(loaded: LoadedScenario) -> ScenarioFile:
    path = relative_path(loaded.path)
    return ScenarioFile(
        id=loaded.scenario.id, file=name_file(path, path, bundled=bundled_scenarios())
    )


class _TerminalReporter(NullReporter):
    """Reporter that prints why the first item of a client takes longer."""

    def __init__(self, terminal: Any, case: Case) -> None:
        self._terminal = terminal
        self._case = case

    def begin_step(self, name: str, activity: str) -> None:
        """Print what is done with a client, and for which case."""
        if activity:
            self._print(f"{name}: {activity}, which {self._case.id} needs")

    def notify(self, line: str) -> None:
        """Print a message."""
        self._print(line)

    def _print(self, text: str) -> None:
        self._terminal.ensure_newline()
        self._terminal.write_line(f"authprobe: {for_log(text)}")
