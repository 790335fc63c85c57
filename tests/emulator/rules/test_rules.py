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

from authprobe.core.claude_api import BEDROCK
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
    AUTUMN,
    CLAUDE_AI_TOKEN,
    CODE_PAGE,
    CONSOLE_TOKEN,
    COUNT_TOKENS,
    FEDERATION,
    GOOD,
    GOOD_KEY,
    GOOD_REFRESH,
    GOOD_SETUP,
    MESSAGE,
    MESSAGES,
    PLATFORM_TOKEN,
    PROFILE,
    ROLES,
    SPRING,
    USAGE,
    Body,
    RequestSpec,
    RuleExample,
    Target,
    client_for,
    make_request,
)
from tests.support.rule_examples import (
    EXPIRED,
    LONG_CONTEXT_MESSAGE,
    REFRESH,
    REVOKED,
    RULE_EXAMPLES,
    UNKNOWN,
    USED_REFRESH,
)

TOKEN_TARGETS = (PLATFORM_TOKEN, CONSOLE_TOKEN, CLAUDE_AI_TOKEN, FEDERATION)
EXAMPLES = [
    pytest.param(example, id=f"{example.rule}-{number}")
    for number, example in enumerate(RULE_EXAMPLES)
]
IMMEDIATE_EXAMPLES = [
    parameter
    for parameter, example in zip(EXAMPLES, RULE_EXAMPLES, strict=True)
    if not example.delay
]
DAY = datetime.date
FILE_LIST = RequestSpec(target=("GET", API, "/v1/files"), key=GOOD_KEY)
FILES_GENERAL = DAY(2026, 8, 20)
BETA_CURSOR = ("files-flag-missing", "files-beta-cursor")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


def send(network: Network, backend: CaseBackend, spec: RequestSpec) -> httpx.Response:
    """Send this request over TLS through the proxy of the case; return the answer."""
    method, host, path = spec.target
    headers, body = spec.headers_and_body(backend)
    url = f"https://{host}{path}?{spec.query_string(backend)}".rstrip("?")
    with client_for(network, backend) as client:
        return client.request(method, url, headers=headers, content=body)


def answering_rule(spec: RequestSpec) -> str:
    """Return the id of the rule that answers this request."""
    backend = spec.backend()
    return backend.answer(spec.request(backend)).rule


def read_body(answer: httpx.Response, backend: CaseBackend) -> Body:
    """Return the body with tokens redacted, and an empty request id if it is that of the header."""
    text = backend.redactor(answer.text)
    match answer.headers.get("content-type"):
        case "application/json":
            body = json.loads(text)
            if body.get("request_id"):
                assert body["request_id"] == answer.headers["request-id"]
                body["request_id"] = ""
            return cast(dict[str, Any], body)
        case None:
            assert text == ""
            return None
        case _:
            return text


def read_headers(answer: httpx.Response, backend: CaseBackend) -> dict[str, str]:
    """Return the headers, except those that every answer has."""
    return {
        name: backend.redactor(value)
        for name, value in answer.headers.items()
        if name not in ("date", "content-type", "content-length", "request-id", "connection")
    }


def logged_error(example: RuleExample) -> tuple[str | None, str | None]:
    """Return the error type and the message as the exchange should record them."""
    match example.body:
        case {"error": {"type": kind, "message": message}}:
            return kind, message
        case {"error": kind, "error_description": message}:
            return kind, message
        case {"message": str(message)} | {"Message": str(message)} if example.status >= 400:
            return example.headers.get("x-amzn-errortype"), message
        case str() as text if example.status >= 400:
            [message] = re.findall("<p>(.*)</p>", text) or re.findall("<h1>(.*)</h1>", text)
            return None, message
        case _:
            return None, None


@pytest.mark.parametrize("example", IMMEDIATE_EXAMPLES)
def test_a_request_gets_exactly_the_answer_of_its_rule(
    network: Network, example: RuleExample
) -> None:
    backend = example.spec.backend()
    answer = send(network, backend, example.spec)
    assert answer.status_code == example.status
    assert read_body(answer, backend) == example.body
    assert read_headers(answer, backend) == example.headers
    assert ("request-id" in answer.headers) is example.identified
    assert answer.headers.get("request-id", "req_").startswith("req_")
    [exchange] = backend.log.exchanges
    assert (exchange.rule, exchange.status) == (example.rule, example.status)
    assert exchange.faults == example.spec.faults
    assert (exchange.error_type, exchange.message) == logged_error(example)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_request_is_answered_after_the_delay_of_its_rule(example: RuleExample) -> None:
    backend = example.spec.backend()
    decision = backend.answer(example.spec.request(backend))
    assert (decision.rule, decision.answer.status) == (example.rule, example.status)
    assert decision.delay == example.delay


def test_a_delayed_token_answer_is_the_usual_answer_to_the_grant() -> None:
    [delayed] = [example for example in RULE_EXAMPLES if example.delay]
    backend = delayed.spec.backend()
    answer = backend.answer(delayed.spec.request(backend)).answer
    assert json.loads(backend.redactor(json.dumps(answer.body))) == delayed.body
    reuse = RequestSpec(target=PLATFORM_TOKEN, refresh=USED_REFRESH, faults=("B10",))
    reuse_backend = reuse.backend()
    refusal = reuse_backend.answer(reuse.request(reuse_backend))
    assert (refusal.rule, refusal.answer.error_type, refusal.delay) == ("B10", "invalid_grant", 16)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_counterexample_is_answered_by_another_rule(example: RuleExample) -> None:
    assert answering_rule(example.counterexample) == example.counterexample_rule != example.rule


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_rule_on_demand_answers_only_if_armed_as_a_fault(example: RuleExample) -> None:
    if RULES[example.rule].holds is None:
        assert example.spec.faults == (example.rule,)
        assert replace(example.spec, faults=()) == example.counterexample
    else:
        assert example.spec.faults == ()


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_broken_rule_does_not_answer(example: RuleExample) -> None:
    backend = CaseBackend(example.spec.backend().setup, broken_rules=frozenset({example.rule}))
    assert backend.answer(example.spec.request(backend)).rule != example.rule


def test_every_rule_has_an_example() -> None:
    assert {example.rule for example in RULE_EXAMPLES} == set(RULES)


def test_ids_of_rules_are_unique() -> None:
    rules = {id(rule) for rules in (EVERYWHERE, *ROUTES.values()) for rule in rules}
    assert len(rules) == len(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_has_a_condition_a_date_and_https_sources(rule: Rule) -> None:
    assert rule.condition
    assert rule.last_seen
    for source in rule.sources:
        address = httpx.URL(source)
        assert (address.scheme, "." in address.host, " " in source) == ("https", True, False)


def test_a_rule_needs_a_source_a_condition_and_a_date() -> None:
    def undocumented(request: RequestContext) -> bool:
        return False

    def documented(request: RequestContext) -> bool:
        """Never."""
        return False

    answer = Answer(status=200)
    with pytest.raises(ValueError, match="rule Z1 needs a source and a condition"):
        rule("Z1", documented, answer, seen="2026-01")
    with pytest.raises(ValueError, match="rule Z2 needs a source and a condition"):
        rule("Z2", undocumented, answer, "example.org/", seen="2026-01")
    with pytest.raises(ValueError, match="rule Z3 needs the dates on which it was seen"):
        rule("Z3", documented, answer, "example.org/", seen="lately")


CONSOLE_REFRESH = RequestSpec(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH)
SETUP_PROFILE = RequestSpec(target=PROFILE, bearer=GOOD_SETUP)
NOT_ALLOWED = RequestSpec(bearer=GOOD, standing=AccountState.OAUTH_NOT_ALLOWED)
LONG_CONTEXT = replace(LONG_CONTEXT_MESSAGE, standing=AccountState.LONG_CONTEXT_NOT_INCLUDED)
THIRD_PARTY = RequestSpec(bearer=GOOD, counts_as_claude_code=False)
EXTRA_USAGE_EXHAUSTED = replace(THIRD_PARTY, standing=AccountState.EXTRA_USAGE_EXHAUSTED)

DAYS = [
    (RequestSpec(bearer=EXPIRED), DAY(2026, 7, 20), "A08", "A09"),
    (RequestSpec(target=PROFILE, bearer=EXPIRED), DAY(2026, 7, 20), "A08", "A09"),
    (RequestSpec(bearer=UNKNOWN), DAY(2026, 8, 1), "A05", "A07"),
    (RequestSpec(target=PROFILE, bearer=UNKNOWN), DAY(2026, 8, 1), "A05", "A07"),
    (RequestSpec(bearer=REVOKED), DAY(2026, 7, 30), "A10", "A10b"),
    (NOT_ALLOWED, DAY(2026, 1, 1), "A12", "A13"),
    (LONG_CONTEXT, DAY(2026, 3, 20), "A52", "A52b"),
    (SETUP_PROFILE, DAY(2026, 8, 15), "A15", "A16"),
    (replace(SETUP_PROFILE, target=USAGE), DAY(2026, 8, 15), "A15", "A15"),
    (THIRD_PARTY, DAY(2026, 1, 9), "messages", "A18"),
    (THIRD_PARTY, DAY(2026, 4, 8), "A18", "A19"),
    (EXTRA_USAGE_EXHAUSTED, DAY(2026, 4, 8), "A18", "A20"),
    (replace(THIRD_PARTY, counts_as_claude_code=True), DAY(2026, 1, 9), "messages", "messages"),
    (
        RequestSpec(key=GOOD_KEY, counts_as_claude_code=False),
        DAY(2026, 1, 9),
        "messages",
        "messages",
    ),
    (FILE_LIST, FILES_GENERAL, "files-flag-missing", "files"),
    (replace(FILE_LIST, query={"after_id": "f"}), FILES_GENERAL, *BETA_CURSOR),
    # The endpoint was retired at 19:00 UTC, and the clock of a backend with a date stands at noon.
    (CONSOLE_REFRESH, DAY(2026, 6, 13), "refresh", "B01"),
    (replace(CONSOLE_REFRESH, target=PLATFORM_TOKEN), DAY(2026, 6, 13), "refresh", "refresh"),
]


@pytest.mark.parametrize(("spec", "day", "before", "since"), DAYS)
def test_the_rule_depends_on_the_date_of_the_backend(
    spec: RequestSpec, day: datetime.date, before: str, since: str
) -> None:
    assert answering_rule(replace(spec, date=day - datetime.timedelta(days=1))) == before
    assert answering_rule(replace(spec, date=day)) == since


def test_every_date_of_a_rule_is_tested() -> None:
    assert {rule.id for rule in RULES.values() if rule.since} <= {since for *_, since in DAYS}
    assert {rule.id for rule in RULES.values() if rule.until} <= {before for *_, before, _ in DAYS}


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.since or rule.until], ids=lambda rule: rule.id
)
def test_a_rule_begins_and_ends_to_the_second(rule: Rule) -> None:
    """`since` is inclusive and `until` is exclusive."""
    spec = next(example.spec for example in RULE_EXAMPLES if example.rule == rule.id)
    for moment, before, after in ((rule.since, False, True), (rule.until, True, False)):
        if moment is None:
            continue
        day = (moment - datetime.timedelta(hours=13)).date()
        backend = replace(spec, date=day).backend()
        remaining = (moment - backend.now).total_seconds()
        backend.state.clock.advance(remaining - 1)
        request = spec.request(backend)
        assert rule.applies(request) is before
        backend.state.clock.advance(1)
        assert rule.applies(replace(request)) is after  # a copy, because `now` is cached


def test_without_a_date_the_clock_shows_the_real_time() -> None:
    before = datetime.datetime.now(datetime.UTC)
    assert before <= CaseBackend(Backend()).now <= datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize(
    ("wrong", "refusal", "right", "success"),
    [
        pytest.param(
            *(RequestSpec(bearer=GOOD, headers={"anthropic-beta": None}), "A04"),
            *(RequestSpec(bearer=GOOD), "messages"),
            id="Bearer without the beta flag",
        ),
        pytest.param(
            *(RequestSpec(key=GOOD), "A02", RequestSpec(bearer=GOOD), "messages"),
            id="OAuth token as API key",
        ),
        pytest.param(
            *(RequestSpec(target=PLATFORM_TOKEN, refresh=USED_REFRESH), "B03", REFRESH, "refresh"),
            id="reused refresh token",
        ),
        pytest.param(
            *(RequestSpec(bearer=GOOD, scopes=("user:profile",)), "A17"),
            *(RequestSpec(bearer=GOOD, scopes=("user:inference",)), "messages"),
            id="missing scope",
        ),
        pytest.param(
            *(RequestSpec(key=GOOD_KEY, headers={"anthropic-version": None}), "A03"),
            *(RequestSpec(key=GOOD_KEY), "messages"),
            id="no version header",
        ),
    ],
)
def test_a_wrong_client_is_refused_and_the_right_one_succeeds(
    network: Network, wrong: RequestSpec, refusal: str, right: RequestSpec, success: str
) -> None:
    for spec, expected, is_refused in ((wrong, refusal, True), (right, success, False)):
        backend = spec.backend()
        assert (send(network, backend, spec).status_code >= 400) is is_refused
        assert [exchange.rule for exchange in backend.log.exchanges] == [expected]


@pytest.mark.parametrize("date", [DAY(2026, 2, 1), DAY(2026, 11, 1)])
def test_the_same_key_in_both_headers_counts_as_one_credential(date: datetime.date) -> None:
    backend = CaseBackend(Backend(date=date))
    key, other = (backend.tokens.make(*GOOD_KEY).value for _ in range(2))
    for value, rules in ((key, ("messages",)), (other, ("A05", "deny:rule"))):
        headers = {
            "authorization": f"Bearer {key}",
            "x-api-key": value,
            "anthropic-version": "2023-06-01",
        }
        body = json.dumps(MESSAGE).encode()
        request = make_request(backend, MESSAGES, headers, body)
        assert backend.answer(request).rule in rules


@pytest.mark.parametrize(
    ("spec", "nearest", "differs"),
    [
        (RequestSpec(bearer=GOOD, key=GOOD_KEY), "messages", ("authorization", "x-api-key")),
        (
            RequestSpec(target=COUNT_TOKENS, bearer=GOOD, key=GOOD_KEY),
            *("count-tokens", ("authorization", "x-api-key")),
        ),
        (RequestSpec(target=PROFILE), "profile", ("authorization",)),
        (RequestSpec(target=ROLES, key=GOOD_KEY), "roles", ("authorization", "x-api-key")),
        (RequestSpec(target=USAGE, bearer=GOOD, key=GOOD_KEY), "usage", ("x-api-key",)),
        (
            RequestSpec(target=AUTHORIZE, query={"response_type": None, "client_id": ""}),
            *("authorize", ("response_type", "client_id")),
        ),
        (RequestSpec(target=CODE_PAGE, query={"code": "x"}), "code-page", ("state",)),
    ],
)
def test_a_request_without_a_rule_is_denied_with_the_nearest_rule(
    network: Network, spec: RequestSpec, nearest: str, differs: tuple[str, ...]
) -> None:
    backend = spec.backend()
    answer = send(network, backend, spec)
    explanation = f"(nearest: {nearest}; differs: {', '.join(differs)})"
    assert answer.status_code == 403
    assert answer.json()["error"] == {
        "type": "permission_error",
        "message": f"authprobe knows no rule for this request {explanation}",
    }
    [exchange] = backend.log.exchanges
    assert exchange.rule == "deny:rule"
    assert (exchange.nearest, exchange.differs) == (nearest, differs)


def test_a_request_answered_by_a_rule_records_no_nearest_rule() -> None:
    backend = CaseBackend(Backend())
    request = RequestSpec(bearer=GOOD).request(backend)
    record = backend.recorder.begin(request)
    backend.recorder.end(record, backend.answer(request))
    assert (backend.log.exchanges[0].nearest, backend.log.exchanges[0].differs) == (None, ())


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
        (("POST", API, "/V1/Messages"), "messages", ("path",)),
        (("PUT", API, "/v1/models/m"), "model", ("method",)),
        (("GET", API, "/v1/models/m/x"), "models", ("path",)),
        (("GET", API, "/v1/models/"), "models", ("path",)),
        (("GET", API, "/v1/messages/batches/b/cancel"), "batch-canceled", ("method",)),
        (("GET", PLATFORM, "/v1/files/f/content"), "file-content", ("host",)),
        (("POST", API, "/v1/models"), "models", ("method",)),
        (("POST", API, "/v1/message/count_tokens"), "count-tokens", ("path",)),
        (("GET", PLATFORM, "/v1/oauth/token"), "code", ("method",)),
        (("POST", PLATFORM, "/v1/messages"), "messages", ("host",)),
        (("POST", CLAUDE_AI, "/v1/messages"), "messages", ("host",)),
        (("GET", CLAUDE_COM, "/oauth/authorize"), "authorize", ("host",)),
        (("GET", CLAUDE_AI, "/cai/oauth/authorize"), "authorize", ("host",)),
        (("POST", CLAUDE_COM, "/"), None, None),
        # A URL inside a path is part of the path.
        (("POST", CLAUDE_AI, "/x://platform.claude.com/v1/oauth/token"), "B09", ("path",)),
        (("POST", CLAUDE_AI, "/x%3A%2F%2Fplatform.claude.com/v1/oauth/token"), "B09", ("path",)),
    ],
)
def test_an_unknown_route_is_denied(
    network: Network, target: Target, nearest: str | None, differs: tuple[str, ...] | None
) -> None:
    backend = RequestSpec().backend()
    answer = send(network, backend, RequestSpec(target=target, bearer=GOOD))
    assert answer.status_code == 404
    [exchange] = backend.log.exchanges
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
    backend = RequestSpec().backend()
    request = RequestSpec(target=("POST", host, "/v1/messages"), bearer=GOOD).request(backend)
    record = backend.recorder.begin(request)
    decision = backend.answer(request)
    backend.recorder.end(record, decision)
    [exchange] = backend.log.exchanges
    assert (decision.answer.status, exchange.rule) == (404, "deny:host")
    assert exchange.nearest in HOSTS
    assert nearest in (None, exchange.nearest)
    assert exchange.differs == ("host",)


def test_an_unknown_host_header_inside_a_tunnel_is_denied(network: Network) -> None:
    backend = RequestSpec().backend()
    answer = send(
        network, backend, RequestSpec(bearer=GOOD, headers={"host": "api.anthropic.com.evil"})
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    [exchange] = backend.log.exchanges
    assert (exchange.rule, exchange.nearest, exchange.differs) == ("deny:host", API, ("host",))
    assert backend.log.egress_refused == ("api.anthropic.com.evil",)


@pytest.mark.parametrize("name", ["grant_type", "refresh_token", "client_id"])
@pytest.mark.parametrize("form", [True, False])
def test_an_empty_field_of_a_token_request_counts_as_missing(name: str, form: bool) -> None:
    spec = RequestSpec(target=PLATFORM_TOKEN, fields={"refresh_token": "x"} | {name: ""}, form=form)
    assert answering_rule(spec) == "B05"


@pytest.mark.parametrize("form", [True, False])
def test_a_refresh_token_works_once_and_rotates(form: bool) -> None:
    backend = REFRESH.backend()
    headers, body = RequestSpec(
        target=PLATFORM_TOKEN, refresh=GOOD_REFRESH, form=form
    ).headers_and_body(backend)
    first = make_request(backend, PLATFORM_TOKEN, headers, body)
    identity, answer, *_ = backend.answer(first)
    assert (identity, answer.status) == ("refresh", 200)
    assert backend.answer(first)[0] == "B03"

    assert isinstance(answer.body, Mapping)
    bearer = {"authorization": f"Bearer {answer.body['access_token']}"}
    message = json.dumps(MESSAGE).encode()
    flags = {"anthropic-version": "2023-06-01", "anthropic-beta": OAUTH_BETA}
    assert backend.answer(make_request(backend, MESSAGES, bearer | flags, message))[0] == "messages"
    assert backend.answer(make_request(backend, PROFILE, bearer))[0] == "profile"
    fields = {"grant_type": "refresh_token", "client_id": "authprobe"}
    fields["refresh_token"] = answer.body["refresh_token"]
    second = make_request(backend, PLATFORM_TOKEN, {}, json.dumps(fields).encode())
    assert [backend.answer(second)[0] for _ in range(2)] == ["refresh", "B03"]


@pytest.mark.parametrize("state", ["used", "revoked", "unknown", "expired"])
def test_a_refresh_token_that_is_not_valid_is_rejected(state: str) -> None:
    spec = RequestSpec(target=PLATFORM_TOKEN, refresh=(GOOD_REFRESH[0], TokenState(state)))
    assert answering_rule(spec) == "B03"


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("target", TOKEN_TARGETS, ids=" ".join)
def test_no_answer_is_final_for_a_refresh_token_that_was_never_issued(
    target: Target, form: bool
) -> None:
    """A user's own login survives it: claude-code erases a login only after `invalid_grant`."""
    fields = {"refresh_token": "sk-ant-ort01-made-up-by-nobody-we-know"}
    fault_names = [identity for identity, each in RULES.items() if not each.answers_success]
    for faults in ((), *((name,) for name in fault_names)):
        for date in (SPRING, AUTUMN):
            spec = RequestSpec(target=target, fields=fields, form=form, faults=faults, date=date)
            backend = spec.backend()
            decision = backend.answer(spec.request(backend))
            assert decision.answer.error_type != "invalid_grant"
            assert "invalid_grant" not in json.dumps(decision.answer.body)


def test_the_answer_to_a_foreign_refresh_token_is_temporary_and_says_why() -> None:
    fields = {"refresh_token": "sk-ant-ort01-made-up-by-nobody-we-know"}
    spec = RequestSpec(target=PLATFORM_TOKEN, fields=fields)
    backend = spec.backend()
    decision = backend.answer(spec.request(backend))
    assert (decision.rule, decision.answer.status) == ("deny:refresh-token", 503)
    assert decision.answer.body == {
        "error": "temporarily_unavailable",
        "error_description": "authprobe never issued this refresh token "
        "(nearest: refresh; differs: refresh_token)",
    }


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"\xff\xfe", b"null", b"[]", b'"x"', b"{}\0", b'{"model": "\\ud800"}'),
        *(b"[" * 200_000, b'{"a":' * 100_000, b"9" * 100_000, b'{"stream": NaN, "model": {}}'),
    ],
    ids=lambda body: ascii(body[:8]),
)
@pytest.mark.parametrize("target", [MESSAGES, PLATFORM_TOKEN], ids=" ".join)
def test_no_malformed_body_causes_a_server_error(
    network: Network, target: Target, body: bytes
) -> None:
    spec = RequestSpec(bearer=GOOD)
    backend = spec.backend()
    headers, _ = spec.headers_and_body(backend)
    with client_for(network, backend) as client:
        answer = client.post(f"https://{target[1]}{target[2]}", headers=headers, content=body)
    assert answer.status_code == 400


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


@settings(max_examples=300)
@given(
    target=st.sampled_from(sorted(ROUTES)) | st.tuples(st.text(), st.text(), st.text()),
    headers=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), VALUES, max_size=5),
    body=st.binary(max_size=60) | FIELDS.map(lambda fields: json.dumps(fields).encode()),
    date=st.none() | st.dates(DAY(2025, 1, 1), DAY(2027, 1, 1)),
)
def test_any_request_is_answered_and_recorded(
    target: Target, headers: dict[str, str], body: bytes, date: datetime.date | None
) -> None:
    backend = CaseBackend(Backend(date=date))
    request = make_request(backend, target, headers, body)
    record = backend.recorder.begin(request)
    decision = backend.answer(request)
    identity, answer = decision.rule, decision.answer
    backend.recorder.end(record, decision)
    assert identity in {*RULES, "deny:host", "deny:route", "deny:rule", "deny:refresh-token"}
    assert 200 <= answer.status < 500
    assert json.dumps(answer.body)
    assert backend.log.exchanges[0].rule == identity


def test_every_route_is_on_an_emulated_host() -> None:
    assert {host for _, host, _ in ROUTES} <= {*HOSTS, BEDROCK}
