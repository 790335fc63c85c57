"""Equal large files of clients, kept once in the cache by hard links.

The program that an Agent SDK brings along is often the file of a `claude-code`, and versions of one
client share native libraries. Only sealed clients are linked: they see their folder read-only. What
changes a file all the same is found like any damage: its change time differs, it is hashed, and the
clients that have it are installed again.
"""

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from authprobe.clients.installation import storage
from authprobe.clients.installation.storage import ClientLock

TEMPORARY_SUFFIX: Final = ".authprobe-link"
SOURCE_SUFFIX: Final = ".py"
"""Bytecode names the modification time of its source, which a link would change."""


def link_equal_files(cache: Path, new: Path) -> None:
    """Replace the large files of a new client by links to equal ones of intact clients.

    The new client is in a staging folder, with its manifest, which is written again. Where links
    are not possible, the files stay.
    """
    wanted = {
        name: digest
        for name, digest in storage.large_files(new).items()
        if not name.endswith(SOURCE_SUFFIX)
    }
    for client in storage.clients(cache):
        if not wanted:
            break
        names = {digest: name for name, digest in storage.large_files(client).items()}
        if not names.keys().isdisjoint(wanted.values()):
            # Others use it, replace it, or have removed it: their files are not needed.
            with contextlib.suppress(OSError):
                for name in _link_from(client, names, new, wanted):
                    del wanted[name]
    storage.integrity_error(new)  # records the new times


def _link_from(
    client: Path, names: Mapping[str, str], new: Path, wanted: Mapping[str, str]
) -> list[str]:
    """Link files of an installed client, which may not change meanwhile; return their new names."""
    lock = ClientLock(storage.lock_file(client))
    try:
        if not lock.take(shared=True) or storage.integrity_error(client) is not None:
            return []
        return [
            name
            for name, digest in wanted.items()
            if digest in names and _link(client / names[digest], new / name)
        ]
    finally:
        lock.release()


def _link(old: Path, new: Path) -> bool:
    """Replace a file by a link to an equal one; return True if it is one now."""
    try:
        kept, replaced = old.lstat(), new.lstat()
        if not (stat.S_ISREG(kept.st_mode) and _rights(kept) == _rights(replaced)):
            return False
        if os.path.samestat(kept, replaced):
            return True
        temporary = new.with_name(new.name + TEMPORARY_SUFFIX)
        os.link(old, temporary, follow_symlinks=False)
        try:
            temporary.replace(new)
        except OSError:
            temporary.unlink()
            raise
    except OSError:  # another file system, too many links, or one that has none
        return False
    return True


def _rights(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid
