"""Fixtures: a browser, and authprobe as its users install it: a wheel in a virtual environment."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.command import PROJECT, environment

UNREACHABLE = ("Connection", "No matching dist", "Temporary failure")
"""Words in pip's output that mean: this machine reaches no package registry."""

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The one without windows draws the same and needs a third of the time for a page."""

COMMITTED_AT = "1700000000"
"""Time of the files in the sdist and the wheel, in seconds since 1970."""

MakeOnce = Callable[[str, Callable[[Path], Path]], Path]


def run_step(
    argv: Sequence[str | Path], home: Path, variables: Mapping[str, str] | None = None
) -> None:
    """Run one step of the set-up; skip the test where the registry cannot be reached."""
    done = subprocess.run(
        argv,
        env=variables or environment(home),
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
def make_once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> MakeOnce:
    """A function that makes something in a folder, once for all processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def once(name: str, make: Callable[[Path], Path]) -> Path:
        folder, made = shared / name, shared / f"{name}.made"
        with filelock.FileLock(shared / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                made.write_text(str(make(folder)))
        return Path(made.read_text())

    return once


@pytest.fixture(scope="session")
def wheel_folder(make_once: MakeOnce) -> Path:
    """A folder that holds the sdist and the wheel of this checkout, made by `.ci/build`."""
    return make_once("wheel", lambda folder: build(PROJECT, folder))


def build(checkout: Path, folder: Path) -> Path:
    """Build a checkout as a release does, and return the folder of the sdist and the wheel."""
    variables = environment(folder / "home", SOURCE_DATE_EPOCH=COMMITTED_AT)
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    run_step([checkout / ".ci" / "build", folder / "dist"], folder / "home", variables)
    return folder / "dist"


@pytest.fixture(scope="session")
def wheel_environment(wheel_folder: Path, make_once: MakeOnce) -> Path:
    """The `bin` folder of a virtual environment that holds the wheel and what it depends on."""
    return make_once("venv", lambda folder: make_environment(folder, wheel_folder, ["authprobe"]))


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("NO CHROMIUM: install Debian's package to test pages in a browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """A browser whose pages are closed after the test."""
    yield chromium
    for context in chromium.contexts:
        context.close()
