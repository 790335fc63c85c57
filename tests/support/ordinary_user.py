"""Programs that run as an ordinary user, in tests that run as root."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import authprobe

USER: Final = 65534
"""Id of the user `nobody`, who owns no files."""
PACKAGES: Final = (Path(authprobe.__file__).parents[1], *map(Path, filter(None, sys.path)))
VERSION_TEST: Final = "import sys; sys.exit(sys.version_info[:2] != {})"


def as_user(
    argv: Sequence[str], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a program as an ordinary user with a home of its own, and return the result."""
    is_root = os.getuid() == 0
    return subprocess.run(
        argv,
        cwd=folder,
        env={"HOME": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        user=USER if is_root else None,
        group=USER if is_root else None,
        extra_groups=[] if is_root else None,
    )


@contextmanager
def folder_of_user() -> Iterator[Path]:
    """Yield a new folder that belongs to the ordinary user."""
    with tempfile.TemporaryDirectory(prefix="authprobe-test-", ignore_cleanup_errors=True) as name:
        if os.getuid() == 0:
            os.chown(name, USER, USER)
        yield Path(name)


def python_of_user(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return a Python that the ordinary user can run, and the variables that it needs.

    Skips if there is none that can read this package and its dependencies.
    """
    variables = {"PYTHONPATH": os.pathsep.join(map(str, PACKAGES)), "PYTHONDONTWRITEBYTECODE": "1"}
    test = VERSION_TEST.format(tuple(sys.version_info[:2])) + " or __import__('authprobe.cli')"
    for candidate in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if candidate is None:
            continue
        try:
            result = as_user([candidate, "-c", test], folder, **variables)
        except PermissionError:
            continue
        if result.returncode == 0:
            return [candidate], variables
    pytest.skip("NO PYTHON HERE THAT AN ORDINARY USER CAN RUN: what holds for him is not tested")
