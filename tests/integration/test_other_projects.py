"""authprobe installed beside a project of somebody's own, with other pytest plugins."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import make_environment
from tests.support.command import PROJECT, environment
from tests.support.exhaustive import EXHAUSTIVE

PLUGINS = ("xdist", "asyncio", "randomly", "timeout", "rerunfailures", "cov")
USES_THE_EMULATOR = """
import urllib.request

def test_emulator(claude_auth_emulator):
    key = claude_auth_emulator.issue("api-key")
    headers = {"x-api-key": key.value, "anthropic-version": "2023-06-01"}
    url = claude_auth_emulator.base_url + "/v1/models"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        assert answer.status == 200
"""
OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("-n", "2"),
    ("--timeout", "60", "--reruns", "1", "--cov=."),
    ("-p", "no:randomly", "-p", "no:asyncio", "-W", "error"),
)


@pytest.fixture(scope="module")
def binaries(wheel_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a virtual environment with authprobe and all the plugins."""
    packages = ["authprobe", *(f"pytest-{name}" for name in PLUGINS)]
    return make_environment(tmp_path_factory.mktemp("plugins"), wheel_folder, packages)


def run_pytest(argv: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest to its end in a folder of its own."""
    return subprocess.run(
        argv,
        cwd=folder,
        env=environment(folder / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def make_project(folder: Path, name: str) -> None:
    """Write a project without, or with its own, `probes` package or module."""
    test = USES_THE_EMULATOR
    if name != "empty":
        own = folder / ("probes/__init__.py" if name == "package" else "probes.py")
        own.parent.mkdir(exist_ok=True)
        own.write_text("OWN = True\n")
        test = f"import probes\n\nassert probes.OWN\n{test}"
    (folder / "test_own.py").write_text(test)


STARTS = ("pytest", "python -m pytest")
PROJECTS = ("empty", "package", "module")
PAIRS = [
    (project, STARTS[(row + column) % len(STARTS)], options)
    for row, project in enumerate(PROJECTS)
    for column, options in enumerate(OPTIONS)
]
"""Each two of a project, a start and options together; all three would be twice as many."""
EACH_PAIR = [
    pytest.param(*pair, marks=() if number in (0, 3, 5, 10) else EXHAUSTIVE)
    for number, pair in enumerate(PAIRS)
]
"""Every time each project, start and options; exhaustively all pairs."""


@pytest.mark.parametrize(("project", "start", "options"), EACH_PAIR)
def test_pytest_starts_and_the_emulator_answers(
    binaries: Path, tmp_path: Path, project: str, start: str, options: tuple[str, ...]
) -> None:
    make_project(tmp_path, project)
    program, *arguments = start.split()
    done = run_pytest([binaries / program, *arguments, *options], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_plugin_is_turned_off_by_its_name(binaries: Path, tmp_path: Path) -> None:
    make_project(tmp_path, "empty")
    done = run_pytest([binaries / "pytest", "-p", "no:authprobe"], tmp_path)
    assert done.returncode == 1
    assert "fixture 'claude_auth_emulator' not found" in done.stdout


def test_the_compatibility_run_starts_beside_the_other_plugins(
    binaries: Path, tmp_path: Path
) -> None:
    argv: list[str | Path] = [binaries / "python", "-m", "pytest", "--rootdir", PROJECT]
    argv += ["-c", PROJECT / "pyproject.toml", "--authprobe-report", tmp_path / "reports"]
    done = run_pytest([*argv, PROJECT / "probes", "-k", "api-claude-ai"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
