"""The files of the actions: their form, what they use, and that their steps fit together."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.support.command import PROJECT
from tests.support.github_runner import CompositeAction, FakeGitHub, GitHubRunner
from tests.support.workflows import check_with, problems_of

ACTIONS: Final = (PROJECT / "action.yml", PROJECT / "action" / "issue" / "action.yml")
PINNED: Final = re.compile(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", re.MULTILINE)
VARIABLE: Final = re.compile(r"\$\{\{.*?\}\}")


@pytest.mark.parametrize("path", ACTIONS, ids=lambda path: path.parent.name)
def test_an_action_is_pinned_and_evaluates_nothing(path: Path) -> None:
    text = path.read_text()
    assert text.count("uses: ") == len(PINNED.findall(text)) > 0
    for step in yaml.safe_load(text)["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    assert "secrets." not in text


def test_the_actions_fit_their_schema() -> None:
    assert check_with("vendor.github-actions", ACTIONS) == ""


def test_a_program_that_finds_holes_finds_none() -> None:
    assert problems_of(*ACTIONS) == ""


def test_every_input_is_read(tmp_path: Path) -> None:
    for path in ACTIONS:
        action = yaml.safe_load(path.read_text())
        used = set(re.findall(r"inputs\.([\w-]+)", path.read_text()))
        assert used == set(action["inputs"])


STEP: Final = """\
#!{python} -IS
import json, pathlib, sys
if sys.argv[1:] == ["--version"]:
    print("authprobe, version 7.0")
    sys.exit()
out = pathlib.Path(next(w for w in sys.argv if w.startswith("--out=")).removeprefix("--out="))
verdict = {{"status": "failed", "regressed": True}}
(out / "results.json").write_text(json.dumps({{"cases": [{{"id": "x", "verdict": verdict}}]}}))
(out / "report.html").write_text("page")
(out / "summary.md").write_text("the summary")
(out / "argv.json").write_text(json.dumps(sys.argv[1:]))
sys.exit({code})
"""
ANSWERS: Final[dict[str, dict[str, str]]] = {
    "python": {"python-path": sys.executable},
    "cache": {"cache-hit": "false"},
    "actions/cache/save": {},
    "artifact": {"artifact-url": "https://github.com/artifact"},
}


def job(
    tmp_path: Path,
    github: FakeGitHub,
    code: int = 0,
    answers: Mapping[str, dict[str, str]] = ANSWERS,
) -> CompositeAction:
    """Return the action in a job in which authprobe, with this exit code, is installed."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5}}))
    path = github.variables["PATH"]
    runner = GitHubRunner(tmp_path, {"PATH": path, "GITHUB_EVENT_PATH": str(event)})
    program = tmp_path / "temp" / "authprobe-7.0" / "bin" / "authprobe"
    program.parent.mkdir(parents=True)
    program.write_text(STEP.format(python=sys.executable, code=code))
    program.chmod(0o755)
    (runner.work / "sub").mkdir()
    return CompositeAction(ACTIONS[0], runner, answers)


def test_a_run_that_failed_has_outputs_cache_artifact_and_comment(
    tmp_path: Path, github: FakeGitHub
) -> None:
    action = job(tmp_path, github, code=1)
    outputs = action.run(
        version="7.0",
        scenarios="a.yaml\n-b.yaml",
        suite="$(id)",
        fail_on="failed",
        args="-k 'x y'",
        comment="true",
        artifact_name="mine",
        working_directory="sub",
    )
    assert action.failed
    report = Path(outputs.pop("report"))
    assert report.read_text() == "page"
    counts = outputs.pop("counts")
    assert json.loads(counts)["failed"] == 1
    assert outputs == {"exit-code": "1", "regressed": '["x"]'}
    folder = str(report.parent)
    assert json.loads((report.parent / "argv.json").read_text()) == [
        *("run", f"--out={folder}", "--suite=$(id)", "--fail-on=failed"),
        *("a.yaml", "./-b.yaml", "-k", "x y"),
    ]
    saved = action.used["actions/cache/save"]
    assert (
        saved["path"] == action.used["cache"]["path"] == action.runner.variables["AUTHPROBE_CACHE"]
    )
    assert saved["key"] == action.used["cache"]["key"]
    assert saved["key"].startswith(action.used["cache"]["restore-keys"].splitlines()[0])
    assert action.used["artifact"]["name"] == "mine"
    assert action.used["artifact"]["path"] == folder
    assert action.used["python"] == {"python-version": "3.13", "update-environment": "false"}
    (comment,) = github.read()["comments"]
    assert "the summary" in comment["body"]
    assert "https://github.com/artifact" in comment["body"]


def test_what_is_switched_off_is_not_done(tmp_path: Path, github: FakeGitHub) -> None:
    action = job(tmp_path, github)
    assert action.run(version="7.0", cache="false", artifact_name="")["exit-code"] == "0"
    assert not action.failed, action.logs
    assert set(action.used) == {"python"}
    assert github.read()["calls"] == []


def test_a_cache_that_was_found_is_not_saved_again(tmp_path: Path, github: FakeGitHub) -> None:
    action = job(tmp_path, github, answers={**ANSWERS, "cache": {"cache-hit": "true"}})
    action.run(version="7.0")
    assert set(action.used) == {"python", "cache", "artifact"}


def test_watch_keeps_its_state_from_run_to_run(tmp_path: Path, github: FakeGitHub) -> None:
    action = job(tmp_path, github, answers={**ANSWERS, "actions/cache/restore": {}})
    action.run(version="7.0", command="watch", cache="false")
    restored, saved = action.used["actions/cache/restore"], action.used["actions/cache/save"]
    assert restored["path"] == saved["path"] == str(tmp_path / "temp" / "authprobe-watch")
    assert restored["key"] == saved["key"]
    assert saved["key"] == f"{restored['restore-keys']}7-1"


def test_after_an_invalid_input_nothing_more_is_done(tmp_path: Path, github: FakeGitHub) -> None:
    action = job(tmp_path, github)
    outputs = action.run(version="$(touch owned)", comment="true")
    assert action.failed
    assert set(action.used) == {"python"}
    assert outputs == dict.fromkeys(outputs, "")


def test_the_action_for_the_issue_runs(tmp_path: Path, github: FakeGitHub) -> None:
    runner = GitHubRunner(tmp_path, {"PATH": github.variables["PATH"]})
    action = CompositeAction(ACTIONS[1], runner, {"python": ANSWERS["python"]})
    action.run(results="release=1", key="x", reports="")
    assert not action.failed, action.logs
    (issue,) = github.read()["issues"]
    assert issue["title"] == "A nightly run of authprobe found something"


def test_the_programs_need_nothing_that_is_installed() -> None:
    for path in (PROJECT / "action").glob("*.py"):
        argv = [sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, sys.argv[1]);"]
        argv[-1] += f"import {path.stem}"
        done = subprocess.run([*argv, str(path.parent)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
