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
PACKAGES: Final = (
    str(Path(authprobe.__file__).parents[1]),
    *(path for path in sys.path if path.endswith("site-packages")),
)
VERSION_TEST: Final = (
    f"import sys, authprobe.cli, pydantic_core; "
    f"sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
)


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


def python_of_user(folder: Path) -> str:
    """Return a Python that the ordinary user can run, with this package and its dependencies.

    It is a virtual environment in `folder`. Skips if no Python here can be read by that user.
    """
    for candidate in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        if candidate is None:
            continue
        try:
            result = as_user([candidate, "-m", "venv", "--without-pip", "venv"], folder)
        except PermissionError:
            continue
        packages = folder.glob("venv/lib/python*/site-packages")
        for libraries in packages if result.returncode == 0 else ():
            (libraries / "packages.pth").write_text("\n".join(PACKAGES))
            python = str(folder / "venv" / "bin" / "python")
            if as_user([python, "-c", VERSION_TEST], folder).returncode == 0:
                return python
    pytest.skip("NO PYTHON HERE THAT AN ORDINARY USER CAN RUN: what holds for him is not tested")
