"""CI jobs in which the real service is asked, and those that code of strangers can start."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from authprobe.errors import SettingsError
from authprobe.live.ci_jobs import check_job

GITHUB = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "me/mine"}
OWN = {"repo": {"full_name": "me/mine"}}
OTHER = {"repo": {"full_name": "stranger/mine"}}
TRAVIS = {"TRAVIS_EVENT_TYPE": "pull_request", "TRAVIS_REPO_SLUG": "me/mine"}
AZURE = {"BUILD_REASON": "PullRequest"}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"CI": "true"},
        {"GITHUB_REPOSITORY": "me/mine"},
        *(
            GITHUB | {"GITHUB_EVENT_NAME": name}
            for name in ("schedule", "workflow_dispatch", "push", "release", "merge_group")
        ),
        {"CI_PIPELINE_SOURCE": "schedule"},
        {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_PROJECT_ID": "7",
        },
        {"CIRCLECI": "true", "CIRCLE_PULL_REQUEST": "https://github.com/me/mine/pull/3"},
        {
            "TRAVIS_EVENT_TYPE": "cron",
            "TRAVIS_REPO_SLUG": "me/mine",
            "TRAVIS_PULL_REQUEST": "false",
        },
        TRAVIS | {"TRAVIS_PULL_REQUEST_SLUG": "me/mine"},
        {"BUILD_REASON": "Schedule"},
        AZURE | {"SYSTEM_PULLREQUEST_ISFORK": "False"},
    ],
    ids=str,
)
def test_jobs_of_ones_own_may_ask(variables: dict[str, str]) -> None:
    check_job(variables)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        *(
            (GITHUB | {"GITHUB_EVENT_NAME": name}, f"the event {name}, which strangers can cause")
            for name in ("issue_comment", "issues", "discussion", "fork", "watch", "gollum")
        ),
        (GITHUB | {"GITHUB_EVENT_NAME": "pull_request_target"}, "with the secrets"),
        (GITHUB | {"GITHUB_EVENT_NAME": "Schedule"}, "the event Schedule, which strangers"),
        (GITHUB | {"GITHUB_EVENT_NAME": "schedule\n"}, "the event that has no name"),
        (GITHUB | {"GITHUB_EVENT_NAME": "\x1b[2J"}, "the event that has no name"),
        (GITHUB, "the event that has no name"),
        ({"GITHUB_EVENT_PATH": "/nowhere"}, "the event that has no name"),
        ({"CI_PIPELINE_SOURCE": "merge_request_event"}, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID"),
        (
            {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8", "CI_MERGE_REQUEST_PROJECT_ID": "7"},
            "a merge request from another project",
        ),
        ({"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8"}, "a merge request from another project"),
        (
            {
                "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "stranger/mine",
                "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "me/mine",
            },
            "a pull request from another repository",
        ),
        ({"CIRCLE_PR_USERNAME": "stranger"}, "a pull request of CircleCI from a fork"),
        ({"CIRCLE_PR_NUMBER": "3"}, "a pull request of CircleCI from a fork"),
        (
            TRAVIS | {"TRAVIS_PULL_REQUEST_SLUG": "stranger/mine"},
            "a pull request of Travis CI from a fork",
        ),
        (TRAVIS, "TRAVIS_PULL_REQUEST_SLUG"),
        (AZURE | {"SYSTEM_PULLREQUEST_ISFORK": "True"}, "Azure Pipelines from a fork"),
        ({"SYSTEM_PULLREQUEST_ISFORK": "true"}, "Azure Pipelines from a fork"),
        (AZURE, "SYSTEM_PULLREQUEST_ISFORK"),
    ],
    ids=str,
)
def test_jobs_of_strangers_ask_nothing(variables: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        check_job(variables, "--key-env")
    message = str(refusal.value)
    assert message.startswith("--key-env: never for ")
    assert words in message
    assert message.isprintable()


def allows(event: str, path: Path) -> bool:
    """Return True if a job of this event, with this payload, may ask."""
    try:
        check_job(GITHUB | {"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(path)})
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("event", ["pull_request", "pull_request_review"])
@pytest.mark.parametrize(("head", "is_own"), [(OWN, True), (OTHER, False), ({"repo": None}, False)])
def test_the_payload_tells_whose_code_it_is(
    event: str, head: object, is_own: bool, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"pull_request": {"head": head}}))
    assert allows(event, path) is is_own


@pytest.mark.parametrize(
    ("cause", "repository", "is_own"),
    [
        ("push", "me/mine", True),
        ("pull_request", "me/mine", True),
        ("pull_request", "stranger/mine", False),
        ("issue_comment", "me/mine", False),
        ("pull_request_target", "me/mine", False),
        (None, "me/mine", False),
    ],
)
def test_a_workflow_after_another_is_judged_by_the_first(
    cause: str | None, repository: str, is_own: bool, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    run = {"head_repository": {"full_name": repository}, "event": cause}
    path.write_text(json.dumps({"workflow_run": run}))
    assert allows("workflow_run", path) is is_own


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path)


TEXTS = {
    "empty": "",
    "list": "[]",
    "null": "null",
    "deep": "[" * 100_000,
    "list-for-repo": '{"pull_request": {"head": {"repo": ["full_name"]}}}',
    "null-for-name": '{"pull_request": {"head": {"repo": {"full_name": null}}}}',
    "list-for-name": '{"pull_request": {"head": {"repo": {"full_name": ["me/mine"]}}}}',
    "huge": json.dumps({"pull_request": {"head": OWN}, "filler": "x" * 5_000_000}),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_payload_that_does_not_tell_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(text)
    assert not allows("pull_request", path)


@pytest.mark.parametrize("make", [_fifo, _folder, _loop])
def test_a_payload_that_is_no_file_is_refused(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    make(path)
    assert not allows("pull_request", path)


@pytest.mark.parametrize("path", ["/dev/zero", "\0", ""])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    assert not allows("pull_request", Path(path))
