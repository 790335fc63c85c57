"""Reading of JSON files that authprobe wrote, or that only look like it: bounded, and validated."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from authprobe.core.escaping import one_line
from authprobe.core.safe_files import READ_LIMIT_BYTES, read_bounded
from authprobe.errors import RecordError

MAX_PLACE_LENGTH: Final = 120
"""Characters of the place of an error: its keys come from the file."""
_POSITION: Final = re.compile(r"(.*) at line (\d+) column (\d+)")
_EXPECTED: Final = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_unicode": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "dataclass_type": "must be an object",
    "recursion_loop": "is nested too deeply",
}
"""Predicates of the message for an error of pydantic (docs.pydantic.dev, Validation Errors)."""
Value = TypeVar("Value")


def read_content(path: Path, remedy: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
    """Return the content of a file.

    Raises:
        RecordError: it cannot be read, is not a regular file, or is too large.
    """
    try:
        return read_bounded(path, limit_bytes)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}; {remedy}") from None


def parse(path: Path, content: bytes, noun: str, remedy: str) -> object:
    """Return the value of a JSON text.

    Raises:
        RecordError: it is not JSON; the message has the position.
    """
    try:
        return from_json(content)
    except ValueError as error:
        raise _syntax_error(path, str(error), noun, remedy) from None


def validate(
    path: Path, content: bytes, reader: TypeAdapter[Value], noun: str, remedy: str
) -> Value:
    """Return the value of a JSON text of this type; `noun` is the kind of file.

    Raises:
        RecordError: it is not JSON, or is of another type; the message has the place.
    """
    try:
        # Written by the names of fields, some of which have another name in a scenario.
        return reader.validate_json(content, by_alias=True, by_name=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            text = str(first.get("ctx", {}).get("error", ""))
            raise _syntax_error(path, text, noun, remedy) from None
        raise mismatch(path, first, noun, remedy) from None


def mismatch(
    path: Path, error: ErrorDetails, noun: str, remedy: str, prefix: Iterable[str] = ()
) -> RecordError:
    """Return the exception for a value of another type."""
    place = ".".join(map(str, (*prefix, *error["loc"]))) or "the file"
    words = f"{one_line(place, MAX_PLACE_LENGTH)} {_predicate(error)}"
    return RecordError(f"{path}: not {noun}: {words}; {remedy}")


def _predicate(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("enum", "literal_error"):
        return f"must be {context['expected']}"
    if kind.startswith(("datetime", "date", "timezone")):
        return "must be a date and time" if "datetime" in kind else "must be a date"
    if kind == "value_error":
        return f"is not valid: {one_line(str(context['error']))}"
    return _EXPECTED.get(kind, "has another form")


def _syntax_error(path: Path, text: str, noun: str, remedy: str) -> RecordError:
    match = _POSITION.fullmatch(text)
    reason, *position = match.groups() if match else (text,)
    place = " at line {}, column {}".format(*position) if position else ""
    return RecordError(f"{path}: not {noun}: invalid JSON{place}: {one_line(reason)}; {remedy}")
