"""Property tests: invariants of the emulator under any sequence of requests."""

import base64
import datetime
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.catalogue import FAULT_NAMES
from authprobe.emulator.config import AccountState, Backend, Fault, TokenKind, TokenState
from authprobe.emulator.decision import Decision
from authprobe.emulator.faults import rule_id
from authprobe.emulator.rules.base import RequestContext
from authprobe.emulator.rules.routes import HOSTS, OAUTH_BETA, ROUTES, RULES, TOKEN_PATHS
from authprobe.emulator.server.network import Listener, Network
from authprobe.emulator.state.tokens import Token
from authprobe.redaction.redactor import find_token
from tests.support.requests import (
    AUTHORIZE,
    AUTHORIZING,
    CHALLENGE,
    EXCHANGING,
    FEDERATING,
    MESSAGES,
    PLATFORM_TOKEN,
    Target,
    client_for,
    make_code,
    make_request,
)
from tests.support.wire import client_of

TOKEN_KINDS = [kind for kind in TokenKind if kind is not TokenKind.LOGIN]
END_STATES = [TokenState.EXPIRED, TokenState.REVOKED, TokenState.USED]
STATES = [TokenState.VALID, *END_STATES, TokenState.UNKNOWN]
DATES = st.none() | st.dates(datetime.date(2025, 1, 1), datetime.date(2027, 1, 1))
LINKS = [urllib.parse.urlencode(AUTHORIZING), f"I{CHALLENGE}", f"z-{CHALLENGE}"]
GRANTS = ["refresh_token", "authorization_code", FEDERATING["grant_type"], "password", ""]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


# --- requests -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RequestTemplate:
    """A request with `{0}` as the placeholder of a credential."""

    target: Target
    query: str
    headers: dict[str, str]
    body: bytes

    def request(self, backend: CaseBackend, credential: str) -> RequestContext:
        """Return the request with this credential."""
        method, host, path = self.target
        headers = {name: fill(value, credential) for name, value in self.headers.items()}
        target = method, fill(host, credential).lower(), fill(path, credential)
        body = self.body.replace(b"{0}", credential.encode())
        request = make_request(backend, target, headers, body)
        return replace(request, query=fill(self.query, urllib.parse.quote(credential)))


def fill(text: str, credential: str) -> str:
    return text.replace("{0}", credential)


def near(route: Target) -> st.SearchStrategy[Target]:
    """Return a strategy for the route and similar ones that do not exist."""
    method, host, path = route
    methods = st.sampled_from([method, "GET", "POST", "PUT", "HEAD", "OPTIONS"])
    hosts = st.sampled_from([host, *HOSTS, "{0}", f"{{0}}.{host}", "example.org", ""])
    paths = st.sampled_from([path, f"{path}/", f"/{path}", path.upper(), f"{path}/{{0}}", "/{0}"])
    return st.just(route) | st.tuples(methods, hosts, paths)


TARGETS = st.sampled_from(sorted(ROUTES)).flatmap(near)
WORDS = st.text(max_size=8) | st.sampled_from(
    ["{0}", "Bearer {0}", "bearer  {0}", "Basic {0}", "{0} {0}", OAUTH_BETA, f"{OAUTH_BETA},{{0}}"]
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "authorization": st.just("Bearer {0}") | WORDS,
        "x-api-key": st.just("{0}") | WORDS,
        "anthropic-version": st.just("2023-06-01") | WORDS,
        "anthropic-beta": st.just(OAUTH_BETA) | WORDS,
        "content-type": st.sampled_from(["application/x-www-form-urlencoded", "text/plain"])
        | WORDS,
        "user-agent": st.just("claude-cli/2.1.0 {0}") | WORDS,
        "x": WORDS,
    },
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=4,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "grant_type": st.sampled_from(GRANTS) | JSON,
        **{
            name: st.just("{0}") | JSON
            for name in ("refresh_token", "code", "assertion", "context_management", "stream")
        },
        **{
            name: st.just(value) | JSON
            for name, value in (EXCHANGING | FEDERATING).items()
            if name != "grant_type"
        },
        "workspace_id": JSON,
        "model": JSON,
    },
)
BODIES = (
    st.binary(max_size=40)
    | FIELDS.map(lambda fields: json.dumps(fields).encode())
    | FIELDS.map(lambda fields: urllib.parse.urlencode(fields, errors="replace").encode())
)
QUERIES = (
    st.sampled_from(LINKS)
    | st.text(st.characters(max_codepoint=255), max_size=20)
    | st.fixed_dictionaries(
        {}, optional={name: st.just(value) | WORDS for name, value in AUTHORIZING.items()}
    ).map(lambda parameters: urllib.parse.urlencode(parameters, safe="{}", errors="replace"))
)
TEMPLATES = st.builds(RequestTemplate, target=TARGETS, query=QUERIES, headers=HEADERS, body=BODIES)


def answer(backend: CaseBackend, request: RequestContext) -> Decision:
    """Return the backend's decision, and record the exchange as the application does."""
    record = backend.recorder.begin(request)
    decision = backend.answer(request)
    backend.recorder.end(record, decision)
    if decision.rule == "deny:host":
        backend.recorder.add_refused_host(request.host)
    return decision


def codes_in(decision: Decision) -> list[str]:
    """Return the authorization codes in an answer."""
    if isinstance(page := decision.answer.body, str):
        return re.findall("<p>([^<]*)#", page)
    _, _, query = decision.answer.headers.get("location", "").partition("?")
    return urllib.parse.parse_qs(query).get("code", [])


def assert_no_secret_is_recorded(backend: CaseBackend, *codes: str) -> None:
    """Check that no token, no code and nothing that looks like a token is in the records."""
    log = repr((backend.log.exchanges, backend.log.egress_refused))
    assert [token.slot for token in backend.tokens if token.value in log] == []
    assert [code for code in codes if code in log] == []
    assert find_token(log) is None


# --- tokens ---------------------------------------------------------------------------------------


class TokenLifecycle(RuleBasedStateMachine):
    """Tokens that are issued, used, rotated, expired and revoked in any order."""

    credentials: Bundle[str] = Bundle("credentials")

    def __init__(self) -> None:
        super().__init__()
        self.backend = CaseBackend(Backend())
        self.end_states: dict[str, TokenState] = {}
        self.codes: list[str] = []

    @initialize(
        date=DATES,
        counts=st.booleans(),
        reuse=st.booleans(),
        standing=st.sampled_from(AccountState),
    )
    def configure(
        self, date: datetime.date | None, counts: bool, reuse: bool, standing: AccountState
    ) -> None:
        self.backend = CaseBackend(
            Backend(date=date, counts_as_claude_code=counts, reuse_revokes=reuse, standing=standing)
        )

    @rule(target=credentials, kind=st.sampled_from(TOKEN_KINDS), state=st.sampled_from(STATES))
    def issue(self, kind: TokenKind, state: TokenState) -> str:
        return self.backend.tokens.make(kind, state).value

    @rule(
        target=credentials,
        kind=st.sampled_from(TOKEN_KINDS),
        seconds=st.integers(min_value=1, max_value=10_000),
    )
    def issue_for(self, kind: TokenKind, seconds: int) -> str:
        lifetime = datetime.timedelta(seconds=seconds)
        return self.backend.tokens.make(kind, lifetime=lifetime).value

    @rule(target=credentials)
    def give_code(self) -> str:
        self.codes.append(make_code(self.backend))
        return self.codes[-1]

    @rule(credential=credentials, how=st.sampled_from(END_STATES))
    def end(self, credential: str, how: TokenState) -> None:
        if (token := self.backend.tokens.find(credential)) is not None:
            self.backend.tokens.end(token, how)

    @rule(credential=credentials)
    def revoke_login(self, credential: str) -> None:
        if (token := self.backend.tokens.find(credential)) is not None:
            self.backend.tokens.revoke_login(token)

    @rule(seconds=st.integers(0, 100_000) | st.floats(0, 1e8))
    def pass_time(self, seconds: float) -> None:
        self.backend.state.clock.advance(seconds)

    @rule(
        target=credentials,
        credential=credentials,
        grant=st.sampled_from(GRANTS[:3]),
        route=st.sampled_from([route for route in sorted(ROUTES) if route[2] in TOKEN_PATHS]),
    )
    def exchange(self, credential: str, grant: str, route: Target) -> Any:
        fields = EXCHANGING | FEDERATING | {"grant_type": grant}
        fields |= dict.fromkeys(("code", "refresh_token", "assertion"), credential)
        state = self.state(credential)
        request = make_request(self.backend, route, {}, json.dumps(fields).encode())
        decision = answer(self.backend, request)
        if decision.answer.status != 200:
            return multiple()
        assert state in (TokenState.VALID, None)
        assert self.state(credential) in (TokenState.USED, None)
        assert answer(self.backend, request).answer.status >= 400
        body = decision.answer.body
        assert isinstance(body, Mapping)
        return multiple(*(body[name] for name in body if name in ("access_token", "refresh_token")))

    @rule(target=credentials, query=st.sampled_from(LINKS))
    def authorize(self, query: str) -> Any:
        request = make_request(self.backend, AUTHORIZE, {})
        codes = codes_in(answer(self.backend, replace(request, query=query)))
        self.codes += codes
        return multiple(*codes)

    @rule(credential=credentials, target_=st.sampled_from([MESSAGES, *sorted(ROUTES)]))
    def use(self, credential: str, target_: Target) -> None:
        headers = {
            "authorization": f"Bearer {credential}",
            "anthropic-version": "2023-06-01",
            "anthropic-beta": OAUTH_BETA,
        }
        decision = answer(self.backend, make_request(self.backend, target_, headers))
        if target_[2].startswith(("/v1/messages", "/v1/models", "/api/oauth/")):
            valid = self.state(credential) is TokenState.VALID
            assert valid or decision.answer.status >= 400

    @rule(credential=credentials, template=TEMPLATES)
    def send_any_request(self, credential: str, template: RequestTemplate) -> None:
        decision = answer(self.backend, template.request(self.backend, credential))
        self.codes += codes_in(decision)
        assert decision.answer.status < 500

    def state(self, credential: str) -> TokenState | None:
        """Return the state of a token; None: the credential is a code."""
        token = self.backend.tokens.find(credential)
        return self.backend.tokens.state(token) if token else None

    @invariant()
    def a_token_that_has_ended_keeps_its_state(self) -> None:
        tokens = self.backend.tokens
        states = {token.value: tokens.state(token) for token in tokens}
        assert self.end_states.items() <= states.items()
        self.end_states = {
            value: state for value, state in states.items() if state is not TokenState.VALID
        }

    def teardown(self) -> None:
        assert_no_secret_is_recorded(self.backend, *self.codes)


TokenLifecycle.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
TestTokenLifecycle = TokenLifecycle.TestCase


# --- concurrent use -------------------------------------------------------------------------------

CLIENTS = 16


def race(network: Network, listener: Listener, fields: dict[str, str]) -> list[httpx.Response]:
    """Send the same fields from many clients at the same time; return the answers."""
    start = threading.Barrier(CLIENTS)
    url = f"https://{PLATFORM_TOKEN[1]}{PLATFORM_TOKEN[2]}"

    def request(number: int) -> httpx.Response:
        with client_of(network, listener) as client:
            client.get(f"https://{PLATFORM_TOKEN[1]}/")  # connect before the race starts
            start.wait(timeout=10)
            return client.post(url, json=fields)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(request, range(CLIENTS)))


@pytest.mark.parametrize("grant", ["refresh_token", "authorization_code"])
def test_a_grant_used_by_many_clients_at_once_succeeds_for_exactly_one(
    network: Network, grant: str
) -> None:
    backend = CaseBackend(Backend())
    listener = network.open(backend)
    fields = EXCHANGING | {"grant_type": grant}
    for _ in range(3):
        fields["refresh_token"] = backend.tokens.make(TokenKind.REFRESH_TOKEN).value
        fields["code"] = make_code(backend)
        answers = race(network, listener, fields)
        assert sorted(each.status_code for each in answers) == [200] + [400] * (CLIENTS - 1)
        [tokens] = [each.json() for each in answers if each.status_code == 200]
        assert_state(backend, tokens["refresh_token"], TokenState.VALID)
        assert {each.json()["error"] for each in answers if each.status_code == 400} == {
            "invalid_grant"
        }
        assert_no_secret_is_recorded(backend, fields["code"])
    network.close(listener)


def test_after_concurrent_refreshes_only_the_new_refresh_token_is_valid(network: Network) -> None:
    backend = CaseBackend(Backend())
    listener = network.open(backend)
    token = backend.tokens.make(TokenKind.REFRESH_TOKEN).value
    fields = {"grant_type": "refresh_token", "client_id": "authprobe"}
    for _ in range(3):
        answers = race(network, listener, fields | {"refresh_token": token})
        [token] = [each.json()["refresh_token"] for each in answers if each.status_code == 200]
        assert [each.value for each in valid_refresh_tokens(backend)] == [token]
    network.close(listener)


def valid_refresh_tokens(backend: CaseBackend) -> list[Token]:
    return [
        token
        for token in backend.tokens
        if token.kind is TokenKind.REFRESH_TOKEN and backend.tokens.state(token) is TokenState.VALID
    ]


def assert_state(backend: CaseBackend, value: str, expected: TokenState) -> None:
    token = backend.tokens.find(value)
    assert token is not None
    assert backend.tokens.state(token) is expected


# --- answers --------------------------------------------------------------------------------------

FAULT_LISTS = st.lists(
    st.builds(
        Fault,
        name=st.sampled_from(FAULT_NAMES),
        times=st.none() | st.just(1),
        after=st.integers(0, 2),
    ),
    max_size=2,
).map(tuple)
SETUPS = st.builds(
    Backend,
    date=DATES,
    counts_as_claude_code=st.booleans(),
    standing=st.sampled_from(AccountState),
    reuse_revokes=st.booleans(),
    faults=st.just(()) | FAULT_LISTS,
)


@settings(max_examples=300)
@given(
    setup=SETUPS,
    kind=st.sampled_from(TOKEN_KINDS),
    state=st.sampled_from(STATES),
    sequence=st.lists(TEMPLATES, min_size=1, max_size=4),
    seconds=st.integers(0, 10**8),
)
def test_only_a_fault_causes_a_server_error(
    setup: Backend,
    kind: TokenKind,
    state: TokenState,
    sequence: list[RequestTemplate],
    seconds: int,
) -> None:
    backend = CaseBackend(setup)
    credential = backend.tokens.make(kind, state).value
    codes: list[str] = []
    for template in sequence:
        decision = answer(backend, template.request(backend, credential))
        codes += codes_in(decision)
        armed_rules = {rule_id(fault) for fault in decision.faults}
        assert decision.rule in RULES or decision.rule.startswith("deny:")
        assert 200 <= decision.answer.status < 500 or decision.rule in armed_rules
        assert isinstance(decision.answer.body, str | None) or json.dumps(decision.answer.body)
        backend.state.clock.advance(seconds)
    assert_no_secret_is_recorded(backend, *codes)


def sendable(template: RequestTemplate) -> bool:
    """Return True if an HTTP client can send the request."""
    method, host, path = template.target
    headers = all(  # whitespace around a value is no part of it (RFC 9110, 5.5)
        value.isascii() and value.isprintable() and value == value.strip()
        for value in template.headers.values()
    )
    return headers and host in HOSTS and path.startswith("/") and method != "HEAD"


@settings(max_examples=60)
@given(
    kind=st.sampled_from(TOKEN_KINDS),
    sequence=st.lists(TEMPLATES.filter(sendable), min_size=1, max_size=3),
)
def test_no_request_over_the_network_causes_a_server_error(
    network: Network, kind: TokenKind, sequence: list[RequestTemplate]
) -> None:
    backend = CaseBackend(Backend())
    credential = backend.tokens.make(kind).value
    codes: list[str] = []
    with client_for(network, backend) as client:
        for template in sequence:
            request = template.request(backend, credential)
            path = (
                urllib.parse.quote(request.path)
                + "?"
                + urllib.parse.quote(request.query, safe="=&%+")
            )
            url = httpx.URL(f"https://{request.host}", raw_path=path.encode())
            response = client.request(
                request.method, url, headers=dict(request.headers), content=request.body
            )
            assert response.status_code < 500
            codes += urllib.parse.parse_qs(response.headers.get("location", "")).get("code", [])
    assert len(backend.log.exchanges) == len(sequence)
    assert_no_secret_is_recorded(backend, *codes)


# --- the recorded exchanges -----------------------------------------------------------------------


def encode(value: str, encoding: str) -> str:
    """Return the value as it is, or in base64 as Basic authentication encodes it (RFC 7617)."""
    credentials = f"user:{value}".encode()
    match encoding:
        case "base64":
            return base64.b64encode(credentials).decode()
        case "base64url":
            return base64.urlsafe_b64encode(credentials).decode()
        case _:
            return value


KINDS = [*TOKEN_KINDS, "code"]
ALPHABETS = ["base64", "base64url"]


@pytest.mark.parametrize("encoding", ["plain", *ALPHABETS])
@pytest.mark.parametrize("kind", KINDS)
def test_a_credential_anywhere_in_a_request_is_never_recorded(kind: str, encoding: str) -> None:
    """Plain on each route, and there in base64 with one of its two alphabets."""
    routes = sorted(ROUTES)
    if encoding in ALPHABETS:
        routes = routes[(KINDS.index(kind) + ALPHABETS.index(encoding)) % 2 :: 2]
    backend = CaseBackend(Backend())
    code = make_code(backend)
    value = code if kind == "code" else backend.tokens.make(TokenKind(kind)).value
    credential = encode(value, encoding)
    for route in routes:
        for template in templates(route):
            answer(backend, template.request(backend, credential))
    assert credential not in repr((backend.log.exchanges, backend.log.egress_refused))
    assert_no_secret_is_recorded(backend, code, encode(code, encoding))


def templates(target: Target) -> Iterator[RequestTemplate]:
    """Yield requests to a route, each with the credential in a different part."""
    method, host, path = target
    bare = RequestTemplate(target=target, query="", headers={}, body=b"")
    for name in ("authorization", "x-api-key", "anthropic-version", "anthropic-beta", "user-agent"):
        for value in ("{0}", "Bearer {0}", "x {0} y", "claude-cli/1.{0}", f"{OAUTH_BETA},{{0}}"):
            yield replace(bare, headers={name: value})
    for name in ("code", "state", "redirect_uri", "scope"):
        yield replace(bare, query=urllib.parse.urlencode(AUTHORIZING | {name: "{0}"}, safe="{}"))
    for name in ("grant_type", "refresh_token", "code", "assertion", "state", "model"):
        for grant in GRANTS:
            fields = EXCHANGING | {"grant_type": grant, name: "{0}"}
            yield replace(bare, body=json.dumps(fields).encode())
    yield replace(bare, target=(method, "{0}.example.org", path))
    yield replace(bare, target=(method, host, f"{path}/{{0}}"))
