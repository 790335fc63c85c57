"""Reasons for requests that differ: between two requests, and for one that is missing or new."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from authprobe.core.claude_api import TOKEN_PATH_SUFFIX
from authprobe.diagnosis.reasons.difference import Sentences
from authprobe.diagnosis.reasons.kinds import Draft
from authprobe.observation.fingerprint import NONE, describe_credential, value_text
from authprobe.observation.model import Exchange

_NO_CREDENTIAL: Final = "no credential"
_REFRESH_SLOT: Final = "refresh-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as a reason names it; None: the field is not known."""

    method: str | None
    host: str | None
    path: str | None
    slot: str | None
    """Slot of the credential, or `none`."""
    header: str | None
    """Header of the credential, or `none`."""
    status: str | None

    @property
    def target(self) -> str:
        """Method, host and path, or a word for an unknown one."""
        place = f"{self.host or ''}{self.path or ''}"
        return " ".join(part for part in (self.method, place) if part) or "a request"

    @property
    def credential(self) -> str | None:
        """Credential and header as a phrase; None: neither is known."""
        return describe_credential(self.slot, self.header)

    @property
    def is_token_request(self) -> bool:
        """True for a request to a token endpoint."""
        return (self.path or "").endswith(TOKEN_PATH_SUFFIX)

    @property
    def is_refresh(self) -> bool:
        """True for a request that exchanges a refresh token."""
        return self.is_token_request and (self.slot or _REFRESH_SLOT).startswith(_REFRESH_SLOT)


def sent(exchange: Exchange) -> Sent:
    """Return the named fields of an exchange."""
    return Sent(
        method=exchange.method,
        host=exchange.host,
        path=exchange.path,
        slot=exchange.credential or NONE,
        header=exchange.credential_header or NONE,
        status=value_text(exchange.status),
    )


_LINE: Final = re.compile(
    r"(?P<method>\S+) (?P<host>[^/,]*)(?P<path>/.*)?, "
    r"(?:no credential|(?P<slot>\S+)(?: in (?P<header>\S+))?), status (?P<status>\w+)",
    re.DOTALL,
)


def parse_sent(line: str) -> Sent | None:
    """Return the request of a fingerprint's line; None: it has another form."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    return Sent(
        method=match["method"],
        host=match["host"],
        path=match["path"],
        slot=match["slot"] or NONE,
        header=match["header"] or NONE,
        status=match["status"],
    )


def request_missing(say: Sentences, request: Sent, description: str) -> Draft:
    """Return the reason for a request that the client did not send."""
    if request.is_refresh:
        return say.only_then(
            "no-refresh", f"did not refresh its login ({description})", subject=request.target
        )
    return say.only_then("request-missing", f"did not send {description}", subject=request.target)


def request_added(say: Sentences, request: Sent, description: str) -> Draft:
    """Return the reason for a request that only this client sent."""
    if request.is_refresh:
        return say.only_now(
            "refresh", f"refreshed its login ({description})", subject=request.target
        )
    return say.only_now("request-added", f"sent {description}", subject=request.target)


def request_differs(say: Sentences, now: Sent, then: Sent) -> Iterator[Draft]:
    """Yield the reasons for a request that was sent otherwise; unknown fields are not compared."""
    yield from _target_differs(say, now, then)
    yield from _credential_differs(say, now, then)
    if then.status not in (None, now.status):
        answer = "no answer" if now.status == NONE else f"{now.status}"
        yield say.differs(
            "answer",
            "got",
            f"{answer} for {now.target} with {now.credential or _NO_CREDENTIAL}",
            f"{then.status}",
            subject=now.target,
        )


def _target_differs(say: Sentences, now: Sent, then: Sent) -> Iterator[Draft]:
    place_now = f"{now.host}{now.path or ''}"
    host, path = then.host or now.host, then.path or now.path
    if (host, path) != (now.host, now.path):
        noun = "refresh request" if now.is_refresh else "token request"
        is_token = now.is_token_request
        yield say.differs(
            "refresh-elsewhere" if is_token else "request-elsewhere",
            f"sent its {noun} to" if is_token else f"sent its {now.method} request to",
            place_now,
            f"to {host}{path or ''}",
            subject=now.target,
        )
    if then.method not in (None, now.method):
        yield say.differs(
            "request-elsewhere",
            f"asked {place_now} by",
            f"{now.method}",
            f"by {then.method}",
            subject="method",
        )


def _credential_differs(say: Sentences, now: Sent, then: Sent) -> Iterator[Draft]:
    slot_differs = then.slot not in (None, now.slot)
    header_differs = then.header not in (None, now.header)
    if slot_differs:
        yield say.differs(
            "credential",
            f"sent {now.target} with",
            now.credential or _NO_CREDENTIAL,
            f"with {then.credential}",
            subject=now.target,
        )
    elif header_differs:
        yield say.differs(
            "credential-header",
            f"sent {now.slot} to {now.host}{now.path or ''} in",
            f"{now.header}",
            f"in {then.header}",
            subject=now.target,
        )
