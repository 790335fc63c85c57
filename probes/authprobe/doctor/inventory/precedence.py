"""Precedence of credentials: those on this machine, and the one that each client uses."""

import datetime
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from authprobe.core.safe_read import FileSnapshot
from authprobe.core.version_ranges import version_key
from authprobe.doctor.inventory.credential_files import LoginFile, Profile, StateFile
from authprobe.doctor.inventory.credential_kinds import credential_kind, relative_time
from authprobe.doctor.inventory.environment import SettingsFile, Variable
from authprobe.doctor.inventory.machine import Machine, is_enabled

PROVIDER_VARIABLES: Final = tuple(
    f"CLAUDE_CODE_USE_{name}"
    for name in ("BEDROCK", "VERTEX", "FOUNDRY", "ANTHROPIC_AWS", "MANTLE")
)
LAST_WITHOUT_PROFILES: Final = "2.1.31"
"""Last version observed to ignore profiles and federation (scenarios/precedence.yaml)."""
FIRST_WITH_PROFILES: Final = "2.1.234"
"""First version whose changelog mentions profiles; the versions between are unknown."""
FEDERATION_VARIABLES: Final = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
IDENTITY_VARIABLES: Final = ("ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_IDENTITY_TOKEN_FILE")
LONGEST_RENEWAL: Final = datetime.timedelta(days=30)
"""Time for which a refresh token has been seen to work: users' files say two to four weeks.

anthropics/claude-code#76561, anthropics/claude-code#80585
"""
NOT_VERIFIED: Final = "not verified"
"""State of a credential that only a request could determine."""


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


def find_credentials(
    machine: Machine,
    *,
    variables: Mapping[str, Variable],
    settings: tuple[SettingsFile, ...],
    login: LoginFile,
    profile: Profile,
    state: StateFile,
) -> tuple[FoundCredential, ...]:
    """Return every credential on this machine."""
    return (
        *_from_variables(variables, settings),
        *_from_profile(machine, profile, variables),
        *_from_login(machine, login, state),
    )


def _from_variables(
    variables: Mapping[str, Variable], settings: tuple[SettingsFile, ...]
) -> Iterator[FoundCredential]:
    for name in PROVIDER_VARIABLES:
        if name in variables and is_enabled(variables[name].value):
            yield FoundCredential(
                slot=CredentialSlot.PROVIDER,
                where=variables[name].label,
                kind="credentials of the cloud provider",
            )
    yield from _from_variable(CredentialSlot.AUTH_TOKEN, variables)
    yield from _from_variable(CredentialSlot.API_KEY, variables)
    helpers = [file for file in settings if file.api_key_helper]
    if helpers:
        yield FoundCredential(
            slot=CredentialSlot.HELPER,
            where=helpers[-1].display_path,
            kind="output of its program",
        )
    yield from _from_variable(CredentialSlot.OAUTH_TOKEN, variables)


def _from_variable(
    slot: CredentialSlot, variables: Mapping[str, Variable]
) -> Iterator[FoundCredential]:
    variable = variables.get(slot)
    if variable and variable.value.strip():
        kind = credential_kind(variable.value)
        yield FoundCredential(
            slot=slot, where=variable.label, kind=kind, overrides=variable.overridden_sources
        )


def _from_profile(
    machine: Machine, profile: Profile, variables: Mapping[str, Variable]
) -> Iterator[FoundCredential]:
    kinds = {"user_oauth": "login of a user", "oidc_federation": "federation"}
    credential = FoundCredential(
        slot=CredentialSlot.PROFILE,
        where=machine.display_path(profile.config.path),
        kind=kinds.get(profile.kind, "unknown"),
        state=_profile_state(machine, profile),
        written=_file_age(machine, profile.credentials),
    )
    is_named = profile.selected_by == "ANTHROPIC_PROFILE"
    if is_named:
        yield replace(credential, slot=CredentialSlot.PROFILE_NAMED)
    if is_federation_complete(variables):
        names = (name for name in IDENTITY_VARIABLES if _value(variables, name))
        yield FoundCredential(
            slot=CredentialSlot.FEDERATION,
            where=variables[next(names)].label,
            kind="identity token",
        )
    if not is_named and profile.config.exists:
        is_user = profile.kind == "user_oauth"
        slot = CredentialSlot.PROFILE_OF_USER if is_user else CredentialSlot.PROFILE
        yield replace(credential, slot=slot)


def _profile_state(machine: Machine, profile: Profile) -> str:
    if not profile.expires:
        return NOT_VERIFIED
    verb = "expired" if profile.expires <= machine.now else "expires"
    return f"{verb} {relative_time(profile.expires, machine.now)}"


def _value(variables: Mapping[str, Variable], name: str) -> str:
    return variables[name].value.strip() if name in variables else ""


def is_federation_complete(variables: Mapping[str, Variable]) -> bool:
    """Return True if all variables that federation needs are set."""
    has_rule = all(_value(variables, name) for name in FEDERATION_VARIABLES)
    return has_rule and any(_value(variables, name) for name in IDENTITY_VARIABLES)


def _from_login(machine: Machine, login: LoginFile, state: StateFile) -> Iterator[FoundCredential]:
    if login.access_token or login.refresh_token:
        subscription = f" ({login.subscription})" if login.subscription else ""
        yield FoundCredential(
            slot=CredentialSlot.LOGIN,
            where=machine.display_path(login.file.path),
            kind=f"subscription{subscription}",
            state=login_state(machine, login),
            scopes=login.scopes or (),
            written=_file_age(machine, login.file),
        )
    if state.api_key:
        yield FoundCredential(
            slot=CredentialSlot.STORED_KEY,
            where=machine.display_path(state.file.path),
            kind=credential_kind(state.api_key),
            written=_file_age(machine, state.file),
        )


def _file_age(machine: Machine, file: FileSnapshot) -> str | None:
    if file.status is None:
        return None
    moment = datetime.datetime.fromtimestamp(file.status.st_mtime, datetime.UTC)
    return relative_time(moment, machine.now)


def login_state(machine: Machine, login: LoginFile) -> str:
    """Return the expiry of the access token, and whether the login can be refreshed."""
    if login.expires is None:
        return "has no expiry date"
    time = relative_time(login.expires, machine.now)
    if login.expires > machine.now:
        return f"expires {time}"
    return f"expired {time}, {_renewal(machine, login)}"


def _renewal(machine: Machine, login: LoginFile) -> str:
    if not is_renewable(machine, login):
        return "and cannot be renewed"
    if is_too_old(machine, login):
        return "and is probably too old to be renewed"
    return "and will be renewed"


def is_renewable(machine: Machine, login: LoginFile) -> bool:
    """Return True unless the login has no refresh token, or says that it has expired."""
    end = login.refresh_token_expires
    return bool(login.refresh_token) and not (end and end <= machine.now)


def is_too_old(machine: Machine, login: LoginFile) -> bool:
    """Return True for a login that ended long ago, and does not say how long it can be renewed."""
    if login.expires is None or login.refresh_token_expires is not None:
        return False
    return login.expires + LONGEST_RENEWAL <= machine.now


def active_for_claude_code(
    version: str | None,
    credentials: tuple[FoundCredential, ...],
    variables: Mapping[str, Variable],
    *,
    client: str | None = None,
) -> ActiveCredential:
    """Return the credential that this version of Claude Code uses, or a `client` that runs it."""
    is_bare = is_enabled(_value(variables, "CLAUDE_CODE_SIMPLE"))
    ranking = sorted(
        (
            credential
            for credential in credentials
            if (not is_bare or credential.slot in BARE_MODE_SLOTS)
            and not (_ignores_profiles(version) and credential.slot in PROFILE_SLOTS)
        ),
        key=lambda credential: tuple(CredentialSlot).index(credential.slot),
    )
    return _active(
        client or (f"claude-code {version}" if version else "claude-code, version not known"),
        "Claude Code",
        ranking,
        "CLAUDE_CODE_SIMPLE prevents it from reading a login"
        if is_bare
        else _note(version, ranking),
    )


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
    return replace(active, note="; ".join(filter(None, (active.note, note))))


def active_for_sdk(name: str, credentials: tuple[FoundCredential, ...]) -> ActiveCredential:
    """Return the credential that an SDK of the API uses."""
    readable = [credential for credential in credentials if credential.slot in SDK_SLOTS]
    ranking = sorted(readable, key=lambda each: SDK_SLOTS.index(each.slot))
    return _active(name, "the SDK", ranking, None)


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
        return f"there is none in the places where {program} looks"
    nouns = list(dict.fromkeys(credential.slot.noun for credential in ranking))
    reason = "no other was found"
    if len(nouns) > 1:
        reason = f"{program} looks for {nouns[0]} before {' and '.join(nouns[1:])}"
    if overridden := ranking[0].overrides:
        reason += f"; settings override the value in {' and '.join(overridden)}"
    return reason
