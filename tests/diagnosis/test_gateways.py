"""Facts about requests to gateways and hosts of one's own."""

import dataclasses
from typing import Any

import pytest

from authprobe.core.client_kinds import Via
from authprobe.diagnosis.arrangement import is_arranged
from authprobe.diagnosis.diagnose import diagnose
from authprobe.diagnosis.observation_facts import missing_host, symptom_from_observation
from authprobe.diagnosis.reasons.explain import find_reasons
from authprobe.diagnosis.symptom import FactKind
from authprobe.emulator.config import (
    CredentialTreatment,
    ErrorForm,
    ErrorRewrite,
    Holds,
    Host,
    Requirement,
    Service,
    Strip,
    TokenKind,
    TokenState,
)
from authprobe.observation.model import Exchange, Outcome, RewrittenError, status_outcome
from authprobe.report.model.relevance import matters
from authprobe.run.model import Diagnosis
from authprobe.scenario.model import Credential
from authprobe.verdict.judge import judge
from tests.emulator.test_gateway import OWN_KEY, ask, backend_with
from tests.support.make import make_case, make_exchange, make_observation, make_record

GATEWAY = make_exchange(
    host="llm.corp.example",
    path="/anthropic/v1/messages",
    status=401,
    rule="gateway:unknown-key",
    message="gateway: unknown key",
)
TELEMETRY = make_exchange(
    host="otel.corp.example", path="/v1/traces", status=200, rule="host:empty"
)
NOTHING = make_exchange(
    method="CONNECT", host="no.corp.example", path="", status=502, rule="host:nothing"
)
UNKNOWN = make_exchange(method="CONNECT", host="x.example", path="", status=502, rule="deny:host")


def test_a_refusal_of_a_gateway_is_the_symptom() -> None:
    exchanges = (NOTHING, UNKNOWN, GATEWAY)
    symptom = symptom_from_observation(
        make_observation(outcome=Outcome.REJECTED, status=401, exchanges=exchanges)
    )
    hosts = [fact for each in symptom.fact_sets for fact in each.facts.get(FactKind.HOST, ())]
    assert hosts == ["llm.corp.example"]


def test_a_gateway_that_was_reached_is_not_missing() -> None:
    refused = {"outcome": Outcome.REJECTED, "egress_refused": ("x.example",)}
    assert missing_host(make_observation(exchanges=(UNKNOWN,), **refused)) == "x.example"
    assert missing_host(make_observation(exchanges=(UNKNOWN, NOTHING), **refused)) == "x.example"
    assert missing_host(make_observation(exchanges=(UNKNOWN, GATEWAY), **refused)) is None


def test_only_requests_to_the_gateway_matter_for_authentication() -> None:
    assert [matters(each) for each in (GATEWAY, TELEMETRY, NOTHING)] == [True, False, False]


def cause(exchange: Exchange, **changes: Any) -> Diagnosis:
    """Return the diagnosis of a case with one request, that ended with its answer."""
    record_fields = {"holds_key": changes.pop("holds_key", False)}
    values: dict[str, Any] = {
        "outcome": status_outcome(exchange.status or 500),
        "status": exchange.status,
        "message": exchange.message,
        "exchanges": (exchange,),
    }
    record = make_record(observation=make_observation(**values | changes), **record_fields)
    diagnosis = diagnose(record)
    assert diagnosis is not None
    return diagnosis


def answer_of(host: Host, path: str = "/v1/messages", **headers: Any) -> Exchange:
    """Return the exchange of a request to an emulated gateway."""
    backend = backend_with(host, faults=("A30",) if host.errors else ())
    return ask(backend, path, **headers)[1]


KEY = Requirement(header="X-Corp-Key", holds=Holds.GATEWAY_KEY)
USERS_OWN = Requirement(header="x-api-key", holds=Holds.CLAUDE_CREDENTIAL)


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (answer_of(Host(requires=KEY), x_corp_key="unknown"), "gateway-own-key"),
        (answer_of(Host(requires=KEY)), "gateway-header-missing"),
        (answer_of(Host(requires=OWN_KEY), authorization="Basic a"), "gateway-header-missing"),
        (
            answer_of(Host(requires=USERS_OWN), x_api_key="key"),
            "gateway-wants-claude-credential",
        ),
        (answer_of(Host(prefix="/anthropic")), "gateway-wrong-path"),
        (answer_of(Host(serves=Service.CHAT_COMPLETIONS), "/other"), "gateway-wrong-path"),
        (
            answer_of(Host(strips=Strip(headers=("x-api-key",))), x_api_key="key"),
            "gateway-strips-header",
        ),
    ],
)
def test_a_gateway_is_the_cause_of_its_own_refusals(exchange: Exchange, expected: str) -> None:
    diagnosis = cause(exchange)
    assert (diagnosis.id, diagnosis.alternatives) == (expected, ())
    assert diagnosis.level == "certain"


@pytest.mark.parametrize("state", ["unknown", "expired", "revoked"])
def test_a_scenario_that_gives_a_key_in_this_state_arranges_its_refusal(state: str) -> None:
    key = Credential(token=TokenKind.GATEWAY_KEY, state=TokenState(state), via=Via.BEARER)
    observation = make_observation(outcome=Outcome.REJECTED, status=401, exchanges=(GATEWAY,))
    record = make_record(observation=observation, credentials=(key,))
    assert is_arranged(dataclasses.replace(record, diagnosis=diagnose(record)))
    valid = dataclasses.replace(key, state=TokenState.VALID)
    record = dataclasses.replace(record, credentials=(valid,))
    assert not is_arranged(dataclasses.replace(record, diagnosis=diagnose(record)))


def test_a_flag_that_the_gateway_strips_is_its_fault() -> None:
    exchange = make_exchange(
        status=401,
        gateway=("stripped-beta",),
        message="OAuth authentication is currently not supported.",
    )
    assert cause(exchange).id == "gateway-strips-beta"
    assert cause(dataclasses.replace(exchange, gateway=())).id == "oauth-beta-missing"


def test_the_cause_of_a_rewritten_error_is_that_of_the_first_one() -> None:
    rewrite = ErrorRewrite(status=529, becomes=503, form=ErrorForm.TEXT, message="busy")
    exchange = answer_of(Host(errors=rewrite, credential=CredentialTreatment.REPLACE))
    assert (exchange.status, exchange.message) == (503, "busy")
    diagnosis = cause(exchange, message="API Error: 503 service unavailable")
    assert diagnosis.id == "overloaded"
    assert (
        "answered 529 (overloaded_error: Overloaded), which the gateway rewrote to 503"
        in (diagnosis.evidence[0])
    )
    limited = RewrittenError(status=429, error_type="rate_limit_error", message="too many")
    assert cause(dataclasses.replace(exchange, rewritten=limited)).id == "rate-limited"
    unexplained = RewrittenError(status=418, message="short and stout")
    assert cause(dataclasses.replace(exchange, rewritten=unexplained)).id == (
        "gateway-rewrites-error"
    )
    failed = RewrittenError(status=500, error_type="api_error", message="Internal server error")
    assert cause(dataclasses.replace(exchange, rewritten=failed)).id == "server-incident"


@pytest.mark.parametrize(
    ("message", "slot"),
    [
        ("Invalid bearer token", "api-key"),
        ("invalid x-api-key", "api-key"),
        ("OAuth token has expired", "access-token"),
        ("OAuth token has been revoked", "access-token"),
    ],
)
def test_a_refused_key_of_a_gateway_is_not_its_users(message: str, slot: str) -> None:
    exchange = make_exchange(
        host="127.0.0.1",
        status=401,
        message=message,
        credential=slot,
        credential_header="authorization",
    )
    diagnosis = cause(exchange, holds_key=True)
    assert (diagnosis.id, diagnosis.alternatives) == ("gateway-upstream-credential", ())
    assert cause(exchange).id != "gateway-upstream-credential"
    replaced = dataclasses.replace(
        exchange, host="llm.corp.example", gateway=("replaced-credential",)
    )
    assert cause(replaced).id == "gateway-upstream-credential"


def test_a_gateway_program_that_tells_another_status_is_seen_through() -> None:
    exchange = make_exchange(host="127.0.0.1", status=429, message="too many requests")
    told = {"status": 503, "outcome": Outcome.SERVER_ERROR, "message": "service unavailable"}
    diagnosis = cause(exchange, holds_key=True, **told)
    assert diagnosis.id == "rate-limited"
    assert "of which the gateway made 503" in diagnosis.evidence[0]


def test_a_client_that_repeats_refused_requests_got_answers_in_time() -> None:
    exchange = make_exchange(status=401, message="Invalid bearer token", credential="foreign")
    waiting = {"outcome": Outcome.TIMED_OUT, "message": None, "detail": "still running"}
    assert cause(exchange, **waiting).alternatives == ()
    unanswered = dataclasses.replace(exchange, status=None, message=None)
    assert cause(unanswered, **waiting).id == "no-answer"


@pytest.mark.parametrize("client", ["corp-gateway@1.0", "corp-gateway@1.0+claude-code@latest"])
@pytest.mark.parametrize(
    ("outcome", "message", "cause"),
    [
        (Outcome.TIMED_OUT, None, None),
        (Outcome.REJECTED, "API Error: 401 badge expired", None),
        (Outcome.REJECTED, "LiteLLM Virtual Key expected", "gateway-own-key"),
    ],
)
def test_a_gateway_that_passes_nothing_on_is_the_reason_and_not_the_network(
    client: str, outcome: Outcome, message: str | None, cause: str | None
) -> None:
    side = make_exchange(path="/api/hello")
    silent = make_observation(outcome=outcome, status=None, message=message, exchanges=(side,))
    case = make_case(outcome=Outcome.ACCEPTED)
    record = make_record(
        client=client,
        is_gateway=True,
        expectation=case.expectation,
        observation=silent,
        verdict=judge(case, silent),
    )
    diagnosis = diagnose(record)
    assert (diagnosis and diagnosis.id) == cause
    assert any(
        reason.summary.startswith("The gateway corp-gateway passed no request on")
        for reason in find_reasons(record)
    )


def test_a_gateway_that_passed_a_request_on_keeps_its_cause() -> None:
    passed = make_observation(
        outcome=Outcome.TIMED_OUT, status=None, exchanges=(make_exchange(status=None),)
    )
    diagnosis = diagnose(make_record(is_gateway=True, observation=passed))
    assert diagnosis
    assert diagnosis.id == "no-answer"
