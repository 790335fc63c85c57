"""Causes of refusals by the real service: remedies name the variable that has the credential."""

import dataclasses
from typing import Final

from authprobe.core.targets import Target
from authprobe.diagnosis.causes import Cause, Remedy, Tier
from authprobe.diagnosis.match import CauseMatch
from authprobe.emulator.config import TokenKind
from authprobe.run.model import CaseRecord
from authprobe.scenario.live import VARIABLE_PREFIX

_BAD_VALUES: Final = frozenset(
    {
        "access-token-expired",
        "access-token-revoked",
        "api-key-invalid",
        "bearer-unknown",
        "credential-malformed",
        "gateway-own-key",
    }
)
"""Causes that only another value of the credential removes."""
_REMEDIES: Final = {
    TokenKind.API_KEY: (
        "Create a new key at platform.claude.com, and set it in {name}, without quotes or spaces.",
        (),
        Tier.USER,
    ),
    TokenKind.SETUP_TOKEN: (
        "Run `claude setup-token` again, and set the new token in {name}, on one line and without "
        "quotes.",
        ("claude setup-token",),
        Tier.USER,
    ),
    TokenKind.GATEWAY_KEY: (
        "Ask the operator of the gateway for a valid key, and set it in {name}.",
        (),
        Tier.ADMINISTRATOR,
    ),
}
"""Text, commands and tier of the remedy for each kind of credential in a variable."""


def for_live(match: CauseMatch, record: CaseRecord) -> CauseMatch:
    """Return a match for the record of a case; of a live one, with what helps there.

    A bundled case asks the emulator, which decides nothing about a credential of the user's own.
    """
    if record.target is not Target.LIVE:
        return match
    cause = match.cause
    if cause.experiment is not None:
        cause = dataclasses.replace(
            cause, experiment=dataclasses.replace(cause.experiment, case=None)
        )
    if (remedy := _remedy(cause, record)) is not None:
        cause = dataclasses.replace(cause, remedy=remedy)
    return dataclasses.replace(match, cause=cause)


def _remedy(cause: Cause, record: CaseRecord) -> Remedy | None:
    """Return the remedy for the credential from a variable; None: that of the cause is right."""
    if cause.id not in _BAD_VALUES:
        return None
    for credential in record.credentials:
        source = credential.source or ""
        if source.startswith(VARIABLE_PREFIX) and credential.token in _REMEDIES:
            text, commands, tier = _REMEDIES[credential.token]
            name = source.removeprefix(VARIABLE_PREFIX)
            return Remedy(text=text.format(name=name), commands=commands, tier=tier)
    return None
