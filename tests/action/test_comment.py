"""The step of the action that writes one comment of a pull request, with a `gh` of the test."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.github_runner import FakeGitHub, GitHubRunner, Step


@pytest.fixture
def runner(tmp_path: Path, github: FakeGitHub) -> GitHubRunner:
    """A job that pull request 5 started."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5}}))
    variables = {"GITHUB_EVENT_PATH": str(event), "EXIT_CODE": "1", "ARTIFACT_NAME": "authprobe"}
    return GitHubRunner(tmp_path, {**github.variables, **variables})


def comment(runner: GitHubRunner, summary: str | None, **variables: str) -> Step:
    """Run the step with this summary."""
    path = runner.folder / "summary.md"
    if summary is not None:
        path.write_text(summary)
        variables["SUMMARY"] = str(path)
    return runner.start("comment.py", **variables)


def comments(github: FakeGitHub) -> list[Any]:
    """Return the comments of pull request 5."""
    return [each for each in github.read()["comments"] if each["issue"] == 5]


def test_there_is_one_comment_however_often_it_runs(
    runner: GitHubRunner, github: FakeGitHub
) -> None:
    assert comment(runner, "first $(id) `id` \"'\n@you").code == 0
    (written,) = comments(github)
    marker, *lines = written["body"].splitlines()
    assert marker.startswith("<!-- authprobe ")
    assert lines == [
        "[run](https://github.com/octo/example/actions/runs/7)",
        "",
        "first $(id) `id` \"'",
        "@you",
    ]
    comment(runner, "second", ARTIFACT_URL="https://github.com/a")
    (updated,) = comments(github)
    assert updated["body"].splitlines()[0] == marker
    assert "first" not in updated["body"]
    assert updated["body"].splitlines()[1].endswith("· [report](https://github.com/a)")


def test_another_job_has_a_comment_of_its_own(runner: GitHubRunner, github: FakeGitHub) -> None:
    comment(runner, "one")
    comment(runner, "two", GITHUB_JOB="other")
    comment(runner, "three", ARTIFACT_NAME="other")
    assert [each["body"].splitlines()[-1] for each in comments(github)] == ["one", "two", "three"]


def test_a_comment_of_a_person_is_never_changed(runner: GitHubRunner, github: FakeGitHub) -> None:
    comment(runner, "one")
    copied = comments(github)[0] | {"user": {"type": "User"}}
    quoted = comments(github)[0] | {"id": 2, "body": "> quoted\n" + comments(github)[0]["body"]}
    deleted = copied | {"id": 3, "user": None}
    app = copied | {"id": 4, "user": {"type": "Bot", "login": "other[bot]"}}
    empty = app | {"id": 5, "user": {"type": "Bot", "login": "github-actions[bot]"}, "body": None}
    others = [copied, quoted, deleted, app, empty]
    github.write(comments=others)
    step = comment(runner, "two")
    assert step.code == 0, step.log
    assert comments(github)[:5] == others
    assert comments(github)[5]["body"].splitlines()[-1] == "two"


def test_a_long_summary_is_cut(runner: GitHubRunner, github: FakeGitHub) -> None:
    comment(runner, "a line\n" * 20_000)
    (written,) = comments(github)
    assert 60_000 < len(written["body"]) < 65_536
    assert "Only the beginning** of 140,000 bytes" in written["body"]


def test_without_a_summary_the_exit_code_is_said(runner: GitHubRunner, github: FakeGitHub) -> None:
    assert comment(runner, None, EXIT_CODE="4").code == 0
    assert "its exit code is 4" in comments(github)[0]["body"]


@pytest.mark.parametrize("refuses", ["HTTP 403: Resource not accessible\n::error::x", "HTTP 502"])
def test_a_comment_that_cannot_be_written_is_a_warning(
    refuses: str, runner: GitHubRunner, github: FakeGitHub
) -> None:
    github.write(refuses=refuses)
    step = comment(runner, "one")
    assert step.code == 0
    (line,) = step.log.splitlines()
    assert line.startswith("::warning title=authprobe%3A no comment::gh api repos/octo/example/")
    assert "pull-requests: write, which no fork gets" in line


@pytest.mark.parametrize("id", [None, "1/../2", True])
def test_a_comment_without_an_id_is_a_warning(
    id: object, runner: GitHubRunner, github: FakeGitHub
) -> None:
    comment(runner, "one")
    github.write(comments=[comments(github)[0] | {"id": id}])
    step = comment(runner, "two")
    assert step.code == 0
    (line,) = step.log.splitlines()
    assert line.startswith("::warning title=authprobe%3A no comment::gh api: id of an answer is ")


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b"[1]", b"\xff", b"[" * 99_999])
def test_an_answer_that_is_no_list_is_a_warning(
    answer: bytes, runner: GitHubRunner, github: FakeGitHub
) -> None:
    github.write(answers=answer.hex())
    step = comment(runner, "one")
    assert step.code == 0
    (line,) = step.log.splitlines()
    assert line.startswith("::warning title=authprobe%3A no comment::gh api repos/octo/example/")


def test_without_gh_it_is_a_warning(runner: GitHubRunner) -> None:
    step = comment(runner, "one", PATH="/nowhere")
    assert step.code == 0
    assert "gh cannot be run: No such file or directory" in step.log


@pytest.mark.parametrize(
    "event", [{}, {"pull_request": None}, {"pull_request": {"number": "5/../../x"}}]
)
def test_without_a_pull_request_nothing_is_written(
    event: dict[str, Any], runner: GitHubRunner, github: FakeGitHub
) -> None:
    Path(runner.variables["GITHUB_EVENT_PATH"]).write_text(json.dumps(event))
    step = comment(runner, "one")
    assert step.code == 0
    assert step.log.startswith("::notice ")
    assert github.read()["calls"] == []
