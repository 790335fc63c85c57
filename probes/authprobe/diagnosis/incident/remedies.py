"""Remedies that follow the facts: no advice that contradicts them, or sends a login elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from authprobe.diagnosis.causes import CauseGroup, Remedy, Tier
from authprobe.diagnosis.incident.facts import IncidentFact
from authprobe.diagnosis.match import CauseMatch

VARIABLES: Final = {
    "auth-token": "ANTHROPIC_AUTH_TOKEN",
    "api-key": "ANTHROPIC_API_KEY",
    "oauth-token": "CLAUDE_CODE_OAUTH_TOKEN",
}
"""Variables with the credential in use, by the answer to the question about it."""
TOKEN_CAUSES: Final = frozenset({"bearer-unknown", "access-token-expired", "access-token-revoked"})
"""Causes at a token, which may be in a variable or in the stored login."""
AT_THE_GATEWAY: Final = frozenset({"ambient-credential-shadows", "credit-exhausted"})
"""Causes beside those of credentials whose remedy concerns the account at Anthropic."""


def with_fitting_remedies(
    matches: Iterable[CauseMatch], facts: Iterable[IncidentFact]
) -> tuple[CauseMatch, ...]:
    """Return the matches with remedies that fit the facts."""
    answers = {fact.question: fact for fact in facts if fact.question}
    return tuple(_with_remedy(match, answers) for match in matches)


def _with_remedy(match: CauseMatch, answers: Mapping[str, IncidentFact]) -> CauseMatch:
    cause = match.cause
    remedy = None
    is_of_credential = cause.group is CauseGroup.CREDENTIAL or cause.id in AT_THE_GATEWAY
    base_url, active = answers.get("base-url"), answers.get("active-credential")
    if base_url and base_url.answer == "yes" and is_of_credential:
        remedy = _at_gateway(base_url.value)
    elif active and active.answer and cause.id in TOKEN_CAUSES:
        remedy = _of_token(cause.id, active.answer)
    return replace(match, cause=replace(cause, remedy=remedy)) if remedy else match


def _at_gateway(host: str | None) -> Remedy:
    """Return the remedy for a credential that another host than that of the API refused."""
    return Remedy(
        text=f"The requests go to {host or 'another host'}, not to Anthropic: ask its operator for "
        "a valid key, and which header it reads (ANTHROPIC_AUTH_TOKEN for `Authorization`, "
        "ANTHROPIC_API_KEY for `x-api-key`). If you do not want that host, remove "
        "ANTHROPIC_BASE_URL before anything else: without a key for it, Claude Code sends your "
        "login there.",
        commands=("authprobe doctor",),
        tier=Tier.ADMINISTRATOR,
    )


def _of_token(cause: str, active: str) -> Remedy | None:
    """Return the remedy for the token that is in use, or None if that of the cause fits."""
    if active == "login":
        if cause != "bearer-unknown":
            return None
        return Remedy(
            text="The stored login is what is used, and the service does not know its token: log "
            "in again.",
            commands=("claude auth login",),
            tier=Tier.USER,
        )
    if (variable := VARIABLES.get(active)) is None:
        return None
    return Remedy(
        text=f"{variable} is what is used: set a new, complete value there, on one line. A fresh "
        f"login changes nothing while it is set; to use the stored login, unset {variable} (not "
        "while ANTHROPIC_BASE_URL names another host, because the login would be sent there).",
        commands=("claude setup-token", "authprobe doctor")
        if active == "oauth-token"
        else ("authprobe doctor",),
        tier=Tier.USER,
    )
