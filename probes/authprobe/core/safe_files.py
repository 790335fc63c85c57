"""Files that authprobe writes and reads back: no link is followed, and reading is bounded.

Below the working directory no symbolic link on the way to a file is followed. Elsewhere a link to
a directory is followed if it belongs to this user or to root, except in the last place: a directory
of reports is named itself, not a link to it.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, TextIO

READ_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Size of the largest report that is written, so of the largest that is read back."""
MAX_FOLDERS: Final = 200
"""Parts of a path."""
SQLITE_SUFFIXES: Final = ("", "-journal", "-wal", "-shm")
"""Endings of the files of an SQLite database (sqlite.org/tempfiles.html)."""
_FOLDER_FLAGS: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""O_PATH: a directory on the way need not be readable (open(2)); macOS does not have it."""
_WAITLESS: Final = os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS: Final = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFREG: "a regular file",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class FileError(OSError):
    """A file that is not touched, with the reason and the remedy; the path is not part of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o666) -> None:
    """Write a file under a temporary name in its directory, then rename it.

    A reader finds the old content or the new, never a part. A file that exists keeps its mode; for
    a new one, the umask applies to `mode`.

    Raises:
        OSError: the file cannot be written, or something else has its place; the temporary file is
            removed.
    """
    with opened_folder(path.parent, create=False) as folder:
        old = _check_place(path.name, folder)
        temporary = f".{path.name}.{os.urandom(4).hex()}"
        file = _create(temporary, folder, mode)
        try:
            with file:
                if old:
                    os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
                if isinstance(content, str):
                    file.write(content)
                else:
                    file.buffer.write(content)
            os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):  # interrupted after it was renamed
                os.unlink(temporary, dir_fd=folder)
            raise


@contextlib.contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Block until no other process holds this lock: for files that are read, changed and written.

    Without the directory, or on a file system without locks, it does nothing.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def make_folder(path: Path) -> None:
    """Create a directory and its parents.

    Raises:
        OSError: it cannot be created, or a symbolic link that is not followed is on the way.
    """
    with opened_folder(path):
        pass


def create_file(path: Path) -> TextIO:
    """Create a file and open it for writing.

    Raises:
        OSError: it cannot be created, or something has its name already.
    """
    with opened_folder(path.parent, create=False) as folder:
        return _create(path.name, folder, 0o666)


def open_log(path: Path) -> BinaryIO:
    """Open a file for reading and for writing at its end; create it if it does not exist.

    Raises:
        OSError: it cannot be opened, or is not a regular file with one name.
    """
    with opened_folder(path.parent, create=False) as folder:
        _check_place(path.name, folder)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | _WAITLESS
        descriptor = os.open(path.name, flags, 0o666, dir_fd=folder)
        try:
            _check_own(os.fstat(descriptor), os.fstat(folder))
        except FileError:
            os.close(descriptor)
            raise
    return open(descriptor, "ab+")  # noqa: PTH123 - a descriptor


def rename(path: Path, name: str) -> None:
    """Give a file another name in its directory; replace a file that has the name already.

    Raises:
        OSError: something that is not a regular file has one of the names.
    """
    with opened_folder(path.parent, create=False) as folder:
        _check_place(path.name, folder)
        _check_place(name, folder)
        os.replace(path.name, name, src_dir_fd=folder, dst_dir_fd=folder)


def check_places(folder: Path, names: Iterable[str]) -> None:
    """Check that files can be written to a directory, before anything is done that takes long.

    Raises:
        FileError: something that is not a regular file has one of the names.
        OSError: the directory cannot be opened.
    """
    with opened_folder(folder, create=False) as descriptor:
        for name in names:
            _check_place(name, descriptor)


def check_database(path: Path) -> None:
    """Check the files of an SQLite database before SQLite opens them, which it does by name.

    Raises:
        OSError: one of them is not a regular file with one name, or a journal names another file.
    """
    try:
        with opened_folder(path.parent, create=False) as folder:
            for suffix in SQLITE_SUFFIXES:
                _check_place(f"{path.name}{suffix}", folder, own=True)
            _check_journal(f"{path.name}-journal", folder)
    except FileNotFoundError:
        return


def is_missing(path: Path) -> bool:
    """Return True if nothing has a path.

    False for one that cannot be looked at: whoever reads it gets the reason. `Path.exists` raises
    some errors before Python 3.14, and says that nothing is there since then.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def read_bounded(path: Path, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
    """Return the content of a regular file without waiting for it, also through a link.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger than the limit.
    """
    content = read_beginning(path, limit_bytes + 1)
    if len(content) > limit_bytes:
        raise FileError(f"larger than {limit_bytes:,} bytes (limit)")
    return content


def read_beginning(path: Path, length_bytes: int) -> bytes:
    """Return the first bytes of a regular file, or all, without waiting, also through a link.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _WAITLESS)
    except ValueError as error:  # a NUL in the path
        raise FileError(f"not a path: {error}") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise FileError(f"{_kind(mode)}, not a regular file")
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        content: bytes | None = file.read(length_bytes)
    if content is None:  # such as /proc/kmsg, which has nothing without waiting
        raise FileError("it has no content yet")
    return content


@contextlib.contextmanager
def opened_folder(path: Path, *, create: bool = True) -> Iterator[int]:
    """Yield the descriptor of a directory, reached without links that are not followed.

    Raises:
        OSError: it does not exist or cannot be opened, or a link is on the way.
    """
    parts = path.parts[1:] if path.is_absolute() else path.parts
    if len(parts) > MAX_FOLDERS:
        raise FileError(f"a path of more than {MAX_FOLDERS} directories; name another one")
    here = _working_folder()
    descriptor = os.open("/" if path.is_absolute() else ".", _FOLDER_FLAGS)
    try:
        is_below = not path.is_absolute()
        for index, part in enumerate(parts):
            is_below = is_below or _identity(os.fstat(descriptor)) == here
            may_follow = not is_below and index < len(parts) - 1
            inner = _open_part(part, descriptor, create=create, may_follow=may_follow)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _open_part(name: str, parent: int, *, create: bool, may_follow: bool) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    flags = _FOLDER_FLAGS | os.O_NOFOLLOW
    if stat.S_ISLNK(status.st_mode):
        if not may_follow or status.st_uid not in (0, os.geteuid()):
            raise FileError(
                f"{name!r} is a symbolic link, which is not followed; name its target instead"
            )
        flags = _FOLDER_FLAGS
    elif not stat.S_ISDIR(status.st_mode):
        raise FileError(f"{name!r} is {_kind(status.st_mode)}, not a directory; name another one")
    return os.open(name, flags, dir_fd=parent)


def _working_folder() -> tuple[int, int] | None:
    try:
        return _identity(Path().stat())
    except OSError:
        return None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _create(name: str, folder: int, mode: int) -> TextIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return open(  # noqa: PTH123 - a descriptor
        os.open(name, flags, mode, dir_fd=folder), "w", encoding="utf-8"
    )


def _check_place(name: str, folder: int, *, own: bool = False) -> os.stat_result | None:
    """Return the status of a regular file, None if the name is free; else raise FileError."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise FileError(
            f"{name!r} is {_kind(status.st_mode)}, not a regular file, and is left as it is; "
            "remove it, or choose another place"
        )
    if own:
        _check_own(status, os.fstat(folder))
    return status


def _check_own(status: os.stat_result, folder: os.stat_result) -> None:
    """Raise FileError if writing to the file could change one elsewhere, or another user's."""
    if not stat.S_ISREG(status.st_mode):
        raise FileError(f"{_kind(status.st_mode)}, not a regular file; choose another place")
    if status.st_nlink > 1:
        raise FileError("the file has another name as well (a hard link); choose another place")
    if status.st_uid not in (os.geteuid(), folder.st_uid):
        raise FileError("the file belongs to another user; choose another place")


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "a special file")


_JOURNAL_END: Final = bytes.fromhex("d9d505f920a163d7")
"""Last bytes of a journal that names a super-journal (sqlite.org/fileformat.html)."""


def _check_journal(name: str, folder: int) -> None:
    """Raise FileError if a rollback would read and delete a file that the journal names.

    Transactions on several files at once need such journals; authprobe has one file.
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | _WAITLESS, dir_fd=folder)
    except FileNotFoundError:
        return
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if file.seek(0, os.SEEK_END) < len(_JOURNAL_END):
            return
        file.seek(-len(_JOURNAL_END), os.SEEK_END)
        if file.read() == _JOURNAL_END:
            raise FileError(f"{name!r} names another file; remove it")
