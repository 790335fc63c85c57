"""The commands of the documentation that need only the files of a run do run."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.commands.test_run import SCENARIO
from tests.commands.test_share import FAILING
from tests.integration.test_docs import EXPIRED, PAGES, shown_commands
from tests.support.command import run, write_scenario

CASE: Final = "cli-login/raw-http/messages/bad"
READERS: Final = {"accept", "badge", "card", "explain", "history", "report", "scan", "share"}
"""Subcommands that need neither a client nor a service."""
NOT_RUN: Final = {
    'authprobe accept CASE --known "why" --until 2027-03-01': "the day passes",
    'authprobe accept CASE --known "waits for a release" --until 2027-03-01 --issue '
    "https://github.com/…/issues/17402": "the day passes",
    "authprobe history SCENARIO/claude-code@2.1.332/…": "stands for the id of a case",
    "authprobe history SCENARIO/claude-code/…": "stands for the id of a case",
}
"""Commands of these subcommands that are not run, with the reason."""
SHOWN: Final = sorted(
    {
        line.strip()
        for page in PAGES
        if page.name != "commands.md"
        for line in shown_commands(page)
        if line.split()[1] in READERS or line.strip() == "authprobe run auth/ --list"
    }
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the documentation names, and a run with a failed case."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "auth").mkdir()
    named = "id: cli-login"
    for text, code in ((SCENARIO, 0), (FAILING, 1)):
        path = write_scenario(folder / "auth", text.replace("id: example", named))
        ended = run("run", path, cwd=folder, AUTHPROBE_HISTORY="")
        assert ended.code == code, ended.err
    for name in ("ci", "out"):
        shutil.copytree(folder / "reports", folder / name)
    for name in ("error.log", "debug.log"):
        (folder / name).write_text(EXPIRED)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in SHOWN if line not in NOT_RUN])
def test_a_command_of_the_documentation_runs(line: str, project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    words = shlex.split(re.split(r" (?:\||>) ", line)[0])[1:]
    arguments = [CASE if word == "CASE" else word for word in words]
    ended = run(*arguments, cwd=folder, AUTHPROBE_HISTORY="")
    assert ended.code == 0, ended.out + ended.err
    if "--out" in words:
        assert (folder / words[words.index("--out") + 1]).stat().st_size
    else:
        assert ended.out or ended.err  # `scan` and `report` tell what they did there


def test_what_is_not_run_is_still_in_the_documentation() -> None:
    assert set(NOT_RUN) <= set(SHOWN)


def test_the_commands_of_lists_are_found() -> None:
    assert {"authprobe scan debug.log", "authprobe history CASE"} <= set(SHOWN)
