"""The action that keeps one issue about nightly runs, with a `gh` of the test."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.github_runner import FakeGitHub, GitHubRunner, Step


@pytest.fixture
def runner(tmp_path: Path, github: FakeGitHub) -> GitHubRunner:
    """A job at night."""
    return GitHubRunner(tmp_path, github.variables)


def keep(runner: GitHubRunner, results: str, **inputs: str) -> Step:
    """Run the step with these results."""
    given = {"results": results, "title": "Something broke", "label": "nightly: a/b", **inputs}
    return runner.start("issue.py", **{f"INPUT_{name.upper()}": v for name, v in given.items()})


def issues(github: FakeGitHub) -> list[Any]:
    """Return all issues."""
    found: list[Any] = github.read()["issues"]
    return found


def said(github: FakeGitHub) -> list[str]:
    """Return the texts of all comments."""
    return [each["body"] for each in github.read()["comments"]]


def test_one_issue_is_opened_updated_and_closed(runner: GitHubRunner, github: FakeGitHub) -> None:
    (runner.work / "a.md").write_text("# What broke\n\n$(id) `id` \"'\n")
    step = keep(runner, "release=1\nservice=0", reports="a.md\nmissing.md", key='["x"]')
    assert step.code == 0, step.log
    (issue,) = issues(github)
    assert (issue["state"], issue["title"], issue["labels"]) == (
        *("open", "Something broke"),
        ["nightly: a/b"],
    )
    assert github.read()["labels"] == ["nightly: a/b"]
    assert (
        "- `release`: exit code 1, something failed or broke\n- `service`: exit code 0"
        in issue["body"]
    )
    assert issue["body"].endswith("# What broke\n\n$(id) `id` \"'\n")
    assert "https://github.com/octo/example/actions/runs/7" in issue["body"]

    keep(runner, "release=1\nservice=0", key='["x"]', GITHUB_RUN_ID="8")
    assert said(github) == []  # the same was found: nobody is notified
    keep(runner, "release=1\nservice=11", key='["x"]')
    assert len(said(github)) == 1
    keep(runner, "release=1\nservice=11", key='["x", "y"]')
    assert len(said(github)) == 2
    (issue,) = issues(github)
    assert "- `service`: exit code 11, the real service answers otherwise" in issue["body"]

    keep(runner, "release=0\nservice=0")
    (issue,) = issues(github)
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert "tested everything and found nothing" in said(github)[-1]
    count = len(github.read()["calls"])
    keep(runner, "release=0\nservice=0")
    assert len(github.read()["calls"]) == count + 1  # it only looks
    keep(runner, "release=1")  # its label is there already
    assert [each["state"] for each in issues(github)] == ["closed", "open"]


@pytest.mark.parametrize("results", ["release=\nservice=0", "release=6\nservice=0", "a=0\nb=12"])
def test_what_could_not_be_tested_changes_nothing(
    results: str, runner: GitHubRunner, github: FakeGitHub
) -> None:
    step = keep(runner, results)
    assert (step.code, issues(github)) == (0, [])
    assert step.log.startswith("::warning title=authprobe%3A the issue stays as it is::")
    keep(runner, "release=1\nservice=")
    (before,) = issues(github)
    assert "- `service`: its job did not finish" in before["body"]
    keep(runner, results)
    assert issues(github) == [before]


def test_issues_of_others_are_left_alone(runner: GitHubRunner, github: FakeGitHub) -> None:
    mine: dict[str, object] = {"state": "open", "labels": ["nightly: a/b"], "body": "mine"}
    none: dict[str, object] = {"state": "open", "labels": ["nightly: a/b"], "body": None}
    other: dict[str, object] = {
        "state": "open",
        "labels": ["other"],
        "body": "<!-- authprobe issue 0 -->",
    }
    before = [each | {"number": n} for n, each in enumerate((mine, none, other), 1)]
    github.write(issues=before)
    keep(runner, "release=1")
    keep(runner, "release=0")
    assert issues(github)[:3] == before
    assert issues(github)[3]["state"] == "closed"


@pytest.mark.parametrize(
    "change",
    [
        {"user": {"login": "someone", "type": "User"}},
        {"user": {"login": "other[bot]", "type": "Bot"}},
        {"user": None},
        {"pull_request": {}},
    ],
)
def test_what_another_wrote_with_the_marker_is_left_alone(
    change: dict[str, Any], runner: GitHubRunner, github: FakeGitHub
) -> None:
    keep(runner, "release=1")
    (own,) = issues(github)
    before = own | change
    github.write(issues=[before])
    keep(runner, "release=0")
    assert issues(github) == [before]
    keep(runner, "release=11")
    assert issues(github)[0] == before
    assert issues(github)[1]["state"] == "open"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "@someone #1 https://x.example a@b.example",
            "`@someone #1 https://x.example a@b.example`",
        ),
        ("<img src=x> <!-- [a](b) **c**", "`<img src=x> <!-- [a](b) **c**`"),
        ("a`b``c", "`a'b''c`"),
        ("a\u202eb\x1b[2J\x07", "`a\\u202eb\\x1b[2J\\x07`"),
    ],
)
def test_the_name_of_a_job_is_no_markdown(
    name: str, shown: str, runner: GitHubRunner, github: FakeGitHub
) -> None:
    keep(runner, f"{name}=1")
    lines = issues(github)[0]["body"].splitlines()
    assert f"- {shown}: exit code 1, something failed or broke" in lines


@pytest.mark.parametrize("number", [None, "1", "../../x", True, 0, 1.5, {}])
@pytest.mark.parametrize("results", ["release=1", "release=0"])
def test_an_issue_without_a_number_is_an_error(
    results: str, number: object, runner: GitHubRunner, github: FakeGitHub
) -> None:
    keep(runner, "release=11")
    (own,) = issues(github)
    github.write(issues=[own | {"number": number}])
    step = keep(runner, results)
    (line,) = step.log.splitlines()
    assert step.code == 1
    assert line.startswith("::error title=authprobe%3A the issue::gh api: number of an answer is ")
    assert issues(github) == [own | {"number": number}]


def test_a_link_out_of_the_workspace_is_no_report(runner: GitHubRunner, github: FakeGitHub) -> None:
    (runner.work / "a.md").symlink_to("/proc/self/environ")
    keep(runner, "release=1", reports="a.md\n/proc/self/environ")
    assert "made-up-token" not in issues(github)[0]["body"]


def test_long_reports_share_the_room(runner: GitHubRunner, github: FakeGitHub) -> None:
    for name in ("a", "b"):
        (runner.work / f"{name}.md").write_text(f"{name} line\n" * 20_000)
    keep(runner, "release=1", reports="a.md\nb.md")
    body = issues(github)[0]["body"]
    assert 50_000 < len(body) < 65_536
    assert body.count("Only the beginning** of 140,000 bytes") == 2
    assert "b line" in body


def test_many_reports_are_not_more_than_github_takes(
    runner: GitHubRunner, github: FakeGitHub
) -> None:
    (runner.work / "a.md").write_text("a line\n" * 20_000)
    keep(runner, "release=1", reports="a.md\n" * 1500)
    body = issues(github)[0]["body"]
    assert len(body.encode()) < 65_536
    assert body.startswith("<!-- authprobe issue ")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ("", "results: empty"),
        ("release", "results: 'release' must be NAME=EXIT-CODE"),
        ("=1", "results: '=1' must be"),
        ("shard=1\nshard=0", "results: 'shard' is given twice; name each job once"),
        ("release=$(id)", "results: 'release=$(id)' must be"),
        ("release=-1", "results: 'release=-1' must be"),
        (f"release={'1' * 5000}", "results: 'release=111"),
        ("release=\u0661", "results: 'release=\u0661' must be"),
    ],
)
def test_results_that_cannot_be_meant_are_refused(
    results: str, message: str, runner: GitHubRunner, github: FakeGitHub
) -> None:
    step = keep(runner, results)
    assert step.code == 4
    assert step.log.startswith(f"::error title=authprobe::{message}")
    assert github.read()["calls"] == []


def test_a_label_that_no_search_finds_is_refused(runner: GitHubRunner, github: FakeGitHub) -> None:
    step = keep(runner, "release=1", label="nightly, authprobe")
    assert step.code == 4
    assert "::label: 'nightly, authprobe' has a comma" in step.log
    assert github.read()["calls"] == []


def test_a_long_annotation_is_cut(runner: GitHubRunner) -> None:
    step = keep(runner, "\U000e0001" * 30_000)
    assert step.code == 4
    assert len(step.log) < 64_000
    assert step.log.endswith("…\n")


def test_a_refusal_fails_the_job(runner: GitHubRunner, github: FakeGitHub) -> None:
    github.write(refuses="HTTP 403\n::error::forged")
    step = keep(runner, "release=1")
    assert step.code == 1
    (line,) = step.log.splitlines()
    assert line.startswith("::error title=authprobe%3A the issue::gh api repos/")
    assert "HTTP 403%0A::error::forged. It needs the permission issues: write." in line
