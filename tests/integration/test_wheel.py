"""Installed from a wheel, in an empty folder: the bundled scenarios run and report there."""

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
