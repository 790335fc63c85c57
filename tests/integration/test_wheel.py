"""Installed from a wheel, in an empty folder: the bundled scenarios run and report there."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import PROJECT, environment, run, verdicts


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `authprobe` command of a virtual environment that has nothing but the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    steps: tuple[list[str | Path], ...] = (
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", PROJECT],
        [sys.executable, "-m", "venv", folder / "venv"],
        [
            *(folder / "venv" / "bin" / "pip", "install", "--quiet"),
            *("--disable-pip-version-check", "--constraint", PROJECT / "constraints.txt"),
            *("--find-links", folder / "dist", "authprobe"),
        ],
    )
    for step in steps:
        done = subprocess.run(
            step,
            env=environment(folder / "home"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        if done.returncode and any(word in printed for word in ("Connection", "No matching dist")):
            pytest.skip("NO PACKAGE REGISTRY: the wheel was not built and installed")
        assert done.returncode == 0, printed
    return folder / "venv" / "bin" / "authprobe"


def test_the_bundled_scenarios_run_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    ended = run(argv=[str(installed), "run", "--client", "raw-http"], cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err
    judged = verdicts(tmp_path / "reports")
    assert len(judged) > 20
    assert set(judged.values()) == {"passed"}
    for words in ((), ("incidents",)):
        listed = run(argv=[str(installed), "run", "--list", *words], cwd=tmp_path)
        in_checkout = run("run", "--list", *words, cwd=tmp_path)
        assert listed.out == in_checkout.out != ""


def test_the_user_s_pytest_settings_do_not_disturb(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not yours to load')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    ended = run(argv=[str(installed), "run", "-k", "api-claude-ai"], cwd=tmp_path)
    assert ended.code == 0, ended.out + ended.err
