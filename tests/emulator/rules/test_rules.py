import datetime
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import AccountState, Backend, TokenState
from authprobe.emulator.rules.base import Answer, RequestContext, Rule, rule
from authprobe.emulator.rules.routes import (
    API,
    CLAUDE_AI,
    CLAUDE_COM,
    EVERYWHERE,
    HOSTS,
    OAUTH_BETA,
    PLATFORM,
    ROUTES,
    RULES,
)
from authprobe.emulator.server.network import Network
from tests.support.requests import (
    AUTHORIZE,
    CODE_PAGE,
    CONSOLE_TOKEN,
    COUNT_TOKENS,
    GOOD,
    GOOD_KEY,
    GOOD_REFRESH,
    GOOD_SETUP,
    MESSAGES,
    PLATFORM_TOKEN,
    PROFILE,
    ROLES,
    USAGE,
    Body,
    Sent,
    Target,
    Trial,
    make_request,
    served,
)
from tests.support.rule_examples import EXPIRED, REFRESH, REVOKED, TRIALS, UNKNOWN, USED_REFRESH

NAMED = [pytest.param(trial, id=f"{trial.rule}-{number}") for number, trial in enumerate(TRIALS)]
WIRED = [case for case, trial in zip(NAMED, TRIALS, strict=True) if not trial.delay]
DAY = datetime.date


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened


def send(network: Network, backend: CaseBackend, sent: Sent) -> httpx.Response:
    """The answer to this request, over TLS and through the proxy of the case."""
    method, host, path = sent.target
    headers, body = sent.parts(backend)
    url = f"https://{host}{path}?{sent.search(backend)}".rstrip("?")
    with served(network, backend) as client:
        return client.request(method, url, headers=headers, content=body)


def answered_by(sent: Sent) -> str:
    """Id of the rule that answers this request."""
    backend = sent.backend()
    return backend.answer(sent.request(backend)).rule


def read_body(answer: httpx.Response, backend: CaseBackend) -> Body:
    """The body with the names of tokens; an id in it that is in the header as well is left out."""
    text = backend.redactor(answer.text)
    match answer.headers.get("content-type"):
        case "application/json":
            body = json.loads(text)
            if body.get("request_id"):
                assert body["request_id"] == answer.headers["request-id"]
                body["request_id"] = ""
            return cast(dict[str, Any], body)
        case "text/html; charset=utf-8":
            return text
        case kind:
            assert (kind, text) == (None, "")
            return None


def read_headers(answer: httpx.Response, backend: CaseBackend) -> dict[str, str]:
    """The headers that not every answer has."""
    return {
        name: backend.redactor(value)
        for name, value in answer.headers.items()
        if name not in ("date", "content-type", "content-length", "request-id", "connection")
    }


def told_by(trial: Trial) -> tuple[str | None, str | None]:
    """Type and message as the log has them."""
    match trial.body:
        case {"error": {"type": kind, "message": message}}:
            return kind, message
        case {"error": kind, "error_description": message}:
            return kind, message
        case str() as text if trial.status >= 400:
            [said] = re.findall("<p>(.*)</p>", text) or re.findall("<h1>(.*)</h1>", text)
            return None, said
        case _:
            return None, None


@pytest.mark.parametrize("trial", WIRED)
def test_a_request_gets_exactly_this_answer(network: Network, trial: Trial) -> None:
    backend = trial.sent.backend()
    answer = send(network, backend, trial.sent)
    assert answer.status_code == trial.status
    assert read_body(answer, backend) == trial.body
    assert read_headers(answer, backend) == trial.headers
    assert ("request-id" in answer.headers) is trial.identified
    assert answer.headers.get("request-id", "req_").startswith("req_")
    [exchange] = backend.exchanges
    assert (exchange.rule, exchange.status) == (trial.rule, trial.status)
    assert exchange.faults == trial.sent.faults
    assert (exchange.error_type, exchange.message) == told_by(trial)


@pytest.mark.parametrize("trial", NAMED)
def test_a_request_is_answered_after_this_time(trial: Trial) -> None:
    backend = trial.sent.backend()
    decision = backend.answer(trial.sent.request(backend))
    assert (decision.rule, decision.answer.status) == (trial.rule, trial.status)
    assert decision.delay == trial.delay


def test_an_answer_that_comes_late_is_the_answer_of_the_grant() -> None:
    [late] = [trial for trial in TRIALS if trial.delay]
    backend = late.sent.backend()
    answer = backend.answer(late.sent.request(backend)).answer
    assert json.loads(backend.redactor(json.dumps(answer.body))) == late.body
    again = Sent(target=PLATFORM_TOKEN, refresh=USED_REFRESH, faults=("B10",))
    late_backend = again.backend()
    refusal = late_backend.answer(again.request(late_backend))
    assert (refusal.rule, refusal.answer.error_type, refusal.delay) == ("B10", "invalid_grant", 16)


@pytest.mark.parametrize("trial", NAMED)
def test_the_request_beside_it_passes(trial: Trial) -> None:
    assert answered_by(trial.beside) == trial.passes != trial.rule


@pytest.mark.parametrize("trial", NAMED)
def test_a_rule_on_demand_answers_on_demand_only(trial: Trial) -> None:
    if RULES[trial.rule].holds is None:
        assert trial.sent.faults == (trial.rule,)
        assert replace(trial.sent, faults=()) == trial.beside
    else:
        assert trial.sent.faults == ()


@pytest.mark.parametrize("trial", NAMED)
def test_a_rule_that_is_left_out_does_not_answer(trial: Trial) -> None:
    backend = CaseBackend(trial.sent.backend().setup, broken_rules=frozenset({trial.rule}))
    assert backend.answer(trial.sent.request(backend)).rule != trial.rule


def test_every_rule_has_a_trial() -> None:
    assert {trial.rule for trial in TRIALS} == set(RULES)


def test_ids_of_rules_are_unique() -> None:
    rules = {id(rule) for rules in (EVERYWHERE, *ROUTES.values()) for rule in rules}
    assert len(rules) == len(RULES)


@pytest.mark.parametrize("known", RULES.values(), ids=RULES)
def test_every_rule_says_who_says_so(known: Rule) -> None:
    assert known.condition
    assert known.last_seen
    for source in known.sources:
        address = httpx.URL(source)
        assert (address.scheme, bool(address.host), " " in source) == ("https", True, False)


def test_a_rule_needs_a_source_and_a_condition() -> None:
    def silent(request: RequestContext) -> bool:
        return False

    def spoken(request: RequestContext) -> bool:
        """Never."""
        return False

    answer = Answer(status=200)
    with pytest.raises(ValueError, match="rule Z1 needs a source and a condition"):
        rule("Z1", spoken, answer, seen="2026-01")
    with pytest.raises(ValueError, match="rule Z2 needs a source and a condition"):
        rule("Z2", silent, answer, "example.org/", seen="2026-01")
    with pytest.raises(ValueError, match="rule Z3 needs the days on which it was seen"):
        rule("Z3", spoken, answer, "example.org/", seen="lately")


CONSOLE_REFRESH = Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH)
SETUP_PROFILE = Sent(target=PROFILE, bearer=GOOD_SETUP)
NOT_ALLOWED = Sent(bearer=GOOD, standing=AccountState.OAUTH_NOT_ALLOWED)
THIRD_PARTY = Sent(bearer=GOOD, counts=False)
NO_EXTRA = replace(THIRD_PARTY, standing=AccountState.EXTRA_USAGE_EXHAUSTED)

DAYS = [
    (Sent(bearer=EXPIRED), DAY(2026, 7, 20), "A08", "A09"),
    (Sent(target=PROFILE, bearer=EXPIRED), DAY(2026, 7, 20), "A08", "A09"),
    (Sent(bearer=UNKNOWN), DAY(2026, 8, 1), "A05", "A07"),
    (Sent(target=PROFILE, bearer=UNKNOWN), DAY(2026, 8, 1), "A05", "A07"),
    (Sent(bearer=REVOKED), DAY(2026, 8, 24), "A10", "A10b"),
    (NOT_ALLOWED, DAY(2026, 1, 1), "A12", "A13"),
    (SETUP_PROFILE, DAY(2026, 8, 15), "A15", "A16"),
    (replace(SETUP_PROFILE, target=USAGE), DAY(2026, 8, 15), "A15", "A15"),
    (THIRD_PARTY, DAY(2026, 1, 9), "messages", "A18"),
    (THIRD_PARTY, DAY(2026, 4, 8), "A18", "A19"),
    (NO_EXTRA, DAY(2026, 4, 8), "A18", "A20"),
    (replace(THIRD_PARTY, counts=True), DAY(2026, 1, 9), "messages", "messages"),
    (Sent(key=GOOD_KEY, counts=False), DAY(2026, 1, 9), "messages", "messages"),
    # The endpoint was gone at 19:00 UTC; a backend's day is its noon.
    (CONSOLE_REFRESH, DAY(2026, 6, 13), "refresh", "B01"),
    (replace(CONSOLE_REFRESH, target=PLATFORM_TOKEN), DAY(2026, 6, 13), "refresh", "refresh"),
]


@pytest.mark.parametrize(("sent", "day", "before", "since"), DAYS)
def test_the_day_decides(sent: Sent, day: datetime.date, before: str, since: str) -> None:
    assert answered_by(replace(sent, date=day - datetime.timedelta(days=1))) == before
    assert answered_by(replace(sent, date=day)) == since


def test_every_day_that_decides_is_tested() -> None:
    assert {rule.id for rule in RULES.values() if rule.since} <= {since for *_, since in DAYS}
    assert {rule.id for rule in RULES.values() if rule.until} <= {before for *_, before, _ in DAYS}


@pytest.mark.parametrize(
    "known", [rule for rule in RULES.values() if rule.since or rule.until], ids=lambda rule: rule.id
)
def test_a_rule_begins_and_ends_to_the_second(known: Rule) -> None:
    """A clock that has reached the moment is past it."""
    sent = next(trial.sent for trial in TRIALS if trial.rule == known.id)
    for moment, early, late in ((known.since, False, True), (known.until, True, False)):
        if moment is None:
            continue
        day = (moment - datetime.timedelta(hours=13)).date()
        backend = replace(sent, date=day).backend()
        ahead = (moment - backend.now).total_seconds()
        backend.state.clock.advance(ahead - 1)
        request = sent.request(backend)
        assert known.applies(request) is early
        backend.state.clock.advance(1)
        assert known.applies(replace(request)) is late  # a copy: its `now` is not known yet


def test_without_a_day_the_clock_is_the_real_one() -> None:
    before = datetime.datetime.now(datetime.UTC)
    assert before <= CaseBackend(Backend()).now <= datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize(
    ("wrong", "rule", "right", "passes"),
    [
        pytest.param(
            *(Sent(bearer=GOOD, headers={"anthropic-beta": None}), "A04"),
            *(Sent(bearer=GOOD), "messages"),
            id="Bearer without the beta flag",
        ),
        pytest.param(
            *(Sent(key=GOOD), "A02", Sent(bearer=GOOD), "messages"), id="OAuth token as API key"
        ),
        pytest.param(
            *(Sent(target=PLATFORM_TOKEN, refresh=USED_REFRESH), "B03", REFRESH, "refresh"),
            id="reused refresh token",
        ),
        pytest.param(
            *(Sent(bearer=GOOD, scopes=("user:profile",)), "A17"),
            *(Sent(bearer=GOOD, scopes=("user:inference",)), "messages"),
            id="missing scope",
        ),
        pytest.param(
            *(Sent(key=GOOD_KEY, headers={"anthropic-version": None}), "A03"),
            *(Sent(key=GOOD_KEY), "messages"),
            id="no version header",
        ),
    ],
)
def test_a_wrong_client_is_refused_and_the_right_one_passes(
    network: Network, wrong: Sent, rule: str, right: Sent, passes: str
) -> None:
    for sent, expected, refused in ((wrong, rule, True), (right, passes, False)):
        backend = sent.backend()
        assert (send(network, backend, sent).status_code >= 400) is refused
        assert [seen.rule for seen in backend.exchanges] == [expected]


@pytest.mark.parametrize("date", [DAY(2026, 2, 1), DAY(2026, 11, 1)])
def test_one_key_in_both_headers_is_one_credential(date: datetime.date) -> None:
    backend = CaseBackend(Backend(date=date))
    key, other = (backend.tokens.make(*GOOD_KEY).value for _ in range(2))
    for value, rules in ((key, ("messages",)), (other, ("A05", "deny:rule"))):
        headers = {"authorization": f"Bearer {key}", "x-api-key": value}
        request = make_request(backend, MESSAGES, headers | {"anthropic-version": "2023-06-01"})
        assert backend.answer(request).rule in rules


@pytest.mark.parametrize(
    ("sent", "nearest", "differs"),
    [
        (Sent(bearer=GOOD, key=GOOD_KEY), "messages", ("authorization", "x-api-key")),
        (
            Sent(target=COUNT_TOKENS, bearer=GOOD, key=GOOD_KEY),
            *("count-tokens", ("authorization", "x-api-key")),
        ),
        (Sent(target=PROFILE), "profile", ("authorization",)),
        (Sent(target=ROLES, key=GOOD_KEY), "roles", ("authorization", "x-api-key")),
        (Sent(target=USAGE, bearer=GOOD, key=GOOD_KEY), "usage", ("x-api-key",)),
        (
            Sent(target=AUTHORIZE, query={"response_type": None, "client_id": ""}),
            *("authorize", ("response_type", "client_id")),
        ),
        (Sent(target=CODE_PAGE, query={"code": "x"}), "code-page", ("state",)),
    ],
)
def test_a_request_that_nobody_has_reported_is_denied(
    network: Network, sent: Sent, nearest: str, differs: tuple[str, ...]
) -> None:
    backend = sent.backend()
    answer = send(network, backend, sent)
    told = f"(nearest: {nearest}; differs: {', '.join(differs)})"
    assert answer.status_code == 403
    assert answer.json()["error"] == {
        "type": "permission_error",
        "message": f"authprobe knows no rule for this request {told}",
    }
    [exchange] = backend.exchanges
    assert exchange.rule == "deny:rule"
    assert (exchange.nearest, exchange.differs) == (nearest, differs)


def test_what_is_answered_by_a_rule_has_nothing_nearest() -> None:
    backend = CaseBackend(Backend())
    request = Sent(bearer=GOOD).request(backend)
    record = backend.begin(request)
    backend.end(record, backend.answer(request))
    assert (backend.exchanges[0].nearest, backend.exchanges[0].differs) == (None, ())


@pytest.mark.parametrize(
    ("target", "nearest", "differs"),
    [
        (("GET", API, "/v1/messages"), "messages", ("method",)),
        (("PUT", API, "/v1/messages"), "messages", ("method",)),
        (("DELETE", API, "/v1/messages"), "messages", ("method",)),
        (("HEAD", API, "/v1/messages"), "messages", ("method",)),
        (("OPTIONS", API, "/v1/messages"), "messages", ("method",)),
        (("POST", API, "/v1/messages/"), "messages", ("path",)),
        (("POST", API, "//v1/messages"), "messages", ("path",)),
        (("POST", API, "/V1/MESSAGES"), "messages", ("path",)),
        (("POST", API, "/v1/models"), "models", ("method",)),
        (("POST", API, "/v1/message/count_tokens"), "count-tokens", ("path",)),
        (("GET", PLATFORM, "/v1/oauth/token"), "code", ("method",)),
        (("POST", PLATFORM, "/v1/messages"), "messages", ("host",)),
        (("POST", CLAUDE_AI, "/v1/messages"), "messages", ("host",)),
        (("GET", CLAUDE_COM, "/oauth/authorize"), "authorize", ("host",)),
        (("GET", CLAUDE_AI, "/cai/oauth/authorize"), "authorize", ("host",)),
        (("POST", CLAUDE_COM, "/"), None, None),
        # An address inside of a path is a path.
        (("POST", CLAUDE_AI, "/x://platform.claude.com/v1/oauth/token"), "B09", ("path",)),
        (("POST", CLAUDE_AI, "/x%3A%2F%2Fplatform.claude.com/v1/oauth/token"), "B09", ("path",)),
    ],
)
def test_an_unknown_route_is_denied(
    network: Network, target: Target, nearest: str | None, differs: tuple[str, ...] | None
) -> None:
    backend = Sent().backend()
    answer = send(network, backend, Sent(target=target, bearer=GOOD))
    assert answer.status_code == 404
    [exchange] = backend.exchanges
    assert (exchange.rule, exchange.method, exchange.host) == ("deny:route", *target[:2])
    assert exchange.nearest in RULES
    if nearest is not None:
        assert (exchange.nearest, exchange.differs) == (nearest, differs)


@pytest.mark.parametrize(
    ("host", "nearest"),
    [
        ("api.antropic.com", API),
        ("platform.claude.co", PLATFORM),
        ("auth.claude.com", CLAUDE_COM),
        ("example.org", None),
        ("", None),
    ],
)
def test_an_unknown_host_is_denied(host: str, nearest: str | None) -> None:
    backend = Sent().backend()
    request = Sent(target=("POST", host, "/v1/messages"), bearer=GOOD).request(backend)
    record = backend.begin(request)
    decision = backend.answer(request)
    backend.end(record, decision)
    [exchange] = backend.exchanges
    assert (decision.answer.status, exchange.rule) == (404, "deny:host")
    assert exchange.nearest in HOSTS
    assert nearest in (None, exchange.nearest)
    assert exchange.differs == ("host",)


def test_an_unknown_host_inside_of_a_tunnel_is_denied(network: Network) -> None:
    backend = Sent().backend()
    answer = send(network, backend, Sent(bearer=GOOD, headers={"host": "api.anthropic.com.evil"}))
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    [exchange] = backend.exchanges
    assert (exchange.rule, exchange.nearest, exchange.differs) == ("deny:host", API, ("host",))
    assert backend.egress_refused == ("api.anthropic.com.evil",)


@pytest.mark.parametrize("name", ["grant_type", "refresh_token", "client_id"])
@pytest.mark.parametrize("form", [True, False])
def test_an_empty_field_is_a_missing_one(name: str, form: bool) -> None:
    sent = Sent(target=PLATFORM_TOKEN, fields={"refresh_token": "x"} | {name: ""}, form=form)
    assert answered_by(sent) == "B05"


@pytest.mark.parametrize("form", [True, False])
def test_a_refresh_token_works_once_and_rotates(form: bool) -> None:
    backend = REFRESH.backend()
    headers, body = Sent(target=PLATFORM_TOKEN, refresh=GOOD_REFRESH, form=form).parts(backend)
    first = make_request(backend, PLATFORM_TOKEN, headers, body)
    identity, answer, *_ = backend.answer(first)
    assert (identity, answer.status) == ("refresh", 200)
    assert backend.answer(first)[0] == "B03"

    assert isinstance(answer.body, Mapping)
    bearer = {"authorization": f"Bearer {answer.body['access_token']}"}
    flags = {"anthropic-version": "2023-06-01", "anthropic-beta": OAUTH_BETA}
    assert backend.answer(make_request(backend, MESSAGES, bearer | flags))[0] == "messages"
    assert backend.answer(make_request(backend, PROFILE, bearer))[0] == "profile"
    again = {"grant_type": "refresh_token", "client_id": "authprobe"}
    again["refresh_token"] = answer.body["refresh_token"]
    renewed = make_request(backend, PLATFORM_TOKEN, {}, json.dumps(again).encode())
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
    ],
    ids=lambda body: ascii(body[:8]),
)
@pytest.mark.parametrize("target", [MESSAGES, PLATFORM_TOKEN], ids=" ".join)
def test_no_body_is_a_server_error(network: Network, target: Target, body: bytes) -> None:
    sent = Sent(bearer=GOOD)
    backend = sent.backend()
    headers, _ = sent.parts(backend)
    with served(network, backend) as client:
        answer = client.post(f"https://{target[1]}{target[2]}", headers=headers, content=body)
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
    request = make_request(backend, target, headers, body)
    record = backend.begin(request)
    decision = backend.answer(request)
    identity, answer = decision.rule, decision.answer
    backend.end(record, decision)
    assert identity in {*RULES, "deny:host", "deny:route", "deny:rule"}
    assert 200 <= answer.status < 500
    assert json.dumps(answer.body)
    assert backend.exchanges[0].rule == identity


def test_every_route_is_on_a_host_that_exists() -> None:
    assert {host for _, host, _ in ROUTES} <= set(HOSTS)
