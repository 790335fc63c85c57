"""Loading of scenario files: every error in every file is reported at once."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.documents.document import Document, read_document
from authprobe.documents.source import PathProblem, Position, Problem, escape, quote
from authprobe.errors import ScenarioError
from authprobe.scenario.checks.client_definitions import check_client_definitions
from authprobe.scenario.checks.names import check
from authprobe.scenario.client_context import client_context
from authprobe.scenario.model import Scenario
from authprobe.scenario.vocabulary import SCENARIO

SUFFIXES: Final = (".yaml", ".yml")


def load_file(path: Path) -> Scenario:
    """Return the scenario in a file.

    Raises:
        ScenarioError: every error in the file, in file order.
    """
    return _scenarios([_read(path)])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScenario:
    """A scenario, its file, and the argument by which the file was found."""

    scenario: Scenario
    path: Path
    text: str
    given: Path
    """The file itself, or a directory."""


def load_all(paths: Iterable[Path]) -> tuple[Scenario, ...]:
    """Return the scenarios of files and directories, as `load_files` does, without the files."""
    return tuple(loaded.scenario for loaded in load_files(paths))


def load_files(paths: Iterable[Path]) -> tuple[LoadedScenario, ...]:
    """Return the scenarios of files and directories.

    A directory stands for the YAML files in it, recursively and sorted.

    Raises:
        ScenarioError: every error in every file, sorted by file and position.
    """
    documents: dict[Path, Document[Scenario]] = {}
    given: list[Path] = []
    for path in paths:
        files = _yaml_files(path)
        for file in files:
            if (identity := _identity(file)) not in documents:
                documents[identity] = _read(file)
                given.append(path)
        if not files:
            problem = Problem(Position(), "no *.yaml or *.yml file in this directory")
            documents[path] = Document(path=path, problems=(problem,))
    scenarios = _scenarios(_with_unique_ids(list(documents.values())))
    return tuple(
        LoadedScenario(scenario=scenario, path=document.path, text=document.text, given=path)
        for scenario, document, path in zip(scenarios, documents.values(), given, strict=True)
    )


def _read(path: Path) -> Document[Scenario]:
    def check_all(scenario: Scenario) -> Iterator[PathProblem]:
        yield from check_client_definitions(scenario.clients, path.parent)
        yield from check(scenario)

    return read_document(
        path,
        Scenario,
        SCENARIO,
        check=check_all,
        context=lambda root: client_context(root, path.parent),
    )


def _yaml_files(path: Path) -> list[Path]:
    if not _is_directory(path):
        return [path]
    return sorted(x for x in path.rglob("*") if x.suffix in SUFFIXES and not _is_directory(x))


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # `_read` reports the reason
        return False


def _identity(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def _with_unique_ids(
    documents: Sequence[Document[Scenario]],
) -> Iterator[Document[Scenario]]:
    """Yield the documents, with a problem added to each that repeats the id of an earlier one."""
    first: dict[str, Document[Scenario]] = {}
    for document in documents:
        if document.value is None:
            yield document
            continue
        other = first.setdefault(document.value.id, document)
        if other is document:
            yield document
            continue
        place = f"{escape(str(other.path))}:{other.position(('id',)).line}"
        message = f"the id {quote(document.value.id)} is also that of {place}"
        problem = Problem(document.position(("id",)), message)
        yield dataclasses.replace(document, problems=(*document.problems, problem))


def _scenarios(documents: Iterable[Document[Scenario]]) -> tuple[Scenario, ...]:
    loaded = list(documents)
    messages = tuple(
        message
        for document in sorted(loaded, key=lambda document: document.path)
        for message in document.messages
    )
    if messages:
        raise ScenarioError(messages)
    return tuple(document.value for document in loaded if document.value is not None)
