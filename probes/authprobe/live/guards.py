"""Guards: where the real service is never asked, and which secrets are never sent where.

Each raises before anything is asked. What a host may be sent is checked here once more, after the
loader: a value can be another token than the scenario says.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from authprobe.core.safe_files import read_bounded
from authprobe.errors import SettingsError
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.live import SUBSCRIPTION_TOKENS, is_anthropic
from authprobe.scenario.live_cases import credential_hosts, hosts_asked
from authprobe.scenario.model import Credential

EVENT: Final = "GITHUB_EVENT_NAME"
EVENT_FILE: Final = "GITHUB_EVENT_PATH"
REPOSITORY: Final = "GITHUB_REPOSITORY"
MERGE_REQUEST: Final = ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID")
_EVENT_LIMIT_BYTES: Final = 4 * 1024 * 1024
_REFUSED_EVENTS: Final = ("pull_request_target",)
_EVENTS_OF_FORKS: Final = {
    "pull_request": ("pull_request", "head", "repo"),
    "pull_request_review": ("pull_request", "head", "repo"),
    "pull_request_review_comment": ("pull_request", "head", "repo"),
    "workflow_run": ("workflow_run", "head_repository"),
}
"""Events that a fork can cause, and where the payload names the repository of the code."""
_SUBSCRIPTION_PREFIXES: Final = ("sk-ant-oat", "sk-ant-ort")


class HasValues(Protocol):
    """The secrets of a run."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables that have a value."""

    def value(self, credential: Credential) -> str | None:
        """Return the value of a credential of the user; None: there is none."""

    def learn(self, redactor: Redactor) -> None:
        """Let a redactor redact every value."""


def check_place(variables: Mapping[str, str], option: str = "--target live") -> None:
    """Check that this is no job that code of strangers can start or change.

    `option` is the one that needs a secret.

    Raises:
        SettingsError: it is one, or that cannot be told.
    """
    event = variables.get(EVENT, "")
    if event in _REFUSED_EVENTS:
        raise SettingsError(
            f"{option}: never for the event {event}, which runs with the secrets of the "
            "repository and can check out code of strangers; use schedule or workflow_dispatch"
        )
    if event in _EVENTS_OF_FORKS and _is_from_fork(event, variables):
        raise SettingsError(
            f"{option}: never for the event {event} from a fork, whose scenarios and code are "
            "those of strangers; use schedule or workflow_dispatch"
        )
    source, own = (variables.get(name) for name in MERGE_REQUEST)
    if source and source != own:
        raise SettingsError(
            f"{option}: never for a merge request from another project; use a schedule"
        )


def _is_from_fork(event: str, variables: Mapping[str, str]) -> bool:
    """Return True unless the payload says that the code is of this repository."""
    own = variables.get(REPOSITORY)
    try:
        value: Any = json.loads(read_bounded(Path(variables[EVENT_FILE]), _EVENT_LIMIT_BYTES))
        for key in _EVENTS_OF_FORKS[event]:
            value = value[key]
        name = value["full_name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return True
    return not own or name != own


def check_values(cases: Iterable[Case], secrets: HasValues) -> None:
    """Check that each secret of the user may be sent to the hosts of each case.

    Raises:
        SettingsError: one may not; the message has the name of its source, never a part of it.
    """
    for case in cases:
        for credential in case.credentials:
            if (problem := value_problem(case, credential, secrets)) is not None:
                raise SettingsError(f"{case.id}: {problem}; nothing was asked")


def value_problem(case: Case, credential: Credential, secrets: HasValues) -> str | None:
    """Return why a case must not send a secret of the user; None: it may."""
    if case.live is None or credential.source is None:
        return None
    asked = hosts_asked(case.client, case.endpoint, case.environment)
    bound = credential_hosts(credential, case.live.hosts)
    for host in asked:
        if host not in case.live.hosts or host not in bound:
            return f"{credential.source} is not for {host}"
    value = (secrets.value(credential) or "").strip().lower()
    is_subscription = (
        value.startswith(_SUBSCRIPTION_PREFIXES) or credential.token in SUBSCRIPTION_TOKENS
    )
    if is_subscription and case.client.is_authprobe:
        return (
            f"{credential.source} is the token of a subscription, which only the unmodified claude "
            "sends"
        )
    if is_subscription and not all(map(is_anthropic, asked)):
        return f"{credential.source} is the token of a subscription, which stays with Anthropic"
    return None
