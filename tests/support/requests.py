"""Test requests to the emulator with made-up tokens, and examples of what each rule answers."""

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
from authprobe.emulator.config import (
    AccountState,
    Backend,
    Fault,
    Host,
    Service,
    TokenKind,
    TokenState,
)
from authprobe.emulator.rules.base import RequestContext
from authprobe.emulator.rules.routes import API, CLAUDE_AI, CONSOLE, OAUTH_BETA, PLATFORM
from authprobe.emulator.server.asgi import BODY_LIMIT_BYTES
from authprobe.emulator.server.network import Network
from authprobe.emulator.state.resources import Batch, File
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
ASKING: Final[dict[str, Any]] = {
    "model": "claude-opus-5-5",
    "messages": [{"role": "user", "content": "ping"}],
}
"""Fields that a request to count tokens needs."""
MESSAGE: Final[dict[str, Any]] = ASKING | {"max_tokens": 10}
"""Fields that a request for a message needs."""
FEDERATING: Final = {
    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "federation_rule_id": "fdrl_1",
    "organization_id": "00000000-0000-4000-8000-000000000002",
    "service_account_id": "svac_1",
}


ORGANIZATION: Final = {"anthropic-organization-id": "00000000-0000-4000-8000-000000000002"}
WORKSPACE: Final = ORGANIZATION | {"anthropic-workspace-id": "wrkspc_authprobe"}


@dataclass(frozen=True, kw_only=True)
class RequestSpec:
    """A request, and the configuration of the backend that receives it."""

    target: Target = MESSAGES
    bearer: Credential | None = None
    scopes: tuple[str, ...] | None = None
    """Scopes of the Bearer token; None: the default of its kind."""
    key: Credential | None = None
    refresh: Credential | None = None
    identity: Credential | None = None
    code: bool = False
    """Send an authorization code that the backend issued, with its parameters."""
    headers: dict[str, str | None] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    """Fields that replace those of the body; a field that is None is left out."""
    query: dict[str, str | None] = field(default_factory=dict)
    link: str = ""
    """A query without parameter names, as short links have."""
    form: bool = False
    content: bytes | None = None
    """Body instead of the fields."""
    size: int = 0
    """Minimum size of the body in bytes."""
    resources: tuple[Batch | File | str, ...] = ()
    """Batches, files and ids of models that are put in place before."""
    hosts: Mapping[str, Host | Service] = field(default_factory=dict)
    date: datetime.date = SPRING
    counts_as_claude_code: bool = True
    standing: AccountState = AccountState.ACTIVE
    faults: tuple[Fault | str, ...] = ()
    reuse_revokes: bool = False

    def backend(self) -> CaseBackend:
        """Return a backend with this configuration."""
        setup = Backend(
            date=self.date,
            counts_as_claude_code=self.counts_as_claude_code,
            standing=self.standing,
            reuse_revokes=self.reuse_revokes,
            faults=self.faults,
            hosts=dict(self.hosts),
        )
        backend = CaseBackend(setup)
        state = backend.state
        for resource in self.resources:
            match resource:
                case Batch():
                    state.batches.put(resource)
                case File():
                    state.files.put(resource)
                case id:
                    state.models[id] = None
        return backend

    def headers_and_body(self, backend: CaseBackend) -> tuple[dict[str, str], bytes]:
        """Return headers and body, with tokens that the backend makes."""
        headers: dict[str, str | None] = {}
        _, host, path = self.target
        if host == API and path.startswith("/v1/") and not path.startswith("/v1/oauth/"):
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
        present = {name: value for name, value in headers.items() if value is not None}
        if self.content is not None:
            return present, self.content
        return present, text.encode().ljust(self.size)

    def _fields(self, backend: CaseBackend) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.target in (MESSAGES, COUNT_TOKENS):
            fields = dict(MESSAGE if self.target == MESSAGES else ASKING)
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

    def query_string(self, backend: CaseBackend) -> str:
        """Return the query without its question mark."""
        parameters: dict[str, str | None] = {}
        if self.link:
            return self.link
        if self.target[2] == AUTHORIZE[2]:
            parameters |= AUTHORIZING
        if self.target == CODE_PAGE and self.code:
            parameters = {"code": make_code(backend), "state": "s"}
        parameters |= self.query
        return urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None})

    def request(self, backend: CaseBackend) -> RequestContext:
        """Return the request as the rules receive it."""
        headers, body = self.headers_and_body(backend)
        request = make_request(backend, self.target, headers, body[:BODY_LIMIT_BYTES])
        large = len(body) > BODY_LIMIT_BYTES
        return replace(request, query=self.query_string(backend), too_large=large)


def make_request(
    backend: CaseBackend,
    target: Target,
    headers: dict[str, str],
    body: bytes = b"",
    query: str = "",
) -> RequestContext:
    """Return a request to this backend."""
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
    """Return an authorization code, requested with the parameters `AUTHORIZING`."""
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
def client_for(network: Network, backend: CaseBackend) -> Iterator[httpx.Client]:
    """Serve this backend and yield a client of its proxy; close both on exit."""
    listener = network.open(backend)
    try:
        with client_of(network, listener) as client:
            yield client
    finally:
        network.close(listener)


@dataclass(frozen=True, kw_only=True)
class RuleExample:
    """A request that a rule answers, the answer, and a similar request that another rule answers.

    In the body, an empty `request_id` stands for the id in the header, and tokens appear as
    `[redacted:SLOT]`.
    """

    rule: str
    spec: RequestSpec
    status: int
    body: Body
    counterexample: RequestSpec
    counterexample_rule: str = "messages"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the answer, except those that every answer has."""
    identified: bool = True
    """True if the answer has the header `request-id`."""
    delay: float = 0.0


def error(
    kind: str,
    message: str,
    request_id: str | None = "",
    details: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the body of an API error."""
    description: dict[str, Any] = {"type": kind, "message": message}
    if details:
        description["details"] = details
    return {"type": "error", "error": description, "request_id": request_id}


def api_refusal(
    rule: str, status: int, kind: str, message: str, spec: RequestSpec, **more: Any
) -> RuleExample:
    """Return an example of a refusal by the API; the default counterexample is a valid token."""
    request_id = more.pop("request_id", "")
    body = error(kind, message, request_id, more.pop("details", None))
    values = {
        "counterexample": RequestSpec(bearer=GOOD),
        "identified": request_id is not None,
        **more,
    }
    return RuleExample(rule=rule, spec=spec, status=status, body=body, **values)


def edge_refusal(
    rule: str, status: int, kind: str, message: str, spec: RequestSpec, **more: Any
) -> RuleExample:
    """Return an example of a refusal by the edge; the default counterexample is a valid token."""
    body = {"error": {"type": kind, "message": message}}
    values = {"counterexample": RequestSpec(bearer=GOOD), "identified": False, **more}
    return RuleExample(rule=rule, spec=spec, status=status, body=body, **values)


def oauth_refusal(rule: str, description: str, spec: RequestSpec, **more: Any) -> RuleExample:
    """Return an example of a refused grant (RFC 6749, 5.2)."""
    body = {"error": "invalid_grant", "error_description": description}
    return RuleExample(rule=rule, spec=spec, status=400, body=body, **more)


def page_example(
    rule: str, status: int, title: str, text: str, spec: RequestSpec, **more: Any
) -> RuleExample:
    """Return an example of an HTML page as the answer."""
    return RuleExample(
        rule=rule, spec=spec, status=status, body=html(title, text), identified=False, **more
    )


def html(title: str, text: str = "") -> str:
    """Return the HTML page with this heading and text."""
    paragraph = f"<p>{text}</p>" if text else ""
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1>{paragraph}</body></html>"
    )


def fault_example(example: RuleExample) -> RuleExample:
    """Return the example with its rule armed as a fault; without it is the counterexample."""
    return replace(
        example,
        spec=replace(example.spec, faults=(example.rule,)),
        counterexample=replace(example.spec, faults=()),
    )
