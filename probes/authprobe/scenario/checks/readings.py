"""Checks of readings, in the definitions of clients."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from authprobe.documents.source import KEY, KeyPath, PathProblem, escape, quote
from authprobe.scenario.checks.patterns import check_pattern
from authprobe.scenario.client_definitions import Reading, Readings, Source, readings_of

_OF_SERVERS: Final = (Source.RESPONSE, Source.STATUS)
_NUMBERS: Final = (Source.EXIT_CODE, Source.STATUS)
"""Sources that are one number, without lines and members."""


def check_readings(
    path: KeyPath, readings: Readings | None, *, is_server: bool, is_condition: bool = False
) -> Iterator[PathProblem]:
    """Yield the problems of the readings of a key; of conditions, each must be one."""
    for index, reading in enumerate(readings_of(readings)):
        place = (*path, index) if isinstance(readings, tuple) else path
        yield from _check_source(place, reading, is_server=is_server)
        yield from _check_steps(place, reading)
        if is_condition and not _is_condition(reading):
            yield (
                place,
                "this reading has no condition; say with 'equals', 'contains' or 'matches' what "
                "success is",
            )


def _is_condition(reading: Reading) -> bool:
    return reading.is_condition or reading.matches is not None or bool(reading.where)


def _check_source(path: KeyPath, reading: Reading, *, is_server: bool) -> Iterator[PathProblem]:
    if (reading.source is None) == (reading.file is None):
        has = "neither" if reading.file is None else "both"
        yield path, f"a reading has either 'from' or 'file', and this one has {has}"
    if reading.source in _OF_SERVERS and not is_server:
        message = f"{quote(str(reading.source))} is of a server, and there is no 'serve'"
        yield (*path, "from"), f"{message}; read 'stdout', 'stderr' or 'output'"
    if reading.file is not None:
        parts = PurePosixPath(reading.file).parts
        if reading.file.startswith(("/", "~")) or ".." in parts:
            message = f"{quote(reading.file)} leaves the private home; write a path relative to it"
            yield (*path, "file"), message
        elif any("**" in part and part != "**" for part in parts):
            message = f"in {quote(reading.file)}, '**' stands for folders and must be alone"
            yield (*path, "file"), message


def _check_steps(path: KeyPath, reading: Reading) -> Iterator[PathProblem]:
    if reading.source in _NUMBERS:
        for key in ("each", "where", "json"):
            if getattr(reading, key):
                message = f"{quote(str(reading.source))} is a number; leave out {quote(key)}"
                yield (*path, key, KEY), message
    if reading.json is not None:
        yield from _check_json_path((*path, "json"), reading.json)
    if reading.matches is not None:
        yield from check_pattern((*path, "matches"), reading.matches)


def _check_json_path(path: KeyPath, text: str) -> Iterator[PathProblem]:
    # Imported here: few scenarios have a query, and its library takes long to import.
    from authprobe.core.json_paths import SYNTAX, JsonPathError, compile_json_path

    try:
        compile_json_path(text)
    except JsonPathError as error:
        yield path, f"{quote(text)} is not JSONPath: {escape(str(error))} (see {SYNTAX})"
