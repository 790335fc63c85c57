"""The JSON Schema of authprobe.toml, for editors."""

import json
from collections.abc import Mapping
from typing import Any, Final

from authprobe.configuration.keys import TABLES, TOP_KEYS, Key, KeyKind
from authprobe.core.json_schema import published
from authprobe.options import RUN_OPTIONS

_LINE: Final = {"type": "string", "minLength": 1}
_TYPES: Final[Mapping[KeyKind, dict[str, Any]]] = {
    KeyKind.TEXT: _LINE,
    KeyKind.PATH: _LINE,
    KeyKind.HISTORY: _LINE,
    KeyKind.TEXTS: {"type": "array", "items": _LINE},
    KeyKind.PATHS: {"type": "array", "items": _LINE},
    KeyKind.NUMBER: {"type": "number"},
    KeyKind.FLAG: {"type": "boolean"},
}


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of authprobe.toml."""
    help_of = {option.key: option.help for option in RUN_OPTIONS}
    tables = {name: _table(table, help_of) for name, table in TABLES.items()}
    root = _table(TOP_KEYS, help_of)
    schema = {**root, "properties": {**root["properties"], **tables}}
    return published(schema, file="docs/config.schema.json", title="authprobe.toml")


def _table(table: Mapping[str, Key], help_of: Mapping[str, str]) -> dict[str, Any]:
    properties = {name: _property(name, key, help_of) for name, key in table.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(name: str, key: Key, help_of: Mapping[str, str]) -> dict[str, Any]:
    words = (help_of.get(name), f"In the file of a project: {key.reason}." if key.reason else None)
    description = " ".join(filter(None, words))
    return _TYPES[key.kind] | ({"description": description} if description else {})


def dump_schema() -> str:
    """Return the JSON Schema (2020-12) of authprobe.toml, as text."""
    return json.dumps(config_schema(), indent=2) + "\n"
