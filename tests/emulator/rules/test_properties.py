"""What no sequence of requests can bring about."""

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

from authprobe.emulator.case_backend import CaseBackend, Decision
from authprobe.emulator.catalogue import NAMES
from authprobe.emulator.config import AccountState, Backend, Fault, TokenKind, TokenState
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
    make_code,
    make_request,
    served,
)
from tests.support.wire import client_of

MADE = [kind for kind in TokenKind if kind is not TokenKind.LOGIN]
ENDS = [TokenState.EXPIRED, TokenState.REVOKED, TokenState.USED]
STATES = [TokenState.VALID, *ENDS, TokenState.UNKNOWN]
DATES = st.none() | st.dates(datetime.date(2025, 1, 1), datetime.date(2027, 1, 1))
LINKS = [urllib.parse.urlencode(AUTHORIZING), f"I{CHALLENGE}", f"z-{CHALLENGE}"]
GRANTS = ["refresh_token", "authorization_code", FEDERATING["grant_type"], "password", ""]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened


# --- requests -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Written:
    """A request in which `{0}` stands for a credential, wherever it is."""

    target: Target
    query: str
    headers: dict[str, str]
    body: bytes

    def request(self, backend: CaseBackend, credential: str) -> RequestContext:
        """The request with this credential."""
        method, host, path = self.target
        headers = {name: fill(value, credential) for name, value in self.headers.items()}
        target = method, fill(host, credential).lower(), fill(path, credential)
        body = self.body.replace(b"{0}", credential.encode())
        request = make_request(backend, target, headers, body)
        return replace(request, query=fill(self.query, urllib.parse.quote(credential)))


def fill(text: str, credential: str) -> str:
    return text.replace("{0}", credential)


def near(route: Target) -> st.SearchStrategy[Target]:
    """The route, and places that are not quite there."""
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
    ).map(lambda asked: urllib.parse.urlencode(asked, safe="{}", errors="replace"))
)
WRITTEN = st.builds(Written, target=TARGETS, query=QUERIES, headers=HEADERS, body=BODIES)


def answer(backend: CaseBackend, request: RequestContext) -> Decision:
    """What the backend decides, recorded as an application records it."""
    record = backend.begin(request)
    decision = backend.answer(request)
    backend.end(record, decision)
    if decision.rule == "deny:host":
        backend.refuse_egress(request.host)
    return decision


def secrets_in(decision: Decision) -> list[str]:
    """Codes that an answer gives out; the tokens are known to the backend."""
    if isinstance(page := decision.answer.body, str):
        return re.findall("<p>([^<]*)#", page)
    _, _, query = decision.answer.headers.get("location", "").partition("?")
    return urllib.parse.parse_qs(query).get("code", [])


def assert_no_secret_is_kept(backend: CaseBackend, *codes: str) -> None:
    """None of the tokens and codes that exist is in the log, and nothing that looks like one."""
    log = repr((backend.exchanges, backend.egress_refused))
    assert [token.slot for token in backend.tokens if token.value in log] == []
    assert [code for code in codes if code in log] == []
    assert find_token(log) is None


# --- tokens ---------------------------------------------------------------------------------------


class Lives(RuleBasedStateMachine):
    """Tokens that are issued, used, rotated, expire and are revoked, in any order."""

    credentials: Bundle[str] = Bundle("credentials")

    def __init__(self) -> None:
        super().__init__()
        self.backend = CaseBackend(Backend())
        self.over: dict[str, TokenState] = {}
        self.codes: list[str] = []

    @initialize(
        date=DATES,
        counts=st.booleans(),
        reuse=st.booleans(),
        standing=st.sampled_from(AccountState),
    )
    def begin(
        self, date: datetime.date | None, counts: bool, reuse: bool, standing: AccountState
    ) -> None:
        self.backend = CaseBackend(
            Backend(date=date, counts_as_claude_code=counts, reuse_revokes=reuse, standing=standing)
        )

    @rule(target=credentials, kind=st.sampled_from(MADE), state=st.sampled_from(STATES))
    def issue(self, kind: TokenKind, state: TokenState) -> str:
        return self.backend.tokens.make(kind, state).value

    @rule(
        target=credentials,
        kind=st.sampled_from(MADE),
        seconds=st.integers(min_value=1, max_value=10_000),
    )
    def issue_for(self, kind: TokenKind, seconds: int) -> str:
        lifetime = datetime.timedelta(seconds=seconds)
        return self.backend.tokens.make(kind, lifetime=lifetime).value

    @rule(target=credentials)
    def give_code(self) -> str:
        self.codes.append(make_code(self.backend))
        return self.codes[-1]

    @rule(credential=credentials, how=st.sampled_from(ENDS))
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
        place=st.sampled_from([route for route in sorted(ROUTES) if route[2] in TOKEN_PATHS]),
    )
    def exchange(self, credential: str, grant: str, place: Target) -> Any:
        fields = EXCHANGING | FEDERATING | {"grant_type": grant}
        fields |= dict.fromkeys(("code", "refresh_token", "assertion"), credential)
        before = self.worth(credential)
        request = make_request(self.backend, place, {}, json.dumps(fields).encode())
        decision = answer(self.backend, request)
        if decision.answer.status != 200:
            return multiple()
        assert before in (TokenState.VALID, None)
        assert self.worth(credential) in (TokenState.USED, None)
        assert answer(self.backend, request).answer.status >= 400
        body = decision.answer.body
        assert isinstance(body, Mapping)
        return multiple(*(body[name] for name in body if name in ("access_token", "refresh_token")))

    @rule(target=credentials, query=st.sampled_from(LINKS))
    def authorize(self, query: str) -> Any:
        request = make_request(self.backend, AUTHORIZE, {})
        codes = secrets_in(answer(self.backend, replace(request, query=query)))
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
            good = self.worth(credential) is TokenState.VALID
            assert good or decision.answer.status >= 400

    @rule(credential=credentials, written=WRITTEN)
    def ask_anything(self, credential: str, written: Written) -> None:
        decision = answer(self.backend, written.request(self.backend, credential))
        self.codes += secrets_in(decision)
        assert decision.answer.status < 500

    def worth(self, credential: str) -> TokenState | None:
        token = self.backend.tokens.find(credential)
        return self.backend.tokens.state(token) if token else None

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        tokens = self.backend.tokens
        worth = {token.value: tokens.state(token) for token in tokens}
        assert self.over.items() <= worth.items()
        self.over = {value: how for value, how in worth.items() if how is not TokenState.VALID}

    def teardown(self) -> None:
        assert_no_secret_is_kept(self.backend, *self.codes)


Lives.TestCase.settings = settings(
    deadline=None,
    max_examples=150,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLives = Lives.TestCase


# --- concurrent use -------------------------------------------------------------------------------

RIVALS = 16


def race(network: Network, listener: Listener, fields: dict[str, str]) -> list[httpx.Response]:
    """The answers to as many clients, each of which sends the same at the same time."""
    start = threading.Barrier(RIVALS)
    url = f"https://{PLATFORM_TOKEN[1]}{PLATFORM_TOKEN[2]}"

    def request(number: int) -> httpx.Response:
        with client_of(network, listener) as client:
            client.get(f"https://{PLATFORM_TOKEN[1]}/")  # the connection stands
            start.wait(timeout=10)
            return client.post(url, json=fields)

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(request, range(RIVALS)))


@pytest.mark.parametrize("grant", ["refresh_token", "authorization_code"])
def test_of_many_at_once_exactly_one_is_served(network: Network, grant: str) -> None:
    backend = CaseBackend(Backend())
    listener = network.open(backend)
    fields = EXCHANGING | {"grant_type": grant}
    for _ in range(3):
        fields["refresh_token"] = backend.tokens.make(TokenKind.REFRESH_TOKEN).value
        fields["code"] = make_code(backend)
        answers = race(network, listener, fields)
        assert sorted(each.status_code for each in answers) == [200] + [400] * (RIVALS - 1)
        [served] = [each.json() for each in answers if each.status_code == 200]
        assert_state(backend, served["refresh_token"], TokenState.VALID)
        assert {each.json()["error"] for each in answers if each.status_code == 400} == {
            "invalid_grant"
        }
        assert_no_secret_is_kept(backend, fields["code"])
    network.close(listener)


def test_a_chain_of_refreshes_in_competition_has_one_living_end(network: Network) -> None:
    """Every round the winner's token is the only one that is left."""
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

DEMANDED = st.lists(
    st.builds(
        Fault, name=st.sampled_from(NAMES), times=st.none() | st.just(1), after=st.integers(0, 2)
    ),
    max_size=2,
).map(tuple)
SETUPS = st.builds(
    Backend,
    date=DATES,
    counts_as_claude_code=st.booleans(),
    standing=st.sampled_from(AccountState),
    reuse_revokes=st.booleans(),
    faults=st.just(()) | DEMANDED,
)


@settings(deadline=None, max_examples=300)
@given(
    setup=SETUPS,
    kind=st.sampled_from(MADE),
    state=st.sampled_from(STATES),
    sequence=st.lists(WRITTEN, min_size=1, max_size=4),
    moved=st.integers(0, 10**8),
)
def test_only_a_fault_is_a_server_error(
    setup: Backend, kind: TokenKind, state: TokenState, sequence: list[Written], moved: int
) -> None:
    backend = CaseBackend(setup)
    credential = backend.tokens.make(kind, state).value
    codes: list[str] = []
    for written in sequence:
        decision = answer(backend, written.request(backend, credential))
        codes += secrets_in(decision)
        demanded = {rule_id(fault) for fault in decision.faults}
        assert decision.rule in RULES or decision.rule.startswith("deny:")
        assert 200 <= decision.answer.status < 500 or decision.rule in demanded
        assert isinstance(decision.answer.body, str | None) or json.dumps(decision.answer.body)
        backend.state.clock.advance(moved)
    assert_no_secret_is_kept(backend, *codes)


def sendable(written: Written) -> bool:
    """Whether an HTTP client can send it at all; what it cannot is for bare sockets."""
    method, host, path = written.target
    header = all(value.isascii() and value.isprintable() for value in written.headers.values())
    return header and host in HOSTS and path.startswith("/") and method != "HEAD"


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(MADE),
    sequence=st.lists(WRITTEN.filter(sendable), min_size=1, max_size=3),
)
def test_nothing_on_the_wire_is_a_server_error(
    network: Network, kind: TokenKind, sequence: list[Written]
) -> None:
    backend = CaseBackend(Backend())
    credential = backend.tokens.make(kind).value
    codes: list[str] = []
    with served(network, backend) as client:
        for written in sequence:
            request = written.request(backend, credential)
            path = (
                urllib.parse.quote(request.path)
                + "?"
                + urllib.parse.quote(request.query, safe="=&%+")
            )
            url = httpx.URL(f"https://{request.host}", raw_path=path.encode())
            got = client.request(
                request.method, url, headers=dict(request.headers), content=request.body
            )
            assert got.status_code < 500
            codes += urllib.parse.parse_qs(got.headers.get("location", "")).get("code", [])
    assert len(backend.exchanges) == len(sequence)
    assert_no_secret_is_kept(backend, *codes)


# --- the log --------------------------------------------------------------------------------------


def spell(value: str, how: str) -> str:
    """The value as clients write it, in base64 as Basic authentication does (RFC 7617)."""
    whole = f"user:{value}".encode()
    match how:
        case "base64":
            return base64.b64encode(whole).decode()
        case "base64url":
            return base64.urlsafe_b64encode(whole).decode()
        case _:
            return value


@pytest.mark.parametrize("spelled", ["plain", "base64", "base64url"])
@pytest.mark.parametrize("kind", MADE)
def test_a_credential_in_any_place_is_kept_nowhere(kind: TokenKind, spelled: str) -> None:
    backend = CaseBackend(Backend())
    value = spell(backend.tokens.make(kind).value, spelled)
    code = spell(make_code(backend), spelled)
    for credential in (value, code):
        for place in sorted(ROUTES):
            for written in places(place):
                answer(backend, written.request(backend, credential))
        assert value not in (log := repr((backend.exchanges, backend.egress_refused)))
        assert code not in log
    assert_no_secret_is_kept(backend, code)


def places(target: Target) -> Iterator[Written]:
    """Requests to a place that hold a credential once, somewhere."""
    method, host, path = target
    bare = Written(target=target, query="", headers={}, body=b"")
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
