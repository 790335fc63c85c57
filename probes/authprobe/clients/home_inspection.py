"""Post-run inspection of a client's home and output: stored login and leaked tokens."""

import dataclasses
import datetime
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from authprobe.clients.home_files import HomeFile, HomeWalk, read_home_file
from authprobe.clients.observe import add_remark
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.state.tokens import Token, TokenStore
from authprobe.observation.model import LoginExpiry, LoginState, Observation, StoredLogin
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.token_patterns import PATTERN_NAMES

FEDERATION_STORE: Final = Path(".config", "anthropic", "credentials")
"""Credential cache of federation: platform.claude.com/docs/en/manage-claude/wif-reference."""
RANDOM_ID: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}"
    r"|20[0-9]{2}-?[01][0-9]-?[0-3][0-9][T_-]?[0-9]{2}[:_-]?[0-9]{2}[:_-]?[0-9]{2}"
)
"""Ids and times in file names, which differ in each run."""
MAX_SUBSCRIPTION_LENGTH: Final = 80
MAX_DECODED_BYTES: Final = 256 * 1024
"""Size up to which a file is also searched for encoded tokens."""
MAX_PATH_LENGTH: Final = 500
MAX_LEAKS: Final = 100
PARTLY_SEARCHED: Final = "its home has too many or too large files, and was searched only in part"
MAX_DECODED_TOTAL_BYTES: Final = 8 * 1024 * 1024
"""Size of all files together that are searched for encoded tokens."""


class InspectedCase(Protocol):
    """A finished case of which the home and the output are inspected."""

    @property
    def backend(self) -> CaseBackend:
        """The backend that issued the tokens."""

    @property
    def redactor(self) -> Redactor:
        """Redactor that knows them."""

    @property
    def home_folder(self) -> Path:
        """The private home, at the path by which this process reaches it."""

    @property
    def initial_files(self) -> frozenset[Path] | None:
        """Files in the home before the start; None: it had no home."""

    @property
    def delivered_slots(self) -> frozenset[str]:
        """Slots of the tokens that were handed over."""

    @property
    def login_files(self) -> tuple[Path, ...]:
        """Paths below the home where a login may be stored; the first is the one that is judged."""

    @property
    def has_stored_login(self) -> bool:
        """True if a credentials file was handed over."""

    @property
    def shows_setup_token(self) -> bool:
        """True if the program was asked to show a setup-token in its terminal."""

    @property
    def output(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a stream and its text, which is not redacted."""


def inspect_home(sandbox: InspectedCase, observation: Observation) -> Observation:
    """Add the stored login and the leaks to the observation of a finished case."""
    if sandbox.initial_files is None:
        return observation
    walk = walk_home(sandbox)
    paths = tuple(itertools.islice(files_with_tokens(sandbox, walk), MAX_LEAKS))
    observation = dataclasses.replace(
        observation,
        stored_login=stored_login(sandbox),
        leaks=(*paths, *output_with_tokens(sandbox)),
    )
    if len(paths) == MAX_LEAKS:
        return add_remark(observation, f"only the first {MAX_LEAKS} files with a token are listed")
    return observation if walk.is_complete else add_remark(observation, PARTLY_SEARCHED)


def stored_login(sandbox: InspectedCase) -> StoredLogin | None:
    """Return the state of the credentials file; None if it does not exist and never did."""
    delivered = sandbox.has_stored_login
    try:
        file = read_home_file(sandbox.home_folder, sandbox.login_files[0])
    except FileNotFoundError:
        return StoredLogin(state=LoginState.REMOVED) if delivered else None
    except OSError:
        file = None
    if file is None:
        return StoredLogin(state=LoginState.DAMAGED)
    mode = oct(file.mode)
    try:
        content = json.loads(file.data.decode())
    except (ValueError, RecursionError):
        return StoredLogin(state=LoginState.DAMAGED, mode=mode)
    record = content.get("claudeAiOauth") if isinstance(content, dict) else None
    if record is None:
        return StoredLogin(state=LoginState.REMOVED, mode=mode) if delivered else None
    if not isinstance(record, dict):
        return StoredLogin(state=LoginState.DAMAGED, mode=mode)
    login = _login_with_tokens(sandbox.backend.tokens, record, mode)
    subscription = record.get("subscriptionType")
    return dataclasses.replace(
        login,
        expiry=_expiry(record),
        subscription=sandbox.redactor.cut(subscription, MAX_SUBSCRIPTION_LENGTH)
        if isinstance(subscription, str)
        else None,
    )


def _expiry(record: dict[str, Any]) -> LoginExpiry:
    now = datetime.datetime.now(datetime.UTC)  # the client's clock, not the emulator's
    at = record.get("expiresAt")
    if not isinstance(at, int | float) or at == 0:
        return LoginExpiry.ZERO
    return LoginExpiry.AHEAD if at > now.timestamp() * 1000 else LoginExpiry.PAST


def _login_with_tokens(tokens: TokenStore, record: dict[str, Any], mode: str) -> StoredLogin:
    values = [str(record.get(name) or "") for name in ("accessToken", "refreshToken")]
    if not any(values):
        return StoredLogin(state=LoginState.BLANKED, mode=mode)
    pair = [tokens.find(value) for value in values]
    is_usable = any(token and tokens.state(token) is TokenState.VALID for token in pair)
    access, refresh = (_slot(value, token) for value, token in zip(values, pair, strict=True))
    state = LoginState.USABLE if is_usable else LoginState.STALE
    return StoredLogin(state=state, access=access, refresh=refresh, mode=mode)


def _slot(value: str, token: Token | None) -> str | None:
    if not value:
        return None
    return token.slot if token else "foreign"


def walk_home(sandbox: InspectedCase) -> HomeWalk:
    """Return a walk through the files that the client has added, except its login."""
    expected = (sandbox.initial_files or frozenset()) | {*sandbox.login_files, FEDERATION_STORE}
    return HomeWalk(sandbox.home_folder, expected)


def files_with_tokens(sandbox: InspectedCase, files: Iterable[HomeFile]) -> Iterator[str]:
    """Yield `~` paths of those files in which the client has stored a token."""
    decoding = _Budget(MAX_DECODED_TOTAL_BYTES)
    for file in files:
        name = sandbox.redactor(f"~/{os.fsencode(file.path).decode('utf-8', 'replace')}")
        if "[redacted:" in name or _holds_token(sandbox, file.data, decoding):
            # Redacted before the ids are replaced: a token without a part of it has no pattern.
            yield sandbox.redactor.cut(_mask_ids(Path(name)), MAX_PATH_LENGTH)


@dataclasses.dataclass(slots=True)
class _Budget:
    """Bytes that may still be searched for encoded tokens, which takes long."""

    remaining_bytes: int

    def take(self, size: int) -> bool:
        """Return True, and count these bytes, if there are as many left."""
        if size > min(self.remaining_bytes, MAX_DECODED_BYTES):
            return False
        self.remaining_bytes -= size
        return True


def _holds_token(sandbox: InspectedCase, data: bytes, decoding: _Budget) -> bool:
    """Return True if a file contains a token of the case; a small one, in any encoding."""
    if any(token.value.encode() in data for token in sandbox.backend.tokens):
        return True
    if not decoding.take(len(data)):
        return False
    matches = sandbox.redactor.find(data.decode("latin-1"))
    return any(match.name not in PATTERN_NAMES for _, match in matches)


def output_with_tokens(sandbox: InspectedCase) -> Iterator[str]:
    """Yield the output streams on which the client printed a token without being asked to."""
    slots = {token.slot for token in sandbox.backend.tokens}
    slots_by_stream: dict[str, set[str]] = {}
    for stream, text in sandbox.output:
        slots_by_stream.setdefault(stream, set()).update(sandbox.redactor.slots_in(text) & slots)
    for stream, printed_slots in slots_by_stream.items():
        if printed_slots - (_requested_slots(sandbox) if stream == "terminal" else set()):
            yield f"its output ({stream})"


def _requested_slots(sandbox: InspectedCase) -> set[str]:
    """Return the slots of the tokens that `setup-token` prints for its user."""
    if not sandbox.shows_setup_token:
        return set()
    slots = {t.slot for t in sandbox.backend.tokens if t.kind is TokenKind.SETUP_TOKEN}
    return slots - sandbox.delivered_slots


def _mask_ids(path: Path) -> str:
    """Replace by `*` what differs in each run: ids, and folders named after the working one."""
    parts = ("*" if part.startswith("-") else RANDOM_ID.sub("*", part) for part in path.parts)
    return "/".join(parts)
