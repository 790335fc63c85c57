"""Each refusing rule and each fault leads to its cause, by the recorded observation alone."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from authprobe.clients import raw_http
from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.clients.raw_http import ERROR_OUTCOMES, read_error
from authprobe.core.client_kinds import Via
from authprobe.diagnosis.diagnose import diagnose
from authprobe.diagnosis.match import ConfidenceLevel, rank_causes
from authprobe.diagnosis.observation_facts import symptom_from_observation
from authprobe.emulator import faults
from authprobe.emulator.config import Backend, Fault, TokenKind
from authprobe.emulator.rules.routes import REFUSALS
from authprobe.emulator.server.network import Network
from authprobe.observation.model import (
    Exchange,
    LoginState,
    Observation,
    Outcome,
    StoredLogin,
    status_outcome,
)
from authprobe.scenario.model import Credential, Endpoint, Request
from authprobe.verdict.model import Status, Verdict
from tests.support.expected_causes import CAUSE_BY_FAULT, CAUSE_BY_RULE, expected_cause
from tests.support.make import make_case, make_exchange, make_observation, make_record
from tests.support.requests import RequestSpec, RuleExample, client_for
from tests.support.rule_examples import RULE_EXAMPLES
from tests.support.waiting import PATIENCE

UNKNOWN_KEY = "invalid x-api-key"

REFUSED = tuple(
    example
    for example in RULE_EXAMPLES
    if example.rule in REFUSALS and (example.status >= 400 or example.delay)
)
CREDENTIALS = frozenset(
    {"bearer-unknown", "access-token-expired", "access-token-revoked", "api-key-invalid"}
)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    scratch = tmp_path_factory.mktemp("laboratory")
    with Network(scratch) as network, Children() as children:
        cache = Cache(scratch / "cache", children)
        yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


def observe(laboratory: Laboratory, request: RequestSpec, limit: float = 10.0) -> Observation:
    """Send a request to its backend and return the observation of the raw HTTP client."""
    assert isinstance(laboratory.network, Network)
    backend = request.backend()
    headers, body = request.headers_and_body(backend)
    method, host, path = request.target
    url = httpx.URL(f"https://{host}{path}", query=request.query_string(backend).encode())
    with client_for(laboratory.network, backend) as client:
        try:
            response = client.request(method, url, headers=headers, content=body, timeout=limit)
        except httpx.HTTPError as error:
            outcome = next(outcome for kind, outcome in ERROR_OUTCOMES if isinstance(error, kind))
            return Observation(
                outcome=outcome,
                detail=f"{type(error).__name__}: {error}",
                exchanges=backend.log.exchanges,
            )
    error_type, message = (
        read_error(response.content) if response.status_code >= 400 else (None, None)
    )
    return Observation(
        outcome=status_outcome(response.status_code),
        status=response.status_code,
        error_type=error_type,
        message=message and backend.redactor(message),
        exchanges=backend.log.exchanges,
    )


def without_rules(observation: Observation) -> Observation:
    """Return the observation without the ids of the emulator's rules and faults."""
    exchanges = tuple(
        replace(exchange, rule=None, faults=(), nearest=None, differs=())
        for exchange in observation.exchanges
    )
    return replace(observation, exchanges=exchanges)


def test_every_refusing_rule_and_every_fault_has_an_expected_cause() -> None:
    rules = {example.rule for example in REFUSED}
    # B01b is the endpoint before its retirement: it refuses nothing.
    assert set(CAUSE_BY_RULE) == rules
    assert rules == REFUSALS - {"B01b"}
    assert set(CAUSE_BY_FAULT) == set(faults.FAULTS)


@pytest.mark.parametrize(
    "example", REFUSED, ids=[f"{example.rule}-{n}" for n, example in enumerate(REFUSED)]
)
def test_a_refusing_rule_leads_to_its_cause(laboratory: Laboratory, example: RuleExample) -> None:
    observation = observe(laboratory, example.spec, limit=0.3 if example.delay else PATIENCE)
    assert {exchange.rule for exchange in observation.exchanges} <= {example.rule, None}
    first, *_ = rank_causes(symptom_from_observation(observation))
    assert first.cause.id == expected_cause(example)
    assert first.evidence
    assert rank_causes(symptom_from_observation(without_rules(observation))) == rank_causes(
        symptom_from_observation(observation)
    )


@pytest.mark.parametrize("name", sorted(faults.FAULTS))
def test_a_fault_leads_to_its_cause(laboratory: Laboratory, name: str) -> None:
    slow = name in ("slow-tls", "delay", "drip-feed")
    fault = Fault(name=name, seconds=0.5) if slow else Fault(name=name)
    stream = name in faults.STREAM_FAULTS
    url = "https://api.anthropic.com/v1/messages"
    case = replace(
        make_case(),
        endpoint=Endpoint(url=url, request=Request.MESSAGES, stream=stream),
        credentials=(Credential(token=TokenKind.API_KEY, via=Via.X_API_KEY),),
        backend=Backend(faults=(fault,)),
        limit=0.3 if slow else PATIENCE,
    )
    with laboratory.sandbox(case) as sandbox:
        observation = raw_http.probe(sandbox)
    # A client may accept a faulty response; a case that expected a failure still names the fault.
    diagnosis = diagnose(
        make_record(observation=observation, verdict=Verdict(status=Status.FAILED))
    )
    assert diagnosis is not None
    assert diagnosis.id == CAUSE_BY_FAULT[name]
    assert diagnosis.id not in CREDENTIALS
    assert diagnosis.evidence


def test_other_hosts_are_ignored_if_a_claude_host_was_reached() -> None:
    telemetry = make_exchange(method="CONNECT", host="statsig.anthropic.com", path="", status=502)
    refused = make_exchange(status=401, error_type="authentication_error", message=UNKNOWN_KEY)
    observation = make_observation(
        outcome=Outcome.REJECTED, status=401, exchanges=(telemetry, refused)
    )
    ids = [match.cause.id for match in rank_causes(symptom_from_observation(observation))]
    assert ids[0] == "api-key-invalid"
    assert "proxy-unreachable" not in ids
    alone = make_observation(outcome=Outcome.UNREACHABLE, status=None, exchanges=(telemetry,))
    assert rank_causes(symptom_from_observation(alone))[0].cause.id == "proxy-unreachable"


def test_a_proxy_that_refuses_the_host_of_the_login_alone_is_a_sandbox() -> None:
    page = make_exchange(host="claude.ai", path="/oauth/authorize", status=200)
    refused = make_exchange(method="CONNECT", host="platform.claude.com", path="", status=502)
    failed = {"outcome": Outcome.REJECTED, "status": 200, "message": "proxy refused"}
    alone = make_observation(exchanges=(refused,), **failed)
    assert rank_causes(symptom_from_observation(alone))[0].cause.id == "proxy-unreachable"
    match, *_ = rank_causes(
        symptom_from_observation(make_observation(exchanges=(page, refused), **failed))
    )
    assert (match.cause.id, match.level) == ("sandbox-blocks-login", ConfidenceLevel.CERTAIN)


def test_a_login_in_another_folder_that_was_not_read_is_the_cause() -> None:
    login = Credential(token=TokenKind.LOGIN, via=Via.CREDENTIALS_FILE)
    elsewhere = replace(login, folder="{home}/work")
    message = "Not logged in · Please run /login"
    observation = make_observation(outcome=Outcome.REJECTED, status=None, message=message)

    def cause_id(credential: Credential, observation: Observation) -> str:
        record = make_record(observation=observation, credentials=(credential,))
        diagnosis = diagnose(record)
        assert diagnosis is not None
        return diagnosis.id

    assert cause_id(login, observation) == "credential-missing"
    assert cause_id(elsewhere, observation) == "config-folder-mismatch"
    asked = make_exchange(status=401, credential="access-token", message="OAuth token has expired.")
    sent = replace(observation, message=None, exchanges=(asked,))
    assert cause_id(elsewhere, sent) == "access-token-expired"


def test_a_base_url_in_the_settings_that_the_environment_does_not_have_is_the_cause() -> None:
    refused = make_exchange(
        host="llm.corp.example",
        path="/v1/messages",
        status=401,
        rule="gateway:missing-header",
        message="gateway: the header X-Corp-Key is required",
    )
    observation = make_observation(outcome=Outcome.REJECTED, status=401, exchanges=(refused,))
    record = make_record(observation=observation)
    shadowed = replace(record, shadowed_variables=("ANTHROPIC_BASE_URL",))
    found = [diagnose(each) for each in (record, shadowed)]
    assert [each and each.id for each in found] == ["gateway-header-missing", "base-url-overridden"]


def test_a_passed_or_untestable_case_has_no_diagnosis() -> None:
    accepted = Observation(outcome=Outcome.ACCEPTED, status=200)
    assert diagnose(make_record(observation=accepted)) is None
    untested = Observation(outcome=Outcome.UNAVAILABLE, detail="no npm")
    assert diagnose(make_record(observation=untested)) is None


def test_observations_with_different_messages_get_different_diagnoses() -> None:
    diagnoses = [
        diagnose(make_record(observation=Observation(outcome=Outcome.REJECTED, message=message)))
        for message in ("529 overloaded", "Credit balance is too low", "529 overloaded")
    ]
    assert [diagnosis.id for diagnosis in diagnoses if diagnosis] == [
        "overloaded",
        "credit-exhausted",
        "overloaded",
    ]


def test_a_denied_host_is_told_from_a_gateway_that_answers_alike() -> None:
    answer = make_exchange(host="llm.corp.example", status=404, message="not found")
    refused = {"outcome": Outcome.NOT_FOUND, "status": 404, "egress_refused": ("x.example",)}
    diagnoses = [
        diagnose(make_record(observation=make_observation(exchanges=(exchange,), **refused)))
        for exchange in (replace(answer, rule="deny:host"), answer)
    ]
    assert [each.id == "host-not-emulated" for each in diagnoses if each] == [True, False]


BLANKED = StoredLogin(state=LoginState.BLANKED)
REFRESH = make_exchange(
    host="platform.claude.com",
    path="/v1/oauth/token",
    credential="refresh-token",
    credential_header="body",
    status=400,
    error_type="invalid_grant",
    message="Refresh token not found or invalid",
)
EXPIRED = "Failed to authenticate: OAuth session expired and could not be refreshed"
HELPER = "Your apiKeyHelper script is failing"
FOREIGN = make_exchange(status=401, credential="foreign", credential_header="authorization")


@pytest.mark.parametrize(
    ("observation", "cause"),
    [
        (make_observation(message=EXPIRED, stored_login=BLANKED), "credential-blanked"),
        (
            make_observation(message=EXPIRED, stored_login=BLANKED, exchanges=(REFRESH,)),
            "refresh-token-rejected",
        ),
        (make_observation(message=HELPER, exchanges=(FOREIGN,)), "api-key-helper-failing"),
        (make_observation(exchanges=(FOREIGN,)), "bearer-unknown"),
        (
            make_observation(
                message="Invalid API key · Fix external API key · Invalid X-Api-Key header value"
            ),
            "credential-malformed",
        ),
        (make_observation(message="Not logged in · Please run /login"), "credential-missing"),
        (
            make_observation(message="Claude Code process exited with code 1"),
            "wrapper-hides-error",
        ),
    ],
)
def test_the_output_of_a_client_leads_to_a_cause(observation: Observation, cause: str) -> None:
    first, *_ = rank_causes(
        symptom_from_observation(replace(observation, outcome=Outcome.REJECTED, status=None))
    )
    assert first.cause.id == cause


@pytest.mark.parametrize(
    ("message", "is_named"),
    [
        ("ModuleNotFoundError: No module named 'httpx'", False),
        ("the process ended with exit code 1", True),
        (None, True),
    ],
)
def test_only_a_crash_without_an_error_message_hides_it(
    message: str | None, *, is_named: bool
) -> None:
    observation = make_observation(outcome=Outcome.CRASHED, status=None, message=message)
    ids = {match.cause.id for match in rank_causes(symptom_from_observation(observation))}
    assert ("wrapper-hides-error" in ids) is is_named


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_a_busy_or_failing_server_is_not_blamed_on_the_credential(status: int) -> None:
    exchange = Exchange(
        method="POST",
        host="api.anthropic.com",
        path="/v1/messages",
        credential_header="authorization",
        credential="foreign",
        status=status,
    )
    observation = Observation(outcome=status_outcome(status), status=status, exchanges=(exchange,))
    ids = {match.cause.id for match in rank_causes(symptom_from_observation(observation))}
    assert ids.isdisjoint(CREDENTIALS)
