"""A request to the emulator with made-up tokens, and what a trial of a rule holds."""

import base64
import contextlib
import datetime
import hashlib
import json
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import AccountState, Backend, Fault, TokenKind, TokenState
from authprobe.emulator.rules.base import RequestContext
from authprobe.emulator.rules.routes import API, CLAUDE_AI, CONSOLE, OAUTH_BETA, PLATFORM
from authprobe.emulator.server.asgi import BODY_LIMIT_BYTES
from authprobe.emulator.server.network import Network
from authprobe.emulator.state.state import CODE_LIFETIME, Code
from tests.support.wire import client_of

Target = tuple[str, str, str]
Body = Mapping[str, Any] | str | None

MESSAGES: Final = ("POST", API, "/v1/messages")
COUNT_TOKENS: Final = ("POST", API, "/v1/messages/count_tokens")
MODELS: Final = ("GET", API, "/v1/models")
PROFILE: Final = ("GET", API, "/api/oauth/profile")
USAGE: Final = ("GET", API, "/api/oauth/usage")
ROLES: Final = ("GET", API, "/api/oauth/claude_cli/roles")
FEDERATION: Final = ("POST", API, "/v1/oauth/token")
CONSOLE_TOKEN: Final = ("POST", CONSOLE, "/v1/oauth/token")
CONSOLE_WRONG: Final = ("POST", CONSOLE, "/api/oauth/token")
PLATFORM_TOKEN: Final = ("POST", PLATFORM, "/v1/oauth/token")
CLAUDE_AI_TOKEN: Final = ("POST", CLAUDE_AI, "/v1/oauth/token")
AUTHORIZE: Final = ("GET", CLAUDE_AI, "/oauth/authorize")
CODE_PAGE: Final = ("GET", PLATFORM, "/oauth/code/callback")
HELLO: Final = ("GET", API, "/api/hello")
NOWHERE: Final = ("GET", API, "/nowhere")

SPRING: Final = datetime.date(2026, 4, 1)
AUTUMN: Final = datetime.date(2026, 10, 1)

Kind, State = TokenKind, TokenState
Credential = tuple[TokenKind, TokenState]
GOOD: Final = (Kind.ACCESS_TOKEN, State.VALID)
GOOD_KEY: Final = (Kind.API_KEY, State.VALID)
GOOD_SETUP: Final = (Kind.SETUP_TOKEN, State.VALID)
GOOD_REFRESH: Final = (Kind.REFRESH_TOKEN, State.VALID)
GOOD_IDENTITY: Final = (Kind.IDENTITY_TOKEN, State.VALID)
GOOD_WORKLOAD: Final = (Kind.WORKLOAD_TOKEN, State.VALID)

CLIENT_ID: Final = "authprobe"
REDIRECT: Final = "http://localhost:54545/callback"
VERIFIER: Final = "a-verifier-of-the-length-that-rfc-7636-wants"
CHALLENGE: Final = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
AUTHORIZING: Final = {
    "code": "true",
    "client_id": CLIENT_ID,
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "user:inference user:profile",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "state": "s",
}
EXCHANGING: Final = {
    "grant_type": "authorization_code",
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT,
    "code_verifier": VERIFIER,
    "state": "s",
}
FEDERATING: Final = {
    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "federation_rule_id": "fdrl_1",
    "organization_id": "00000000-0000-4000-8000-000000000002",
    "service_account_id": "svac_1",
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request, and the backend that gets it."""

    target: Target = MESSAGES
    bearer: Credential | None = None
    scopes: tuple[str, ...] | None = None
    """Of the Bearer token, where they are not the usual ones."""
    key: Credential | None = None
    refresh: Credential | None = None
    identity: Credential | None = None
    code: bool = False
    """With an authorization code that was given out, and all that belongs to it."""
    headers: dict[str, str | None] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    """None: the field is left out."""
    query: dict[str, str | None] = field(default_factory=dict)
    link: str = ""
    """A query that has no names."""
    form: bool = False
    size: int = 0
    """Of the body at least, in bytes."""
    date: datetime.date = SPRING
    counts: bool = True
    standing: AccountState = AccountState.ACTIVE
    faults: tuple[Fault | str, ...] = ()
    reuse_revokes: bool = False

    def backend(self) -> CaseBackend:
        """A backend of that day."""
        setup = Backend(
            date=self.date,
            counts_as_claude_code=self.counts,
            standing=self.standing,
            reuse_revokes=self.reuse_revokes,
            faults=self.faults,
        )
        return CaseBackend(setup)

    def parts(self, backend: CaseBackend) -> tuple[dict[str, str], bytes]:
        """Headers and body, with tokens that the backend makes."""
        headers: dict[str, str | None] = {}
        if self.target in (MESSAGES, COUNT_TOKENS, MODELS):
            headers["anthropic-version"] = "2023-06-01"
        if self.bearer:
            token = backend.tokens.make(*self.bearer, scopes=self.scopes)
            headers["authorization"] = f"Bearer {token.value}"
            headers["anthropic-beta"] = OAUTH_BETA
        if self.key:
            headers["x-api-key"] = backend.tokens.make(*self.key).value
        fields = self._fields(backend)
        kind = "application/x-www-form-urlencoded" if self.form else "application/json"
        headers = {"content-type": kind} | headers | self.headers
        text = urllib.parse.urlencode(fields) if self.form else json.dumps(fields)
        kept = {name: value for name, value in headers.items() if value is not None}
        return kept, text.encode().ljust(self.size)

    def _fields(self, backend: CaseBackend) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.target[2].endswith("/token"):
            fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID}
            if self.identity:
                token = backend.tokens.make(*self.identity)
                fields = FEDERATING | {"assertion": token.value}
            if self.code:
                fields = EXCHANGING | {"code": make_code(backend)}
        if self.refresh:
            fields["refresh_token"] = backend.tokens.make(*self.refresh).value
        fields |= self.fields
        return {name: value for name, value in fields.items() if value is not None}

    def search(self, backend: CaseBackend) -> str:
        """The query, without its question mark."""
        asked: dict[str, str | None] = {}
        if self.link:
            return self.link
        if self.target[2] == AUTHORIZE[2]:
            asked |= AUTHORIZING
        if self.target == CODE_PAGE and self.code:
            asked = {"code": make_code(backend), "state": "s"}
        asked |= self.query
        return urllib.parse.urlencode({k: v for k, v in asked.items() if v is not None})

    def request(self, backend: CaseBackend) -> RequestContext:
        """The request as the rules see it."""
        headers, body = self.parts(backend)
        request = make_request(backend, self.target, headers, body[:BODY_LIMIT_BYTES])
        large = len(body) > BODY_LIMIT_BYTES
        return replace(request, query=self.search(backend), too_large=large)


def make_request(
    backend: CaseBackend,
    target: Target,
    headers: dict[str, str],
    body: bytes = b"",
    query: str = "",
) -> RequestContext:
    """A request to this backend."""
    method, host, path = target
    return RequestContext(
        method=method,
        host=host,
        path=path,
        headers=headers,
        body=body,
        query=query,
        state=backend.state,
    )


def make_code(backend: CaseBackend) -> str:
    """An authorization code that was asked for as `AUTHORIZING` asks."""
    return backend.state.give_code(
        Code(
            client_id=CLIENT_ID,
            redirect_uri=REDIRECT,
            challenge=CHALLENGE,
            state="s",
            scopes=("user:inference", "user:profile"),
            expires_at=backend.now + CODE_LIFETIME,
        )
    )


@contextlib.contextmanager
def served(network: Network, backend: CaseBackend) -> Iterator[httpx.Client]:
    """A client of this backend, as long as it is on the network."""
    listener = network.open(backend)
    try:
        with client_of(network, listener) as client:
            yield client
    finally:
        network.close(listener)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A request that one rule answers, with the answer, and one beside it that another answers.

    In the body an empty `request_id` stands for the id that is in the header as well, and tokens
    are shown by their slots.
    """

    rule: str
    sent: Sent
    status: int
    body: Body
    beside: Sent
    passes: str = "messages"
    headers: Mapping[str, str] = field(default_factory=dict)
    """All but those that every answer has."""
    identified: bool = True
    """Whether there is a header `request-id`."""
    delay: float = 0.0


def error(
    kind: str,
    message: str,
    request_id: str | None = "",
    details: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The envelope of an error."""
    told: dict[str, Any] = {"type": kind, "message": message}
    if details:
        told["details"] = details
    return {"type": "error", "error": told, "request_id": request_id}


def refused(rule: str, status: int, kind: str, message: str, sent: Sent, **more: Any) -> Trial:
    """A refusal in the API's envelope; beside it a good token passes."""
    request_id = more.pop("request_id", "")
    body = error(kind, message, request_id, more.pop("details", None))
    values = {"beside": Sent(bearer=GOOD), "identified": request_id is not None, **more}
    return Trial(rule=rule, sent=sent, status=status, body=body, **values)


def flatly(rule: str, status: int, kind: str, message: str, sent: Sent, **more: Any) -> Trial:
    """A refusal as the edge words it; beside it a good token passes."""
    body = {"error": {"type": kind, "message": message}}
    values = {"beside": Sent(bearer=GOOD), "identified": False, **more}
    return Trial(rule=rule, sent=sent, status=status, body=body, **values)


def oauth(rule: str, description: str, sent: Sent, **more: Any) -> Trial:
    """A refusal of a grant (RFC 6749, 5.2); beside it a good one passes."""
    body = {"error": "invalid_grant", "error_description": description}
    return Trial(rule=rule, sent=sent, status=400, body=body, **more)


def paged(rule: str, status: int, title: str, text: str, sent: Sent, **more: Any) -> Trial:
    """A page of HTML."""
    return Trial(
        rule=rule, sent=sent, status=status, body=html(title, text), identified=False, **more
    )


def html(title: str, text: str = "") -> str:
    """The page with this heading and this text."""
    said = f"<p>{text}</p>" if text else ""
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1>{said}</body></html>"
    )


def on_demand(trial: Trial) -> Trial:
    """The same with the rule as a fault, and beside it the request without."""
    return replace(
        trial, sent=replace(trial.sent, faults=(trial.rule,)), beside=replace(trial.sent, faults=())
    )
