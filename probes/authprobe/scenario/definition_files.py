"""Files of definitions, which scenarios share, and what a scenario takes from them.

A scenario names such files under `definitions`. What it defines itself under the same name counts
instead. Variables have a default in the file; a scenario or `--set` gives another value.
"""

import dataclasses
import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from pydantic import ConfigDict

from authprobe.documents.constraints import STRICT
from authprobe.documents.document import (
    Document,
    Prepared,
    read_document,
    read_scalars,
    scalars,
)
from authprobe.documents.node_tree import Items, Node, Scalar, Value
from authprobe.documents.node_tree import Mapping as MappingNode
from authprobe.documents.source import KEY, PathProblem, Problem, quote
from authprobe.documents.substitution import substitute
from authprobe.documents.validation import locate, read
from authprobe.emulator.config import Backend, Hosts
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.checks.client_definitions import check_client_definitions
from authprobe.scenario.checks.definitions import check_definitions
from authprobe.scenario.checks.tokens import token_problems
from authprobe.scenario.client_definitions import ClientDefinition
from authprobe.scenario.client_definitions import Definitions as ClientDefinitions
from authprobe.scenario.client_vocabulary import CLIENT_FILE
from authprobe.scenario.known_clients import KnownClient, known_client
from authprobe.scenario.model import (
    Credential,
    Credentials,
    Definitions,
    Endpoint,
    Scenario,
    Variables,
    VariableValues,
)
from authprobe.scenario.vocabulary import DEFINITION_FILE

SUFFIXES: Final = (".definitions.yaml", ".definitions.yml")
"""Ends of names by which a folder of scenarios tells these files from scenarios."""
CODE_KEYS: Final = ("files",)
"""Keys below which a text may be a program that has `${name}` itself."""
KEYED: Final = ("hosts",)
"""Keys below which names are texts as well: a host can be a variable."""
GROUPS: Final = ("endpoints", "credentials", "headers", "backends", "environments", "hosts")
"""Keys of what a scenario can take from a file, apart from clients and variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionFile:
    """Definitions for several scenarios."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    variables: VariableValues = field(default_factory=dict)
    """Variables with their defaults, for `${name}` in any text of this file and the scenario."""
    clients: ClientDefinitions = field(default_factory=dict)
    endpoints: Definitions[Endpoint] = field(default_factory=dict)
    credentials: Definitions[Credentials | Credential] = field(default_factory=dict)
    headers: Definitions[dict[str, str | None]] = field(default_factory=dict)
    backends: Definitions[Backend] = field(default_factory=dict)
    environments: Definitions[Variables] = field(default_factory=dict)
    hosts: Hosts = field(default_factory=dict)
    anchors: object = None
    """Definitions of YAML anchors; ignored otherwise."""


class DefinitionFiles:
    """Files of definitions, each of which is read once for all scenarios that name it."""

    def __init__(self) -> None:
        self._defaults: dict[Path, dict[str, Scalar]] = {}
        self._documents: dict[object, Document[DefinitionFile]] = {}

    def defaults(self, path: Path) -> dict[str, Scalar]:
        """Return the variables of a file, with their defaults."""
        if path not in self._defaults:
            self._defaults[path] = read_scalars(path, "variables", DEFINITION_FILE)
        return self._defaults[path]

    def document(self, path: Path, variables: Mapping[str, Value]) -> Document[DefinitionFile]:
        """Return a file after reading with these variables, with its problems."""
        # With their types, as 1 and True are equal.
        values = frozenset((name, type(each), each) for name, each in variables.items())
        if (path, values) not in self._documents:
            self._documents[path, values] = _read_definitions(path, variables)
        return self._documents[path, values]


@dataclass(slots=True)
class Sources:
    """The files of definitions of one scenario, with its variables."""

    folder: Path
    given: Mapping[str, Value]
    """Values of `--set`."""
    definitions: DefinitionFiles
    files: tuple[Document[DefinitionFile], ...] = ()
    variables: Mapping[str, Value] = field(default_factory=dict)

    def prepare(self, root: Node) -> Prepared:
        """Read the files that a scenario names, and return its tree with its variables replaced."""
        paths, problems = self._named_files(root)
        own = scalars(root, "variables")
        defaults = [self.definitions.defaults(path) for path in paths]
        known = {name: node.value for each in (*defaults, own) for name, node in each.items()}
        given = {name: value for name, value in self.given.items() if name in known}
        self.variables = known | given
        substituted = substitute(root, self.variables, code=CODE_KEYS, keyed=KEYED)
        self.files = tuple(self.definitions.document(path, self.variables) for path in paths)
        shared = {name for each in defaults for name in each}
        unused = [name for name in own if name not in substituted.used | shared]
        problems += [
            Problem(
                locate(root, ("variables", name, KEY)),
                f"no text uses the variable {quote(name)}; write {quote('${' + name + '}')} in one",
            )
            for name in unused
        ]
        return Prepared(
            root=substituted.root,
            problems=(*problems, *substituted.problems),
            context={"clients": self._clients(substituted.root)},
        )

    def _named_files(self, root: Node) -> tuple[list[Path], list[Problem]]:
        """Return the named files that exist, and a problem for each other."""
        items = root.nodes.get("definitions") if isinstance(root, MappingNode) else None
        paths, problems = [], []
        for item in items.nodes if isinstance(items, Items) else ():
            name = item.value if isinstance(item, Scalar) else None
            if isinstance(name, str) and name:
                path = self.folder / name
                if _is_file(path):
                    paths.append(path)
                else:
                    text = f"there is no file {quote(name)} in the folder of this scenario"
                    problems.append(Problem(item.position, text))
        return paths, problems

    def _clients(self, root: Node) -> Mapping[str, KnownClient | None]:
        """Return the clients that the scenario can name; None: its definition has errors."""
        files = [_defined_clients(document) for document in self.files]
        return ChainMap(_own_clients(root, self.folder), *files, KNOWN_CLIENTS)  # type: ignore[arg-type]

    @property
    def texts(self) -> dict[str, str]:
        """The texts of the files, by their paths relative to the scenario."""
        return {os.path.relpath(each.path, self.folder): each.text for each in self.files}

    def complete(self, scenario: Scenario) -> Scenario:
        """Return the scenario with what its files define, below its own definitions."""
        files = [document.value for document in self.files if document.value]
        if not files:
            return scenario
        groups = {
            group: {
                name: value
                for source in (*files, scenario)
                for name, value in getattr(source, group).items()
            }
            for group in GROUPS
        }
        changes: dict[str, Any] = groups
        return dataclasses.replace(scenario, **changes)

    def check(self, scenario: Scenario) -> Iterator[PathProblem]:
        """Yield a problem for each file with another definition of a name than an earlier file."""
        earlier: dict[tuple[str, str], Any] = {}
        for index, document in enumerate(self.files):
            for group in (*GROUPS, "clients"):
                for name, value in getattr(document.value, group, {}).items():
                    if name in getattr(scenario, group):
                        continue
                    if earlier.setdefault((group, name), value) != value:
                        text = (
                            f"{quote(name)} under {quote(group)} differs from that of an earlier "
                            "file; define it here, or name one of the files"
                        )
                        yield ("definitions", index), text


def _read_definitions(path: Path, variables: Mapping[str, Value]) -> Document[DefinitionFile]:
    def prepare(root: Node) -> Prepared:
        substituted = substitute(root, variables, code=CODE_KEYS, keyed=KEYED)
        return Prepared(root=substituted.root, problems=substituted.problems)

    def check(file: DefinitionFile) -> Iterator[PathProblem]:
        yield from check_client_definitions(file.clients, path.parent)
        yield from check_definitions(file)

    return read_document(
        path, DefinitionFile, DEFINITION_FILE, check=check, prepare=prepare, scan=token_problems
    )


def _defined_clients(document: Document[DefinitionFile]) -> dict[str, KnownClient | None]:
    clients = document.value.clients if document.value else {}
    return {kind: known_client(kind, each, document.path.parent) for kind, each in clients.items()}


def _own_clients(root: Node, folder: Path) -> dict[str, KnownClient | None]:
    nodes = root.nodes.get("clients") if isinstance(root, MappingNode) else None
    clients: dict[str, KnownClient | None] = {}
    for kind, node in nodes.nodes.items() if isinstance(nodes, MappingNode) else ():
        definition, _ = read(node, ClientDefinition, CLIENT_FILE)
        clients[kind] = known_client(kind, definition, folder) if definition else None
    return clients


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
