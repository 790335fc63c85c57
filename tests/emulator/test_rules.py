import datetime
import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.emulator.backend import BODY_LIMIT_BYTES
from probes.emulator.case import CaseBackend
from probes.emulator.network import Network
from probes.emulator.rule import Answer, Ask, Rule, rule
from probes.emulator.rules import HOSTS, OAUTH_BETA, ROUTES, RULES
from probes.emulator.setup import Backend, TokenState
from tests.emulator.trials import (
    CONSOLE_TOKEN,
    COUNT_TOKENS,
    EXPIRED,
    GOOD,
    GOOD_KEY,
    GOOD_REFRESH,
    MESSAGES,
    PLATFORM_TOKEN,
    PROFILE,
    REFRESH,
    TRIALS,
    UNKNOWN,
    Sent,
    Target,
    Trial,
    make_ask,
)
from tests.emulator.wire import client_of

IDS = [f"{trial.rule}-{number}" for number, trial in enumerate(TRIALS)]
DAY = datetime.date


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened


def send(network: Network, backend: CaseBackend, sent: Sent) -> httpx.Response:
    """The answer to this request, over TLS and through the proxy of the case."""
    method, host, path = sent.target
    headers, body = sent.parts(backend)
    listener = network.open(backend)
    try:
        with client_of(network, listener) as client:
            return client.request(method, f"https://{host}{path}", headers=headers, content=body)
    finally:
        network.close(listener)


def answered_by(sent: Sent) -> str:
    """Id of the rule that answers this request."""
    backend = sent.backend()
    return backend.answer(sent.ask(backend))[0]


@pytest.mark.parametrize("trial", TRIALS, ids=IDS)
def test_a_wrong_request_gets_exactly_this_answer(network: Network, trial: Trial) -> None:
    backend = trial.sent.backend()
    answer = send(network, backend, trial.sent)
    expected = dict(trial.body)
    if expected.get("request_id") == "":
        expected["request_id"] = answer.headers["request-id"]
    assert answer.status_code == trial.status
    assert json.loads(backend.redactor(answer.text)) == expected
    assert answer.headers["request-id"].startswith("req_")
    [exchange] = backend.exchanges
    assert (exchange.rule, exchange.status) == (trial.rule, trial.status)
    flat = {"type": expected.get("error"), "message": expected.get("error_description")}
    told = expected["error"] if expected.get("type") == "error" else flat
    assert (exchange.error_type, exchange.message) == (told["type"], told["message"])


@pytest.mark.parametrize("trial", TRIALS, ids=IDS)
def test_the_request_beside_it_passes(trial: Trial) -> None:
    assert answered_by(trial.beside) == trial.passes != trial.rule


@pytest.mark.parametrize("trial", TRIALS, ids=IDS)
def test_a_rule_that_is_left_out_does_not_answer(trial: Trial) -> None:
    backend = CaseBackend(trial.sent.backend().setup, broken_rules=frozenset({trial.rule}))
    assert backend.answer(trial.sent.ask(backend))[0] != trial.rule


def test_every_rule_has_a_trial() -> None:
    assert {trial.rule for trial in TRIALS} == set(RULES)


def test_ids_of_rules_are_unique() -> None:
    rules = {id(rule): rule for rules in ROUTES.values() for rule in rules}
    assert len(rules) == len(RULES)


@pytest.mark.parametrize("known", RULES.values(), ids=RULES)
def test_every_rule_says_who_says_so(known: Rule) -> None:
    assert known.condition
    assert known.last_seen
    for source in known.sources:
        address = httpx.URL(source)
        assert (address.scheme, bool(address.host), " " in source) == ("https", True, False)


def test_a_rule_needs_a_source_and_a_condition() -> None:
    def silent(ask: Ask) -> bool:
        return False

    def spoken(ask: Ask) -> bool:
        """Never."""
        return False

    answer = Answer(status=200)
    with pytest.raises(ValueError, match="rule Z1 needs a source and a condition"):
        rule("Z1", spoken, answer, seen="2026-01")
    with pytest.raises(ValueError, match="rule Z2 needs a source and a condition"):
        rule("Z2", silent, answer, "example.org/", seen="2026-01")
    with pytest.raises(ValueError, match="rule Z3 needs the days on which it was seen"):
        rule("Z3", spoken, answer, "example.org/", seen="lately")


@pytest.mark.parametrize(
    ("sent", "date", "expected"),
    [
        (Sent(bearer=EXPIRED), DAY(2026, 7, 19), "A08"),
        (Sent(bearer=EXPIRED), DAY(2026, 7, 20), "A09"),
        (Sent(target=PROFILE, bearer=EXPIRED), DAY(2026, 7, 19), "A08"),
        (Sent(target=PROFILE, bearer=EXPIRED), DAY(2026, 7, 20), "A09"),
        (Sent(bearer=UNKNOWN), DAY(2026, 7, 31), "A05"),
        (Sent(bearer=UNKNOWN), DAY(2026, 8, 1), "A07"),
        (Sent(target=PROFILE, bearer=UNKNOWN), DAY(2026, 7, 31), "A05"),
        (Sent(target=PROFILE, bearer=UNKNOWN), DAY(2026, 8, 1), "A07"),
        # The endpoint was gone at 19:00 UTC; a backend's day is its noon.
        (Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH), DAY(2026, 6, 12), "refresh"),
        (Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH), DAY(2026, 6, 13), "B01"),
        (Sent(target=PLATFORM_TOKEN, refresh=GOOD_REFRESH), DAY(2026, 6, 13), "refresh"),
        (Sent(bearer=GOOD, counts=False), DAY(2026, 1, 8), "messages"),
        (Sent(bearer=GOOD, counts=False), DAY(2026, 1, 9), "A18"),
        (Sent(bearer=GOOD, counts=True), DAY(2026, 1, 9), "messages"),
        (Sent(key=GOOD_KEY, counts=False), DAY(2026, 1, 9), "messages"),
    ],
    ids=str,
)
def test_the_day_decides(sent: Sent, date: datetime.date, expected: str) -> None:
    backend = CaseBackend(Backend(date=date, counts_as_claude_code=sent.counts))
    assert backend.answer(sent.ask(backend))[0] == expected


def test_without_a_day_the_clock_is_the_real_one() -> None:
    before = datetime.datetime.now(datetime.UTC)
    assert before <= CaseBackend(Backend()).now <= datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize("target", [MESSAGES, COUNT_TOKENS])
def test_both_credentials_at_once_are_denied(network: Network, target: Target) -> None:
    sent = Sent(target=target, bearer=GOOD, key=GOOD_KEY)
    backend = sent.backend()
    answer = send(network, backend, sent)
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "permission_error"
    assert "knows no rule for this request" in answer.json()["error"]["message"]
    assert backend.exchanges[0].rule == "deny:rule"


@pytest.mark.parametrize(
    "target",
    [
        *[(method, *MESSAGES[1:]) for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS")],
        ("POST", "api.anthropic.com", "/v1/messages/"),
        ("POST", "api.anthropic.com", "//v1/messages"),
        ("POST", "api.anthropic.com", "/V1/MESSAGES"),
        ("POST", "api.anthropic.com", "/v1/models"),
        ("POST", "api.anthropic.com", "/v1/oauth/token"),
        ("POST", "platform.claude.com", "/v1/messages"),
        ("POST", "claude.ai", "/v1/messages"),
        ("POST", "claude.com", "/"),
        # An address inside of a path is a path.
        ("POST", "claude.ai", "/x://platform.claude.com/v1/oauth/token"),
        ("POST", "claude.ai", "/x%3A%2F%2Fplatform.claude.com/v1/oauth/token"),
    ],
    ids=" ".join,
)
def test_an_unknown_route_is_denied(network: Network, target: Target) -> None:
    backend = Sent().backend()
    answer = send(network, backend, Sent(target=target, bearer=GOOD))
    assert answer.status_code == 404
    [exchange] = backend.exchanges
    assert (exchange.rule, exchange.method, exchange.host) == ("deny:route", *target[:2])


def test_an_unknown_host_is_denied() -> None:
    assert answered_by(Sent(target=("POST", "example.org", "/v1/messages"))) == "deny:route"


def test_an_unknown_grant_is_denied() -> None:
    sent = Sent(target=PLATFORM_TOKEN, fields={"grant_type": "password"})
    assert answered_by(sent) == "deny:rule"


@pytest.mark.parametrize("name", ["grant_type", "refresh_token", "client_id"])
@pytest.mark.parametrize("form", [True, False])
def test_an_empty_field_is_a_missing_one(name: str, form: bool) -> None:
    sent = Sent(target=PLATFORM_TOKEN, fields={"refresh_token": "x"} | {name: ""}, form=form)
    assert answered_by(sent) == "B05"


@pytest.mark.parametrize("form", [True, False])
def test_a_refresh_token_works_once_and_rotates(form: bool) -> None:
    backend = REFRESH.backend()
    headers, body = Sent(target=PLATFORM_TOKEN, refresh=GOOD_REFRESH, form=form).parts(backend)
    first = make_ask(backend, PLATFORM_TOKEN, headers, body)
    identity, answer, *_ = backend.answer(first)
    assert (identity, answer.status) == ("refresh", 200)
    assert backend.answer(first)[0] == "B03"

    bearer = {"authorization": f"Bearer {answer.body['access_token']}"}
    flags = {"anthropic-version": "2023-06-01", "anthropic-beta": OAUTH_BETA}
    assert backend.answer(make_ask(backend, MESSAGES, bearer | flags))[0] == "messages"
    assert backend.answer(make_ask(backend, PROFILE, bearer))[0] == "profile"
    again = {"grant_type": "refresh_token", "client_id": "authprobe"}
    again["refresh_token"] = answer.body["refresh_token"]
    renewed = make_ask(backend, PLATFORM_TOKEN, {}, json.dumps(again).encode())
    assert [backend.answer(renewed)[0] for _ in range(2)] == ["refresh", "B03"]


@pytest.mark.parametrize("state", ["used", "revoked", "unknown", "expired"])
def test_a_refresh_token_that_is_not_valid_is_rejected(state: str) -> None:
    sent = Sent(target=PLATFORM_TOKEN, refresh=(GOOD_REFRESH[0], TokenState(state)))
    assert answered_by(sent) == "B03"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"\xff\xfe", b"null", b"[]", b'"x"', b"{}\0", b'{"model": "\\ud800"}'),
        *(b"[" * 200_000, b'{"a":' * 100_000, b"9" * 100_000, b'{"stream": NaN, "model": {}}'),
        pytest.param(b" " * (BODY_LIMIT_BYTES + 1), id="more than the limit"),
    ],
    ids=lambda body: ascii(body[:8]),
)
@pytest.mark.parametrize("target", [MESSAGES, PLATFORM_TOKEN], ids=" ".join)
def test_no_body_is_a_server_error(network: Network, target: Target, body: bytes) -> None:
    sent = Sent(bearer=GOOD)
    backend = sent.backend()
    headers, _ = sent.parts(backend)
    listener = network.open(backend)
    with client_of(network, listener) as client:
        answer = client.post(f"https://{target[1]}{target[2]}", headers=headers, content=body)
    network.close(listener)
    assert answer.status_code == (200 if target is MESSAGES else 400)


NAMES = ("authorization", "x-api-key", "anthropic-version", "anthropic-beta", "content-type", "x")
VALUES = st.text(max_size=30) | st.sampled_from(
    [
        *("Bearer", "Bearer  x", "bearer sk-ant-oat01-x", OAUTH_BETA, ",,", "2023-06-01"),
        *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=x"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["grant_type", "refresh_token", "client_id", "model"], JSON)
)


@settings(deadline=None, max_examples=300)
@given(
    target=st.sampled_from(sorted(ROUTES)) | st.tuples(st.text(), st.text(), st.text()),
    headers=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), VALUES, max_size=5),
    body=st.binary(max_size=60) | FIELDS.map(lambda fields: json.dumps(fields).encode()),
    date=st.none() | st.dates(DAY(2025, 1, 1), DAY(2027, 1, 1)),
)
def test_whatever_is_asked_is_answered_and_recorded(
    target: Target, headers: dict[str, str], body: bytes, date: datetime.date | None
) -> None:
    backend = CaseBackend(Backend(date=date))
    ask = make_ask(backend, target, headers, body)
    record = backend.begin(ask)
    decision = backend.answer(ask)
    identity, answer = decision.rule, decision.answer
    backend.end(record, decision)
    assert identity in {*RULES, "deny:host", "deny:route", "deny:rule"}
    assert 200 <= answer.status < 500
    assert json.dumps(answer.body)
    assert backend.exchanges[0].rule == identity


def test_every_route_is_on_a_host_that_exists() -> None:
    assert {host for _, host, _ in ROUTES} <= set(HOSTS)
