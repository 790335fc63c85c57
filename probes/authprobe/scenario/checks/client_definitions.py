"""Checks of client definitions, beyond what types can express."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from authprobe.core.isolation import isolates, loads_code
from authprobe.documents.source import KEY, KeyPath, PathProblem, quote, remedy
from authprobe.scenario.checks.patterns import check_pattern
from authprobe.scenario.checks.readings import check_readings
from authprobe.scenario.client_definitions import (
    PLACEHOLDER,
    PLACEHOLDERS,
    ClientDefinition,
    Install,
    Version,
    content_texts,
)
from authprobe.scenario.known_clients import BUILT_IN

PROGRAMS_FOLDER: Final = "bin"
"""Folder of the private home with the programs on PATH."""
MAX_FILE_LENGTH: Final = 100_000
"""Characters in all texts of a file together."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX.1-2024, 3.216
_SHEBANG: Final = b"#!"


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
        which = "neither" if definition.run is None else "both"
        message = f"a client has either 'run' or 'serve', and this one has {which}"
        yield (("run", KEY) if definition.run else ()), message
    if definition.install is not None:
        yield from _check_install(definition.install, folder)
    yield from _check_server_keys(definition)
    yield from _check_placeholders(definition)
    for name, variables in _all_variables(definition):
        yield from _check_variables(name, variables)
    for name, files in _all_files(definition):
        yield from _check_files(name, files)
    if definition.version is not None:
        yield from _check_version(definition.version)
    is_server = definition.serve is not None
    yield from check_readings(
        ("accepted",), definition.accepted, is_server=is_server, is_condition=True
    )
    for key in ("message", "status"):
        yield from check_readings((key,), getattr(definition, key), is_server=is_server)


def _check_install(install: Install, folder: Path) -> Iterator[PathProblem]:
    sources = {"npm": install.npm, "pip": install.pip, "path": install.path}
    named = [key for key, value in sources.items() if value is not None]
    if len(named) != 1:
        amount = "has none" if not named else f"has {len(named)}"
        yield (
            ("install",),
            f"'install' needs exactly one of 'npm', 'pip' and 'path', and {amount}; without "
            "'install', 'run' names a program of the system",
        )
        return
    if install.beside and install.path is not None:
        yield ("install", "beside", KEY), "'beside' names further packages; it needs 'npm' or 'pip'"
    if install.scripts and install.npm is None:
        yield ("install", "scripts", KEY), "'scripts' names packages of npm; it needs 'npm'"
    if install.path is not None:
        yield from _check_program(install.path, folder)


def _check_program(name: str, folder: Path) -> Iterator[PathProblem]:
    """Yield why the program of one's own cannot be started, as long as this can be corrected."""
    path: KeyPath = ("install", "path")
    if reason := _path_problem(name):
        yield path, f"{quote(name)} {reason}; name a program in the folder of this file"
        return
    program = folder / name
    try:
        if not program.is_file():
            yield path, f"there is no program {quote(name)} in the folder of this file"
        elif not os.access(program, os.X_OK):
            with program.open("rb") as file:
                if file.read(len(_SHEBANG)) == _SHEBANG:
                    return
            hint = "make it executable, or let it begin with a line such as #!/usr/bin/env python3"
            yield path, f"{quote(name)} is not executable; {hint}"
    except OSError as error:
        yield path, f"{quote(name)} cannot be read: {error.strerror}"


def _path_problem(name: str) -> str | None:
    """Return why a path leaves its folder; None: it does not."""
    parts = PurePosixPath(name).parts
    if name.startswith(("/", "~")):
        return "is not a relative path"
    if ".." in parts:
        return "leaves its folder by '..'"
    if not parts or name.endswith("/") or "\0" in name:
        return "does not name a file"
    return None


def _check_server_keys(definition: ClientDefinition) -> Iterator[PathProblem]:
    """Yield the keys of servers that a program has, and those of programs that a server has."""
    if definition.serve is None:
        for key in ("request", "fronts"):
            if getattr(definition, key):
                yield (key, KEY), f"{quote(key)} is only for a server; it needs 'serve'"
        return
    if definition.stdin is not None:
        yield ("stdin", KEY), "'stdin' is only for a client with 'run'"
    if definition.serve.ready.line and definition.serve.ready.get:
        yield ("serve", "ready"), "'ready' has either 'line' or 'get', not both"
    if definition.request is None and not definition.fronts:
        message = (
            "nobody asks this server; add 'request', or a client in front of it under 'fronts'"
        )
        yield ("serve", KEY), message
    texts = [*definition.serve.run, *definition.variables.values()]
    texts += [text for each in definition.files.values() for text in content_texts(each)]
    if not any("{port}" in text for text in texts):
        message = "the server must listen on {port}; write it in its command, a file or a variable"
        yield ("serve", "run"), message


def _commands(definition: ClientDefinition) -> Iterator[tuple[KeyPath, str]]:
    """Yield all texts in which every word in braces must be a placeholder, with their paths."""
    commands: dict[KeyPath, Sequence[str] | None] = {("run",): definition.run}
    if definition.serve is not None:
        commands["serve", "run"] = definition.serve.run
    if definition.version is not None:
        commands["version", "run"] = definition.version.run
    for path, command in commands.items():
        yield from (((*path, index), text) for index, text in enumerate(command or ()))
    if definition.stdin is not None:
        yield ("stdin",), definition.stdin
    for path, variables in _all_variables(definition):
        yield from (((*path, name), text) for name, text in variables.items())
    if definition.request is not None:
        for name, text in definition.request.headers.items():
            yield ("request", "headers", name), text


def _check_placeholders(definition: ClientDefinition) -> Iterator[PathProblem]:
    for path, text in _commands(definition):
        for name in dict.fromkeys(PLACEHOLDER.findall(text)):
            if name not in PLACEHOLDERS:
                yield path, f"{{{name}}} is no placeholder{remedy(name, PLACEHOLDERS)}"
            elif reason := _misplaced(definition, name):
                yield path, f"{{{name}}} has no value here: {reason}"
    for path, files in _all_files(definition):
        for file, content in files.items():
            names = {name for text in content_texts(content) for name in PLACEHOLDER.findall(text)}
            for name in sorted(names & PLACEHOLDERS.keys()):
                if reason := _misplaced(definition, name):
                    yield (*path, file), f"{{{name}}} has no value here: {reason}"


def _misplaced(definition: ClientDefinition, name: str) -> str | None:
    """Return why a placeholder has no value in this definition; None: it has one."""
    install = definition.install
    if name == "bin" and (install is None or install.path is not None):
        return "there is no package; name one under 'install'"
    if name == "program" and (install is None or install.path is None):
        return "it stands for the program of 'install: {path: ...}'"
    if name == "port" and definition.serve is None:
        return "it is the port of a server, and there is no 'serve'"
    return None


def _all_variables(definition: ClientDefinition) -> Iterator[tuple[KeyPath, Mapping[str, str]]]:
    yield ("variables",), definition.variables
    for key in ("fronts", "drives"):
        for kind, front in getattr(definition, key).items():
            yield (key, kind, "variables"), front.variables


def _all_files(definition: ClientDefinition) -> Iterator[tuple[KeyPath, Mapping[str, object]]]:
    yield ("files",), definition.files
    for key in ("fronts", "drives"):
        for kind, front in getattr(definition, key).items():
            yield (key, kind, "files"), front.files


def _check_variables(path: KeyPath, variables: Mapping[str, str]) -> Iterator[PathProblem]:
    for name, text in variables.items():
        if isolates(name):
            message = f"authprobe itself sets {name}, which isolates the client; leave it out"
            yield (*path, name, KEY), message
        elif loads_code(name):
            message = f"{name} makes a program load further code; start that program under 'run'"
            yield (*path, name, KEY), message
        elif not _VARIABLE.fullmatch(name):
            yield (*path, name, KEY), f"{quote(name)} is not the name of a variable"
        if "\0" in text:
            yield (*path, name), "a variable cannot contain the character U+0000"


def _check_files(path: KeyPath, files: Mapping[str, object]) -> Iterator[PathProblem]:
    for name, content in files.items():
        if reason := _path_problem(name):
            yield (*path, name, KEY), f"{quote(name)} {reason}; name a file in the private home"
        elif PurePosixPath(name).parts[0] == PROGRAMS_FOLDER:
            message = f"the folder {quote(PROGRAMS_FOLDER)} of the private home is authprobe's own"
            yield (*path, name, KEY), f"{message}; choose another"
        elif parent := _file_above(name, files):
            yield (*path, name, KEY), f"{quote(parent)} is a file, and so cannot contain this one"
        if not isinstance(content, str | dict | list):
            message = "write text, or a mapping or a list, which becomes JSON"
            yield (*path, name), f"the content of {quote(name)} is neither text nor JSON; {message}"
        elif (length := sum(map(len, content_texts(content)))) > MAX_FILE_LENGTH:
            message = f"{length:,} characters are too many; the limit is {MAX_FILE_LENGTH:,}"
            yield (*path, name), message


def _file_above(name: str, files: Iterable[str]) -> str | None:
    above = {str(folder) for folder in PurePosixPath(name).parents}
    return next((each for each in files if str(PurePosixPath(each)) in above), None)


def _check_version(version: Version) -> Iterator[PathProblem]:
    if (version.run is None) == (version.product is None):
        yield ("version",), "'version' needs either 'run' or 'product'"
    if version.matches is not None:
        if version.run is None:
            yield ("version", "matches", KEY), "'matches' reads the output of 'run'"
        yield from check_pattern(("version", "matches"), version.matches)
