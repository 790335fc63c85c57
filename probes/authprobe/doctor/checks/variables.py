"""Checks of variables that hold credentials, and of what else goes into headers."""

from collections.abc import Iterator
from typing import Final

from authprobe.doctor.inventory.credential_kinds import CredentialKind, credential_kind
from authprobe.doctor.inventory.environment import Variable
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, error, info, warning

VARIABLES: Final = "https://code.claude.com/docs/en/env-vars"
CREDENTIALS: Final = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
)
HEADERS: Final = "ANTHROPIC_CUSTOM_HEADERS"
CREDENTIAL_HEADERS: Final = frozenset({"authorization", "x-api-key"})
WRONG: Final = {
    ("ANTHROPIC_API_KEY", CredentialKind.ACCESS_TOKEN): "oauth-token-as-api-key",
    ("ANTHROPIC_API_KEY", CredentialKind.REFRESH_TOKEN): "api-key-invalid",
    ("ANTHROPIC_API_KEY", CredentialKind.ADMIN_KEY): "api-key-invalid",
    ("ANTHROPIC_AUTH_TOKEN", CredentialKind.REFRESH_TOKEN): "bearer-unknown",
    ("CLAUDE_CODE_OAUTH_TOKEN", CredentialKind.API_KEY): "bearer-unknown",
    ("CLAUDE_CODE_OAUTH_TOKEN", CredentialKind.ADMIN_KEY): "bearer-unknown",
    ("CLAUDE_CODE_OAUTH_TOKEN", CredentialKind.REFRESH_TOKEN): "bearer-unknown",
}
"""A kind of credential in a variable that it is of no use in, and what that leads to."""


def is_credential(name: str, value: str) -> bool:
    """Whether a variable holds one, by its name or its shape."""
    return bool(value) and (
        name in CREDENTIALS or credential_kind(value) is not CredentialKind.OTHER
    )


def check_values(survey: Inventory) -> Iterator[CheckResult]:
    """Each variable that holds a credential, by its shape alone."""
    for name in CREDENTIALS:
        if name in survey.variables:
            yield from _check_value(survey.variables[name])


def _check_value(variable: Variable) -> Iterator[CheckResult]:
    value = variable.value
    if not value.strip():
        yield warning(
            "variable-empty",
            f"{variable.name} is set and empty, which some SDKs take for a credential.",
            variable.place,
            remedy=f"unset {variable.name}",
            source="https://platform.claude.com/docs/en/manage-claude/wif-reference",
        )
        return
    kind = credential_kind(value)
    if cause := WRONG.get((variable.name, kind)):
        yield error(
            "variable-of-wrong-kind",
            f"{variable.name} holds {_article(kind)}, which does not belong there.",
            variable.place,
            cause=cause,
        )
    if _unfit(value.strip()):
        yield error(
            "variable-malformed",
            f"{variable.name} holds characters that no header can carry.",
            variable.place,
            cause="credential-malformed",
        )
    elif value.strip()[0] in "\"'`" or value.strip().startswith(("$", "<", "%")):
        yield error(
            "variable-not-expanded",
            f"{variable.name} begins with a quote, or as a name that was never replaced.",
            variable.place,
            cause="credential-malformed",
            source=VARIABLES,
        )
    elif value != value.strip():
        yield info(
            "variable-with-space",
            f"{variable.name} has space or a line break around it, which Claude Code takes away.",
            variable.place,
            remedy="Set it without: other programs send it, and CI does not recognise it in logs.",
            source="https://github.com/pullfrog/pullfrog/issues/41",
        )


def _article(kind: CredentialKind) -> str:
    return f"{'an' if kind.value[0] in 'aeiouA' else 'a'} {kind}"


def _unfit(value: str) -> bool:
    """Whether it holds what RFC 9110, 5.5, does not allow, or what is beyond a byte."""
    return any(character in "\r\n\0" or ord(character) > 0xFF for character in value)


def check_custom_headers(survey: Inventory) -> Iterator[CheckResult]:
    """The headers that the user adds."""
    variable = survey.variables.get(HEADERS)
    if variable is None or not variable.value.strip():
        return
    lines = [line for line in variable.value.splitlines() if line.strip()]
    names = {line.partition(":")[0].strip().lower() for line in lines}
    if any(":" not in line or _unfit(line) for line in lines) or "" in names:
        yield error(
            "headers-malformed",
            f"{HEADERS} is not one `Name: Value` on each line, or holds odd characters.",
            variable.place,
            cause="credential-malformed",
            remedy="Write each header on a line of its own, with a colon.",
            source=VARIABLES,
        )
    # Seen with 2.1.330: a custom Authorization replaces the credential (scenarios/precedence.yaml).
    for name in sorted(CREDENTIAL_HEADERS & names):
        effect = "replaces the one of every client" if name == "authorization" else "goes out too"
        yield warning(
            "credential-in-headers",
            f"{HEADERS} sets {name}, which {effect}, whatever credential wins.",
            variable.place,
            cause="ambient-credential-shadows",
            remedy=f"Take {name} out of {HEADERS}, or mean it.",
            source=VARIABLES,
        )


def check_completeness(survey: Inventory) -> Iterator[CheckResult]:
    """Variables that are of use together only."""
    if survey.value("CLAUDE_CODE_OAUTH_REFRESH_TOKEN") and not survey.value(
        "CLAUDE_CODE_OAUTH_SCOPES"
    ):
        yield warning(
            "scopes-not-set",
            "A refresh token is set without CLAUDE_CODE_OAUTH_SCOPES, which is required.",
            "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
            cause="refresh-request-malformed",
            remedy="Set CLAUDE_CODE_OAUTH_SCOPES to the scopes of the login that it comes from.",
            source=VARIABLES,
        )
