"""Clients that every scenario can name: those driven by code, those of the user's project and of
installed packages, and the bundled definitions.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from authprobe.core.client_kinds import KNOWN_SINCE_BEGINNING
from authprobe.scenario.client_files import read_client_file
from authprobe.scenario.known_clients import BUILT_IN, KnownClient
from authprobe.scenario.project_clients import ClientSource, package_sources, project_sources
from authprobe.settings import current_folder

BUNDLED: Final = Path(__file__).parents[1] / "bundled_clients"
"""Folder with a file for each bundled definition, named like the client."""


class _KnownClients(Mapping[str, KnownClient]):
    """The clients that every scenario can name; a definition is read when it is first needed.

    The definition of a project counts before that of a package, and both before a bundled one.
    """

    def __getitem__(self, kind: str) -> KnownClient:
        if kind in BUILT_IN:
            return BUILT_IN[kind]
        for source in client_sources():
            if kind in source.clients:
                return source.clients[kind]
        if kind not in _bundled_kinds():
            raise KeyError(kind)
        return _bundled_client(kind)

    def __iter__(self) -> Iterator[str]:
        own = (kind for source in client_sources() for kind in source.clients)
        yield from dict.fromkeys((*BUILT_IN, *own, *_bundled_kinds()))

    def __len__(self) -> int:
        return len(list(iter(self)))


def client_sources() -> tuple[ClientSource, ...]:
    """Return the files of definitions of the project and of installed packages."""
    return (*project_sources(current_folder()), *package_sources())


def source_problems() -> tuple[str, ...]:
    """Return the first problem of each of these files that cannot be used."""
    return tuple(source.problem for source in client_sources() if source.problem)


KNOWN_CLIENTS: Final[Mapping[str, KnownClient]] = _KnownClients()


@functools.cache
def _bundled_kinds() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in BUNDLED.glob("*.yaml")))


@functools.cache
def _bundled_client(kind: str) -> KnownClient:
    known = read_client_file(BUNDLED / f"{kind}.yaml")[kind]
    package = known.spec.package
    if kind not in KNOWN_SINCE_BEGINNING or package is None:
        return known
    spec = dataclasses.replace(known.spec, package=dataclasses.replace(package, folder=kind))
    return dataclasses.replace(known, spec=spec, must_be_sealed=False)
