"""Definitions of the user's project and of installed packages, which every scenario can name.

The key `clients` of the project's file of options names files; so does the entry point group
`authprobe.clients` of a package, as `module:file.yaml`. No module of a package is imported for it.
A broken file ends no run: its problem is told where one of its clients could be meant.
"""

import functools
import importlib.machinery
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.configuration.keys import PROJECT_DEFINITIONS
from authprobe.core.escaping import one_line
from authprobe.errors import SettingsError
from authprobe.scenario.client_files import client_document, defined_clients
from authprobe.scenario.known_clients import KnownClient
from authprobe.settings import project_file

GROUP: Final = "authprobe.clients"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSource:
    """A file of definitions, and who names it."""

    origin: str
    """A file of options, or an entry point."""
    path: Path | None
    """None: it could not be found."""
    clients: Mapping[str, KnownClient] = field(default_factory=dict)
    problem: str | None = None
    """First problem of a file that is not used."""


@functools.lru_cache(maxsize=16)
def project_sources(folder: Path) -> tuple[ClientSource, ...]:
    """Return the files that the project's file of options names."""
    problems: list[str] = []
    try:
        project = project_file(folder, problems)
    except SettingsError as error:
        return (ClientSource(origin=str(folder), path=None, problem=str(error)),)
    names = project.definitions() if project else ()
    # What is wrong with other keys is told by whatever reads them.
    wrong = "\n".join(each for each in problems if f": {PROJECT_DEFINITIONS}: " in each)
    return (
        *(_read(str(project.path), path) for path in names if project),
        *([ClientSource(origin=str(folder), path=None, problem=wrong)] if wrong else ()),
    )


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
