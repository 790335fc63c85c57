"""Files of client definitions, which scenarios share."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

from authprobe.documents.constraints import STRICT
from authprobe.documents.document import Document, read_document
from authprobe.errors import ScenarioError
from authprobe.scenario.checks.client_definitions import check_client_definitions
from authprobe.scenario.checks.tokens import token_problems
from authprobe.scenario.client_definitions import Definitions
from authprobe.scenario.client_vocabulary import CLIENT_FILE
from authprobe.scenario.known_clients import KnownClient, known_client


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFile:
    """A file of definitions."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    clients: Definitions = field(default_factory=dict)
    anchors: object = None
    """Definitions of YAML anchors; ignored otherwise."""


def read_client_file(path: Path) -> Mapping[str, KnownClient]:
    """Return the clients that a file defines.

    Raises:
        ScenarioError: every error in it.
    """
    document = client_document(path)
    if document.problems:
        raise ScenarioError(document.messages)
    return defined_clients(document)


@functools.cache
def client_document(path: Path) -> Document[ClientFile]:
    """Return a file of definitions after reading, with its problems; each file is read once."""
    return read_document(
        path,
        ClientFile,
        CLIENT_FILE,
        check=lambda file: check_client_definitions(file.clients, path.parent),
        scan=token_problems,
    )


def defined_clients(document: Document[ClientFile]) -> dict[str, KnownClient]:
    """Return the clients of a file; none if it could not be read."""
    clients = document.value.clients if document.value else {}
    folder = document.path.parent
    return {kind: known_client(kind, each, folder) for kind, each in clients.items()}
