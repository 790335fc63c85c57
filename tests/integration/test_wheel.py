"""Installed from a wheel, in an empty folder: the bundled scenarios run and report there."""

import sys
from pathlib import Path

import pytest

from tests.support.command import run, verdicts


@pytest.fixture(scope="module")
def installed(wheel_environment: Path) -> Path:
    """The `authprobe` command of a virtual environment that has nothing but the wheel."""
    return wheel_environment / "authprobe"


def test_the_bundled_scenarios_run_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    command = (installed, "run", "--client", "raw-http")
    ended = run(argv=[*map(str, command)], cwd=tmp_path, AUTHPROBE_HISTORY="")
    assert ended.code == 0, ended.out + ended.err
    judged = verdicts(tmp_path / "reports")
    assert len(judged) > 20
    assert set(judged.values()) == {"passed"}
    again = run(argv=[str(installed), "report", "--out", "again"], cwd=tmp_path)
    assert again.code == 0, again.err
    assert "</html>" in (tmp_path / "again" / "report.html").read_text()
    for words in ((), ("incidents",)):
        listed = run(argv=[str(installed), "run", "--list", *words], cwd=tmp_path)
        in_checkout = run("run", "--list", *words, cwd=tmp_path)
        assert listed.out == in_checkout.out != ""


def test_the_user_s_pytest_settings_do_not_disturb(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not yours to load')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    ended = run(argv=[str(installed), "run", "-k", "api-claude-ai"], cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err


PROGRAM = """
import authprobe

result: authprobe.RunResult = authprobe.run(["a.yaml"], clients=["raw-http"])
counts: dict[authprobe.Status, int] = result.counts
with authprobe.emulate() as emulator:
    key: str = emulator.issue("api-key", lifetime=60).value
summary: str = authprobe.explain("401").summary
effect: authprobe.Effect | None = authprobe.diff(result, "b.json").questions[0].effect
"""


def test_the_types_of_the_public_interface_reach_a_program(
    wheel_environment: Path, tmp_path: Path
) -> None:
    wrong = PROGRAM.replace("counts: dict[authprobe.Status, int]", "counts: int")
    wrong = wrong.replace("authprobe.Effect |", "authprobe.Run |")
    (tmp_path / "good.py").write_text(PROGRAM)
    (tmp_path / "wrong.py").write_text(wrong)
    options = ("--strict", "--no-incremental", "--python-executable", wheel_environment / "python")
    argv = [sys.executable, "-m", "mypy", *options, "good.py", "wrong.py"]
    problems = run(argv=[*map(str, argv)], cwd=tmp_path).out
    assert 'Incompatible types in assignment (expression has type "dict[Status, int]"' in problems
    assert 'Name "authprobe.Run" is not defined' in problems
    assert problems.count("error: ") == problems.count("wrong.py:") == 2
