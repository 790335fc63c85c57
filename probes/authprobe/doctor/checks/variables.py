"""Checks of variables that contain credentials or headers."""

from collections.abc import Iterator
from typing import Final

from authprobe.doctor.checks.gateways import gateway_declaration
from authprobe.doctor.inventory.credential_kinds import CredentialKind, credential_kind
from authprobe.doctor.inventory.environment import Variable
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, error, info, warning

VARIABLE_DOCS: Final = "https://code.claude.com/docs/en/env-vars"
CREDENTIAL_VARIABLES: Final = (
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
CLOUD_SECRETS: Final = frozenset(
    {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AZURE_CLIENT_SECRET"),
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    }
)
"""Variables of clouds with credentials of a form that is not known here."""
HEADERS_VARIABLE: Final = "ANTHROPIC_CUSTOM_HEADERS"
CREDENTIAL_HEADERS: Final = frozenset({"authorization", "x-api-key"})
MISPLACED: Final = {
    ("ANTHROPIC_API_KEY", CredentialKind.ACCESS_TOKEN): "oauth-token-as-api-key",
    ("ANTHROPIC_API_KEY", CredentialKind.REFRESH_TOKEN): "api-key-invalid",
    ("ANTHROPIC_API_KEY", CredentialKind.ADMIN_KEY): "api-key-invalid",
    ("ANTHROPIC_AUTH_TOKEN", CredentialKind.REFRESH_TOKEN): "bearer-unknown",
    ("CLAUDE_CODE_OAUTH_TOKEN", CredentialKind.API_KEY): "bearer-unknown",
    ("CLAUDE_CODE_OAUTH_TOKEN", CredentialKind.ADMIN_KEY): "bearer-unknown",
    ("CLAUDE_CODE_OAUTH_TOKEN", CredentialKind.REFRESH_TOKEN): "bearer-unknown",
}
"""Causes of the failure by variable and by a kind of credential that it does not accept."""


def is_credential(name: str, value: str) -> bool:
    """Return True if the variable contains a credential, by its name or its prefix."""
    is_known_kind = credential_kind(value) is not CredentialKind.OTHER
    is_known_name = name in CREDENTIAL_VARIABLES or name in CLOUD_SECRETS
    return bool(value) and (is_known_name or is_known_kind)


def check_credential_variables(inventory: Inventory) -> Iterator[CheckResult]:
    """Report variables whose credential has the wrong kind or format."""
    for name in CREDENTIAL_VARIABLES:
        if name in inventory.variables:
            yield from _check_variable(inventory.variables[name])


def _check_variable(variable: Variable) -> Iterator[CheckResult]:
    value = variable.value
    if not value.strip():
        if variable.is_from_settings:
            return  # Deliberate, and no other program reads it.
        yield warning(
            "variable-empty",
            f"{variable.name} is set but empty; some SDKs send it as a credential.",
            variable.label,
            remedy=f"unset {variable.name}",
            source="https://platform.claude.com/docs/en/manage-claude/wif-reference",
        )
        return
    kind = credential_kind(value)
    if cause := MISPLACED.get((variable.name, kind)):
        yield error(
            "variable-of-wrong-kind",
            f"{variable.name} contains {_with_article(kind)}, which it does not accept.",
            variable.label,
            cause=cause,
        )
    yield from _check_format(variable)


def _check_format(variable: Variable) -> Iterator[CheckResult]:
    value = variable.value.strip()
    if _has_invalid_characters(value):
        yield error(
            "variable-malformed",
            f"{variable.name} contains characters that are not allowed in a header.",
            variable.label,
            cause="credential-malformed",
        )
    elif value[0] in "\"'`" or value.startswith(("$", "<", "%")):
        yield error(
            "variable-not-expanded",
            f"{variable.name} begins with a quote, or is a placeholder that was not replaced.",
            variable.label,
            cause="credential-malformed",
            source=VARIABLE_DOCS,
        )
    elif value != variable.value:
        yield info(
            "variable-with-space",
            f"{variable.name} has a space or line break around it; Claude Code removes it.",
            variable.label,
            remedy="Set it without: other programs send it, and CI does not mask the value "
            "in logs.",
            source="https://github.com/pullfrog/pullfrog/issues/41",
        )


def _with_article(kind: CredentialKind) -> str:
    return f"{'an' if kind.value[0] in 'aeiouA' else 'a'} {kind}"


def _has_invalid_characters(value: str) -> bool:
    """Return True if a header cannot carry the value (RFC 9110, 5.5)."""
    return any(character in "\r\n\0" or ord(character) > 0xFF for character in value)


def check_custom_headers(inventory: Inventory) -> Iterator[CheckResult]:
    """Report custom headers that are malformed, or contain a credential."""
    variable = inventory.variables.get(HEADERS_VARIABLE)
    if variable is None or not variable.value.strip():
        return
    lines = [line for line in variable.value.splitlines() if line.strip()]
    names = {line.partition(":")[0].strip().lower() for line in lines}
    is_malformed = any(":" not in line or _has_invalid_characters(line) for line in lines)
    if is_malformed or "" in names:
        yield error(
            "headers-malformed",
            f"{HEADERS_VARIABLE} has a line that is not `Name: Value`, or invalid characters.",
            variable.label,
            cause="credential-malformed",
            remedy="Write each header on its own line, with a colon after its name.",
            source=VARIABLE_DOCS,
        )
    # Observed with 2.1.330: a custom Authorization replaces the credential
    # (scenarios/precedence.yaml).
    declaration = gateway_declaration(inventory)
    for name in sorted(CREDENTIAL_HEADERS & names):
        if declaration:
            yield info(
                "headers-on-purpose",
                f"{HEADERS_VARIABLE} sets {name} for the gateway that {declaration.source} "
                "declares.",
                variable.label,
            )
            continue
        effect = "replaces the client's own" if name == "authorization" else "is sent as well"
        yield warning(
            "credential-in-headers",
            f"{HEADERS_VARIABLE} sets {name}, which {effect}, whichever credential is used.",
            variable.label,
            cause="ambient-credential-shadows",
            remedy=f"Remove {name} from {HEADERS_VARIABLE}, unless you intend it.",
            source=VARIABLE_DOCS,
        )


def check_refresh_token_scopes(inventory: Inventory) -> Iterator[CheckResult]:
    """Report a refresh token without the variable for its scopes."""
    if inventory.value("CLAUDE_CODE_OAUTH_REFRESH_TOKEN") and not inventory.value(
        "CLAUDE_CODE_OAUTH_SCOPES"
    ):
        yield warning(
            "scopes-not-set",
            "A refresh token is set without CLAUDE_CODE_OAUTH_SCOPES, which is required.",
            "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
            cause="refresh-request-malformed",
            remedy="Set CLAUDE_CODE_OAUTH_SCOPES to the scopes of the login that it is from.",
            source=VARIABLE_DOCS,
        )
