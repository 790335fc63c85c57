"""Scenario files of a run, by names that are the same on every machine.

They tell a scenario that was deleted from one that a run did not look for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BUNDLED: Final = "bundled:/"
"""Beginning of the name of a bundled file."""
BUNDLED_FILES: Final = f"{BUNDLED}*.yaml"
"""Location of the scenarios of a run without arguments: the bundled files, without folders."""

CURRENT: Final = "./"
"""Location of the working directory."""
ELSEWHERE: Final = ".../"
"""Beginning of the name of a file elsewhere, of which only the last parts are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFile:
    """A scenario and the file that has it."""

    id: str
    file: str
    """Path from the working directory; `bundled:/…` if bundled, `.../folder/file` if elsewhere."""


def name_file(path: Path, given: Path, *, bundled: Path) -> str:
    """Return the name of a file that was found by this argument: the file itself, or a folder."""
    if path == given:
        return _name(path.parent.resolve() / path.name, bundled, parts=2)
    inner = _printable(path.relative_to(given).as_posix())
    return f"{name_location(given, bundled=bundled).removeprefix(CURRENT)}{inner}"


def name_location(given: Path, *, bundled: Path) -> str:
    """Return the name of an argument: of a folder, it ends in `/`, and is `./` for the current."""
    if not given.is_dir():
        return name_file(given, given, bundled=bundled)
    name = _name(given.resolve(), bundled, parts=1)
    return name if name.endswith("/") else f"{name}/"


def _name(path: Path, bundled: Path, *, parts: int) -> str:
    """Return the name of an absolute path; of one elsewhere, only its last parts.

    The user's home is `~`, as its name is often that of a person.
    """
    bundled, current = bundled.resolve(), _current_folder()
    if path.is_relative_to(bundled):
        inner = path.relative_to(bundled).as_posix()
        return _printable(BUNDLED if inner == "." else f"{BUNDLED}{inner}")
    if current and path.is_relative_to(current):
        return _printable(path.relative_to(current).as_posix())
    named, home = path.parts[-parts:], _home()
    if home and path.is_relative_to(home) and len(path.relative_to(home).parts) < parts:
        named = ("~", *path.relative_to(home).parts)
    return _printable("/".join((ELSEWHERE.rstrip("/"), *named)))


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was deleted: no file is below it
        return None


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):  # neither HOME nor the user database names one
        return None


def _printable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def covers(locations: Iterable[str], file: str) -> bool:
    """Return True if a run of these locations looked for a scenario in this file."""
    return any(_covers(location, file) for location in locations)


def _covers(location: str, file: str) -> bool:
    if location == BUNDLED_FILES:
        return file.startswith(BUNDLED) and "/" not in file.removeprefix(BUNDLED)
    if location == CURRENT:
        return not file.startswith((BUNDLED, ELSEWHERE))
    return file.startswith(location) if location.endswith("/") else file == location
