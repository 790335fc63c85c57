"""Precedence of credentials: those on this machine, and the one that each client uses."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from authprobe.core.version_ranges import version_key
from authprobe.doctor.inventory.environment import Variable
from authprobe.doctor.inventory.machine import is_enabled

LAST_WITHOUT_PROFILES: Final = "2.1.31"
"""Last version observed to ignore profiles and federation (scenarios/precedence.yaml)."""
FIRST_WITH_PROFILES: Final = "2.1.234"
"""First version whose changelog mentions profiles; the versions between are unknown."""
NOT_VERIFIED: Final = "not verified"
"""State of a credential that only a request could determine."""
NOT_FOUND: Final = "no credential found"
"""State of a cloud without one."""


class CredentialSlot(enum.StrEnum):
    """Places in which a client looks for a credential, in the documented order.

    code.claude.com/docs/en/authentication
    """

    PROVIDER = "cloud provider"
    AUTH_TOKEN = "ANTHROPIC_AUTH_TOKEN"
    API_KEY = "ANTHROPIC_API_KEY"
    HELPER = "apiKeyHelper"
    OAUTH_TOKEN = "CLAUDE_CODE_OAUTH_TOKEN"
    PROFILE_NAMED = "profile of ANTHROPIC_PROFILE"
    FEDERATION = "workload identity federation"
    PROFILE = "active profile"
    LOGIN = "login"
    PROFILE_OF_USER = "active profile of a user"
    STORED_KEY = "key of a Console login"

    @property
    def noun(self) -> str:
        """Name within a sentence; variables and settings have no article."""
        is_name = self.value[0].isupper() or self is CredentialSlot.HELPER
        return self.value if is_name or self is CredentialSlot.FEDERATION else f"the {self}"


SUBSCRIPTION_SLOTS: Final = frozenset({CredentialSlot.OAUTH_TOKEN, CredentialSlot.LOGIN})
PROFILE_SLOTS: Final = frozenset(
    {
        CredentialSlot.PROFILE_NAMED,
        CredentialSlot.FEDERATION,
        CredentialSlot.PROFILE,
        CredentialSlot.PROFILE_OF_USER,
    }
)
HEADER_SLOTS: Final = frozenset(
    {CredentialSlot.AUTH_TOKEN, CredentialSlot.API_KEY, CredentialSlot.HELPER}
)
"""Two of these are sent in one request, as observed with 1.0.128 to 2.1.330.

scenarios/precedence.yaml
"""
BARE_MODE_SLOTS: Final = frozenset({CredentialSlot.API_KEY})
"""Slots that are read with CLAUDE_CODE_SIMPLE, besides a helper in `--settings`.

code.claude.com/docs/en/env-vars
"""
SDK_SLOTS: Final = (
    CredentialSlot.API_KEY,
    CredentialSlot.AUTH_TOKEN,
    CredentialSlot.PROFILE_NAMED,
    CredentialSlot.FEDERATION,
    CredentialSlot.PROFILE,
    CredentialSlot.PROFILE_OF_USER,
)
"""Slots that the API's SDKs read, in their order.

platform.claude.com/docs/en/manage-claude/wif-reference
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCredential:
    """A credential on this machine, without its value."""

    slot: CredentialSlot
    where: str
    """Path, or name of a variable."""
    kind: str
    state: str = NOT_VERIFIED
    scopes: tuple[str, ...] = ()
    written: str | None = None
    """Age of its file, such as `2 hours ago`; None: it is not in a file."""
    overrides: tuple[str, ...] = ()
    """Places that set the same variable to another value, which has no effect."""

    @property
    def noun(self) -> str:
        """Name within a sentence, such as `the login`; that of a cloud is its service."""
        is_cloud = self.slot is CredentialSlot.PROVIDER
        return self.kind.partition(" with ")[0] if is_cloud else self.slot.noun


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCredential:
    """The credential that a client uses, and the shadowed ones."""

    client: str
    credential: FoundCredential | None
    """None: the client finds no credential."""
    reason: str = ""
    """Why it is this one, as a clause."""
    shadowed: tuple[FoundCredential, ...] = ()
    note: str | None = None
    gateway: str | None = None
    """Address that gets the credential instead of the service; None: no gateway is set."""
    is_installed: bool = True
    """False for a client that was not found, and would use the credential."""
    reads_login: bool = False
    """True if the client would use a stored login."""


def active_for_claude_code(
    version: str | None,
    credentials: tuple[FoundCredential, ...],
    variables: Mapping[str, Variable],
    *,
    client: str | None = None,
) -> ActiveCredential:
    """Return the credential that this version of Claude Code uses, or a `client` that runs it."""
    switch = variables.get("CLAUDE_CODE_SIMPLE")
    is_bare = switch is not None and is_enabled(switch.value)
    ranking = sorted(
        (
            credential
            for credential in credentials
            if (not is_bare or credential.slot in BARE_MODE_SLOTS)
            and not (_ignores_profiles(version) and credential.slot in PROFILE_SLOTS)
        ),
        key=lambda credential: tuple(CredentialSlot).index(credential.slot),
    )
    active = _active(
        client or (f"claude-code {version}" if version else "claude-code, version not known"),
        "Claude Code",
        ranking,
        "CLAUDE_CODE_SIMPLE prevents it from reading a login"
        if is_bare
        else _note(version, ranking),
    )
    return replace(active, reads_login=not is_bare)


def _ignores_profiles(version: str | None) -> bool:
    return version is not None and version_key(version) <= version_key(LAST_WITHOUT_PROFILES)


def _note(version: str | None, ranking: list[FoundCredential]) -> str | None:
    slots = [credential.slot for credential in ranking]
    if slots[:1] == [CredentialSlot.AUTH_TOKEN] and len(HEADER_SLOTS & set(slots)) > 1:
        return "the key is sent as well, in x-api-key"
    if (
        slots
        and slots[0] in PROFILE_SLOTS
        and version
        and version_key(version) < version_key(FIRST_WITH_PROFILES)
    ):
        return "it is unknown whether this version reads profiles"
    return None


def active_for_agent_sdk(
    name: str, credentials: tuple[FoundCredential, ...], variables: Mapping[str, Variable]
) -> ActiveCredential:
    """Return the credential of an Agent SDK, which runs a Claude Code of its own.

    code.claude.com/docs/en/agent-sdk/claude-code-features
    """
    active = active_for_claude_code(None, credentials, variables, client=name)
    note = "it runs Claude Code; a program can tell it to leave out settings files"
    return _with_note(active, note)


def active_for_sdk(name: str, credentials: tuple[FoundCredential, ...]) -> ActiveCredential:
    """Return the credential that an SDK of the API uses."""
    readable = [credential for credential in credentials if credential.slot in SDK_SLOTS]
    ranking = sorted(readable, key=lambda each: SDK_SLOTS.index(each.slot))
    return _active(name, "the SDK", ranking, None)


def mention_declined_key(active: ActiveCredential) -> ActiveCredential:
    """Return the same with a note if the key is used, which the user declined once."""
    slot = active.credential.slot if active.credential else None
    if slot is not CredentialSlot.API_KEY or not active.reads_login:
        return active
    return _with_note(active, "interactive sessions ignore it, because it was declined once")


def mention_keychain(active: ActiveCredential) -> ActiveCredential:
    """Return the same with a note if a login in the Keychain, which is not read, would be used."""
    slots = tuple(CredentialSlot)
    slot = active.credential.slot if active.credential else slots[-1]
    is_shown = active.reads_login and slots.index(slot) > slots.index(CredentialSlot.LOGIN)
    note = "a login in the Keychain, which is not read, comes before it"
    if active.credential is None:
        note = "a login in the Keychain, which is not read, is used if there is one"
    return _with_note(active, note) if is_shown else active


def _with_note(active: ActiveCredential, note: str) -> ActiveCredential:
    return replace(active, note="; ".join(filter(None, (active.note, note))))


def _active(
    client: str, program: str, ranking: list[FoundCredential], note: str | None
) -> ActiveCredential:
    return ActiveCredential(
        client=client,
        credential=ranking[0] if ranking else None,
        reason=_reason(program, ranking),
        shadowed=tuple(ranking[1:]),
        note=note,
    )


def _reason(program: str, ranking: list[FoundCredential]) -> str:
    """Return why the first of the ranking is used, in terms of those that were found."""
    if not ranking:
        return f"there is none where {program} looks"
    nouns = list(dict.fromkeys(credential.noun for credential in ranking))
    reason = "it is the only one that was found"
    if len(nouns) > 1:
        reason = f"{program} looks for {nouns[0]} before {' and '.join(nouns[1:])}"
    if overridden := ranking[0].overrides:
        reason += f"; settings override the value in {' and '.join(overridden)}"
    return reason
