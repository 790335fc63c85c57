"""Known clients: those that authprobe drives by code, and those with a definition."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.core.client_kinds import (
    CLAUDE_CODE_VIAS,
    CLIENTS,
    GATEWAY_VARIABLES,
    VARIABLES,
    ClientKind,
    ClientSpec,
    Package,
    Registry,
    Through,
    Via,
    split_requirement,
)
from authprobe.scenario.client_definitions import ClientDefinition, Install

MAX_FOLDER_LENGTH: Final = 120
"""Characters of the name of a folder in the cache: file systems allow 255 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClient:
    """A kind of client: its facts, and its definition if it has one."""

    kind: str
    spec: ClientSpec
    definition: ClientDefinition | None = None
    folder: Path | None = None
    """Folder of the file with the definition, to which its paths are relative."""
    must_be_sealed: bool = True
    """True: its definition is run only where the system seals it off from the user's files."""

    def is_same_program(self, other: "KnownClient") -> bool:
        """Return True if another client of this name is defined in the same way."""
        if self.definition != other.definition:
            return False
        install = self.definition.install if self.definition else None
        return install is None or install.path is None or self.folder == other.folder


MAX_CREDENTIALS: Final = 5
"""Number of credentials of a server, and of a program with a client that it drives."""
BUILT_IN: Final[Mapping[str, KnownClient]] = {
    kind.value: KnownClient(kind=kind.value, spec=spec) for kind, spec in CLIENTS.items()
}


def known_client(kind: str, definition: ClientDefinition, folder: Path) -> KnownClient:
    """Return the client with this definition, which is in a file of this folder."""
    product = definition.version.product if definition.version else None
    spec = ClientSpec(
        surface=definition.surface,
        package=_package(definition.install),
        products=() if product is None else (product,),
        vias=_vias(definition),
        vias_without_through=_vias_without_through(definition),
        max_credentials=MAX_CREDENTIALS if definition.serve or definition.drives else 1,
        throughs=tuple(
            Through(kind=other, relation=relation)
            for others, relation in (
                (definition.fronts, "is asked by"),
                (definition.drives, "drives"),
            )
            for other in others
        ),
        needs_through=bool(definition.drives)
        or (definition.serve is not None and definition.request is None),
        takes_request=definition.request is not None,
        allows_installed=_is_own(definition.install),
        is_only_installed=_is_own(definition.install),
    )
    return KnownClient(kind=kind, spec=spec, definition=definition, folder=folder)


def _vias(definition: ClientDefinition) -> tuple[Via, ...]:
    """Return the ways to itself, and to the client that works with it."""
    others = (*definition.fronts, *definition.drives)
    usual = VARIABLES if others else ()
    vias = CLAUDE_CODE_VIAS if ClientKind.CLAUDE_CODE in others else usual
    return tuple(dict.fromkeys((*_own_vias(definition), *vias)))


def _vias_without_through(definition: ClientDefinition) -> tuple[Via, ...] | None:
    """Return the ways to a server and of authprobe's own request to it; None for a program."""
    if definition.serve is None:
        return None
    return (*_own_vias(definition), Via.BEARER, Via.X_API_KEY)


def _own_vias(definition: ClientDefinition) -> tuple[Via, ...]:
    if definition.places_key:
        return (Via.KEY_PLACEHOLDER,)
    return VARIABLES if definition.serve is None or definition.drives else GATEWAY_VARIABLES


def _is_own(install: Install | None) -> bool:
    return install is None or install.path is not None


def _package(install: Install | None) -> Package | None:
    """Return the package to install; None: there is none."""
    if install is None or install.path is not None or not (install.npm or install.pip):
        return None
    registry = Registry.NPM if install.npm else Registry.PYPI
    name, _, extra = (install.npm or install.pip or "").partition("[")
    return Package(
        registry=registry,
        name=name,
        program=None if install.npm else "bin/python",
        extra=extra.removesuffix("]") or None,
        companions=install.beside,
        install_scripts=tuple(split_requirement(script)[0] for script in install.scripts),
        folder=_folder(registry, install),
        is_defined=True,
    )


def _folder(registry: Registry, install: Install) -> str:
    """Return the name of the folder in the cache: the same for definitions that install the same.

    It has no character with a meaning in paths, URLs or patterns of file names, as some programs
    cannot stand one in the path of their folder: npm+ai+@ai-sdk__anthropic, pypi+litellm,proxy.
    """
    names = [install.npm or install.pip or "", *sorted(install.beside)]
    if registry is Registry.PYPI:
        names = list(map(_normalised, names))
    names += [f"scripts={script}" for script in sorted(install.scripts)]
    folder = "+".join((registry.value, *names)).replace("/", "__")
    if len(folder) <= MAX_FOLDER_LENGTH:
        return folder
    digest = hashlib.sha256(folder.encode()).hexdigest()[:16]
    return f"{folder[: MAX_FOLDER_LENGTH - 17]}+{digest}"


def _normalised(requirement: str) -> str:
    """Return a requirement of Python in one spelling: its name (PEP 503), extras, and version."""
    name, version = split_requirement(requirement)
    name, *extras = re.findall(r"[a-z0-9-]+", re.sub(r"[-_.]+", "-", name.lower()))
    spelling = ",".join((name, *sorted(extras)))
    return f"{spelling}@{version}" if version else spelling
