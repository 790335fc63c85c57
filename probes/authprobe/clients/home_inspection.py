"""What a client leaves behind: its stored login, and tokens where none belong."""

import dataclasses
import datetime
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from authprobe.clients.base import Sandbox
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.state.tokens import Token, TokenStore
from authprobe.observation.model import LoginExpiry, LoginState, Observation, StoredLogin
from authprobe.redaction.token_patterns import PATTERN_NAMES
from authprobe.scenario.model import Flow, Via

CREDENTIALS_FILE: Final = ".credentials.json"
FEDERATION_STORE: Final = Path(".config", "anthropic", "credentials")
"""The store of federation: platform.claude.com/docs/en/manage-claude/wif-reference."""
RANDOM_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}")
"""Ids in names of files, which are others in each run."""
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_SUBSCRIPTION_LENGTH: Final = 80
MAX_DECODED_BYTES: Final = 256 * 1024
"""In a larger file tokens are looked for as they are, and in no other spelling."""
MAX_PATH_LENGTH: Final = 500
MAX_FILES: Final = 5000
"""A home with more is looked through no further."""


def inspect_home(sandbox: Sandbox, seen: Observation) -> Observation:
    """The observation with what is left in the client's home; the case must be over."""
    if sandbox.initial_files is None:
        return seen
    found = (*files_with_tokens(sandbox), *output_with_tokens(sandbox))
    return dataclasses.replace(seen, stored_login=stored_login(sandbox), leaks=found)


def stored_login(sandbox: Sandbox) -> StoredLogin | None:
    """What the credentials file is worth now; None: there is none, and there never was."""
    file = sandbox.config_folder / CREDENTIALS_FILE
    given = any(credential.via is Via.CREDENTIALS_FILE for credential in sandbox.case.credentials)
    try:
        text, mode = file.read_text(), oct(stat.S_IMODE(file.stat().st_mode))
    except FileNotFoundError:
        return StoredLogin(state=LoginState.REMOVED) if given else None
    except (OSError, UnicodeDecodeError):
        return StoredLogin(state=LoginState.DAMAGED)
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return StoredLogin(state=LoginState.DAMAGED, mode=mode)
    record = held.get("claudeAiOauth") if isinstance(held, dict) else None
    if record is None:
        return StoredLogin(state=LoginState.REMOVED, mode=mode) if given else None
    if not isinstance(record, dict):
        return StoredLogin(state=LoginState.DAMAGED, mode=mode)
    worth = _worth(sandbox.backend.tokens, record, mode)
    named = record.get("subscriptionType")
    subscription = (
        sandbox.redactor.cut(named, MAX_SUBSCRIPTION_LENGTH) if isinstance(named, str) else None
    )
    return dataclasses.replace(worth, expiry=_expiry(record), subscription=subscription)


def _expiry(record: dict[str, Any]) -> LoginExpiry:
    now = datetime.datetime.now(datetime.UTC)  # as the client sees it
    at = record.get("expiresAt")
    if not isinstance(at, int | float) or at == 0:
        return LoginExpiry.ZERO
    return LoginExpiry.AHEAD if at > now.timestamp() * 1000 else LoginExpiry.PAST


def _worth(tokens: TokenStore, record: dict[str, Any], mode: str) -> StoredLogin:
    values = [str(record.get(name) or "") for name in ("accessToken", "refreshToken")]
    found = [tokens.find(value) for value in values]
    if not any(values):
        return StoredLogin(state=LoginState.BLANKED, mode=mode)
    good = any(token and tokens.state(token) is TokenState.VALID for token in found)
    access, refresh = (_slot(value, token) for value, token in zip(values, found, strict=True))
    state = LoginState.USABLE if good else LoginState.STALE
    return StoredLogin(state=state, access=access, refresh=refresh, mode=mode)


def _slot(value: str, token: Token | None) -> str | None:
    if not value:
        return None
    return token.slot if token else "foreign"


def files_with_tokens(sandbox: Sandbox) -> Iterator[str]:
    """Files that the client has made, as it knows them, which hold a token and are not meant to."""
    meant = (sandbox.initial_files or frozenset()) | {sandbox.config_folder / CREDENTIALS_FILE}
    for number, path in enumerate(_files(sandbox.home, meant)):
        if number >= MAX_FILES:
            return
        try:
            data = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
        except OSError:
            continue
        name = sandbox.redactor("~/" + str(path.relative_to(sandbox.home)))
        if "[redacted:" in name or _holds_token(sandbox, data):
            # Redacted first: what is left of a token without a part of it is harder to know.
            yield sandbox.redactor.cut(_stable(Path(name)), MAX_PATH_LENGTH)


def _holds_token(sandbox: Sandbox, data: bytes) -> bool:
    """Whether a token of the case is in a file, in a small one however it is written."""
    if any(token.value.encode() in data for token in sandbox.backend.tokens):
        return True
    if len(data) > MAX_DECODED_BYTES:
        return False
    found = sandbox.redactor.find(data.decode("latin-1"))
    return any(place.name not in PATTERN_NAMES for _, place in found)


def output_with_tokens(sandbox: Sandbox) -> Iterator[str]:
    """Streams on which the client has shown a token that it was not asked for."""
    slots = {token.slot for token in sandbox.backend.tokens}
    shown: dict[str, set[str]] = {}
    for stream, text in sandbox.output:
        shown.setdefault(stream, set()).update(sandbox.redactor.slots_in(text) & slots)
    for stream, found in shown.items():
        if found - (_asked_for(sandbox) if stream == "terminal" else set()):
            yield f"its output ({stream})"


def _asked_for(sandbox: Sandbox) -> set[str]:
    """Slots of the tokens that are made to be shown: those of `setup-token`."""
    if sandbox.case.names.flow != Flow.SETUP_TOKEN:
        return set()
    made = {t.slot for t in sandbox.backend.tokens if t.kind is TokenKind.SETUP_TOKEN}
    return made - sandbox.delivered_slots


def _stable(path: Path) -> str:
    """The path with a star for what is another in each run: ids, and the folder of the work."""
    parts = ("*" if part.startswith("-") else RANDOM_ID.sub("*", part) for part in path.parts)
    return "/".join(parts)


def _files(home: Path, meant: frozenset[Path]) -> Iterator[Path]:
    """Regular files below the home that the client has made, in a stable order."""
    for folder, folders, names in os.walk(home):
        folders[:] = sorted(
            name for name in folders if Path(folder, name) != home / FEDERATION_STORE
        )
        for name in sorted(names):
            path = Path(folder, name)
            if path not in meant and path.is_file() and not path.is_symlink():
                yield path
