"""A private PostgreSQL server for tests: in a temporary folder, on a Unix socket."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.command import PROJECT

SEARCH_TIMEOUT: Final = 60.0
COMMAND_TIMEOUT: Final = 120.0
UNPRIVILEGED_USERS: Final = ("nobody", "daemon", "games")
"""Users to run the server as instead of root, which PostgreSQL refuses; each system has one."""


def programs_folder() -> Path:
    """Return the folder of PostgreSQL's programs; skip the test with a reason without them."""
    result = subprocess.run(
        [PROJECT / ".ci" / "postgresql"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SEARCH_TIMEOUT,
        check=False,
    )
    if result.returncode:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    return Path(result.stdout.strip())


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Yield the URL, with a password, of an empty database on a new server."""
    programs = programs_folder()
    # The path of a socket is limited to about a hundred characters: pytest's folder is too deep.
    with tempfile.TemporaryDirectory(prefix="authprobe-pg-") as folder:
        user = _unprivileged(Path(folder))
        data = Path(folder, "data")
        password = Path(folder, "password")
        password.write_text("made-up-password\n")
        password.chmod(0o644)
        _call(user, programs / "initdb", "-D", data, "-U", "team", "-A", "scram-sha-256",
              f"--pwfile={password}", "--no-sync")  # fmt: skip
        control = (programs / "pg_ctl", "-D", data, "-w", "-t", "60")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        _call(user, *control, "-l", Path(folder, "log"), "-o", options, "start")
        try:
            yield f"postgresql://team:made-up-password@/postgres?host={folder}"
        finally:
            _call(user, *control, "-m", "immediate", "stop")


def _unprivileged(folder: Path) -> str | None:
    """Return the user to run as, and make it the owner of the folder; None: not root already."""
    if os.geteuid() != 0:
        return None
    import pwd

    users = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in UNPRIVILEGED_USERS if name in users)
    shutil.chown(folder, user)
    return user


def _call(user: str | None, *command: str | Path) -> None:
    result = subprocess.run(
        command,
        user=user,
        extra_groups=[] if user else None,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_TIMEOUT,
        check=False,
    )
    assert result.returncode == 0, result.stdout
