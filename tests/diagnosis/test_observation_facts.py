"""Each rule that refuses, and each fault, leads to its cause, by what is seen of it alone."""

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
from authprobe.diagnosis.match import match
from authprobe.diagnosis.observation_facts import observed
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
from tests.support.expected_causes import CAUSES, FAULTS, cause_of
from tests.support.make import make_case, make_exchange, make_observation
from tests.support.requests import Sent, Trial, served
from tests.support.rule_examples import TRIALS

UNKNOWN_KEY = "invalid x-api-key"

REFUSED = tuple(trial for trial in TRIALS if trial.status >= 400 or trial.delay)
CREDENTIALS = frozenset(
    {"bearer-unknown", "access-token-expired", "access-token-revoked", "api-key-invalid"}
)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    scratch = tmp_path_factory.mktemp("laboratory")
    with Network(scratch) as network, Children() as children:
        cache = Cache(scratch / "cache", children)
        yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


def observe(laboratory: Laboratory, sent: Sent, limit: float = 10.0) -> Observation:
    """What our own client sees of a request, and the backend of it."""
    assert isinstance(laboratory.network, Network)
    backend = sent.backend()
    headers, body = sent.parts(backend)
    method, host, path = sent.target
    url = httpx.URL(f"https://{host}{path}", query=sent.search(backend).encode())
    with served(laboratory.network, backend) as client:
        try:
            got = client.request(method, url, headers=headers, content=body, timeout=limit)
        except httpx.HTTPError as error:
            outcome = next(outcome for kind, outcome in ERROR_OUTCOMES if isinstance(error, kind))
            return Observation(
                outcome=outcome,
                detail=f"{type(error).__name__}: {error}",
                exchanges=backend.exchanges,
            )
    error_type, message = read_error(got.content) if got.status_code >= 400 else (None, None)
    return Observation(
        outcome=status_outcome(got.status_code),
        status=got.status_code,
        error_type=error_type,
        message=message and backend.redactor(message),
        exchanges=backend.exchanges,
    )


def anonymous(seen: Observation) -> Observation:
    """The same, without a word on which rule or fault it was."""
    hidden = tuple(
        replace(exchange, rule=None, faults=(), nearest=None, differs=())
        for exchange in seen.exchanges
    )
    return replace(seen, exchanges=hidden)


def test_every_refusal_and_every_fault_is_in_the_table() -> None:
    tried = {trial.rule for trial in REFUSED}
    # B01b answers as the endpoint always did: nothing is refused there.
    assert set(CAUSES) == tried
    assert tried == REFUSALS - {"B01b"}
    assert set(FAULTS) == set(faults.FAULTS)


@pytest.mark.parametrize(
    "trial", REFUSED, ids=[f"{trial.rule}-{n}" for n, trial in enumerate(REFUSED)]
)
def test_a_refusal_leads_to_its_cause(laboratory: Laboratory, trial: Trial) -> None:
    seen = observe(laboratory, trial.sent, limit=0.3 if trial.delay else 10.0)
    assert {exchange.rule for exchange in seen.exchanges} <= {trial.rule, None}
    first, *_ = match(observed(seen))
    assert first.cause.id == cause_of(trial)
    assert first.evidence
    assert match(observed(anonymous(seen))) == match(observed(seen))


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
        limit=0.3 if slow else 10.0,
    )
    with laboratory.sandbox(case) as sandbox:
        seen = raw_http.probe(sandbox)
    # A client may well accept what it got; whoever expected otherwise is told what was odd.
    told = diagnose(seen, Verdict(status=Status.FAILED))
    assert told is not None
    assert told.id == FAULTS[name]
    assert told.id not in CREDENTIALS
    assert told.evidence


def test_a_host_beside_those_of_claude_is_no_cause_where_they_were_reached() -> None:
    aside = make_exchange(method="CONNECT", host="statsig.anthropic.com", path="", status=502)
    refused = make_exchange(status=401, error_type="authentication_error", message=UNKNOWN_KEY)
    seen = make_observation(outcome=Outcome.REJECTED, status=401, exchanges=(aside, refused))
    found = [each.cause.id for each in match(observed(seen))]
    assert found[0] == "api-key-invalid"
    assert "proxy-unreachable" not in found
    alone = make_observation(outcome=Outcome.UNREACHABLE, status=None, exchanges=(aside,))
    assert match(observed(alone))[0].cause.id == "proxy-unreachable"


def test_a_good_request_has_no_diagnosis() -> None:
    passed = Verdict(status=Status.PASSED)
    assert diagnose(Observation(outcome=Outcome.ACCEPTED, status=200), passed) is None
    assert diagnose(Observation(outcome=Outcome.UNAVAILABLE, detail="no npm"), passed) is None


def test_what_two_cases_differ_in_is_not_mixed_up() -> None:
    passed = Verdict(status=Status.PASSED)
    told = [
        diagnose(Observation(outcome=Outcome.REJECTED, message=message), passed)
        for message in ("529 overloaded", "Credit balance is too low", "529 overloaded")
    ]
    assert [found.id for found in told if found] == ["overloaded", "credit-exhausted", "overloaded"]


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
    ("seen", "cause"),
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
def test_what_a_client_tells_and_does_leads_to_a_cause(seen: Observation, cause: str) -> None:
    first, *_ = match(observed(replace(seen, outcome=Outcome.REJECTED, status=None)))
    assert first.cause.id == cause


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_a_server_that_is_busy_or_down_is_no_bad_credential(status: int) -> None:
    shot = Exchange(
        method="POST",
        host="api.anthropic.com",
        path="/v1/messages",
        credential_header="authorization",
        credential="foreign",
        status=status,
    )
    seen = Observation(outcome=status_outcome(status), status=status, exchanges=(shot,))
    named = {found.cause.id for found in match(observed(seen))}
    assert named.isdisjoint(CREDENTIALS)
