"""Files of an emulator: tokens that it reads, and what it writes while it serves."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authprobe.core.safe_files import FileError, read_bounded, write_atomically
from authprobe.errors import SettingsError

MAX_TOKEN_BYTES: Final = 4096


def read_token(file: Path) -> str:
    """Return the token in a file.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        return read_bounded(file, MAX_TOKEN_BYTES).decode("utf-8", "replace").strip()
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from None


@contextlib.contextmanager
def served_file(option: str, path: Path, text: str, *, mode: int) -> Iterator[None]:
    """Write a file that exists while the emulator serves: later, its ports may be another's."""
    try:
        _check_owner(path)
        write_atomically(path, text, mode=mode)
        identity = _identity(path)
    except FileError as error:
        raise SettingsError(f"{option} {path}: {error.strerror}") from None
    except OSError as error:
        raise SettingsError(
            f"{option} {path}: cannot be written: {error.strerror}; "
            "name a file in a writable directory"
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if _identity(path) == identity:  # otherwise it is another's by now
                path.unlink()


def _check_owner(path: Path) -> None:
    """Raise if the name belongs to another user.

    Raises:
        FileError: it does.
        OSError: it cannot be looked at.
    """
    with contextlib.suppress(FileNotFoundError):
        if path.lstat().st_uid != os.geteuid():
            raise FileError("it belongs to another user; name a new file, or one of your own")


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
