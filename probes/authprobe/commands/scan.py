"""`authprobe scan`: search files for credentials, as a run searches its reports."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import SCAN_LIMIT_BYTES, SecretMatch, scan_data, scan_file
from authprobe.report.model.phrases import plural

STANDARD_INPUT: Final = Path("-")


def scan(paths: tuple[Path, ...], *, as_json: bool) -> int:
    """Print each credential in files and directories; return the exit code.

    Raises:
        SettingsError: a path does not exist.
    """
    if missing := [path for path in paths if path != STANDARD_INPUT and not path.exists()]:
        raise SettingsError(f"{missing[0]}: no such file or directory; nothing was scanned")
    redactor, scanned, secrets, unreadable = Redactor(), 0, 0, 0
    for path in _files(paths):
        name = redactor(str(path))
        try:
            matches = _scan(path, redactor)
        except OSError as error:
            unreadable += 1
            print_error(f"{name}: cannot be read: {error.strerror}")
            continue
        scanned += 1
        secrets += len(matches)
        for match in matches:
            if as_json:
                print_json(_match_json(name, match))
            else:
                print_text(f"{name}: {match}")
    if not as_json or unreadable:
        print_error(_summary(scanned, secrets, unreadable))
    if secrets:
        return ExitCode.SECRET_FOUND
    return ExitCode.USAGE if unreadable else ExitCode.OK


def _scan(path: Path, redactor: Redactor) -> tuple[SecretMatch, ...]:
    if path == STANDARD_INPUT:
        return scan_data(sys.stdin.buffer.read(SCAN_LIMIT_BYTES + 1), redactor)
    return scan_file(path, redactor)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files themselves, and all files below the directories, in a stable order."""
    for path in paths:
        if path.is_dir():
            below = path.rglob("*")
            yield from sorted(file for file in below if file.is_file() or _is_broken_link(file))
        else:
            yield path


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _match_json(name: str, match: SecretMatch) -> str:
    return json.dumps(
        {
            "file": name,
            "name": match.name,
            "place": match.place,
            "read_as": match.decoding_steps,
        }
    )


def _summary(scanned: int, secrets: int, unreadable: int) -> str:
    text = f"{plural(scanned, 'file')} scanned, {plural(secrets, 'credential')} found"
    return f"{text}, {unreadable:,} could not be read" if unreadable else text
