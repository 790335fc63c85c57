"""Fixtures that install authprobe as its users do: from a wheel, in a virtual environment."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.command import PROJECT, environment

UNREACHABLE = ("Connection", "No matching dist", "Temporary failure")
"""Words in pip's output that mean: this machine reaches no package registry."""


def run_step(argv: Sequence[str | Path], home: Path) -> None:
    """Run one step of the set-up; skip the test where the registry cannot be reached."""
    done = subprocess.run(
        argv,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    if done.returncode and any(words in output for words in UNREACHABLE):
        pytest.skip("NO PACKAGE REGISTRY: the wheel was not built and installed")
    assert done.returncode == 0, output


@pytest.fixture(scope="session")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--outdir",
        folder / "dist",
        PROJECT,
    ]
    run_step(argv, folder / "home")
    return folder / "dist"


@pytest.fixture(scope="session")
def wheel_environment(wheel_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a virtual environment that holds the wheel and what it depends on."""
    return make_environment(tmp_path_factory.mktemp("venv"), wheel_folder, ["authprobe"])


def make_environment(folder: Path, wheel_folder: Path, packages: Sequence[str]) -> Path:
    """Make a virtual environment with these packages and return its `bin` folder."""
    home = folder / "home"
    run_step([sys.executable, "-m", "venv", folder / "venv"], home)
    binaries = folder / "venv" / "bin"
    options = (
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--find-links",
        wheel_folder,
    )
    constraints = ("--constraint", PROJECT / "constraints.txt")
    run_step([binaries / "pip", "install", *options, *constraints, *packages], home)
    return binaries
