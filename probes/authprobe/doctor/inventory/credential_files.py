"""Credentials that are kept in files: the login of Claude Code, its key, and profiles."""

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.doctor.inventory.machine import Machine
from authprobe.doctor.inventory.safe_read import FileSnapshot, read_json_file, read_text_file

LAST_PLAUSIBLE: Final = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)
EARLY: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
"""Before anything here can have expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFile:
    """The stored login of Claude Code, without its values (anthropics/claude-code#76561)."""

    document: FileSnapshot
    record: bool = False
    """Whether there is one in the file."""
    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    malformed: tuple[str, ...] = ()
    """The names of fields that are of another kind than they must be."""
    expires: datetime.datetime | None = None
    expiry_in_seconds: bool = False
    """Whether the expiry makes sense in seconds only, where milliseconds are meant."""
    refresh_expires: datetime.datetime | None = None
    scopes: tuple[str, ...] | None = None
    """None: they are no list."""
    subscription: str | None = None

    @property
    def blanked(self) -> bool:
        """Whether the record is there and its tokens are empty (anthropics/claude-code#76561)."""
        return self.record and not self.access and not self.refresh and not self.malformed


def load_login(machine: Machine) -> LoginFile:
    """The login of this machine, as far as it is in a file."""
    return parse_login(read_json_file(machine.config_folder / ".credentials.json"))


def parse_login(document: FileSnapshot) -> LoginFile:
    """The login in such a file."""
    record = document.tree.get("claudeAiOauth")
    if not isinstance(record, dict):
        wrong = ("claudeAiOauth",) if "claudeAiOauth" in document.tree else ()
        return LoginFile(document=document, malformed=wrong)
    expires, in_seconds = _moment(record.get("expiresAt"))
    refresh_expires, _ = _moment(record.get("refreshTokenExpiresAt"))
    scopes = record.get("scopes")
    return LoginFile(
        document=document,
        record=True,
        access=_text(record, "accessToken"),
        refresh=_text(record, "refreshToken"),
        malformed=tuple(_malformed(record)),
        expires=expires,
        expiry_in_seconds=in_seconds,
        refresh_expires=refresh_expires,
        scopes=tuple(each for each in scopes if isinstance(each, str))
        if isinstance(scopes, list)
        else None,
        subscription=_text(record, "subscriptionType") or None,
    )


def _malformed(record: Mapping[str, object]) -> list[str]:
    texts = ("accessToken", "refreshToken")
    wrong = [name for name in texts if not isinstance(record.get(name, ""), str | None)]
    if "expiresAt" in record and _number(record["expiresAt"]) is None:
        wrong.append("expiresAt")
    if not isinstance(record.get("scopes", []), list | None):
        wrong.append("scopes")
    return wrong


def _text(tree: Mapping[str, object], name: str) -> str:
    found = tree.get(name)
    return found if isinstance(found, str) else ""


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _moment(milliseconds: object) -> tuple[datetime.datetime | None, bool]:
    """The moment, and whether it would be one if the number were seconds; None: there is none."""
    number = _number(milliseconds)
    if number is None:
        return None, False
    moment = _at(number / 1000)
    if number and moment < EARLY and EARLY < (as_seconds := _at(number)) < LAST_PLAUSIBLE:
        return as_seconds, True
    return moment, False


def _at(seconds: float) -> datetime.datetime:
    epoch = datetime.datetime.fromtimestamp(0, datetime.UTC)
    try:
        return min(epoch + datetime.timedelta(seconds=seconds), LAST_PLAUSIBLE)
    except OverflowError:
        return LAST_PLAUSIBLE if seconds > 0 else epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """What Claude Code remembers of its user."""

    document: FileSnapshot
    key: str = field(default="", repr=False)
    """Of a Console login (nanocoai/nanoclaw#1217)."""
    onboarded: bool = False
    declined: tuple[str, ...] = field(default=(), repr=False)
    """The ends of keys that its user did not want."""


def load_state(machine: Machine) -> StateFile:
    """What it remembers here."""
    document = read_json_file(machine.state_file)
    answers = document.tree.get("customApiKeyResponses")
    declined = answers.get("rejected") if isinstance(answers, dict) else None
    return StateFile(
        document=document,
        key=_text(document.tree, "primaryApiKey"),
        onboarded=document.tree.get("hasCompletedOnboarding") is True,
        declined=tuple(end for end in declined if isinstance(end, str) and end)
        if isinstance(declined, list)
        else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile of the API's SDKs and `ant`.

    platform.claude.com/docs/en/manage-claude/wif-reference
    """

    name: str
    chosen: str | None
    """What names it; None: it is the default one."""
    config: FileSnapshot
    credentials: FileSnapshot
    kind: str = ""
    """`user_oauth` or `oidc_federation`."""
    expires: datetime.datetime | None = None
    access: str = field(default="", repr=False)
    renewable: bool = False

    @property
    def is_there(self) -> bool:
        """Whether it has been set up, or somebody asks for it."""
        return self.config.is_there or self.chosen is not None


def load_profile(machine: Machine) -> Profile:
    """The active profile: of `ANTHROPIC_PROFILE`, of the file `active_config`, or `default`."""
    folder = machine.profile_folder
    pointer = read_text_file(folder / "active_config").text.strip()
    variable = machine.environment.get("ANTHROPIC_PROFILE", "").strip()
    name = variable or pointer or "default"
    chosen = "ANTHROPIC_PROFILE" if variable else "active_config" if pointer else None
    # A name with a folder in it would lead out of the place for profiles.
    file = f"{Path(name).name or 'default'}.json"
    config = read_json_file(folder / "configs" / file)
    credentials = read_json_file(folder / "credentials" / file)
    means = config.tree.get("authentication")
    means = means if isinstance(means, dict) else {}
    expires = _number(credentials.tree.get("expires_at"))
    return Profile(
        name=name,
        chosen=chosen,
        config=config,
        credentials=credentials,
        kind=_text(means, "type"),
        expires=None if expires is None else _at(expires),
        access=_text(credentials.tree, "access_token"),
        renewable=bool(_text(credentials.tree, "refresh_token") and _text(means, "client_id")),
    )
