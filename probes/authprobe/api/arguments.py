"""Arguments of the public interface that are not what their type says."""

import os
from pathlib import Path

from authprobe.errors import SettingsError


def text(value: object, name: str) -> str:
    """Return a string.

    Raises:
        SettingsError: it is another value.
    """
    if not isinstance(value, str):
        raise SettingsError(f"{name}={value!r:.80}: must be a string")
    return value


def path(value: object, name: str) -> Path:
    """Return a path of the file system.

    Raises:
        SettingsError: it is empty, has a null character, or is neither a string nor a path.
    """
    given = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(given, str) or not given:
        raise SettingsError(f"{name}={value!r:.80}: must be a path")
    if "\0" in given:
        raise SettingsError(f"{name}={given!r:.80}: no path has a null character")
    return Path(given)


def optional_path(value: object, name: str) -> Path | None:
    """Return a path of the file system, as `path`; None stays."""
    return None if value is None else path(value, name)
