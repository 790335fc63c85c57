"""Delivery of a case's credentials to a client: variables, and files in its private home."""

import datetime
import json
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from authprobe.core.client_kinds import Via
from authprobe.core.client_variables import HOME_PLACEHOLDER
from authprobe.core.login_renewal import LOCK_FOLDER
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.state.tokens import ACCESS_TOKEN_LIFETIME, EXPIRED_AGE, LOGIN_SCOPES, Token
from authprobe.scenario.model import Credential, Form

FEDERATION_VARIABLES: Final = {
    "ANTHROPIC_FEDERATION_RULE_ID": "fdrl_authprobe",
    "ANTHROPIC_ORGANIZATION_ID": "00000000-0000-4000-8000-000000000002",
    "ANTHROPIC_SERVICE_ACCOUNT_ID": "svac_authprobe",
}
"""Variables of platform.claude.com/docs/en/manage-claude/wif-reference, with made-up ids."""
CONFIG_FOLDER: Final = ".claude"
CREDENTIALS_FILE: Final = ".credentials.json"
HELPER: Final = "api-key-helper"
MISSING_CHARACTERS: Final = 10
"""Characters at the end of a token that is cut short."""
SLOW_HELPER_DELAY: Final = 4
"""Delay of a slow `apiKeyHelper`, in seconds."""
LOCK_AGES: Final[Mapping[Form | None, float]] = {
    Form.REFRESH_LOCKED: -60.0,
    Form.STALE_REFRESH_LOCK: 600.0,
}
"""Ages of a lock beside the stored login, in seconds. It is stale after a minute, so a fresh one is
dated ahead: it stays fresh for as long as a case lasts.
"""
BREAKING_CHARACTERS: Final = {Form.LINE_BREAK: "\n", Form.WIDE_CHARACTER: "\N{HORIZONTAL ELLIPSIS}"}
"""Characters that make a value invalid in a header (RFC 9110, 5.5)."""


@dataclass(slots=True, kw_only=True)
class Handover:
    """Variables and settings of a client, built up one credential at a time."""

    backend: CaseBackend
    home: Path
    """The private home, at the path by which the client knows it."""
    home_folder: Path
    """The same folder, at the path by which this process reaches it."""
    default_folder: Path = Path(CONFIG_FOLDER)
    """Folder of the settings file and the login, below the home."""
    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[Path, dict[str, Any]] = field(default_factory=dict)
    """Settings by the folder of their file."""

    def add(self, credential: Credential) -> None:
        """Issue the credential, known to the backend, and put it where a user would."""
        match credential.via:
            case Via.CREDENTIALS_FILE:
                login = self._make_login(credential)
                path = self._open_folder(self._folder(credential)) / CREDENTIALS_FILE
                self._write(path, json.dumps(login))
                if age := LOCK_AGES.get(credential.form):
                    lock = path.with_name(LOCK_FOLDER)
                    lock.mkdir()
                    os.utime(lock, (time.time() - age,) * 2)
            case Via.API_KEY_HELPER:
                folder, token = self._folder(credential), self._make(credential)
                name = f"{HELPER}-{len(self.settings)}" if self.settings else HELPER
                value = misshape(self.backend, token, credential.form)
                script = helper_script(value, credential.form)
                self._write(self.home_folder / name, script, mode=0o700)
                self._settings(folder)["apiKeyHelper"] = shlex.quote(str(self.home / name))
            case Via.SETTINGS_ENV if credential.variable is not None:
                values = self.variables(credential.variable, credential)
                self.add_settings_env(values, self._folder(credential))
            case Via.KEY_PLACEHOLDER:
                self.environment[Via.KEY_PLACEHOLDER] = self._make(credential).value
            case Via() as via:
                _add_variables(self.environment, self.variables(via, credential))

    def add_settings_env(self, values: Mapping[str, str], folder: Path | None = None) -> None:
        """Set these variables in the `env` of the settings file."""
        if values:
            settings = self._settings(folder or self.default_folder)
            _add_variables(settings.setdefault("env", {}), values)

    def finish(self) -> dict[str, str]:
        """Write the settings files, if there are settings, and return the variables."""
        for folder, settings in self.settings.items():
            self._write(self._open_folder(folder) / "settings.json", json.dumps(settings))
        return self.environment

    def _folder(self, credential: Credential) -> Path:
        return home_path(credential.folder) if credential.folder else self.default_folder

    def _settings(self, folder: Path) -> dict[str, Any]:
        return self.settings.setdefault(folder, {})

    def _make(self, credential: Credential) -> Token:
        return self.backend.tokens.make(credential.token, credential.state)

    def variables(self, name: str, credential: Credential) -> dict[str, str]:
        """Issue the credential, and return the variables that carry it: this one, with others that
        it needs.
        """
        token = self._make(credential)
        value = misshape(self.backend, token, credential.form)
        match name:
            case Via.CUSTOM_HEADERS_VARIABLE if credential.header is not None:
                return {name: f"{credential.header}: {value}"}
            case Via.CUSTOM_HEADERS_VARIABLE:
                x_api_key = credential.form is Form.X_API_KEY_LINE
                line = f"x-api-key: {value}" if x_api_key else f"Authorization: Bearer {value}"
                return {name: line}
            case Via.REFRESH_TOKEN_VARIABLE:
                return {name: value, "CLAUDE_CODE_OAUTH_SCOPES": " ".join(LOGIN_SCOPES)}
            case Via.IDENTITY_TOKEN_VARIABLE:
                return {name: value, **FEDERATION_VARIABLES}
            case Via.IDENTITY_TOKEN_FILE_VARIABLE:
                self._write(self.home_folder / token.slot, value)
                return {name: str(self.home / token.slot), **FEDERATION_VARIABLES}
            case _:
                return {name: value}

    def _make_login(self, credential: Credential) -> dict[str, Any]:
        """Return a login record as users report it (anthropics/claude-code#76561).

        An `expired` login has an expired access token and a valid refresh token; a `used` login
        has a refresh token that has already been exchanged.
        """
        now = datetime.datetime.now(datetime.UTC)
        state, form = credential.state, credential.form
        record: dict[str, Any] = {
            "accessToken": "",
            "refreshToken": "",
            "expiresAt": 0,
            "scopes": list(LOGIN_SCOPES),
            "subscriptionType": "max",
            "rateLimitTier": "default_claude_max_5x",
        }
        if state is TokenState.BLANKED:
            return {"claudeAiOauth": record}
        refresh_state = TokenState.UNKNOWN if form is Form.UNKNOWN_REFRESH_TOKEN else None
        if state is TokenState.USED:
            state, refresh_state = TokenState.EXPIRED, TokenState.USED
        tokens = self.backend.tokens
        access = tokens.make(TokenKind.ACCESS_TOKEN, state)
        record["accessToken"] = misshape(self.backend, access, form)
        lifetime = -EXPIRED_AGE if state is TokenState.EXPIRED else ACCESS_TOKEN_LIFETIME
        record["expiresAt"] = int((now + lifetime).timestamp() * 1000)
        if form is Form.NO_REFRESH_TOKEN:
            del record["refreshToken"]
        else:
            refresh = tokens.make(TokenKind.REFRESH_TOKEN, refresh_state or TokenState.VALID)
            record["refreshToken"] = refresh.value
        _apply_form(record, form, now)
        return {"claudeAiOauth": record}

    def _open_folder(self, path: Path) -> Path:
        """Make a folder below the home, if it is missing."""
        folder = self.home_folder
        for part in path.parts:
            folder /= part
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @staticmethod
    def _write(path: Path, text: str, *, mode: int = 0o600) -> None:
        path.touch(mode=mode)  # restrict access before writing the secret
        path.write_text(text)


def deliver_credentials(
    credentials: Sequence[Credential],
    backend: CaseBackend,
    *,
    home: Path,
    home_folder: Path,
    settings_env: Mapping[str, str] = MappingProxyType({}),
    config_folder: Path = Path(CONFIG_FOLDER),
) -> dict[str, str]:
    """Issue these credentials, write the client's files, and return the variables.

    `settings_env` are further variables of the settings file in `config_folder`.
    """
    handover = Handover(
        backend=backend, home=home, home_folder=home_folder, default_folder=config_folder
    )
    handover.add_settings_env(settings_env)
    for credential in credentials:
        handover.add(credential)
    return handover.finish()


def home_path(text: str) -> Path:
    """Return a path below the home that begins with `{home}`, relative to it."""
    return Path(text.removeprefix(HOME_PLACEHOLDER).strip("/"))


def config_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder that `CLAUDE_CONFIG_DIR` names in these variables of a scenario, relative
    to the home.
    """
    return home_path(environment.get("CLAUDE_CONFIG_DIR", CONFIG_FOLDER))


def misshape(backend: CaseBackend, token: Token, form: Form | None) -> str:
    """Return the value in this form; teach the redactor the parts of a broken one.

    Clients quote each part, and the second one does not match the token patterns.
    """
    if form is Form.TRAILING_LINE_BREAK:
        return f"{token.value}\n"
    if form is Form.CUT_SHORT:
        cut = token.value[:-MISSING_CHARACTERS]
        backend.redactor.learn(token.slot, cut)
        return cut
    if form not in BREAKING_CHARACTERS:
        return token.value
    middle = len(token.value) // 2
    parts = token.value[:middle], token.value[middle:]
    broken = BREAKING_CHARACTERS[form].join(parts)
    for part in (broken, *parts):
        backend.redactor.learn(token.slot, part)
    return broken


def _add_variables(variables: dict[str, str], further: Mapping[str, str]) -> None:
    """Add further variables; the lines of headers are joined."""
    name = Via.CUSTOM_HEADERS_VARIABLE
    lines = [each[name] for each in (variables, further) if each.get(name)]
    variables |= further
    if lines:
        variables[name] = "\n".join(lines)


def helper_script(value: str, form: Form | None) -> str:
    """Return the shell script for `apiKeyHelper`."""
    key = f"printf '%s\\n' {shlex.quote(value)}"
    match form:
        case Form.FAILING:
            lines = ["echo 'no key today' >&2", "exit 1"]
        case Form.SILENT:
            lines = ["exit 0"]
        case Form.CHATTY:
            lines = ["echo 'Reading the key from the vault'", key]
        case Form.SLOW:
            lines = [f"sleep {SLOW_HELPER_DELAY}", key]
        case _:
            lines = [key]
    return "\n".join(["#!/bin/sh", *lines, ""])


def _apply_form(record: dict[str, Any], form: Form | None, now: datetime.datetime) -> None:
    """Change the field of a login record that this form is about."""
    match form:
        case Form.SCOPES_AS_TEXT:
            record["scopes"] = " ".join(LOGIN_SCOPES)
        case Form.SCOPES_AS_NUMBER:
            record["scopes"] = len(LOGIN_SCOPES)
        case Form.NO_SCOPES:
            del record["scopes"]
        case Form.NO_EXPIRY:
            del record["expiresAt"]
        case Form.EXPIRY_IN_SECONDS:
            record["expiresAt"] //= 1000
        case Form.EXPIRY_ZERO:
            record["expiresAt"] = 0
        case Form.EXPIRY_AHEAD:
            record["expiresAt"] = int((now + ACCESS_TOKEN_LIFETIME).timestamp() * 1000)
