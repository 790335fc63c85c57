"""`authprobe scan`: search files for credentials, as a run searches its reports."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from authprobe.commands.printing import print_error, print_json, print_text
from authprobe.core.safe_files import is_missing
from authprobe.documents.source import escape
from authprobe.errors import ExitCode, SettingsError
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import SCAN_LIMIT_BYTES, SecretMatch, scan_data, scan_text
from authprobe.report.model.phrases import plural

STANDARD_INPUT: Final = Path("-")


def scan(paths: tuple[Path, ...], *, as_json: bool) -> int:
    """Print each credential in files and directories; return the exit code.

    Raises:
        SettingsError: a path does not exist.
    """
    if missing := [path for path in paths if path != STANDARD_INPUT and is_missing(path)]:
        name = escape(str(missing[0]))
        raise SettingsError(f"{name}: no such file or directory; nothing was scanned")
    redactor, scanned, secrets, unreadable = Redactor(), 0, 0, 0

    def report_unreadable(path: Path, error: OSError) -> None:
        nonlocal unreadable
        unreadable += 1
        name = escape(redactor(str(path)))
        print_error(f"{name}: cannot be read: {error.strerror or error}")

    for path in _files(paths, report_unreadable):
        name = redactor(str(path))
        try:
            matches = (*_scan_name(path, redactor), *_scan(path, redactor, is_named=path in paths))
        except OSError as error:
            report_unreadable(path, error)
            continue
        scanned += 1
        secrets += len(matches)
        for match in matches:
            if as_json:
                print_json(_match_json(name, match))
            else:
                print_text(f"{escape(name)}: {match}")
    if not as_json or unreadable:
        print_error(_summary(scanned, secrets, unreadable))
    if secrets:
        return ExitCode.SECRET_FOUND
    return ExitCode.USAGE if unreadable else ExitCode.OK


def _scan_name(path: Path, redactor: Redactor) -> tuple[SecretMatch, ...]:
    matches = scan_text(str(path), redactor)
    return tuple(replace(match, place=f"file name, {match.place}") for match in matches)


def _scan(path: Path, redactor: Redactor, *, is_named: bool) -> tuple[SecretMatch, ...]:
    """Return the credentials in a file; of a named pipe that was asked for, what it will have."""
    if path == STANDARD_INPUT:
        return scan_data(sys.stdin.buffer.read(SCAN_LIMIT_BYTES + 1), redactor)
    opener = _open if is_named and path.is_fifo() else _open_waitless
    with open(path, "rb", opener=opener) as file:
        if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
            raise OSError("it is a device, which may never end; give a file, or `-`")
        os.set_blocking(file.fileno(), True)
        return scan_data(file.read(SCAN_LIMIT_BYTES + 1), redactor)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOCTTY)


def _open_waitless(path: str, flags: int) -> int:
    """Open without waiting for a device, or for the other end of a pipe."""
    return _open(path, flags | os.O_NONBLOCK)


def _files(paths: tuple[Path, ...], failed: Callable[[Path, OSError], None]) -> Iterator[Path]:
    """Yield the files themselves, and all files below the directories, in a stable order.

    Links to directories are not followed; sockets, pipes and devices have no content to scan.
    """
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 (False if it cannot be looked at)
            yield path
            continue
        left = [path]
        while left:
            path = left.pop()
            try:
                if path in paths or (path.is_dir() and not path.is_symlink()):
                    left += sorted(path.iterdir(), reverse=True)
                elif path.is_file() or _is_broken_link(path):
                    yield path
            except OSError as error:
                failed(path, error)


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
