"""Guards: which secrets are never sent where.

Each raises before anything is asked. What a host may be sent is checked here once more, after the
loader: a value can be another token than the scenario says.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from authprobe.core.client_kinds import ClientKind
from authprobe.emulator.config import TokenKind
from authprobe.errors import SettingsError
from authprobe.plan.case import Case
from authprobe.redaction.readings import decodings
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.live import SUBSCRIPTION_TOKENS, VARIABLE_PREFIX, is_anthropic
from authprobe.scenario.live_cases import credential_hosts, hosts_asked
from authprobe.scenario.model import Credential

_KINDS: Final = (
    (
        "sk-ant-api",
        (TokenKind.API_KEY,),
        "an API key, which belongs in a variable such as PROBE_API_KEY",
    ),
    (
        "sk-ant-oat",
        (TokenKind.ACCESS_TOKEN, TokenKind.SETUP_TOKEN),
        "a token of a subscription, which belongs in a variable such as PROBE_SETUP_TOKEN",
    ),
    ("sk-ant-ort", (), "a refresh token, which is used up by being sent"),
)
"""Marks in values, the tokens that they may stand for, and what else they are."""
_SUBSCRIPTION_MARKS: Final = ("sk-ant-oat", "sk-ant-ort")
"""Parts of a token of a subscription, wherever in a value it stands."""


class HasValues(Protocol):
    """The secrets of a run."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables that have a value."""

    def value(self, credential: Credential) -> str | None:
        """Return the value of a credential of the user; None: there is none."""

    def learn(self, redactor: Redactor) -> None:
        """Let a redactor redact every value."""


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
    value = secrets.value(credential) or ""
    is_subscription = _holds_subscription_token(value) or credential.token in SUBSCRIPTION_TOKENS
    if is_subscription and case.client.kind != ClientKind.CLAUDE_CODE:
        return (
            f"{credential.source} is the token of a subscription, which only the unmodified claude "
            "sends"
        )
    if is_subscription and not all(map(is_anthropic, asked)):
        return f"{credential.source} is the token of a subscription, which stays with Anthropic"
    return _kind_problem(credential, value.lower())


def _kind_problem(credential: Credential, value: str) -> str | None:
    """Return that a value is another kind of token than the scenario says; None: it may be it."""
    for mark, tokens, noun in _KINDS:
        if mark in value and credential.token not in tokens:
            name = (credential.source or "").removeprefix(VARIABLE_PREFIX)
            return f"{name} should hold a token of the kind '{credential.token}', but holds {noun}"
    return None


def _holds_subscription_token(value: str) -> bool:
    """Return True if a value has a token of a subscription anywhere in it, also encoded."""
    texts = (decoding.text.lower() for decoding in decodings(value))
    return any(mark in text for text in texts for mark in _SUBSCRIPTION_MARKS)
