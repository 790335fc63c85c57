"""Sequences of requests as clients really send them: excerpts of runs of the bundled scenarios."""

from typing import Any

import pytest

from authprobe.core.claude_api import API, CLAUDE_AI, PLATFORM
from authprobe.observation.model import Exchange, Outcome, Session
from authprobe.report.model.relevance import matters
from authprobe.report.model.sequence import (
    MAX_PARTICIPANTS,
    MAX_STEPS,
    OTHER_HOSTS,
    PROXY,
    SequenceDiagram,
    make_sequence,
    sequence_of,
)
from authprobe.report.model.sequence_words import target_words
from authprobe.report.model.steps import Participant, Step
from authprobe.run.model import CaseRecord
from tests.support.make import make_exchange, make_observation, make_record

BEARER = {"credential": "access-token", "credential_header": "authorization"}
REFUSED: dict[str, Any] = {"status": 401, "error_type": "authentication_error", "rule": "A10b"}


def profile(at: float, **changes: Any) -> Exchange:
    """Return a request for the profile."""
    values = {"method": "GET", "path": "/api/oauth/profile", **BEARER}
    return make_exchange(at=at, **values | changes)


def message(at: float, **changes: Any) -> Exchange:
    """Return a request to a model."""
    return make_exchange(at=at, **BEARER | changes)


def refresh(at: float, **changes: Any) -> Exchange:
    """Return a request to the token endpoint."""
    values = {"credential": "refresh-token", "credential_header": "body", "rule": "refresh"}
    where = {"host": PLATFORM, "path": "/v1/oauth/token"}
    return make_exchange(at=at, **where | values | changes)


def telemetry(at: float) -> Exchange:
    """Return a request that the emulator does not know."""
    return make_exchange(at=at, path="/api/event_logging/v2/batch", status=404, rule="deny:route")


def feature_flags(at: float) -> Exchange:
    """Return a connection of Claude Code 1.0.30 that authprobe's proxy refused."""
    return make_exchange(
        at=at, method="CONNECT", host="statsig.anthropic.com", path="", status=502, rule="deny:host"
    )


REFRESH_THEN_RETRY = (
    telemetry(0.37),
    profile(0.46, **REFUSED),
    message(1.35, **REFUSED),
    refresh(2.02),
    profile(2.03, credential="access-token-2"),
    message(2.06, credential="access-token-2"),
    telemetry(2.4),
)
"""A revoked login in claude-code@2.1.332, without its other requests."""


def claude(*exchanges: Exchange, **changes: Any) -> CaseRecord:
    """Return a case of `claude`, accepted with 200, with these requests."""
    values = {"client": "claude-code@latest", "client_version": "2.1.332", "flow": "prompt"}
    fields = ("outcome", "status", "sessions")
    observed = {name: changes.pop(name) for name in fields if name in changes}
    observation = make_observation(exchanges=exchanges, **observed)
    return make_record(**values | changes, observation=observation)


def roles(diagram: SequenceDiagram) -> list[str]:
    return [participant.role for participant in diagram.participants]


def arrows(diagram: SequenceDiagram) -> list[tuple[str, str, int | None, int]]:
    """Return receiver, credential, status and count of each step."""
    return [
        (step.target.role, step.exchange.credential or "none", step.exchange.status, step.count)
        for step in diagram.steps
    ]


def deciding(diagram: SequenceDiagram) -> list[Step]:
    return [step for step in diagram.steps if step.decides]


def test_a_refresh_and_its_retry_go_to_two_receivers() -> None:
    diagram = sequence_of(claude(*REFRESH_THEN_RETRY))
    assert diagram.participants == (
        Participant("claude-code", "2.1.332"),
        Participant("API", API),
        Participant("token endpoint", PLATFORM),
    )
    assert arrows(diagram) == [
        ("API", "access-token", 401, 1),
        ("API", "access-token", 401, 1),
        ("token endpoint", "refresh-token", 200, 1),
        ("API", "access-token-2", 200, 1),
        ("API", "access-token-2", 200, 1),
    ]
    assert [step.exchange for step in deciding(diagram)] == [REFRESH_THEN_RETRY[5]]


def test_requests_in_the_background_are_counted_by_what_they_ask() -> None:
    diagram = sequence_of(claude(*REFRESH_THEN_RETRY, feature_flags(3.0)))
    assert [(step.exchange.path, step.count, step.last_at) for step in diagram.background] == [
        ("/api/event_logging/v2/batch", 2, 2.4),
        ("", 1, 3.0),
    ]
    assert diagram.background_requests == 3


def test_a_retried_request_is_one_step_with_its_bodies_and_flags() -> None:
    retries = [
        message(1.0 + n, body=f"sha256:{n % 2}", betas=("one",) * (n % 3), **REFUSED)
        for n in range(11)
    ]
    diagram = sequence_of(claude(*retries, outcome=Outcome.TIMED_OUT, status=401))
    (step,) = diagram.steps
    assert (step.count, step.exchange.at, step.last_at, len(step.bodies)) == (11, 1.0, 11.0, 2)
    assert step.betas == ((), ("one",), ("one", "one"))
    assert step.decides


@pytest.mark.parametrize(
    "change",
    [
        {"status": 500},
        {"credential": "access-token-2"},
        {"credential_header": "x-api-key"},
        {"path": "/v1/messages/count_tokens"},
        {"method": "GET"},
        {"error_type": "permission_error"},
        {"message": "other"},
        {"rule": "A07"},
        {"faults": ("reset",)},
        {"complete": False},
    ],
)
def test_requests_that_differ_are_two_steps(change: dict[str, Any]) -> None:
    second = message(2.0, **REFUSED | change)
    assert len(sequence_of(claude(message(1.0, **REFUSED), second)).steps) == 2


def refresh_loop(rounds: int) -> list[Exchange]:
    """Return what three sessions of claude-code@2.1.112 do after the first has refreshed late."""
    return [
        exchange
        for n in range(rounds)
        for exchange in (
            refresh(18.0 + n, status=400, error_type="invalid_grant"),
            refresh(18.1 + n, status=400, error_type="invalid_grant"),
            message(18.2 + n, **REFUSED),
        )
    ]


def test_a_loop_of_steps_is_one_round() -> None:
    diagram = sequence_of(claude(profile(1.0), *refresh_loop(9), profile(30.0)))
    assert [(step.loop, step.rounds, step.count) for step in diagram.steps] == [
        (0, 1, 1),
        (2, 9, 18),
        (0, 1, 9),
        (0, 1, 1),
    ]
    assert diagram.steps[1].last_at == 26.1


def test_two_rounds_are_no_loop() -> None:
    diagram = sequence_of(claude(*refresh_loop(2)))
    assert [step.loop for step in diagram.steps] == [0, 0, 0, 0]


def test_a_loop_loses_no_request() -> None:
    exchanges = [profile(0.0), *refresh_loop(3), *refresh_loop(4), refresh(40.0), *refresh_loop(5)]
    diagram = sequence_of(claude(*exchanges, *exchanges))
    assert sum(step.count for step in diagram.steps) == 2 * len(exchanges)


def test_a_long_case_ends_after_a_number_of_steps() -> None:
    exchanges = [message(float(n), credential=f"access-token-{n // 2}") for n in range(100)]
    diagram = sequence_of(claude(*exchanges))
    assert len(diagram.steps) == MAX_STEPS
    assert diagram.omitted_requests == 100 - 2 * MAX_STEPS


def test_many_hosts_are_one_participant() -> None:
    exchanges = [refresh(float(n), host=f"host-{n}.example.org") for n in range(20)]
    diagram = sequence_of(claude(*exchanges))
    assert len(diagram.participants) <= MAX_PARTICIPANTS
    assert roles(diagram)[-1] == OTHER_HOSTS
    assert len(diagram.steps) == 20


def test_a_gateway_stands_between_the_client_and_the_api() -> None:
    asked = message(9.6, credential="api-key", products=("litellm/1.80.0",), **REFUSED)
    direct = profile(8.2, products=("claude-code/2.1.332",))
    diagram = sequence_of(
        claude(
            direct,
            asked,
            client="litellm@1.80.0+claude-code@latest",
            client_version="1.80.0+claude-code@2.1.332",
        )
    )
    assert diagram.participants == (
        Participant("claude-code", "2.1.332"),
        Participant("litellm", "1.80.0"),
        Participant("API", API),
    )
    assert [step.source.role for step in diagram.steps] == ["claude-code", "litellm"]
    assert diagram.unrecorded == "litellm"


def test_authprobe_asks_a_gateway_that_has_no_client() -> None:
    asked = message(9.6, products=("litellm/1.80.0",))
    diagram = sequence_of(claude(asked, client="litellm@1.80.0", client_version="1.80.0"))
    assert roles(diagram) == ["authprobe", "litellm", "API"]


def test_a_gateway_that_names_no_product_is_known_by_the_address_that_only_it_has() -> None:
    asked = message(9.6, host="127.0.0.1")
    beside = message(9.9)
    client = "claude-code-router@2.0.0+claude-code@latest"
    version = "2.0.0+claude-code@2.1.332"
    diagram = sequence_of(claude(asked, beside, client=client, client_version=version))
    sources = [(step.source.role, step.target) for step in diagram.steps]
    api = Participant("API", "api.anthropic.com")
    assert sources == [("claude-code-router", api), ("claude-code", api)]
    assert [target_words(step) for step in diagram.steps] == ["POST /v1/messages"] * 2


def test_a_gateway_of_ones_own_is_asked_by_the_client_in_front_of_it() -> None:
    asked = message(1.0, host="127.0.0.1")
    client, version = "our-gateway@installed+our-bot@installed", "installed+our-bot@1.2"
    diagram = sequence_of(claude(asked, client=client, client_version=version, is_gateway=True))
    assert roles(diagram) == ["our-bot", "our-gateway", "API"]
    assert diagram.unrecorded == "our-gateway"


def test_a_proxy_in_front_starts_the_client() -> None:
    diagram = sequence_of(
        claude(
            message(1.0),
            client="claude-max-api-proxy@1.0.0+claude-code@latest",
            client_version="1.0.0+claude-code@2.1.332",
        )
    )
    assert roles(diagram) == ["claude-max-api-proxy", "claude-code", "API"]
    assert diagram.steps[0].source == Participant("claude-code", "2.1.332")


def test_the_browser_opens_the_login_pages() -> None:
    pages = (
        make_exchange(at=1.0, method="GET", host=CLAUDE_AI, path="/oauth/authorize", status=302),
        make_exchange(at=1.1, method="GET", host=PLATFORM, path="/oauth/code/callback"),
    )
    diagram = sequence_of(claude(*pages, refresh(1.9, credential=None, rule="code")))
    assert roles(diagram) == ["claude-code", "browser", "token endpoint", "login page"]
    assert [step.source.role for step in diagram.steps] == ["browser", "browser", "claude-code"]
    assert {step.target for step in diagram.steps[:2]} == {Participant("login page", CLAUDE_AI)}


def test_a_host_that_is_not_emulated_is_refused_by_the_proxy() -> None:
    refused = make_exchange(method="CONNECT", host="api.claude.ai", path="", status=502)
    diagram = sequence_of(claude(refused, outcome=Outcome.UNREACHABLE, status=None))
    (step,) = diagram.steps
    assert step.target.role == PROXY
    assert step.decides
    assert not step.is_answered


def test_a_connection_that_fails_goes_to_its_host() -> None:
    cut = make_exchange(method="CONNECT", path="", status=None, faults=("untrusted-certificate",))
    diagram = sequence_of(claude(cut, cut, outcome=Outcome.UNREACHABLE, status=None))
    assert arrows(diagram) == [("API", "none", None, 2)]


def test_sessions_at_once_are_counted() -> None:
    sessions = (Session(outcome=Outcome.ACCEPTED),) * 3
    diagram = sequence_of(claude(message(1.0), sessions=sessions))
    assert diagram.participants[0] == Participant("claude-code", "2.1.332, 3 sessions")


def test_a_side_request_does_not_decide() -> None:
    hello = make_exchange(at=9.0, method="HEAD", path="/api/hello", status=404, rule="deny:route")
    exchange = refresh(5.0, status=404, rule="B01")
    diagram = sequence_of(claude(exchange, hello, outcome=Outcome.NOT_FOUND, status=404))
    assert [step.exchange for step in deciding(diagram)] == [exchange]


def test_a_success_without_a_model_has_no_deciding_request() -> None:
    assert deciding(sequence_of(claude(refresh(1.0), profile(1.1)))) == []


def test_no_requests_are_an_empty_sequence() -> None:
    diagram = make_sequence((), client="raw-http")
    assert diagram == SequenceDiagram(participants=(), steps=())


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (message(0.0), True),
        (profile(0.0), True),
        (refresh(0.0), True),
        (refresh(0.0, path="/v1/oauth/token/revoke"), True),
        (make_exchange(path="/v1/messages/count_tokens"), True),
        (make_exchange(method="CONNECT", host="auth.example.org", path=""), True),
        (telemetry(0.0), False),
        (feature_flags(0.0), False),
        (make_exchange(path="/v1/mcp_servers"), False),
        (make_exchange(path="/api/hello"), False),
    ],
)
def test_what_matters_for_authentication(exchange: Exchange, *, expected: bool) -> None:
    assert matters(exchange) is expected


@pytest.mark.parametrize("client", ["", "+", "@", "a@b+c@d+e", "litellm", "x" * 5000])
def test_any_spelling_of_a_client_has_participants(client: str) -> None:
    diagram = make_sequence((message(1.0),), client=client, version=client)
    assert diagram.steps[0].source in diagram.participants
    assert diagram.steps[0].target in diagram.participants
