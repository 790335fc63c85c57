"""The files of options: `authprobe.toml`, or `[tool.authprobe]` in a pyproject.toml.

The project's file is the nearest one at or above the working directory, as far as the root of the
repository and not as far as the home; the user's own one is in the configuration folder. A file of
the project that belongs to another user is ignored, as anybody can leave one where everybody may
write.
"""

import dataclasses
import functools
import itertools
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never, cast

from authprobe.configuration.keys import (
    DOCTOR,
    PAGE_MARK,
    PROJECT_DEFINITIONS,
    REFUSED,
    REPORT_MARKS,
    RUN,
    RUN_KEYS,
    SHARED,
    TABLES,
    TOP_KEYS,
    Key,
    KeyKind,
)
from authprobe.core.history_location import NO_HISTORY, database_file
from authprobe.core.safe_files import is_missing, read_beginning
from authprobe.core.safe_read import FileSnapshot, ReadProblem, read_text_file
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import SettingsError

OWN_NAME: Final = "authprobe.toml"
PYPROJECT: Final = "pyproject.toml"
PREFIX: Final = ("tool", "authprobe")
"""Table of a pyproject.toml that is the file of options."""
MAX_NUMBER: Final = 1_000_000_000
MAX_SHOWN: Final = 80
MAX_DOTS: Final = 500
MAX_PROBLEMS: Final = 20
MAX_LINES_TRIED: Final = 5
MAX_SEARCHED: Final = 20_000
"""Lines that are tried as that of a key, and letters of a file in which they are. For each line,
the file is parsed twice.
"""
MAX_TEXTS: Final = 1000
MARK_LENGTH: Final = 200_000
"""Bytes in which a mark is looked for: a page has its style before it, and can be large."""
SQLITE_MARK: Final = b"SQLite format 3\0"
"""First bytes of a database (sqlite.org/fileformat.html)."""
SQLITE_NAMES: Final = frozenset({".db", ".sqlite", ".sqlite3"})

_SYNTAX_PLACE: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")
"""End of a message of tomllib."""

Setting = str | bool | tuple[str, ...]
"""The value of an option: its text, its texts if it is repeatable, or whether a flag is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A file of options that was checked."""

    path: Path
    name: str
    """The path, for messages."""
    root: Path
    """Folder that no path of a project's file leaves."""
    working_folder: Path
    is_of_project: bool
    table: Mapping[str, object] = field(repr=False)
    text: str = field(repr=False)
    prefix: tuple[str, ...] = ()
    """Names of the tables around the table."""

    @property
    def folder(self) -> Path:
        """The folder of the file, from which its paths are."""
        return self.path.parent

    def definitions(self) -> tuple[Path, ...]:
        """Return the files of definitions of clients."""
        names = cast("list[str]", self.table.get(PROJECT_DEFINITIONS, []))
        return tuple(self.folder / name for name in names)

    def doctor_table(self) -> Mapping[str, list[str]]:
        """Return what the doctor does not warn of, by the key."""
        return cast("dict[str, list[str]]", self.table.get(DOCTOR, {}))

    def settings(self, command: str) -> dict[str, tuple[Setting, tuple[str, ...]]]:
        """Return the options that the file sets for a command, each with its place in the tree."""
        shared = RUN_KEYS.keys() if command == RUN else SHARED.get(command, frozenset())
        found: dict[str, tuple[Setting, tuple[str, ...]]] = {
            name: (self._setting(value, RUN_KEYS[name]), (name,))
            for name, value in self.table.items()
            if name in shared and not isinstance(value, dict)
        }
        table = self.table.get(command, {})
        if isinstance(table, dict):  # `history` is a key and a command
            for name, value in table.items():
                found[name] = (self._setting(value, TABLES[command][name]), (command, name))
        return found

    def source(self, place: tuple[str, ...]) -> str:
        """Return the file and, if it can be found, the line of a key."""
        line = line_of(self.text, (*self.prefix, *place))
        return f"{self.name}:{line}" if line else self.name

    def _setting(self, value: object, key: Key) -> Setting:
        match key.kind:
            case KeyKind.FLAG:
                return bool(value)
            case KeyKind.NUMBER | KeyKind.TEXT:
                return str(value)
            case KeyKind.TEXTS:
                return tuple(cast("list[str]", value))
            case KeyKind.PATHS:
                return tuple(map(self._scenario_path, cast("list[str]", value)))
            case KeyKind.PATH:
                return self._from_here(str(value))
            case KeyKind.HISTORY:
                text = str(value)
                return text if _is_no_path(text) else self._from_here(text)
        assert_never(key.kind)

    def _scenario_path(self, text: str) -> str:
        """Return a path as it is written from here, or the name of bundled scenarios."""
        is_name = re.fullmatch(r"[a-z]+", text) and is_missing(self.folder / text)
        return text if is_name else self._from_here(text)

    def _from_here(self, text: str) -> str:
        """Return a path of the file as it is written from the working directory."""
        if self.folder == self.working_folder:
            return text
        path = self.folder / text
        return os.path.relpath(path, self.working_folder) if self.is_of_project else str(path)


def find_project_file(
    folder: Path,
    ends: Collection[Path],
    display: Callable[[Path], str] = str,
    problems: list[str] | None = None,
) -> ConfigFile | None:
    """Return the nearest file at or above a folder, checked; None: there is none.

    The search ends at the folders of `ends`: the home, and the one with the user's own file. What
    `ignored_project_files` names does not count. Keys that it cannot have are added to `problems`
    and left out.

    Raises:
        SettingsError: the file cannot be read or, without `problems`, has a key that it cannot
            have, or there are two.
    """
    ends = {*ends, *filter(None, map(_resolved, ends))}  # the home may be a link
    for each in _searched_folders(folder, ends):
        files = [
            ConfigFile(
                path=path,
                name=display(path),
                root=_root(each, ends),
                working_folder=folder,
                is_of_project=True,
                table=table,
                text=text,
                prefix=prefix,
            )
            for path, prefix in ((each / OWN_NAME, ()), (each / PYPROJECT, PREFIX))
            if os.path.lexists(path)
            for file in [read_text_file(path)]
            if _is_trusted(file, folder)
            for tree, text in [_read_tree(file, display(path), _root(each, ends))]
            for table in _tables(tree, prefix)
        ]
        if len(files) > 1:
            raise SettingsError(
                f"{display(each)}: {OWN_NAME} and [tool.authprobe] of {PYPROJECT} both set "
                "options; put all of them into one of the two"
            )
        if files:
            return _checked(files[0], problems)
    return None


def ignored_project_files(
    folder: Path, ends: Collection[Path], display: Callable[[Path], str] = str
) -> Iterator[str]:
    """Yield a line about each file at or above a folder that does not count, as it belongs to
    another user.
    """
    ends = {*ends, *filter(None, map(_resolved, ends))}
    for each in _searched_folders(folder, ends):
        for path in (each / OWN_NAME, each / PYPROJECT):
            if not os.path.lexists(path):
                continue
            file = read_text_file(path)
            has_options = path.name == OWN_NAME or PREFIX[-1] in file.text
            if has_options and not _is_trusted(file, folder):
                yield (
                    f"{display(path)}: belongs to another user, and its options are "
                    "ignored; if you trust it, make it your own with chown, or give its options"
                )


def _is_trusted(file: FileSnapshot, folder: Path) -> bool:
    """Return True for a file of this user or of root.

    For root also for one of the owner of the working directory: the checkout in a container often
    belongs to another user. A folder that everybody can write is nobody's project.
    """
    owners = {0, os.geteuid()}
    try:
        if os.geteuid() == 0 and not _is_open_to_all(folder):
            owners.add(folder.stat().st_uid)
        uids = {file.path.lstat().st_uid}  # also of a link, which anybody can make to any file
    except OSError:
        return False
    return owners.issuperset(uids | ({file.status.st_uid} if file.status else set()))


def read_own_file(
    config_folder: Path,
    home: Path,
    folder: Path,
    display: Callable[[Path], str] = str,
    problems: list[str] | None = None,
) -> ConfigFile | None:
    """Return the user's own file, checked; None: there is none.

    Keys that it cannot have are added to `problems` and left out.

    Raises:
        SettingsError: it cannot be read, or, without `problems`, has a key that it cannot have.
    """
    path = config_folder / OWN_NAME
    if not os.path.lexists(path):
        return None
    table, text = _read_tree(read_text_file(path), display(path), home)
    return _checked(
        ConfigFile(
            path=path,
            name=display(path),
            root=home,
            working_folder=folder,
            is_of_project=False,
            table=table,
            text=text,
        ),
        problems,
    )


def _searched_folders(folder: Path, ends: Set[Path | None]) -> Iterator[Path]:
    """Yield a folder and those above it, as far as the project can reach.

    The home has the user's own file elsewhere, and where everybody may write, such as in /tmp,
    anybody could leave a file for those who work below.
    """
    for each in (folder, *folder.parents):
        if not ends.isdisjoint((each, _resolved(each))) or (
            each != folder and _is_open_to_all(each)
        ):
            return
        yield each
        if os.path.lexists(each / ".git"):
            return


def _resolved(folder: Path) -> Path | None:
    """Return the path without symbolic links; None: they lead nowhere."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError):
        return None


def _is_open_to_all(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return True


def _root(folder: Path, ends: Set[Path | None]) -> Path:
    """Return the root of the repository around a folder, or the folder itself."""
    around = _searched_folders(folder, ends)
    return next((each for each in around if os.path.lexists(each / ".git")), folder)


def _read_tree(file: FileSnapshot, name: str, limit: Path) -> tuple[dict[str, object], str]:
    """Return the content of a file as a tree and as a text; a link out of `limit` is refused.

    Raises:
        SettingsError: the file cannot be read, or is no TOML.
    """
    path = file.path
    if path.name == PYPROJECT and not file.problem and PREFIX[-1] not in file.text:
        return {}, file.text  # whatever else is wrong with it is not ours to say
    if not _stays_inside(path, limit):
        raise SettingsError(f"{name}: is a link to another place; put the file itself here")
    if file.problem is ReadProblem.MISSING:
        raise SettingsError(f"{name}: is a link to a missing file; correct or remove it")
    if file.problem:
        raise SettingsError(f"{name}: {file.problem}; correct or remove it")
    for number, line in enumerate(file.text.splitlines(), start=1):
        if line.count(".") > MAX_DOTS:  # the time and memory of tomllib are a key's dots, squared
            raise SettingsError(
                f"{name}:{number}: has more than {MAX_DOTS} dots in a line; split the line"
            )
    import tomllib  # only a file of options needs it

    try:
        return tomllib.loads(file.text), file.text
    except (ValueError, RecursionError) as error:
        raise SettingsError(_syntax_problem(name, error)) from None


def _syntax_problem(name: str, error: Exception) -> str:
    """Return where a file is no TOML, and why, with the remedy."""
    if isinstance(error, RecursionError):
        return f"{name}: is not valid TOML: nested too deeply; write plain values and lists"
    message = str(error)
    place = _SYNTAX_PLACE.search(message)
    reason = message[: place.start() if place else None][:MAX_SHOWN]
    where = f"{name}:{place[1]}:{place[2]}" if place else name
    return (
        f"{where}: is not valid TOML: {reason}; write each option as KEY = VALUE in a line, and a "
        'text in quotes, as in suite = "smoke"'
    )


def _tables(tree: Mapping[str, object], prefix: tuple[str, ...]) -> Iterator[Mapping[str, object]]:
    """Yield the table with this prefix, if there is one."""
    found = functools.reduce(_child, prefix, cast("object", tree))
    if found is not None:
        yield cast("Mapping[str, object]", found)


def _stays_inside(path: Path, limit: Path) -> bool:
    try:
        return not path.is_symlink() or path.resolve().is_relative_to(limit.resolve())
    except (OSError, RuntimeError):
        return False


def _checked(file: ConfigFile, found: list[str] | None) -> ConfigFile:
    """Return the file with nothing but keys and values that it can have.

    Raises:
        SettingsError: all that is wrong with it, unless it is to be added to what was found.
    """
    if not isinstance(file.table, dict):
        raise SettingsError(f"{file.name}: tool.authprobe: must be a table, [tool.authprobe]")
    wrong = list(_problems(file))
    problems = [f"{file.source(place)}: {text}" for place, text in wrong[:MAX_PROBLEMS]]
    if problems and found is None:
        raise SettingsError("\n".join(problems))
    if found is not None:
        found.extend(problems)
    return dataclasses.replace(file, table=_without(file.table, {place for place, _ in wrong}))


def _without(
    table: Mapping[str, object], places: Set[tuple[str, ...]], start: tuple[str, ...] = ()
) -> dict[str, object]:
    """Return a table without the keys at some places in it."""
    return {
        name: _without(value, places, (*start, name)) if isinstance(value, dict) else value
        for name, value in table.items()
        if (*start, name) not in places
    }


Problem = tuple[tuple[str, ...], str]
"""The place of a key in the tree, and what is wrong with it."""


def _problems(file: ConfigFile) -> Iterator[Problem]:
    for name, value in file.table.items():
        if name in TOP_KEYS:
            yield from _value_problems(file, (name,), value, TOP_KEYS[name])
        elif name not in TABLES:
            yield (name,), _unknown(name, (), (*TOP_KEYS, *TABLES), file)
        elif not isinstance(value, dict):
            yield (name,), f"{name}: must be a table, [{'.'.join((*file.prefix, name))}]"
        else:
            for key, each in value.items():
                if key in TABLES[name]:
                    yield from _value_problems(file, (name, key), each, TABLES[name][key])
                else:
                    yield (name, key), _unknown(key, (name,), tuple(TABLES[name]), file)


def _unknown(name: str, table: tuple[str, ...], known: tuple[str, ...], file: ConfigFile) -> str:
    shown = ".".join((*table, name[:MAX_SHOWN]))
    if name in REFUSED:
        return f"{shown}: {REFUSED[name]}"
    everything = f"known: {', '.join(known)}" if table else "`authprobe config` lists the keys"
    return f"{shown}: unknown key{did_you_mean(name, known, otherwise=everything)}"


def _value_problems(
    file: ConfigFile, place: tuple[str, ...], value: object, key: Key
) -> Iterator[Problem]:
    """Yield what is wrong with the value of a known key."""
    shown = ".".join(place)
    if key.reason and file.is_of_project and value not in key.harmless:
        yield place, f"{shown}: {key.reason}"
    elif problem := _type_problem(value, key.kind):
        yield place, f"{shown}: {problem}"
    elif file.is_of_project and key.kind in (KeyKind.PATH, KeyKind.PATHS, KeyKind.HISTORY):
        texts = cast("list[str]", value if isinstance(value, list) else [value])
        for text in texts:
            if problem := _place_problem(file, text, key):
                quoted = "" if key.kind is KeyKind.HISTORY else f"{text[:MAX_SHOWN]!r}: "
                yield place, f"{shown}: {quoted}{problem}"  # a history may have a password


def _type_problem(value: object, kind: KeyKind) -> str | None:
    """Return what is wrong with the type of a value."""
    match kind:
        case KeyKind.FLAG:
            return None if isinstance(value, bool) else "must be true or false"
        case KeyKind.NUMBER:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            is_usual = is_number and abs(cast("float", value)) <= MAX_NUMBER
            return None if is_usual else "must be a number, such as 2"
        case KeyKind.TEXTS | KeyKind.PATHS:
            if not (isinstance(value, list) and all(map(_is_line, value))):
                return f'must be {kind} of one line each, such as ["one", "two"]'
            return f"must have at most {MAX_TEXTS} texts" if len(value) > MAX_TEXTS else None
        case _:
            return None if _is_line(value) else f"must be {kind} of one line, in quotes"


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _place_problem(file: ConfigFile, text: str, key: Key) -> str | None:
    """Return why the file of a project cannot name a path."""
    kind = key.kind
    if kind is KeyKind.HISTORY and text == NO_HISTORY:
        return None
    if kind is KeyKind.HISTORY and _is_no_path(text):
        return "a project must not choose a database; set it in your own file, or as a variable"
    try:
        path = (file.folder / text).resolve()
        inside = path.relative_to(file.root.resolve())
    except (OSError, RuntimeError, ValueError):
        return f"leads out of the project, {file.root}; give it as an option, or as a variable"
    if ".git" in inside.parts:
        return "is in the folder of git"
    if kind is KeyKind.HISTORY and not _may_be_history(path):
        return "is there already, and is no history; name another file, or remove it"
    if key.mark and not _is_replaceable(path, key.mark):
        return "is there already, and authprobe did not write it; name another file, or remove it"
    for name, mark in REPORT_MARKS.items() if key.reports else ():
        if not _is_replaceable(path / name, mark):
            return f"has a {name} that authprobe did not write; name another folder, or remove it"
    page = file.folder / text  # its own name, if it is a link
    page = page.with_name(f"{page.stem}{key.beside}")
    if key.beside and not _is_replaceable(page, PAGE_MARK):
        return (
            f"its page, {page.name}, is there already, and authprobe did not write it; name "
            "another file, or remove it"
        )
    return None


def _is_replaceable(path: Path, mark: str) -> bool:
    """Return True if nothing has a path, or a file that can be read and begins as a pattern says.

    Elsewhere in the file the same words may be those of somebody who writes about authprobe.
    """
    if not os.path.lexists(path):
        return True
    try:
        return re.match(mark.encode(), read_beginning(path, MARK_LENGTH)) is not None
    except OSError:
        return False


def _may_be_history(path: Path) -> bool:
    """Return True if nothing has a path, or what may be an SQLite file: SQLite makes it empty, and
    writes its first line later, so that an empty one is known by its name.
    """
    try:
        if path.stat().st_size == 0:
            return path.suffix in SQLITE_NAMES
        return read_beginning(path, len(SQLITE_MARK)) == SQLITE_MARK
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _is_no_path(text: str) -> bool:
    """Return True for a history that is no path: a URL, or none."""
    return "://" in text or database_file(text) is None


def line_of(text: str, place: tuple[str, ...]) -> int | None:
    """Return the line of a file at which a key begins; None: it is written in another way.

    tomllib keeps no positions. A line is that of the key if the lines before it are a file without
    the key, and are one that has it as soon as the line follows with another value.
    """
    if len(text) > MAX_SEARCHED:
        return None
    lines = text.splitlines()
    candidates = (number for number, line in enumerate(lines) if _may_begin(line, place[-1]))
    for number in itertools.islice(candidates, MAX_LINES_TRIED):
        before, line = "\n".join(lines[:number]), lines[number]
        is_header = line.lstrip().startswith("[")
        changed = line if is_header else f"{line.partition('=')[0]} = 0"
        if not _has(before, place) and _has(f"{before}\n{changed}", place):
            return number + 1
    return None


def _may_begin(line: str, key: str) -> bool:
    """Return True unless a line is a comment or has something else before its first `=`."""
    start = line.lstrip()
    return key in start[:MAX_SHOWN].partition("=")[0] and not start.startswith("#")


def _has(text: str, place: tuple[str, ...]) -> bool:
    """Return True if a text is TOML and has a key."""
    import tomllib

    try:
        tree: object = tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return functools.reduce(_child, place, tree) is not None


def _child(tree: object, name: str) -> object:
    return tree.get(name) if isinstance(tree, dict) else None
