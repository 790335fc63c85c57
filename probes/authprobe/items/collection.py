"""Collectors of scenario files, and the item of a case."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest._code.code import ExceptionInfo, TerminalRepr

from authprobe.core.faults import fault_words
from authprobe.documents.source import escape
from authprobe.engine.laboratory import published_versions
from authprobe.errors import ProbesError, ScenarioError
from authprobe.items.failure import CaseFailedError, Failure
from authprobe.items.session import ItemSession, item_session, with_prefixes
from authprobe.items.source import ScenarioSource, read_source
from authprobe.plan.case import Case
from authprobe.plan.expand import make_plan
from authprobe.run.model import CaseRecord
from authprobe.scenario.clients import kind_name
from authprobe.scenario.load import LoadedScenario, load_files
from authprobe.scenario.matrix import combinations
from authprobe.settings import Settings
from authprobe.verdict.model import Status

MARKER_HELP: Final = "a tag of scenarios"


class ScenarioCollector(pytest.File):
    """A file that holds a scenario."""

    @property
    def scenario_paths(self) -> Iterable[Path]:
        """The files of the scenarios; here, this file."""
        return (self.path,)

    def collect(self) -> Iterator["CaseItem"]:
        """Yield the cases in file order.

        Raises:
            CollectError: the scenario has errors, each as `file:line:column: message`.
        """
        try:
            session = item_session(self.config)
            for path in self.scenario_paths:
                (loaded,) = load_files(
                    [path],
                    session.settings.variables,
                    has_others=True,
                    definitions=session.definitions,
                )
                source = read_source(loaded)
                session.add(loaded, source)
                cases = _cases(loaded, session)
                session.count(cases)
                for case in cases:
                    yield CaseItem.from_parent(self, name=case.id, case=case, source=source)
        except ScenarioError as error:
            messages = "\n".join(_relative(self, message) for message in str(error).splitlines())
            raise self.CollectError(with_prefixes(messages)) from None
        except ProbesError as error:
            raise self.CollectError(with_prefixes(str(error))) from None

    def repr_failure(  # type: ignore[override]
        self, excinfo: ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """Return the errors of the scenario, without a traceback."""
        if isinstance(excinfo.value, self.CollectError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class BundledCollector(ScenarioCollector):
    """The module `authprobe.test_compat`, which stands for the bundled scenarios."""

    @property
    def scenario_paths(self) -> Iterable[Path]:
        return Settings().scenario_paths


def _relative(node: pytest.Collector, message: str) -> str:
    """Return a message about a file with the path of the file as pytest prints paths."""
    path = escape(str(node.path))
    if not message.startswith(f"{path}:"):
        return message
    return f"{escape(shown_path(node.config, node.path))}{message.removeprefix(path)}"


def shown_path(config: pytest.Config, path: Path) -> str:
    """Return a path from the directory in which pytest was started."""
    return os.path.relpath(path, config.invocation_params.dir)


def _cases(loaded: LoadedScenario, session: ItemSession) -> tuple[Case, ...]:
    """Return the cases of a scenario with the clients that the options select.

    Raises:
        SettingsError: a version does not exist, or has no expectation in the scenario.
    """
    selected = session.settings.clients
    if selected:
        kinds = {names.client.kind for names in combinations(loaded.scenario)}
        selected = tuple(text for text in selected if kind_name(text) in kinds)
        if not selected:
            return ()
    return make_plan([loaded.scenario], clients=selected, published=published_versions)


class CaseItem(pytest.Item):
    """A case, which is probed when its item runs."""

    def __init__(self, *, case: Case, source: ScenarioSource, **values: Any) -> None:
        super().__init__(**values)
        self.case = case
        self.source = source
        self.record: CaseRecord | None = None
        """The record of the last probe; None before it."""
        self.extra_keyword_matches.update(case.tags)
        for tag in case.tags:
            self._add_tag(tag)

    def _add_tag(self, tag: str) -> None:
        """Make a tag a marker for `-m`, unless a plugin gives the name another meaning.

        Markers that mean something have parameters (`skip(reason=None)`, `timeout(seconds)`), and
        tags have none.
        """
        lines = self.config.getini("markers")
        if any(line.startswith(f"{tag}(") for line in lines):
            return
        if not any(line.partition(":")[0].strip() == tag for line in lines):
            self.config.addinivalue_line("markers", f"{tag}: {MARKER_HELP}")
        self.add_marker(tag)

    def setup(self) -> None:
        """Open the laboratory for the first case, and install clients that are needed first here.

        Raises:
            Failed: the laboratory could not be opened.
        """
        self.record = None
        session = item_session(self.config)
        try:
            session.prepare(self.case)
        except ProbesError as error:
            pytest.fail(with_prefixes(str(error)), pytrace=False)
        except Exception as error:  # noqa: BLE001 - pytest would print it unredacted
            pytest.fail(f"{fault_words(error)}; please report it", pytrace=False)

    def runtest(self) -> None:
        """Probe the case.

        Raises:
            CaseFailedError: it failed, or could not be tested.
            XFailed: it failed like a known failure.
        """
        session = item_session(self.config)
        record = self.record = session.probe(self, self.case)
        if record.verdict.known:
            pytest.xfail(f"known failure: {session.clean(record.verdict.known)}")
        if record.verdict.status is not Status.PASSED:
            raise CaseFailedError(record)

    def repr_failure(  # type: ignore[override]
        self, excinfo: ExceptionInfo[BaseException]
    ) -> str | TerminalRepr:
        """Return what pytest prints about a failed case: no traceback, as it may show a secret."""
        error = excinfo.value
        if isinstance(error, CaseFailedError):
            session = item_session(self.config)
            failure = Failure(
                case=self.case,
                record=error.record,
                source=self.source,
                path=shown_path(self.config, self.source.path),
                redact=session.guard.redactor,
            )
            style = self.config.getoption("tbstyle")
            return failure.representation(
                "short" if style == "short" else "long", is_one_line=style == "line"
            )
        if isinstance(error, ProbesError):
            return str(error)
        if isinstance(error, Exception) and not isinstance(error, pytest.fail.Exception):
            return f"{fault_words(error)}; please report it"
        return str(error)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the file, the line of the case's expectation from 0 on, and the case's title.

        The title must not be the end of the node id: pytest takes that for a Python name, and
        replaces its dots.
        """
        return self.source.path, self.source.line_of(self.case) - 1, f"case {self.case.id}"
