"""Configuration folders of Claude Code beside the one in use, by presence and dates only."""

import datetime
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from authprobe.core.login_renewal import LOCK_FOLDER, LOCK_STALE_SECONDS
from authprobe.doctor.inventory.credential_kinds import moment_of
from authprobe.doctor.inventory.machine import Machine

LOGIN_FILE: Final = ".credentials.json"
PREFIX: Final = ".claude"
"""Beginning of the names that are searched in the home: people use `~/.claude-work`."""
MAX_HOME_ENTRIES: Final = 5_000
MAX_FOLDERS: Final = 20
KEYCHAIN_SERVICE: Final = "Claude Code-credentials"
"""Name of the login in the macOS Keychain (code.claude.com/docs/en/authentication)."""
SUFFIX_LENGTH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFolder:
    """A configuration folder; none of its files was opened."""

    path: Path
    login_written: datetime.datetime | None = None
    """None: it has no file with a login."""
    lock_changed: datetime.datetime | None = None
    """None: no renewal has left its lock in it."""

    def has_stale_lock(self, now: datetime.datetime) -> bool:
        """Return True if the lock is older than a renewal takes."""
        changed = self.lock_changed
        return changed is not None and (now - changed).total_seconds() >= LOCK_STALE_SECONDS


def find_config_folders(machine: Machine) -> tuple[ConfigFolder, ...]:
    """Return the folder in use, and after it the others in the home that have a login or a lock.

    Links are not followed.
    """
    paths = (machine.config_folder, *islice(_candidates(machine), MAX_FOLDERS))
    first, *others = (_config_folder(path) for path in dict.fromkeys(paths))
    return (first, *(each for each in others if each.login_written or each.lock_changed))


def _candidates(machine: Machine) -> Iterator[Path]:
    try:
        with os.scandir(machine.home) as entries:
            names = sorted(
                entry.name
                for entry in islice(entries, MAX_HOME_ENTRIES)
                if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
            )
    except (OSError, ValueError):
        return
    yield from (machine.home / name for name in names)
    yield machine.home / ".config" / "claude"


def _config_folder(path: Path) -> ConfigFolder:
    return ConfigFolder(
        path=path,
        login_written=_changed(path / LOGIN_FILE, is_file=True),
        lock_changed=_changed(path / LOCK_FOLDER, is_file=False),
    )


def _changed(path: Path, *, is_file: bool) -> datetime.datetime | None:
    """Return when a file, or anything else of this name, was changed; None: there is none."""
    try:
        status = path.lstat()
        if is_file and not stat.S_ISREG(status.st_mode):
            return None
        return moment_of(status.st_mtime)
    except (OSError, ValueError):
        return None


def keychain_service(config_value: str | None) -> str:
    """Return the name of the login in the macOS Keychain for a value of CLAUDE_CONFIG_DIR.

    Reported from macOS, and not run here: robinebers/openusage#424, beeblock/orkestrai#27,
    sirmalloc/ccstatusline#573. The value is taken as it is written, so two spellings of one folder
    have two names.
    """
    if not config_value:
        return KEYCHAIN_SERVICE
    text = unicodedata.normalize("NFC", config_value).encode("utf-8", "surrogatepass")
    return f"{KEYCHAIN_SERVICE}-{hashlib.sha256(text).hexdigest()[:SUFFIX_LENGTH]}"
