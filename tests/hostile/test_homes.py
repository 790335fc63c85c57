"""Hostile homes: the doctor ends, runs and writes nothing, and prints no token."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from authprobe.cli import main
from tests.hostile.generated_homes import HOMES, MARK
from tests.support.homes import Home, make_home
from tests.support.ordinary_user import folder_of_user, python_of_user

UNKNOWN_USER: Final = 54_321
"""Id of a user who is not in /etc/passwd."""

MAX_SECONDS: Final = 10.0
"""For one home, on a busy machine."""
MAX_DEPTH: Final = 20
MAX_HASHED_BYTES: Final = 20_000_000
MAX_OUTPUT: Final = 200_000


def snapshot(folder: Path) -> dict[str, object]:
    """Return everything about each file below a folder, with the hash of its content.

    Reading a file changes its access time, which is left out.
    """
    found: dict[str, object] = {}
    for parent, folders, names in os.walk(folder):
        if len(Path(parent).relative_to(folder).parts) > MAX_DEPTH:
            folders.clear()
        for name in (*folders, *names):
            path = Path(parent, name)
            status = path.lstat()
            content = ""
            if stat.S_ISREG(status.st_mode) and status.st_size < MAX_HASHED_BYTES:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            times = (status.st_mtime_ns, status.st_ctime_ns)
            found[str(path)] = (status.st_mode, status.st_size, status.st_uid, *times, content)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Yield a home, and remove it in a way that copes with any depth."""
    yield make_home(tmp_path)
    subprocess.run(["/bin/rm", "-rf", str(tmp_path / "home")], check=True)


def doctor(home: Home, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Run the doctor with this home and its variables only; return all that it printed."""
    machine = home.machine()
    variables = {
        "HOME": str(home.home),
        "PATH": ":".join(map(str, machine.search_path)),
        **home.variables,
    }
    with monkeypatch.context() as patch:
        for name in tuple(os.environ):
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.chdir(machine.folder)
        started = time.monotonic()
        result = CliRunner().invoke(main, ["doctor", *arguments], prog_name="authprobe")
        assert time.monotonic() - started < MAX_SECONDS
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1)
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("name", HOMES)
def test_the_doctor_ends_runs_nothing_and_writes_nothing(
    name: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup, expected = HOMES[name]
    (home.home / ".claude.json").unlink()  # for those that put something else there
    setup(home)
    home.machine()  # creates the current folder
    before = snapshot(home.folder)
    text = doctor(home, monkeypatch)
    printed = doctor(home, monkeypatch, "--json")
    assert any(line.startswith(f"  {expected}") for line in text.splitlines()), text
    assert json.loads(printed)["results"]
    for output in (text, printed):
        assert "canary" not in output.lower()
        assert "Traceback" not in output
        assert output.replace("\n", "").isprintable()
        assert not any(line.startswith("::") for line in output.splitlines())
        assert "##[error]" not in output
        assert len(output) < MAX_OUTPUT
    assert not (home.folder / MARK).exists()
    assert snapshot(home.folder) == before


def test_there_are_at_least_40_homes() -> None:
    assert len(HOMES) >= 40


def test_a_program_in_a_home_leaves_its_mark(home: Home) -> None:
    HOMES["helper"][0](home)
    helper = home.home / "helper"
    helper.write_text(helper.read_text().replace("sleep 300", ""))
    subprocess.run([helper], check=True, stdout=subprocess.DEVNULL)
    assert (home.folder / MARK).exists()


@pytest.mark.slow
def test_the_command_imports_and_runs_nothing_of_the_current_folder(home: Home) -> None:
    HOMES["hostile-checkout"][0](home)
    machine = home.machine()
    before = snapshot(home.folder)
    program = Path(sys.executable).with_name("authprobe")
    if not program.exists():
        pytest.skip("authprobe is not installed beside this Python")
    result = subprocess.run(
        [program, "doctor"],
        cwd=machine.folder,
        env={"HOME": str(home.home), "PATH": f".:{machine.folder}:{home.folder}/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (1, "")
    assert "helper-not-run" in result.stdout
    assert not (home.folder / MARK).exists()
    assert snapshot(home.folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{}, {"HOME": ""}], ids=["unset", "empty"])
def test_a_user_without_a_home_gets_an_answer(variables: dict[str, str]) -> None:
    with folder_of_user() as folder:
        python = python_of_user(folder)
        folder.chmod(0o755)
        is_root = os.getuid() == 0
        result = subprocess.run(
            [python, "-P", "-m", "authprobe", "doctor"],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=UNKNOWN_USER if is_root else None,
            group=UNKNOWN_USER if is_root else None,
            extra_groups=[] if is_root else None,
        )
    assert result.returncode in (0, 1, 4), result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 1
