"""`authprobe scan`: looks through any files for credentials, as a run does with its reports."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authprobe.core.escaping import for_log
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import SCAN_LIMIT_BYTES, SecretMatch, scan_data, scan_file

STANDARD_INPUT: Final = Path("-")


def scan(paths: tuple[Path, ...], *, as_json: bool) -> int:
    """Print what is in these files, and in those of these folders; the exit code.

    Raises:
        SettingsError: one of them is not there.
    """
    if missing := [path for path in paths if path != STANDARD_INPUT and not path.exists()]:
        raise SettingsError(f"{missing[0]}: there is no such file or folder; nothing was scanned")
    redactor, looked_through, found, unreadable = Redactor(), 0, 0, 0
    for path in _files(paths):
        name = redactor(str(path))
        try:
            places = _scan(path, redactor)
        except OSError as error:
            unreadable += 1
            _say(f"{name}: cannot be read: {error.strerror}")
            continue
        looked_through += 1
        found += len(places)
        for place in places:
            print(_json(name, place) if as_json else for_log(f"{name}: {place}"))
    if not as_json or unreadable:
        _say(_sum(looked_through, found, unreadable))
    if found:
        return ExitCode.SECRET_FOUND
    return ExitCode.USAGE if unreadable else ExitCode.OK


def _scan(path: Path, redactor: Redactor) -> tuple[SecretMatch, ...]:
    if path == STANDARD_INPUT:
        return scan_data(sys.stdin.buffer.read(SCAN_LIMIT_BYTES + 1), redactor)
    return scan_file(path, redactor)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """The files themselves, and all regular files below the folders, in a stable order."""
    for path in paths:
        if path.is_dir():
            below = path.rglob("*")
            yield from sorted(each for each in below if each.is_file() or _is_broken(each))
        else:
            yield path


def _is_broken(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _json(name: str, found: SecretMatch) -> str:
    return json.dumps(
        {"file": name, "name": found.name, "place": found.place, "read_as": found.decoding_steps}
    )


def _sum(looked_through: int, found: int, unreadable: int) -> str:
    words = f"{looked_through:,} looked through, {found:,} found"
    return f"{words}, {unreadable:,} could not be read" if unreadable else words


def _say(line: str) -> None:
    print(for_log(line), file=sys.stderr)
