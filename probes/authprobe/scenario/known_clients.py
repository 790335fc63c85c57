"""Known clients: those that authprobe drives by code, and those with a definition."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.core.client_kinds import (
    CLIENTS,
    VARIABLES,
    ClientSpec,
    Package,
    Registry,
    Through,
    Via,
)
from authprobe.scenario.client_definitions import ClientDefinition, Install


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClient:
    """A kind of client: its facts, and its definition if it has one."""

    kind: str
    spec: ClientSpec
    definition: ClientDefinition | None = None
    folder: Path | None = None
    """Folder of the file with the definition, to which its paths are relative."""


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
        vias=(Via.KEY_PLACEHOLDER,) if definition.places_key else VARIABLES,
        max_credentials=1,
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


def _is_own(install: Install | None) -> bool:
    return install is None or install.path is not None


def _package(install: Install | None) -> Package | None:
    """Return the package to install; None: there is none."""
    if install is None or install.path is not None:
        return None
    name = install.npm or install.pip or ""
    registry = Registry.NPM if install.npm else Registry.PYPI
    name, _, extra = name.partition("[")
    parts = [registry.value, install.npm or install.pip or "", *sorted(install.beside)]
    return Package(
        registry=registry,
        name=name,
        program=None if install.npm else "bin/python",
        extra=extra.removesuffix("]") or None,
        companions=install.beside,
        install_scripts=install.scripts,
        folder="+".join(parts).replace("/", "_"),
    )
