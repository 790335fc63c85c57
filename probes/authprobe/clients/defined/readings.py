"""Readings: values in what a program printed or wrote, which is trusted in nothing."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import re2

from authprobe.clients.home_files import HomeWalk, read_home_file
from authprobe.core.json_paths import Steps, find_in_json
from authprobe.core.regular_expressions import contains_match, find_match
from authprobe.scenario.client_definitions import Each, Reading, Readings, Source, readings_of

MAX_TEXT_LENGTH: Final = 4 * 1024 * 1024
"""Characters of a text that are read, from its end."""
MAX_SEARCHED_LENGTH: Final = 100_000
"""Characters in which a regular expression is searched, from the end of the text."""
STATUS: Final = re.compile("[1-5][0-9][0-9]")

Value = Any
"""Value in JSON; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Streams, files and response that a program left for its user."""

    home: Path
    """Its home, at the path by which this process reaches it."""
    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    response: str | None = None
    """Body of the response to authprobe's own request to a server."""
    status: int | None = None

    @property
    def text(self) -> str:
        """Standard output, then standard error."""
        return "\n".join(filter(None, (self.stdout, self.stderr)))


def read_text(readings: Readings | None, output: Output) -> str | None:
    """Return the value of the first reading that finds one, as text."""
    for reading in readings_of(readings):
        value = as_text(_read(reading, output))
        if value is not None and _fits(reading, value):
            return value
    return None


def read_status(readings: Readings | None, output: Output) -> int | None:
    """Return the HTTP status that the readings find; None: nothing, or nothing that is one."""
    value = (read_text(readings, output) or "").strip()
    return int(value) if STATUS.fullmatch(value) else None


def meets_all(readings: Readings, output: Output) -> bool:
    """Return True if every reading finds a value, and all its conditions hold."""
    values = [(reading, as_text(_read(reading, output))) for reading in readings_of(readings)]
    return all(value is not None and _fits(reading, value) for reading, value in values)


def as_text(value: Value) -> str | None:
    """Return a value in JSON as text: strings as they are, others as JSON spells them."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None


def _fits(reading: Reading, value: str) -> bool:
    if reading.equals is not None and value != as_text(reading.equals):
        return False
    return reading.contains is None or reading.contains in value


def _read(reading: Reading, output: Output) -> Value:
    """Return the value that a reading finds, before its conditions."""
    value = _source(reading, output)
    if not isinstance(value, str):
        return value if _has_no_steps(reading) else _step(reading, as_text(value), Steps())
    text = value[-MAX_TEXT_LENGTH:]
    units = reversed(text.splitlines()) if reading.each is Each.LINE else iter([text])
    return next(_values(reading, units), None)


def _has_no_steps(reading: Reading) -> bool:
    return not (reading.where or reading.json or reading.matches)


def _values(reading: Reading, units: Iterable[str]) -> Iterator[Value]:
    steps = Steps()
    for unit in units:
        if (value := _step(reading, unit, steps)) is not None:
            yield value


def _step(reading: Reading, unit: str | None, steps: Steps) -> Value:
    """Return what `where`, `json` and `matches` leave of a text; None: nothing."""
    value: Value = unit
    if unit is not None and (reading.where or reading.json is not None):
        value = _parse(unit)
        if not _has_members(value, reading.where):
            return None
        if reading.json is not None:
            value = find_in_json(reading.json, value, steps)
    if reading.matches is None or value is None:
        return value
    text = as_text(value)
    return None if text is None else _match(reading.matches, text)


def _match(pattern: str, text: str) -> str | None:
    return find_match(pattern, text[-MAX_SEARCHED_LENGTH:], MAX_SEARCHED_LENGTH)


def _parse(text: str) -> Value:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _has_members(value: Value, members: dict[str, str | int | bool]) -> bool:
    if not members:
        return True
    if not isinstance(value, dict):
        return False
    return all(_is_same(value.get(name), member) for name, member in members.items())


def _is_same(value: Value, member: str | int | bool) -> bool:
    return isinstance(value, bool) is isinstance(member, bool) and bool(value == member)


def _source(reading: Reading, output: Output) -> Value:
    match reading.source:
        case Source.STDOUT:
            return output.stdout
        case Source.STDERR:
            return output.stderr
        case Source.OUTPUT:
            return output.text
        case Source.EXIT_CODE:
            return output.exit_code
        case Source.RESPONSE:
            return output.response
        case Source.STATUS:
            return output.status
        case None:
            return _newest_file(reading.file or "", output.home)


def _newest_file(pattern: str, home: Path) -> str | None:
    """Return the text of the newest file; None: there is none, or it is no regular file."""
    path: Path | None = Path(pattern)
    try:
        if "*" in pattern:
            expression = glob_expression(pattern)
            path = HomeWalk(home).newest(lambda each: contains_match(expression, str(each)))
        file = None if path is None else read_home_file(home, path)
    except (OSError, ValueError):
        return None
    return None if file is None or file.is_too_large else file.data.decode("utf-8", "replace")


def glob_expression(pattern: str) -> str:
    """Return the regular expression of a path with `*` within a name and `**` for any folders.

    `re` of Python, to which its glob patterns are translated, backtracks; a program may have chosen
    names for which that takes years.
    """
    parts = []
    for part in pattern.split("/"):
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            parts.append("[^/]*".join(map(re2.escape, part.split("*"))) + "/")
    if pattern.endswith("**"):
        parts.append("[^/]*")
    return rf"\A{''.join(parts).removesuffix('/')}\z"
