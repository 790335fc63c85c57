"""Credentials on this machine, without their values."""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from authprobe.core.clouds import Cloud
from authprobe.core.safe_read import FileSnapshot
from authprobe.doctor.inventory.clouds import CloudCredentials, enabled_clouds, is_skipped
from authprobe.doctor.inventory.credential_files import LoginFile, Profile, StateFile
from authprobe.doctor.inventory.credential_kinds import (
    credential_kind,
    moment_of,
    relative_time,
)
from authprobe.doctor.inventory.environment import SettingsFile, Variable
from authprobe.doctor.inventory.machine import Machine
from authprobe.doctor.inventory.precedence import (
    NOT_FOUND,
    NOT_VERIFIED,
    CredentialSlot,
    FoundCredential,
)

FEDERATION_VARIABLES: Final = ("ANTHROPIC_FEDERATION_RULE_ID", "ANTHROPIC_ORGANIZATION_ID")
IDENTITY_VARIABLES: Final = ("ANTHROPIC_IDENTITY_TOKEN", "ANTHROPIC_IDENTITY_TOKEN_FILE")
LONGEST_RENEWAL: Final = datetime.timedelta(days=30)
"""Time for which a refresh token has been seen to work: users' files say two to four weeks.

anthropics/claude-code#76561, anthropics/claude-code#80585
"""


def find_credentials(
    machine: Machine,
    *,
    variables: Mapping[str, Variable],
    settings: tuple[SettingsFile, ...],
    clouds: CloudCredentials,
    login: LoginFile,
    profile: Profile,
    state: StateFile,
) -> tuple[FoundCredential, ...]:
    """Return every credential on this machine."""
    return (
        *_from_clouds(machine, variables, clouds),
        *_from_variables(variables, settings),
        *_from_profile(machine, profile, variables),
        *_from_login(machine, login, state),
    )


def _from_clouds(
    machine: Machine, variables: Mapping[str, Variable], clouds: CloudCredentials
) -> Iterator[FoundCredential]:
    enabled = enabled_clouds(variables)
    for cloud in enabled:
        if cloud is Cloud.MANTLE and Cloud.BEDROCK in enabled:
            continue  # Both endpoints of Bedrock are used, with the same credential.
        used = next(iter(clouds[cloud]), None)
        if is_skipped(cloud, variables):
            source: str | None = "a gateway that adds the credential"
        else:
            source = used.name if used else None
        yield FoundCredential(
            slot=CredentialSlot.PROVIDER,
            where=variables[cloud.switch].label,
            kind=f"{cloud.service} with {source}" if source else cloud.service,
            state=(used and used.state(machine.now)) or (NOT_VERIFIED if source else NOT_FOUND),
            written=used.written if used else None,
        )


def _from_variables(
    variables: Mapping[str, Variable], settings: tuple[SettingsFile, ...]
) -> Iterator[FoundCredential]:
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
    return relative_time(moment_of(file.status.st_mtime), machine.now)


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
    return "and will be renewed" + (" once the lock is removed" if login.is_locked else "")


def is_renewable(machine: Machine, login: LoginFile) -> bool:
    """Return True unless the login has no refresh token, or says that it has expired."""
    end = login.refresh_token_expires
    return bool(login.refresh_token) and not (end and end <= machine.now)


def is_too_old(machine: Machine, login: LoginFile) -> bool:
    """Return True for a login that ended long ago, and does not say how long it can be renewed."""
    if login.expires is None or login.refresh_token_expires is not None:
        return False
    return login.expires + LONGEST_RENEWAL <= machine.now
