"""The stored login of the user: its dates, its lock, and whether its file changed.

No token is read, not even into memory: the file is read byte by byte, and of a string that is not
the name of a wanted field no two bytes are kept. Its digest is made by a child.
"""

import datetime
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.clients.credentials import CREDENTIALS_FILE
from authprobe.clients.process.children import LauncherConnection
from authprobe.core.login_renewal import LOCK_FOLDER, LOCK_STALE_SECONDS
from authprobe.errors import ClientError

LOGIN: Final = "claudeAiOauth"
EXPIRES_AT: Final = "expiresAt"
REFRESH_EXPIRES_AT: Final = "refreshTokenExpiresAt"
REFRESH_TOKEN: Final = "refreshToken"
WANTED_NAMES: Final[tuple[str, ...]] = (LOGIN, EXPIRES_AT, REFRESH_EXPIRES_AT, REFRESH_TOKEN)
MAX_FILE_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 40
MAX_NUMBER_BYTES: Final = 20
DIGEST_PROGRAM: Final = "sha256sum"
DIGEST_TIMEOUT: Final = 20.0
_SPACE: Final = b" \t\r\n"
_END: Final = b""


class UnreadableLoginError(Exception):
    """The credentials file is missing, or is not what a client writes; the message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginDates:
    """The known facts about a stored login."""

    expires_at: datetime.datetime | None = None
    """Expiry of the access token."""
    refresh_expires_at: datetime.datetime | None = None
    has_refresh_token: bool = False
    """True: there is one, whatever it is."""

    def time_left(self, now: datetime.datetime) -> datetime.timedelta | None:
        """Return the time until the access token expires; None: the file does not say."""
        return None if self.expires_at is None else self.expires_at - now


def read_login_dates(folder: Path) -> LoginDates:
    """Return the dates of the login in a config folder.

    Raises:
        UnreadableLoginError: there is none, or the file cannot be read.
    """
    try:
        descriptor = os.open(folder / CREDENTIALS_FILE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnreadableLoginError(f"there is no {CREDENTIALS_FILE}") from None
    except OSError as error:
        raise UnreadableLoginError(f"{CREDENTIALS_FILE}: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableLoginError(f"{CREDENTIALS_FILE} is not a file")
        if status.st_size > MAX_FILE_BYTES:
            raise _too_large()
        scanner = _Scanner(lambda: os.read(descriptor, 1))
        scanner.scan()
    except OSError as error:
        raise UnreadableLoginError(f"{CREDENTIALS_FILE}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if not scanner.has_login:
        raise UnreadableLoginError(f"{CREDENTIALS_FILE} holds no login of claude.ai")
    return LoginDates(
        expires_at=_moment(scanner.numbers.get(EXPIRES_AT)),
        refresh_expires_at=_moment(scanner.numbers.get(REFRESH_EXPIRES_AT)),
        has_refresh_token=scanner.has_refresh_token,
    )


class _Scanner:
    """A reader of JSON that keeps two numbers, and one byte of everything else."""

    def __init__(self, read_byte: Callable[[], bytes]) -> None:
        self._read_byte = read_byte
        self._byte = b" "
        """The current byte; empty at the end."""
        self._length = 0
        self.has_login = False
        self.has_refresh_token = False
        self.numbers: dict[str, int] = {}
        self._seen: set[tuple[str, ...]] = set()
        """Wanted names that were read, with the names around them."""

    def scan(self) -> None:
        """Read the whole document.

        Raises:
            UnreadableLoginError: it is not JSON.
        """
        self._skip_space()
        self._read_value(())
        self._skip_space()
        if self._byte != _END:
            raise _not_json()

    def _advance(self) -> None:
        self._byte = self._read_byte()
        self._length += 1
        if self._length > MAX_FILE_BYTES:  # it grows while it is read, or does not tell its size
            raise _too_large()

    def _skip_space(self) -> None:
        while self._byte != _END and self._byte in _SPACE:
            self._advance()

    def _read_value(self, path: tuple[str, ...]) -> None:
        match self._byte:
            case b"{":
                self.has_login |= path == (LOGIN,)
                self._read_items(path, b"}")
            case b"[":
                self._read_items(path, b"]")
            case b'"':
                has_content = self._skip_string()
                if path == (LOGIN, REFRESH_TOKEN):
                    self.has_refresh_token = has_content
            case _:
                self._read_scalar(path)

    def _read_items(self, path: tuple[str, ...], end: bytes) -> None:
        if len(path) >= MAX_DEPTH:
            raise _not_json()
        self._advance()
        self._skip_space()
        if self._byte == end:
            self._advance()
            return
        while True:
            name = "" if end == b"]" else self._read_name(path)
            self._skip_space()
            self._read_value((*path, name))
            self._skip_space()
            if self._byte == end:
                self._advance()
                return
            self._expect(b",")
            self._skip_space()

    def _read_name(self, path: tuple[str, ...]) -> str:
        """Read a name and the colon; return it only where a wanted field can be."""
        if self._byte != b'"':
            raise _not_json()
        name = ""
        if path in ((), (LOGIN,)):
            name = self._read_short_string()
            self._check_once((*path, name))
        else:
            self._skip_string()
        self._skip_space()
        self._expect(b":")
        return name

    def _check_once(self, path: tuple[str, ...]) -> None:
        """Raise if a wanted name is there twice: the last one counts for clients, and may be late.

        Raises:
            UnreadableLoginError: it is.
        """
        if path in self._seen:
            raise _odd_names()
        if path[-1]:
            self._seen.add(path)

    def _expect(self, byte: bytes) -> None:
        if self._byte != byte:
            raise _not_json()
        self._advance()

    def _read_short_string(self) -> str:
        """Return a string; one that is no name of a wanted field is forgotten as soon as it is seen
        to be none.
        """
        candidates = WANTED_NAMES
        place = 0
        self._advance()
        while self._byte != b'"':
            if self._byte == _END:
                raise _not_json()
            if self._byte == b"\\":  # an escape could spell a wanted name; no client writes one
                raise _odd_names()
            candidates = tuple(
                each for each in candidates if each[place : place + 1].encode() == self._byte
            )
            place += 1
            self._advance()
        self._advance()
        return next((each for each in candidates if len(each) == place), "")

    def _skip_string(self) -> bool:
        """Skip a string; return True if there is anything in it."""
        has_content = False
        self._advance()
        while self._byte != b'"':
            if self._byte == _END:
                raise _not_json()
            if self._byte == b"\\":
                self._advance()
            has_content = True
            self._advance()
        self._advance()
        return has_content

    def _read_scalar(self, path: tuple[str, ...]) -> None:
        """Read a number or a word; keep a number of the wanted fields."""
        is_wanted = (
            len(path) == 2 and path[0] == LOGIN and path[1] in (EXPIRES_AT, REFRESH_EXPIRES_AT)
        )
        number, length = 0, 0
        while self._byte != _END and self._byte not in b",]}" + _SPACE:
            if self._byte not in b"0123456789+-.eEtrufalsn":
                raise _not_json()
            is_wanted &= self._byte.isdigit() and length < MAX_NUMBER_BYTES
            number = number * 10 + int(self._byte) if is_wanted else 0
            length += 1
            self._advance()
        if length == 0:
            raise _not_json()
        if is_wanted:
            self.numbers[path[1]] = number


def _too_large() -> UnreadableLoginError:
    return UnreadableLoginError(f"{CREDENTIALS_FILE} is larger than 1 MiB")


def _odd_names() -> UnreadableLoginError:
    return UnreadableLoginError(f"{CREDENTIALS_FILE} has names that no client writes")


def _not_json() -> UnreadableLoginError:
    return UnreadableLoginError(f"{CREDENTIALS_FILE} is not JSON")


def _moment(milliseconds: int | None) -> datetime.datetime | None:
    """Return a time of a client; None: there is none, or it is none of this millennium."""
    if not milliseconds:
        return None
    try:
        return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return None


def is_being_renewed(folder: Path) -> bool:
    """Return True if a client holds the lock of the login in this folder, which is not stale."""
    try:
        age = time.time() - (folder / LOCK_FOLDER).lstat().st_mtime
    except OSError:
        return False
    return age < LOCK_STALE_SECONDS


def is_unchanged(folder: Path, digest: str | None, children: LauncherConnection) -> bool:
    """Return True if the credentials file is there, and has this digest."""
    try:
        return digest_login(folder, children) == digest
    except ClientError:  # it was removed, or another thing has its place
        return False


def digest_login(folder: Path, children: LauncherConnection) -> str:
    """Return a digest of the credentials file, which a child reads.

    Raises:
        ClientError: it cannot be read.
    """
    path = folder / CREDENTIALS_FILE
    if not path.is_file():  # the program would wait for what a FIFO or a device has
        raise ClientError(f"{CREDENTIALS_FILE} is not a file")
    argv = [DIGEST_PROGRAM, "--", str(path)]
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
    result = children.run(argv, env=env, cwd=Path("/"), limit=DIGEST_TIMEOUT)
    digest = result.stdout.lstrip("\\").partition(" ")[0]
    if result.exit_code != 0 or len(digest) != 64:
        raise ClientError(f"{DIGEST_PROGRAM} cannot read {CREDENTIALS_FILE}")
    return digest
