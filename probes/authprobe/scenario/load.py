"""Loading of scenario files: every error in every file is reported at once."""

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core.suggestions import did_you_mean
from authprobe.documents.document import Document, read_document
from authprobe.documents.node_tree import Value
from authprobe.documents.source import (
    KEY,
    KeyPath,
    PathProblem,
    Position,
    Problem,
    escape,
    quote,
)
from authprobe.errors import ScenarioError, SettingsError
from authprobe.scenario.checks.client_definitions import check_client_definitions
from authprobe.scenario.checks.literal_tokens import without_literal_tokens
from authprobe.scenario.checks.live import check_live
from authprobe.scenario.checks.names import check
from authprobe.scenario.checks.tokens import token_problems
from authprobe.scenario.definition_files import SUFFIXES as DEFINITION_SUFFIXES
from authprobe.scenario.definition_files import DefinitionFiles, Sources
from authprobe.scenario.known_clients import KnownClient
from authprobe.scenario.model import Scenario
from authprobe.scenario.vocabulary import SCENARIO

SUFFIXES: Final = (".yaml", ".yml")


def load_file(path: Path) -> Scenario:
    """Return the scenario in a file.

    Raises:
        ScenarioError: every error in the file, in file order.
    """
    read = _read(path, {}, DefinitionFiles())
    return _scenarios([read.document], [read.sources], {})[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedScenario:
    """A scenario, its file, and the argument by which the file was found."""

    scenario: Scenario
    path: Path
    text: str
    given: Path
    """The file itself, or a directory."""
    definitions: Mapping[str, str] = field(default_factory=dict)
    """Texts of the files of definitions that it names, by their paths relative to it."""
    variables: frozenset[str] = frozenset()
    """Names of its variables."""


def load_all(paths: Iterable[Path]) -> tuple[Scenario, ...]:
    """Return the scenarios of files and directories, as `load_files` does, without the files."""
    return tuple(loaded.scenario for loaded in load_files(paths))


def load_files(
    paths: Iterable[Path],
    variables: Mapping[str, Value] | None = None,
    *,
    has_others: bool = False,
    asks_live: bool = False,
    definitions: DefinitionFiles | None = None,
) -> tuple[LoadedScenario, ...]:
    """Return the scenarios of files and directories.

    A directory stands for the YAML files in it, recursively and sorted. `variables` have other
    values than in the files; if the run `has_others`, some may be for those. If it `asks_live`, a
    scenario whose last day has passed is an error. `definitions` are files that earlier calls
    have read.

    Raises:
        ScenarioError: every error in every file, sorted by file and position.
        SettingsError: no scenario has a variable of this name.
    """
    definitions = definitions or DefinitionFiles()
    documents: dict[Path, Document[Scenario]] = {}
    sources: list[Sources] = []
    given: list[Path] = []
    for path in paths:
        files = _yaml_files(path)
        for file in files:
            if (identity := _identity(file)) not in documents:
                read = _read(file, variables or {}, definitions, asks_live=asks_live)
                documents[identity] = read.document
                sources.append(read.sources)
                given.append(path)
        if not files:
            problem = Problem(Position(), "no *.yaml or *.yml file in this directory")
            documents[path] = Document(path=path, problems=(problem,))
    unique = _with_same_clients(_with_unique_ids(list(documents.values())))
    scenarios = _scenarios(unique, sources, variables or {})
    if not has_others:
        check_variables(variables or {}, (name for each in sources for name in each.variables))
    return tuple(
        LoadedScenario(
            scenario=scenario,
            path=document.path,
            text=document.text,
            given=path,
            definitions=source.texts,
            variables=frozenset(source.variables),
        )
        for scenario, document, path, source in zip(
            scenarios, documents.values(), given, sources, strict=True
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadScenario:
    """A scenario file after reading, and the files of definitions that it names."""

    document: Document[Scenario]
    sources: Sources


def _read(
    path: Path,
    variables: Mapping[str, Value],
    definitions: DefinitionFiles,
    *,
    asks_live: bool = False,
) -> _ReadScenario:
    today = datetime.datetime.now(datetime.UTC).date()
    sources = Sources(path.parent, variables, definitions)

    def check_all(scenario: Scenario) -> Iterator[PathProblem]:
        yield from check_client_definitions(scenario.clients, path.parent)
        yield from sources.check(scenario)
        complete = sources.complete(scenario)
        yield from check(complete, scenario)
        yield from check_live(complete, scenario, today=today, asks_live=asks_live)

    document = read_document(
        path, Scenario, SCENARIO, check=check_all, prepare=sources.prepare, scan=token_problems
    )
    document = without_literal_tokens(document, sources.files)
    if document.value is not None:
        document = dataclasses.replace(document, value=sources.complete(document.value))
    return _ReadScenario(document=document, sources=sources)


def _yaml_files(path: Path) -> list[Path]:
    """Return the scenario files that a path stands for: files of definitions are none.

    Raises:
        SettingsError: the directory cannot be searched.
    """
    if not _is_directory(path):
        return [path]
    try:
        return sorted(
            x
            for x in path.rglob("*")
            if x.suffix in SUFFIXES
            and not x.name.endswith(DEFINITION_SUFFIXES)
            and not _is_directory(x)
        )
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be searched for scenarios, because of {error.filename} "
            f"({error.strerror}); name the directories that have some"
        ) from None


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


def _with_same_clients(documents: Iterable[Document[Scenario]]) -> Iterator[Document[Scenario]]:
    """Yield the documents, with a problem added for each name of a client that is another program
    in an earlier one: a report could not tell them apart.
    """
    first: dict[str, tuple[KnownClient, Document[Scenario]]] = {}
    for document in documents:
        problems = list(document.problems)
        for known in document.value.known_clients if document.value else ():
            other, place = first.setdefault(known.kind, (known, document))
            if other.is_same_program(known):
                continue
            is_own = known.kind in document.value.clients if document.value else False
            path: KeyPath = ("clients", known.kind, KEY) if is_own else ("matrix", "client")
            message = f"{quote(known.kind)} is another program in {escape(str(place.path))}"
            problem = Problem(document.position(path), f"{message}; give one of them another name")
            if problem not in problems:
                problems.append(problem)
        yield dataclasses.replace(document, problems=tuple(problems))


def check_variables(given: Iterable[str], names: Iterable[str]) -> None:
    """Check that each variable that was given is among the names of those of the scenarios.

    Raises:
        SettingsError: one is not.
    """
    known = set(names)
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known, otherwise="scenarios define them under 'variables'")
            raise SettingsError(f"--set {name}: no scenario has this variable{hint}")


def _scenarios(
    documents: Iterable[Document[Scenario]],
    sources: Iterable[Sources],
    variables: Mapping[str, Value],
) -> tuple[Scenario, ...]:
    files = {file.path: file for each in sources for file in each.files}
    loaded = list(documents)
    by_path = sorted(
        [*((each.path, each.messages) for each in loaded)]
        + [(path, file.messages) for path, file in files.items()]
    )
    messages = tuple(message for _, each in by_path for message in each)
    if messages:
        raise ScenarioError(tuple(_with_option(each, variables) for each in messages))
    return tuple(document.value for document in loaded if document.value is not None)


def _with_option(message: str, variables: Mapping[str, Value]) -> str:
    """Return a message about a value, with the option that the value comes from, if one does."""
    for name, value in variables.items():
        if isinstance(value, str) and value and quote(value) in message:
            return f"{message}; the value comes from --set {name}"
    return message
