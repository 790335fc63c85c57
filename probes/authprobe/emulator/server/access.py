"""The access token of an emulator that programs of others can reach, and the check of requests.

A program sends it where its settings let it: as the password of the proxy, or as the beginning of
the path of a base URL. It never gets into a record: the path is the one behind it.
"""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from authprobe.core.host_names import has_certificate_name, host_name_problem, is_address
from authprobe.emulator.server.reply import Message, Receive, Send
from authprobe.errors import SettingsError

PATH: Final = "/access/"
"""Beginning of the path of a base URL, before the token."""
PROXY_USER: Final = "authprobe"
PROXY_HEADER: Final = b"proxy-authorization"
CHALLENGE: Final = 'Basic realm="authprobe"'
TOKEN_PATTERN: Final = re.compile(r"[A-Za-z0-9._~-]{16,200}")
"""Characters that need no escape in a URL (RFC 3986, 2.3)."""
REMEDY: Final = (
    "this emulator needs its access token; use a base URL that begins with "
    f"http://HOST:PORT{PATH}TOKEN, or a proxy http://{PROXY_USER}:TOKEN@HOST:PORT"
)
Application = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The reach of an emulator: by default, only programs of this user on this machine."""

    access_token: str | None = None
    """Token that every request must carry; None: none is needed."""
    is_beyond_loopback: bool = False
    """True: it may listen on an address that other machines reach."""
    public_name: str | None = None
    """Host by which programs know it; None: the address on which it listens."""

    def check(self) -> None:
        """Raise if a part is invalid, or others could use the emulator without a token.

        Raises:
            SettingsError: it is, or they could.
        """
        if self.access_token is not None:
            check_token(self.access_token, "the access token")
        elif self.is_beyond_loopback:
            raise SettingsError(
                "an emulator that listens beyond loopback needs an access token; name a file that "
                "has one with --access-token-file, or set AUTHPROBE_ACCESS_TOKEN"
            )
        if self.public_name is not None and not _is_host(self.public_name):
            raise SettingsError(
                f"'{self.public_name[:80]}' is not the name of a host; use one such as claude or "
                "emulator.example"
            )


LOCAL: Final = Exposure()


def _is_host(name: str) -> bool:
    """Return True for an address, and for a name that a certificate can have."""
    return is_address(name) or (
        host_name_problem(name) is None and has_certificate_name(name.lower())
    )


def check_token(token: str, noun: str) -> None:
    """Raise if a token is too short to be safe, or does not fit into a URL.

    Raises:
        SettingsError: it is, or does not.
    """
    if not TOKEN_PATTERN.fullmatch(token):
        raise SettingsError(
            f"{noun} must have 16 to 200 characters, of letters, digits and . _ ~ -; make one with "
            '`python3 -c "import secrets; print(secrets.token_urlsafe(32))"`'
        )


def is_same(given: str, token: str) -> bool:
    """Return True if a token is the right one, in a time that does not tell how wrong it is."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), token.encode())


def has_proxy_token(headers: Iterable[tuple[bytes, bytes]], token: str) -> bool:
    """Return True if a request has the token as the password of the proxy (RFC 7617)."""
    for name, value in headers:
        if name.lower() == PROXY_HEADER:
            scheme, _, credentials = value.decode("latin-1").strip().partition(" ")
            if scheme.lower() != "basic":
                return False
            try:
                text = base64.b64decode(credentials, validate=True).decode("utf-8", "replace")
            except binascii.Error:
                return False
            return is_same(text.partition(":")[2], token)
    return False


def headers_of(head: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Yield the header fields in the head of a request."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        yield name.strip(), value


class AccessGuard:
    """An application that answers only requests with the token, and hides it from the inner one."""

    def __init__(
        self, application: Application, token: str, on_refusal: Callable[[str], None]
    ) -> None:
        self._application = application
        self._token = token
        self._on_refusal = on_refusal

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = scope["headers"]
        if scope["state"].get("is_admitted") or has_proxy_token(headers, self._token):
            fields = [field for field in headers if field[0] != PROXY_HEADER]
            await self._application({**scope, "headers": fields}, receive, send)
            return
        given, slash, rest = scope["path"].removeprefix(PATH).partition("/")
        if not scope["path"].startswith(PATH) or not is_same(given, self._token):
            self._on_refusal("401 The request has no access token, or another one")
            await _refuse(send)
            return
        # A program that has the token in its base URL means this service by any name.
        fields = [(b"host", b"localhost") if f[0] == b"host" else f for f in headers]
        inner = {"path": f"/{rest}" if slash else "/", "headers": fields}
        await self._application({**scope, **inner}, receive, send)


async def _refuse(send: Send) -> None:
    """Answer as the service does, so that programs show the message."""
    error = {"type": "authentication_error", "message": f"authprobe: {REMEDY}"}
    body = json.dumps({"type": "error", "error": error}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),  # who has no token keeps no place
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
