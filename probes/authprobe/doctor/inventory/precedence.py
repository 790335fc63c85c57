"""The credentials that this machine holds, and which of them a client uses."""

import datetime
import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from authprobe.core.version_ranges import version_key
from authprobe.doctor.inventory.credential_files import LoginFile, Profile, StateFile
from authprobe.doctor.inventory.credential_kinds import credential_kind, relative_time
from authprobe.doctor.inventory.environment import SettingsFile, Variable
from authprobe.doctor.inventory.machine import Machine, is_on
from authprobe.doctor.inventory.safe_read import FileSnapshot

PROVIDERS: Final = tuple(
    f"CLAUDE_CODE_USE_{name}"
    for name in ("BEDROCK", "VERTEX", "FOUNDRY", "ANTHROPIC_AWS", "MANTLE")
)
WITHOUT_PROFILES: Final = "2.1.31"
"""The last release that was seen to know nothing of federation (scenarios/precedence.yaml)."""
WITH_PROFILES: Final = "2.1.234"
"""The first whose changelog speaks of profiles."""
FEDERATION: Final = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
IDENTITY: Final = ("ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_IDENTITY_TOKEN_FILE")


class CredentialSlot(enum.StrEnum):
    """Where a client looks for a credential, in the documented order.

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


SUBSCRIPTION: Final = frozenset({CredentialSlot.OAUTH_TOKEN, CredentialSlot.LOGIN})
PROFILES: Final = frozenset(
    {
        CredentialSlot.PROFILE_NAMED,
        CredentialSlot.FEDERATION,
        CredentialSlot.PROFILE,
        CredentialSlot.PROFILE_OF_USER,
    }
)
KEYS: Final = frozenset({CredentialSlot.AUTH_TOKEN, CredentialSlot.API_KEY, CredentialSlot.HELPER})
"""Of these two go out in one request: seen with 1.0.128 to 2.1.330 (scenarios/precedence.yaml)."""
BARE: Final = frozenset({CredentialSlot.API_KEY})
"""What is read with CLAUDE_CODE_SIMPLE, besides a helper of `--settings`.

code.claude.com/docs/en/env-vars
"""
OF_THE_SDK: Final = (
    CredentialSlot.API_KEY,
    CredentialSlot.AUTH_TOKEN,
    CredentialSlot.PROFILE_NAMED,
    CredentialSlot.FEDERATION,
)
"""platform.claude.com/docs/en/manage-claude/wif-reference; an active profile comes after these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCredential:
    """A credential that is on this machine, without its value."""

    slot: CredentialSlot
    where: str
    kind: str
    state: str = "not tried"
    scopes: tuple[str, ...] = ()
    written: str | None = None
    """How long ago its file was; None: it is no file of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCredential:
    """The credential that a client uses, and those that it leaves aside."""

    client: str
    held: FoundCredential | None
    """None: it finds none."""
    others: tuple[FoundCredential, ...] = ()
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
    """Every credential, in the documented order."""
    return (
        *_of_variables(variables, settings),
        *_of_profile(machine, profile, variables),
        *_of_login(machine, login, state),
    )


def _of_variables(
    variables: Mapping[str, Variable], settings: tuple[SettingsFile, ...]
) -> Iterator[FoundCredential]:
    for name in PROVIDERS:
        if name in variables and is_on(variables[name].value):
            yield _of(CredentialSlot.PROVIDER, variables[name], "credentials of the cloud")
    for slot in (CredentialSlot.AUTH_TOKEN, CredentialSlot.API_KEY):
        if (found := variables.get(slot)) and found.value.strip():
            yield _of(slot, found, credential_kind(found.value))
    with_helper = [each for each in settings if each.helper]
    if with_helper:
        where = with_helper[-1].shown
        yield FoundCredential(
            slot=CredentialSlot.HELPER, where=where, kind="what its program prints"
        )
    if (found := variables.get(CredentialSlot.OAUTH_TOKEN)) and found.value.strip():
        yield _of(CredentialSlot.OAUTH_TOKEN, found, credential_kind(found.value))


def _of(slot: CredentialSlot, variable: Variable, kind: str) -> FoundCredential:
    return FoundCredential(slot=slot, where=variable.place, kind=kind)


def _of_profile(
    machine: Machine, profile: Profile, variables: Mapping[str, Variable]
) -> Iterator[FoundCredential]:
    where = machine.shown(profile.config.path)
    state = "not tried"
    if profile.expires:
        state = f"expires {relative_time(profile.expires, machine.now)}"
        if profile.expires <= machine.now:
            state = f"expired {relative_time(profile.expires, machine.now)}"
    kind = {"user_oauth": "login of a user", "oidc_federation": "federation"}.get(profile.kind)
    written = _written(machine, profile.credentials)
    held = FoundCredential(
        slot=CredentialSlot.PROFILE,
        where=where,
        kind=kind or "unknown",
        state=state,
        written=written,
    )
    if profile.chosen == "ANTHROPIC_PROFILE":
        yield replace(held, slot=CredentialSlot.PROFILE_NAMED)
    if is_federation_complete(variables):
        place = next(variables[name].place for name in IDENTITY if _value(variables, name))
        yield FoundCredential(slot=CredentialSlot.FEDERATION, where=place, kind="identity token")
    if profile.chosen != "ANTHROPIC_PROFILE" and profile.config.is_there:
        of_user = profile.kind == "user_oauth"
        yield replace(
            held, slot=CredentialSlot.PROFILE_OF_USER if of_user else CredentialSlot.PROFILE
        )


def _value(variables: Mapping[str, Variable], name: str) -> str:
    return variables[name].value.strip() if name in variables else ""


def is_federation_complete(variables: Mapping[str, Variable]) -> bool:
    """Whether the variables of federation are complete."""
    rule = all(_value(variables, name) for name in FEDERATION)
    return rule and any(_value(variables, name) for name in IDENTITY)


def _of_login(machine: Machine, login: LoginFile, state: StateFile) -> Iterator[FoundCredential]:
    if login.access or login.refresh:
        subscription = f" ({login.subscription})" if login.subscription else ""
        yield FoundCredential(
            slot=CredentialSlot.LOGIN,
            where=machine.shown(login.document.path),
            kind=f"subscription{subscription}",
            state=login_state(machine, login),
            scopes=login.scopes or (),
            written=_written(machine, login.document),
        )
    if state.key:
        where = machine.shown(state.document.path)
        written = _written(machine, state.document)
        yield FoundCredential(
            slot=CredentialSlot.STORED_KEY,
            where=where,
            kind=credential_kind(state.key),
            written=written,
        )


def _written(machine: Machine, document: FileSnapshot) -> str | None:
    if document.status is None:
        return None
    moment = datetime.datetime.fromtimestamp(document.status.st_mtime, datetime.UTC)
    return relative_time(moment, machine.now)


def login_state(machine: Machine, login: LoginFile) -> str:
    """How old the access token is, and whether another can be had."""
    if login.expires is None:
        return "does not say when it expires"
    when = relative_time(login.expires, machine.now)
    if login.expires > machine.now:
        return f"expires {when}"
    return f"expired {when}, {'is renewed' if login.refresh else 'and cannot be renewed'}"


def active_for_claude_code(
    version: str | None, held: tuple[FoundCredential, ...], variables: Mapping[str, Variable]
) -> ActiveCredential:
    """What Claude Code of this version uses."""
    bare = is_on(_value(variables, "CLAUDE_CODE_SIMPLE"))
    old = version is not None and version_key(version) <= version_key(WITHOUT_PROFILES)
    ladder = sorted(
        (
            each
            for each in held
            if (not bare or each.slot in BARE) and not (old and each.slot in PROFILES)
        ),
        key=lambda each: tuple(CredentialSlot).index(each.slot),
    )
    return _win(
        f"claude-code {version}" if version else "claude-code, version not known",
        ladder,
        "CLAUDE_CODE_SIMPLE keeps it from reading a login" if bare else _note(version, ladder),
    )


def _note(version: str | None, ladder: list[FoundCredential]) -> str | None:
    slots = [each.slot for each in ladder]
    if slots[:1] == [CredentialSlot.AUTH_TOKEN] and len(KEYS & set(slots)) > 1:
        return "the key goes out beside it, in x-api-key"
    if (
        slots
        and slots[0] in PROFILES
        and version
        and version_key(version) < version_key(WITH_PROFILES)
    ):
        return "whether this version reads profiles is not known"
    return None


def active_for_sdk(name: str, held: tuple[FoundCredential, ...]) -> ActiveCredential:
    """What an SDK of the API uses: of `held` what is not for Claude Code alone."""
    slots = (*OF_THE_SDK, CredentialSlot.PROFILE, CredentialSlot.PROFILE_OF_USER)
    read = [each for each in held if each.slot in slots]
    return _win(name, sorted(read, key=lambda each: slots.index(each.slot)), None)


def _win(client: str, ladder: list[FoundCredential], note: str | None) -> ActiveCredential:
    return ActiveCredential(
        client=client, held=ladder[0] if ladder else None, others=tuple(ladder[1:]), note=note
    )
