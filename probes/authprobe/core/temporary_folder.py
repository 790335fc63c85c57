"""Temporary folders in which hostile programs have written; standard library only.

`shutil.rmtree` calls itself for each level of a tree, and so fails for a deep one (until Python
3.13), and it leaves what is in folders without permissions.
"""

import contextlib
import errno
import fcntl
import itertools
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

IN_USE = ".in-use"
"""File that is locked as long as its folder is used: the kernel unlocks it whatever ends the user
(flock(2))."""
RANDOM_LENGTH = 16
RANDOM_PART = re.compile(f"[0-9a-f]{{{RANDOM_LENGTH}}}")
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def unused_folder(prefix: str) -> Path:
    """Return the path of a temporary folder that does not exist yet."""
    return _parent() / (prefix + secrets.token_hex(RANDOM_LENGTH // 2))


def _parent() -> Path:
    """Return the folder for what is temporary, as `tempfile.gettempdir`.

    That one writes a file into a folder to try it, and a kill at this moment would leave the file.
    """
    names = ("TMPDIR", "TEMP", "TMP")
    variables = (os.environ.get(name) for name in names)  # noqa: TID251 - as tempfile does
    for folder in (tempfile.tempdir, *variables, "/tmp"):  # noqa: S108 - the first that it tries
        if folder and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder).absolute()
    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def made_folder(folder: Path) -> Iterator[Path]:
    """Make an unused folder that only this user can enter, yield it, and remove it on exit.

    Those with the same prefix are removed that nobody uses: every process of a run was killed.

    Raises:
        OSError: it cannot be made, or there is something in its place.
    """
    _remove_abandoned(folder)
    folder.mkdir(mode=0o700)
    with contextlib.ExitStack() as stack:
        stack.callback(remove_tree, folder)
        stack.callback(os.close, _mark_as_used(folder))
        yield folder


def _mark_as_used(folder: Path) -> int:
    """Return the descriptor of the lock of a folder; it has its name only when it is locked."""
    path = folder / f"{IN_USE}.new"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(OSError):  # a file system without locks, where nobody takes one either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    path.rename(folder / IN_USE)
    return descriptor


def _remove_abandoned(like: Path) -> None:
    """Remove the folders of this user beside a path, with a name like it, that nobody uses."""
    prefix = like.name[:-RANDOM_LENGTH]
    with contextlib.suppress(OSError), os.scandir(like.parent) as entries:
        for entry in entries:
            random_part = entry.name.removeprefix(prefix)
            if entry.name.startswith(prefix) and RANDOM_PART.fullmatch(random_part):
                with contextlib.suppress(OSError):
                    _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder of this user whose lock can be taken.

    Raises:
        OSError: it has no lock, or another process holds it.
    """
    top = os.open(folder, FOLDER_FLAGS)
    try:
        if os.fstat(top).st_uid != os.geteuid():
            return
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        lock = os.open(IN_USE, flags, dir_fd=top)
    finally:
        os.close(top)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(folder)
    finally:
        os.close(lock)


@contextlib.contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield a new folder that only this user can enter, and remove it on exit."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as this user can; follow no link.

    Every folder within is first moved to the top, so that neither the depth of the tree nor the
    length of its paths matters.
    """
    try:
        change_mode(folder, 0o700)
        top = os.open(folder, FOLDER_FLAGS)
    except OSError:
        return
    # A name that no program can have used: what has the place of a moved folder would keep it.
    names = (f".removed-{secrets.token_hex(8)}-{number}" for number in itertools.count())
    try:
        pending = ["."]
        while pending:
            name = pending.pop()
            with contextlib.suppress(OSError):
                _empty(top, name, pending, names)
            if name != ".":
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _empty(top: int, name: str, pending: list[str], names: Iterator[str]) -> None:
    """Remove the files of a folder, and move its folders to the top, each with a new name."""
    folder = os.open(name, FOLDER_FLAGS, dir_fd=top)
    try:
        with os.scandir(folder) as entries:
            for entry in list(entries):
                with contextlib.suppress(OSError):
                    if not stat.S_ISDIR(os.lstat(entry.name, dir_fd=folder).st_mode):
                        os.unlink(entry.name, dir_fd=folder)
                        continue
                    # Moving a folder changes its `..`, so it has to be writable (rename(2)).
                    change_mode(entry.name, 0o700, folder)
                    moved = next(names)
                    os.rename(entry.name, moved, src_dir_fd=folder, dst_dir_fd=top)
                    pending.append(moved)
    finally:
        os.close(folder)


def change_mode(name: str | Path, mode: int, parent: int | None = None) -> None:
    """Change the permissions of a file or folder, but not through a link.

    Raises:
        OSError: it does not exist, is a link, or belongs to another user.
    """
    if not hasattr(os, "O_PATH"):  # macOS, whose chmod can leave links alone
        os.chmod(name, mode, dir_fd=parent, follow_symlinks=False)
        return
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(name))
        Path(f"/proc/self/fd/{descriptor}").chmod(mode)
    finally:
        os.close(descriptor)
