"""Files that a client has left in its private home, read without trusting anything in it.

No link is followed, nothing but regular files is opened, and depth, number and size are limited: a
client may have left links to the user's files, FIFOs, devices, or a tree without end.
"""

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from authprobe.core.temporary_folder import change_mode

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_TOTAL_BYTES: Final = 256 * 1024 * 1024
"""Bytes of all files of a home that are read."""
MAX_ENTRIES: Final = 50_000
MAX_DEPTH: Final = 64
"""Levels of folders that are looked into; each has a descriptor open."""
MAX_TIME: Final = 10.0
"""Seconds for all files of a home, the search in them included."""
_WAITLESS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
DESCRIPTORS: Final = Path("/proc/self/fd")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFile:
    """A regular file in a private home."""

    path: Path
    """Path below the home."""
    data: bytes
    """Content; empty if the file is larger than a limit allows."""
    mode: int
    """Permissions."""
    is_too_large: bool = False


class _Entry(NamedTuple):
    """A regular file that a walk has come to."""

    folder: int
    """Descriptor of its folder, open until the walk goes on."""
    path: Path
    modified_ns: int


def read_home_file(home: Path, path: Path) -> HomeFile | None:
    """Return a file of a home; None: it is no regular file, or a folder on the way is a link.

    Raises:
        FileNotFoundError: there is nothing with this name.
        OSError: it cannot be read.
    """
    with contextlib.ExitStack() as stack:
        folder = _open_home(home)
        stack.callback(os.close, folder)
        for part in path.parent.parts:
            folder = _open_own(part, folder)
            stack.callback(os.close, folder)
        return _read(folder, path.name, path, MAX_FILE_BYTES)


class HomeWalk:
    """A walk through the regular files of a home in a stable order, within limits.

    `skipped` are files and folders that are not read.
    """

    def __init__(self, home: Path, skipped: frozenset[Path] = frozenset()) -> None:
        self.is_complete = True
        """False: a limit was reached, and some files were not read."""
        self._home = home
        self._skipped = skipped
        self._remaining_entries = MAX_ENTRIES
        self._bytes = MAX_TOTAL_BYTES
        self._deadline = time.monotonic() + MAX_TIME

    def __iter__(self) -> Iterator[HomeFile]:
        for entry in self._entries():
            with contextlib.suppress(OSError):
                limit = min(MAX_FILE_BYTES, self._bytes)
                if file := _read(entry.folder, entry.path.name, entry.path, limit):
                    self._bytes -= len(file.data)
                    self.is_complete &= not file.is_too_large
                    yield file

    def newest(self, is_wanted: Callable[[Path], bool]) -> Path | None:
        """Return the wanted file that was written last, of several the last by name; None: none.

        No file is opened.
        """
        times = {
            entry.path: entry.modified_ns for entry in self._entries() if is_wanted(entry.path)
        }
        return max(times, key=lambda path: (times[path], path), default=None)

    def _entries(self) -> Iterator["_Entry"]:
        try:
            folder = _open_home(self._home)
        except OSError:
            self.is_complete = False
            return
        try:
            yield from self._entries_in(folder, Path())
        finally:
            os.close(folder)

    def _entries_in(self, folder: int, path: Path) -> Iterator["_Entry"]:
        """Yield the files of a folder, and then those of the folders in it."""
        folders = []
        for name in self._names(folder):
            if path / name in self._skipped:
                continue
            if time.monotonic() > self._deadline:
                self.is_complete = False
                return
            with contextlib.suppress(OSError):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(name)
                elif stat.S_ISREG(status.st_mode):
                    yield _Entry(folder, path / name, status.st_mtime_ns)
        if folders and len(path.parts) >= MAX_DEPTH:
            self.is_complete = False
            return
        for name in folders:
            with contextlib.suppress(OSError):
                inner = _open_own(name, folder)
                try:
                    yield from self._entries_in(inner, path / name)
                finally:
                    os.close(inner)

    def _names(self, folder: int) -> list[str]:
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if self._remaining_entries <= 0:
                    self.is_complete = False
                    break
                self._remaining_entries -= 1
                names.append(entry.name)
        return sorted(names)


def _open_home(home: Path) -> int:
    """Open a home; that of a container is a link of the kernel, which no client can replace."""
    if home.parent == DESCRIPTORS:
        return os.open(home, _FOLDER & ~os.O_NOFOLLOW)
    return _open_own(str(home), None)


def _open_own(name: str, parent: int | None) -> int:
    """Open a folder; if the client has removed our permissions, restore them."""
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        change_mode(name, 0o700, parent)
        return os.open(name, _FOLDER, dir_fd=parent)


def _read(folder: int, name: str, path: Path, limit_bytes: int) -> HomeFile | None:
    """Return the file, without its content if that is too long; None: no regular file."""
    try:
        descriptor = os.open(name, _WAITLESS, dir_fd=folder)
    except PermissionError:
        change_mode(name, 0o600, folder)
        descriptor = os.open(name, _WAITLESS, dir_fd=folder)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        is_too_large = status.st_size > limit_bytes
        data = b"" if is_too_large else file.read(limit_bytes)
    mode = stat.S_IMODE(status.st_mode)
    return HomeFile(path=path, data=data, mode=mode, is_too_large=is_too_large)
