"""Bundled values: YAML files of the package, kept beside them as JSON that is already checked.

`make docs` writes the JSON of a YAML file from the value that its strict reader returns. Reading it
needs neither YAML nor pydantic, whose import and schemas take longer than an answer of `explain`.
"""

import dataclasses
import datetime
import enum
import functools
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


def json_file(path: Path) -> Path:
    """Return the JSON file beside a YAML file."""
    return path.with_suffix(".json")


def write_bundled(path: Path, value: object) -> None:
    """Write the JSON of a YAML file of the package, from the value in that file."""
    text = json.dumps(_plain(value), indent=0, ensure_ascii=False)
    json_file(path).write_text(f"{text}\n", encoding="utf-8")


def read_bundled(path: Path, kind: type[Value]) -> Value:
    """Return the value of a YAML file of the package, from the JSON beside it."""
    return cast("Value", _builder(kind)(json.loads(json_file(path).read_bytes())))  # type: ignore[arg-type]


def _plain(value: object) -> object:
    """Return a value as JSON has it; of a dataclass the arguments that are not defaults."""
    if dataclasses.is_dataclass(value):
        values = {field: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {
            field.name: _plain(each)
            for field, each in values.items()
            if field.init and each != field.default
        }
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


@functools.cache
def _builder(kind: Any) -> Callable[[Any], Any]:
    """Return the function that makes a value of a type from the one in JSON."""
    arguments = [each for each in get_args(kind) if each is not types.NoneType]
    if get_origin(kind) is tuple:
        build = _builder(arguments[0])
        return lambda items: tuple(map(build, items))
    if get_origin(kind) in (Union, types.UnionType):
        return _builder(arguments[0])  # a missing value is left out, so that None never occurs
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        builders = {each.name: _builder(hints[each.name]) for each in dataclasses.fields(kind)}
        return lambda items: kind(**{name: builders[name](items[name]) for name in items})
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    return datetime.date.fromisoformat if kind is datetime.date else _same


def _same(value: object) -> object:
    return value
