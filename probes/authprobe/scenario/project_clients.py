"""Definitions of the user's project and of installed packages, which every scenario can name.

`[tool.authprobe] clients` in a pyproject.toml names files; so does the entry point group
`authprobe.clients` of a package, as `module:file.yaml`. No module of a package is imported for it.
A broken file ends no run: its problem is told where one of its clients could be meant.
"""

import functools
import importlib.machinery
import importlib.metadata
import importlib.util
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from authprobe.core import safe_files
from authprobe.core.escaping import one_line
from authprobe.scenario.client_files import client_document, defined_clients
from authprobe.scenario.known_clients import KnownClient

GROUP: Final = "authprobe.clients"
PROJECT_FILE: Final = "pyproject.toml"
MAX_PROJECT_BYTES: Final = 1_000_000
MAX_MESSAGE_LENGTH: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSource:
    """A file of definitions, and who names it."""

    origin: str
    """A pyproject.toml, or an entry point."""
    path: Path | None
    """None: it could not be found."""
    clients: Mapping[str, KnownClient] = field(default_factory=dict)
    problem: str | None = None
    """First problem of a file that is not used."""


@functools.lru_cache(maxsize=16)
def project_sources(folder: Path) -> tuple[ClientSource, ...]:
    """Return the files that the nearest pyproject.toml with `[tool.authprobe]` names."""
    for each in (folder, *folder.parents):
        path = each / PROJECT_FILE
        try:
            if not path.is_file():
                continue
            content = safe_files.read_bounded(path, MAX_PROJECT_BYTES).decode()
            table = tomllib.loads(content).get("tool", {}).get("authprobe")
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            problem = f"{path}: cannot be read: {one_line(str(error), MAX_MESSAGE_LENGTH)}"
            return (ClientSource(origin=str(path), path=None, problem=problem),)
        if isinstance(table, dict):
            return tuple(_project_files(path, table))
    return ()


def _project_files(project: Path, table: Mapping[str, Any]) -> Iterator[ClientSource]:
    names = table.get("clients", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problem = f'{project}: tool.authprobe.clients: write a list of files, ["clients.yaml"]'
        yield ClientSource(origin=str(project), path=None, problem=problem)
        return
    for name in names:
        yield _read(str(project), project.parent / name)


@functools.cache
def package_sources() -> tuple[ClientSource, ...]:
    """Return the files of definitions of installed packages, by the names of their entry points."""
    points = sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(_package_file(point.name, point.value) for point in points)


def _package_file(name: str, value: str) -> ClientSource:
    origin = f"entry point {one_line(name, 80)} = {one_line(value, 200)}"
    module, _, file = (part.strip() for part in value.partition(":"))
    folder = _module_folder(module) if module and file else None
    if folder is None:
        problem = f"{origin}: there is no such package; write module:clients.yaml"
        return ClientSource(origin=origin, path=None, problem=problem)
    return _read(origin, folder / file)


def _module_folder(module: str) -> Path | None:
    """Return the folder of a package without importing it, nor the packages around it."""
    path: list[str] | None = None
    for part in module.split("."):
        try:
            spec = (
                importlib.util.find_spec(part)  # imports nothing: it has no package around it
                if path is None
                else importlib.machinery.PathFinder.find_spec(part, path)
            )
        except (ImportError, ValueError):
            return None
        if spec is None or spec.submodule_search_locations is None:
            return None
        path = list(spec.submodule_search_locations)
    return Path(path[0]) if path else None


def _read(origin: str, path: Path) -> ClientSource:
    document = client_document(path)
    if document.problems:
        problem = f"{document.messages[0]} (named by {origin})"
        return ClientSource(origin=origin, path=path, problem=problem)
    return ClientSource(origin=origin, path=path, clients=defined_clients(document))
