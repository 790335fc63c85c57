"""CI jobs that code of strangers can start or change: in these, the real service is not asked.

A job says by variables what started it. They are trusted only if they say that nobody without write
access to the repository did: an event that is unknown, or cannot be read, is refused as well. A
system that none of these variables names is not recognised, and nothing is refused there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from authprobe.core.safe_files import read_bounded
from authprobe.errors import SettingsError

_EVENT: Final = "GITHUB_EVENT_NAME"
_EVENT_FILE: Final = "GITHUB_EVENT_PATH"
_OF_GITHUB: Final = ("GITHUB_ACTIONS", _EVENT, _EVENT_FILE)
_REPOSITORY: Final = "GITHUB_REPOSITORY"
_EVENT_LIMIT_BYTES: Final = 4 * 1024 * 1024
_OWN_EVENTS: Final = frozenset(
    {"merge_group", "push", "release", "repository_dispatch", "schedule", "workflow_dispatch"}
)
"""Events that need write access, or that nobody causes.

docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
"""
_EVENTS_WITH_SECRETS: Final = frozenset({"pull_request_target"})
_EVENTS_OF_FORKS: Final = {
    "pull_request": ("pull_request", "head", "repo"),
    "pull_request_review": ("pull_request", "head", "repo"),
    "pull_request_review_comment": ("pull_request", "head", "repo"),
    "workflow_run": ("workflow_run", "head_repository"),
}
"""Events that a fork can cause, and where the payload names the repository of the code."""
_SOURCES: Final = (
    # docs.gitlab.com/ci/variables/predefined_variables
    (
        "a merge request from another project",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID",
        "CI_MERGE_REQUEST_PROJECT_ID",
    ),
    (
        "a pull request from another repository",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
        "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY",
    ),
    # docs.travis-ci.com/user/environment-variables
    ("a pull request of Travis CI from a fork", "TRAVIS_PULL_REQUEST_SLUG", "TRAVIS_REPO_SLUG"),
)
"""Variables with the source of the code and with its target, which must be the same."""
_PULL_REQUESTS: Final = (
    ("CI_PIPELINE_SOURCE", "merge_request_event", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID"),
    (
        "CI_PIPELINE_SOURCE",
        "external_pull_request_event",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
    ),
    ("TRAVIS_EVENT_TYPE", "pull_request", "TRAVIS_PULL_REQUEST_SLUG"),
    ("BUILD_REASON", "PullRequest", "SYSTEM_PULLREQUEST_ISFORK"),
)
"""Variables that say that this is a pull request, and those that must then tell its source."""
_CIRCLE: Final = ("CIRCLE_PR_NUMBER", "CIRCLE_PR_REPONAME", "CIRCLE_PR_USERNAME")
"""Variables of CircleCI that only pull requests from forks have.

circleci.com/docs/reference/variables
"""
_AZURE: Final = "SYSTEM_PULLREQUEST_ISFORK"
"""`True` or `False` (learn.microsoft.com/azure/devops/pipelines/build/variables)."""


def check_job(variables: Mapping[str, str], option: str = "--target live") -> None:
    """Check that this is no job that code of strangers can start or change.

    `option` is the one that needs a secret.

    Raises:
        SettingsError: it is one, or that cannot be told.
    """
    if (reason := _github_reason(variables)) is not None:
        raise SettingsError(f"{option}: never for {reason}; use schedule or workflow_dispatch")
    if (reason := _other_reason(variables)) is not None:
        raise SettingsError(f"{option}: never for {reason}; use a schedule, or start it by hand")


def _github_reason(variables: Mapping[str, str]) -> str | None:
    """Return what kind of job of GitHub Actions or the like this is; None: a trusted one."""
    if not any(variables.get(name) for name in _OF_GITHUB):
        return None
    event = variables.get(_EVENT, "")
    if event in _OWN_EVENTS:
        return None
    if event in _EVENTS_WITH_SECRETS:
        return (
            f"the event {event}, which runs with the secrets of the repository and can check out "
            "code of strangers"
        )
    if event not in _EVENTS_OF_FORKS:
        name = event if event.isascii() and event.isidentifier() else "that has no name"
        return f"the event {name}, which strangers can cause, or which is not known"
    if _is_from_fork(event, variables):
        return (
            f"the event {event} from a fork, whose scenarios and code are those of strangers, or "
            "whose payload does not tell"
        )
    return None


def _is_from_fork(event: str, variables: Mapping[str, str]) -> bool:
    """Return True unless the payload says that the code is of this repository."""
    own = variables.get(_REPOSITORY)
    try:
        payload: Any = json.loads(read_bounded(Path(variables[_EVENT_FILE]), _EVENT_LIMIT_BYTES))
        value = payload
        for key in _EVENTS_OF_FORKS[event]:
            value = value[key]
        name = value["full_name"]
        cause = payload["workflow_run"]["event"] if event == "workflow_run" else event
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return True
    is_trusted = cause in _OWN_EVENTS or cause in _EVENTS_OF_FORKS
    return not own or name != own or not is_trusted


def _other_reason(variables: Mapping[str, str]) -> str | None:
    """Return what kind of job of another system this is; None: a trusted one."""
    for reason, source, target in _SOURCES:
        if variables.get(source) and variables[source] != variables.get(target):
            return reason
    for name, value, source in _PULL_REQUESTS:
        if variables.get(name, "").lower() == value.lower() and not variables.get(source):
            return f"a pull request without {source}, which would tell whether it is from a fork"
    if any(variables.get(name) for name in _CIRCLE):
        return "a pull request of CircleCI from a fork"
    if variables.get(_AZURE, "False").lower() not in ("", "false"):
        return "a pull request of Azure Pipelines from a fork"
    return None
