"""Clients with definitions that are made up for a test."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.client_definitions import ClientDefinition
from authprobe.scenario.clients import Client, parse_client
from authprobe.scenario.known_clients import known_client

_READER = TypeAdapter(ClientDefinition)


def define(text: str, folder: Path = Path(), **definition: Any) -> Client:
    """Return the client with this spelling, whose kind has this definition."""
    values = {"run": ["{bin}/bot", "{prompt}"], **definition}
    kind = text.partition("@")[0]
    known = known_client(kind, _READER.validate_python(values), folder)
    return parse_client(text, {**KNOWN_CLIENTS, kind: known})
