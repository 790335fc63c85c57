"""Credentials in files: the login and the API key of Claude Code, and profiles of the SDKs."""

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core.safe_read import FileSnapshot, read_json_file, read_text_file
from authprobe.doctor.inventory.credential_kinds import LATEST, moment_of
from authprobe.doctor.inventory.machine import Machine

EARLIEST_EXPIRY: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
"""No credential can have expired before this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFile:
    """The file with Claude Code's stored login (anthropics/claude-code#76561)."""

    file: FileSnapshot
    has_record: bool = False
    """True if the file contains a login, possibly an empty one."""
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    malformed_fields: tuple[str, ...] = ()
    """Names of fields whose values have the wrong type."""
    expires: datetime.datetime | None = None
    expiry_in_seconds: bool = False
    """True if the expiry is plausible only in seconds; milliseconds are required."""
    refresh_token_expires: datetime.datetime | None = None
    scopes: tuple[str, ...] | None = None
    """None: the field is missing or not a list."""
    subscription: str | None = None
    is_locked: bool = False
    """True if a renewal has left its lock behind, which keeps the others from renewing it."""

    @property
    def is_blanked(self) -> bool:
        """True if the login exists, but both tokens are empty (anthropics/claude-code#76561)."""
        has_token = bool(self.access_token or self.refresh_token)
        return self.has_record and not has_token and not self.malformed_fields


def load_login(machine: Machine) -> LoginFile:
    """Return the stored login of this machine; the macOS Keychain is not read."""
    return parse_login(read_json_file(machine.config_folder / ".credentials.json"))


def parse_login(file: FileSnapshot) -> LoginFile:
    """Return the login in a credentials file."""
    record = file.data.get("claudeAiOauth")
    if not isinstance(record, dict):
        malformed = ("claudeAiOauth",) if "claudeAiOauth" in file.data else ()
        return LoginFile(file=file, malformed_fields=malformed)
    expires, in_seconds = _parse_expiry(record.get("expiresAt"))
    refresh_token_expires, _ = _parse_expiry(record.get("refreshTokenExpiresAt"))
    scopes = record.get("scopes")
    return LoginFile(
        file=file,
        has_record=True,
        access_token=_text(record, "accessToken"),
        refresh_token=_text(record, "refreshToken"),
        malformed_fields=tuple(_malformed_fields(record)),
        expires=expires,
        expiry_in_seconds=in_seconds,
        refresh_token_expires=refresh_token_expires,
        scopes=tuple(scope for scope in scopes if isinstance(scope, str))
        if isinstance(scopes, list)
        else None,
        subscription=_text(record, "subscriptionType") or None,
    )


def _malformed_fields(record: Mapping[str, object]) -> list[str]:
    tokens = ("accessToken", "refreshToken")
    malformed = [name for name in tokens if not isinstance(record.get(name, ""), str | None)]
    if "expiresAt" in record and _number(record["expiresAt"]) is None:
        malformed.append("expiresAt")
    if not isinstance(record.get("scopes", []), list | None):
        malformed.append("scopes")
    return malformed


def _text(data: Mapping[str, object], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _parse_expiry(milliseconds: object) -> tuple[datetime.datetime | None, bool]:
    """Return the moment, and True if the number is plausible only in seconds."""
    number = _number(milliseconds)
    if number is None:
        return None, False
    moment = moment_of(number / 1000)
    if number and moment < EARLIEST_EXPIRY:
        from_seconds = moment_of(number)
        if EARLIEST_EXPIRY < from_seconds < LATEST:
            return from_seconds, True
    return moment, False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """The file in which Claude Code keeps its state."""

    file: FileSnapshot
    api_key: str = field(default="", repr=False)
    """API key of a Console login (nanocoai/nanoclaw#1217)."""
    onboarding_finished: bool = False
    declined_keys: tuple[str, ...] = field(default=(), repr=False)
    """Last characters of API keys that the user declined to use."""


def load_state(machine: Machine) -> StateFile:
    """Return the state of Claude Code on this machine."""
    file = read_json_file(machine.state_file)
    responses = file.data.get("customApiKeyResponses")
    declined = responses.get("rejected") if isinstance(responses, dict) else None
    return StateFile(
        file=file,
        api_key=_text(file.data, "primaryApiKey"),
        onboarding_finished=file.data.get("hasCompletedOnboarding") is True,
        declined_keys=tuple(end for end in declined if isinstance(end, str) and end)
        if isinstance(declined, list)
        else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The active profile of the API's SDKs and `ant`.

    platform.claude.com/docs/en/manage-claude/wif-reference
    """

    selected_by: str | None
    """`ANTHROPIC_PROFILE` or `active_config`; None: the profile is the default one."""
    config: FileSnapshot
    credentials: FileSnapshot
    kind: str = ""
    """`user_oauth` or `oidc_federation`."""
    expires: datetime.datetime | None = None
    access_token: str = field(default="", repr=False)
    is_renewable: bool = False


def load_profile(machine: Machine) -> Profile:
    """Return the profile that `ANTHROPIC_PROFILE` or `active_config` selects, else `default`."""
    folder = machine.profile_folder
    active_config = read_text_file(folder / "active_config").text.strip()
    variable = machine.environment.get("ANTHROPIC_PROFILE", "").strip()
    name = variable or active_config or "default"
    selected_by = "ANTHROPIC_PROFILE" if variable else "active_config" if active_config else None
    # A name that contains a folder would escape from the profile folder.
    file_name = f"{Path(name).name or 'default'}.json"
    config = read_json_file(folder / "configs" / file_name)
    credentials = read_json_file(folder / "credentials" / file_name)
    authentication = config.data.get("authentication")
    authentication = authentication if isinstance(authentication, dict) else {}
    expires = _number(credentials.data.get("expires_at"))
    has_refresh_token = bool(_text(credentials.data, "refresh_token"))
    return Profile(
        selected_by=selected_by,
        config=config,
        credentials=credentials,
        kind=_text(authentication, "type"),
        expires=None if expires is None else moment_of(expires),
        access_token=_text(credentials.data, "access_token"),
        is_renewable=has_refresh_token and bool(_text(authentication, "client_id")),
    )
