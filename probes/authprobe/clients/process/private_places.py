"""Folders that no program of a container may see as a whole, or change."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

SYSTEM_TREES: Final = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin"),
    *("/sys", "/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share"),
)
"""Folders with settings, sockets and programs of the system: neither they nor what is in them is a
working directory to be changed."""
SHARED_FOLDERS: Final = (
    *("/home", "/media", "/mnt", "/opt", "/srv", "/tmp", "/usr", "/usr/local"),  # noqa: S108
    *("/usr/local/bin", "/usr/local/lib", "/var", "/var/lib", "/var/tmp"),  # noqa: S108
)
"""Folders that hold files and sockets of many programs or users; a folder in them may be the
user's."""


def is_private(folder: Path, homes: Sequence[Path]) -> bool:
    """Return True for a home, a folder above it, one of its hidden folders (`~/.claude`), and a
    folder of the system.
    """
    if folder in map(Path, SHARED_FOLDERS) or any(map(folder.is_relative_to, SYSTEM_TREES)):
        return True
    return any(_is_in_private_part(folder, user_home) for user_home in homes)


def _is_in_private_part(folder: Path, user_home: Path) -> bool:
    if folder == user_home or folder in user_home.parents:
        return True
    is_inside = folder.is_relative_to(user_home)
    return is_inside and folder.relative_to(user_home).parts[0].startswith(".")
