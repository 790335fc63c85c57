"""Checks of client definitions, beyond what types can express."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from authprobe.documents.source import KEY, PathProblem, quote
from authprobe.scenario.client_definitions import ClientDefinition
from authprobe.scenario.known_clients import BUILT_IN


def check_client_definitions(
    definitions: Mapping[str, ClientDefinition], folder: Path
) -> Iterator[PathProblem]:
    """Yield the problems of the definitions under `clients`, in a file of this folder."""
    for kind, definition in definitions.items():
        if kind in BUILT_IN:
            message = (
                f"{quote(kind)} is a client that authprobe drives by code; choose another name"
            )
            yield ("clients", kind, KEY), message
        yield from ((("clients", kind, *path), text) for path, text in _check(definition, folder))


def _check(definition: ClientDefinition, folder: Path) -> Iterator[PathProblem]:
    if (definition.run is None) == (definition.serve is None):
        yield (), "a client has either 'run' or 'serve'"
