"""A PostgreSQL server of a test's own: in a folder, on a Unix socket, ended when the test is."""

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

LIMIT: Final = 60.0
NAMES: Final = ("nobody", "daemon", "games")
"""Users without rights, one of whom is there everywhere: PostgreSQL refuses to run as root."""


def programs() -> Path:
    """The folder of its programs; skips, loudly, where there are none."""
    done = subprocess.run(
        [PROJECT / ".ci" / "postgresql"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    return Path(done.stdout.strip())


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a server that has an empty database, and a password in it."""
    found = programs()
    # A socket's path has room for a hundred characters, so it is not below pytest's own folder.
    with tempfile.TemporaryDirectory(prefix="authprobe-pg-") as folder:
        user = _unprivileged(Path(folder))
        data = Path(folder, "data")
        password = Path(folder, "password")
        password.write_text("made-up-password\n")
        password.chmod(0o644)
        _call(user, found / "initdb", "-D", data, "-U", "team", "-A", "scram-sha-256",
              f"--pwfile={password}", "--no-sync")  # fmt: skip
        control = (found / "pg_ctl", "-D", data, "-w", "-t", "60")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        _call(user, *control, "-l", Path(folder, "log"), "-o", options, "start")
        try:
            yield f"postgresql://team:made-up-password@/postgres?host={folder}"
        finally:
            _call(user, *control, "-m", "immediate", "stop")


def _unprivileged(folder: Path) -> str | None:
    """The user to run as, to whom the folder is given; None: this one will do."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in NAMES if name in known)
    shutil.chown(folder, user)
    return user


def _call(user: str | None, *command: str | Path) -> None:
    done = subprocess.run(
        command,
        user=user,
        extra_groups=[] if user else None,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
