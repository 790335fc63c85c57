"""Temporary folders in which hostile programs have written; standard library only.

`shutil.rmtree` calls itself for each level of a tree, and so fails for a deep one (until Python
3.13), and it leaves what is in folders without permissions.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
        top = os.open(folder, FOLDER_FLAGS)
    except OSError:
        return
    try:
        pending = ["."]
        number = 0
        while pending:
            name = pending.pop()
            with contextlib.suppress(OSError):
                number = _empty(top, name, pending, number)
            if name != ".":
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _empty(top: int, name: str, pending: list[str], number: int) -> int:
    """Remove the files of a folder, move its folders to the top, and return the next number."""
    folder = os.open(name, FOLDER_FLAGS, dir_fd=top)
    try:
        with os.scandir(folder) as entries:
            for entry in list(entries):
                with contextlib.suppress(OSError):
                    if not stat.S_ISDIR(os.lstat(entry.name, dir_fd=folder).st_mode):
                        os.unlink(entry.name, dir_fd=folder)
                        continue
                    # Moving a folder changes its `..`, so it has to be writable (rename(2)).
                    os.chmod(entry.name, 0o700, dir_fd=folder)
                    number += 1
                    moved = f".removed-{number}"
                    os.rename(entry.name, moved, src_dir_fd=folder, dst_dir_fd=top)
                    pending.append(moved)
    finally:
        os.close(folder)
    return number
