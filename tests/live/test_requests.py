"""Requests of a live case, against a second emulator under the real host names."""

import dataclasses
import datetime
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from authprobe.clients.base import Laboratory
from authprobe.core.claude_api import API, PLATFORM
from authprobe.core.directions import Directions
from authprobe.core.targets import Target
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault, TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.engine.probe import probe_case
from authprobe.live.laboratory import LiveLaboratory
from authprobe.live.plan import live_plan
from authprobe.live.secrets import Secrets
from authprobe.observation.model import PRESENT, EvidenceSource, Observation, Outcome
from authprobe.plan.case import Case
from authprobe.plan.expand import make_plan
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.load import load_files
from authprobe.service.asker import Asker
from authprobe.service.budget import Budget
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status
from tests.support.service import hostile_server, open_service, read_head

SOON = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=30)
SCENARIO = f"""\
id: mine
title: Our key
why: It must work today.
sources: [https://platform.claude.com/docs/en/api/overview]
live:
  hosts: [api.anthropic.com, platform.claude.com]
  ask: message
  max_requests: 30
  expires: {SOON}
endpoints:
  models: {{url: https://api.anthropic.com/v1/models, request: models}}
  count: {{url: https://api.anthropic.com/v1/messages/count_tokens, request: count-tokens}}
  message: {{url: https://api.anthropic.com/v1/messages}}
  named: {{url: https://api.anthropic.com/v1/messages, model: claude-haiku-4-5}}
  refresh: {{url: https://platform.claude.com/v1/oauth/token, request: refresh}}
headers:
  next: {{anthropic-version: "2026-10-21"}}
credentials:
  key: {{token: api-key, from: env:OUR_KEY, for: [api.anthropic.com], via: x-api-key}}
  made-up: {{token: api-key, state: unknown, via: x-api-key}}
  bearer: {{token: setup-token, state: unknown, via: bearer}}
  old: {{token: refresh-token, state: unknown}}
matrix:
  client: [raw-http]
  endpoint: [models, count, message, named]
  credential: [key, made-up, none]
include:
  - {{endpoint: models, headers: next}}
  - {{endpoint: refresh, credential: old}}
  - {{endpoint: models, credential: bearer}}
expect: {{outcome: accepted}}
"""


@dataclasses.dataclass
class Service:
    """The second emulator, and a laboratory that asks it."""

    backend: CaseBackend
    directions: Directions
    laboratory: Laboratory
    live: LiveLaboratory
    cases: dict[str, Case]
    key: str

    def probe(self, name: str) -> Observation:
        """Return the observation of a live case."""
        return probe_case(self.laboratory, self.cases[f"mine/raw-http/{name}/live"])


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def service(network: Network, tmp_path: Path) -> Iterator[Service]:
    with open_service(network) as (backend, directions):
        yield make_service(backend, directions, tmp_path)


def make_service(
    backend: CaseBackend, directions: Directions, folder: Path, text: str = SCENARIO
) -> Service:
    """Return a laboratory with a valid key for this backend, and the live cases of a scenario."""
    path = folder / "mine.yaml"
    path.write_text(text)
    scenario = load_files([path], asks_live=True)[0].scenario
    cases = make_plan([scenario], targets=(Target.LIVE,))
    plan = live_plan(cases)
    key = backend.tokens.make(TokenKind.API_KEY, TokenState.VALID).value
    redactor = Redactor()
    redactor.learn("OUR_KEY", key)
    budget = Budget(min(plan.requests, 40))
    live = LiveLaboratory(
        secrets=Secrets({"OUR_KEY": key}),
        asker=Asker(
            hosts=plan.hosts,
            budget=budget,
            directions=directions,
            pause=0,
            timeout=3,
            redactor=redactor,
        ),
        budget=budget,
        directions=directions,
    )
    laboratory = Laboratory(
        network=Mock(), children=Mock(), cache=Mock(folder=folder), redactor=redactor, live=live
    )
    return Service(backend, directions, laboratory, live, {case.id: case for case in cases}, key)


def test_models_are_one_request_as_authprobe(service: Service) -> None:
    observation = service.probe("models/key")
    assert (observation.outcome, observation.status) == (Outcome.ACCEPTED, 200)
    assert observation.evidence == (EvidenceSource.REQUEST,)
    assert observation.cost is not None
    assert (observation.cost.requests, observation.cost.estimated_usd) == (1, 0.0)
    (seen,) = service.backend.log.exchanges
    assert (seen.path, seen.credential, seen.credential_header) == (
        "/v1/models",
        "api-key",
        "x-api-key",
    )
    assert seen.products[0].startswith("authprobe/")


def test_only_names_of_headers_are_kept(service: Service) -> None:
    (exchange,) = service.probe("models/key").exchanges
    assert exchange.headers == {"anthropic-version": PRESENT, "x-api-key": PRESENT}
    assert (exchange.credential, exchange.credential_header) == ("api-key", "x-api-key")
    assert "request-id" in exchange.response_headers
    assert service.key not in repr(exchange)


@pytest.mark.parametrize("endpoint", ["count", "message"])
def test_a_question_takes_the_model_of_the_service(endpoint: str, service: Service) -> None:
    observation = service.probe(f"{endpoint}/key")
    assert observation.outcome is Outcome.ACCEPTED
    assert [exchange.method for exchange in observation.exchanges] == ["GET", "POST"]
    assert service.backend.log.request_count == 2


def test_a_named_model_is_asked_at_once(service: Service) -> None:
    observation = service.probe("named/key")
    assert observation.outcome is Outcome.ACCEPTED
    assert service.backend.log.request_count == 1
    assert observation.cost is not None
    assert observation.cost.estimated_usd == 0.001


def test_a_refused_list_of_models_ends_the_question(service: Service) -> None:
    observation = service.probe("message/made-up")
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 401)
    assert observation.error_type == "authentication_error"
    assert observation.detail == "the list of models, which is asked first, was refused"
    assert service.backend.log.request_count == 1


def test_a_made_up_refresh_token_has_no_client_of_anybody(service: Service) -> None:
    observation = service.probe("refresh/old")
    assert observation.outcome is Outcome.REJECTED
    (seen,) = service.backend.log.exchanges
    assert (seen.host, seen.credential_header) == (PLATFORM, "body")


def test_a_made_up_bearer_is_refused(service: Service) -> None:
    observation = service.probe("models/bearer")
    assert observation.outcome is Outcome.REJECTED
    assert observation.exchanges[0].credential_header == "authorization"


def test_no_credential_is_a_question_too(service: Service) -> None:
    observation = service.probe("models/none")
    assert observation.outcome is Outcome.REJECTED
    assert observation.exchanges[0].credential is None


def test_a_missing_secret_asks_nothing(service: Service) -> None:
    live = dataclasses.replace(service.live, secrets=Secrets({}))
    service.laboratory = dataclasses.replace(service.laboratory, live=live)
    observation = service.probe("models/key")
    assert observation.untestable
    assert observation.detail == "not asked: the variable OUR_KEY is not set, or empty"
    assert service.backend.log.request_count == 0


def test_without_consent_nothing_is_asked(service: Service) -> None:
    service.laboratory = dataclasses.replace(service.laboratory, live=None)
    observation = service.probe("models/key")
    assert observation.detail == "not asked: nobody agreed to ask the real service"
    assert service.backend.log.request_count == 0


@pytest.mark.parametrize("prefix", ["sk-ant-oat01-", "sk-ant-ort01-"])
def test_a_token_of_a_subscription_is_not_sent_whatever_it_is_called(
    prefix: str, service: Service
) -> None:
    live = dataclasses.replace(service.live, secrets=Secrets({"OUR_KEY": prefix + "x" * 40}))
    service.laboratory = dataclasses.replace(service.laboratory, live=live)
    observation = service.probe("models/key")
    assert observation.untestable
    assert "is the token of a subscription" in (observation.detail or "")
    assert service.backend.log.request_count == 0


@pytest.mark.parametrize(
    ("fault", "words", "status"),
    [
        (Fault(name="A27"), "throttled (status 429)", 429),
        (Fault(name="A30"), "server error", 529),
        (Fault(name="reset"), "connection", None),
        (Fault(name="reset-in-body"), "connection", None),
        (Fault(name="A34"), "edge page", 403),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
def test_what_does_not_judge_the_key_is_no_verdict(
    fault: Fault, words: str, status: int | None, service: Service
) -> None:
    service.backend.faults.add(fault)
    observation = service.probe("models/key")
    assert observation.untestable
    assert observation.status == status
    assert f"could not be asked: {words}" in (observation.detail or "")
    assert service.backend.log.request_count == 1


def test_after_a_limit_the_host_gets_nothing_more(service: Service) -> None:
    service.backend.faults.add(Fault(name="A27"))
    for name in ("models/key", "named/key", "models/made-up"):
        observation = service.probe(name)
        assert observation.untestable
    assert "ended after 429" in (observation.detail or "")
    assert service.backend.log.request_count == 1


def test_the_budget_holds_whatever_fails(service: Service) -> None:
    for case in service.cases.values():
        probe_case(service.laboratory, case)
        probe_case(service.laboratory, case)
    assert service.live.budget.left == 0
    assert service.backend.log.request_count == service.live.budget.limit


def test_what_nobody_can_see_is_not_asked(network: Network, tmp_path: Path) -> None:
    text = SCENARIO.replace(
        "expect: {outcome: accepted}",
        "expect: {outcome: accepted, requests: [{path: /v1/models, rule: models}]}",
    )
    with open_service(network) as (backend, directions):
        service = make_service_without_plan(backend, directions, tmp_path, text)
        observation = service.probe("models/key")
    assert observation.untestable
    assert observation.detail == (
        "untestable here: 'rule' of 'requests' cannot be seen: rules are the emulator's"
    )
    assert backend.log.request_count == 0


def make_service_without_plan(
    backend: CaseBackend, directions: Directions, folder: Path, text: str
) -> Service:
    """Return the same for cases of which none is to be asked."""
    service = make_service(backend, directions, folder, text)
    assert service.live.budget.limit == 0
    return service


def test_what_was_asked_of_whom_can_be_expected(service: Service) -> None:
    (exchange,) = service.probe("models/key").exchanges
    assert (exchange.method, exchange.host, exchange.path, exchange.status) == (
        "GET",
        API,
        "/v1/models",
        200,
    )


def test_a_redirect_to_another_host_is_followed_nowhere(tmp_path: Path) -> None:
    def answer(channel: socket.socket) -> None:
        heads.append(read_head(channel))
        channel.sendall(
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: https://claude.ai/v1/models\r\n"
            b"content-length: 0\r\n\r\n"
        )

    heads: list[bytes] = []
    with hostile_server(answer, tmp_path) as (connections, directions):
        service = make_service(CaseBackend(), directions, tmp_path)
        observation = service.probe("models/key")
    assert len(connections) == 1
    assert b"host: api.anthropic.com" in heads[0]
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 307)
    assert observation.detail == "a redirect, which is not followed"


def test_a_slow_service_is_no_verdict(tmp_path: Path) -> None:
    def answer(channel: socket.socket) -> None:
        read_head(channel)
        time.sleep(5)

    with hostile_server(answer, tmp_path) as (connections, directions):
        service = make_service(CaseBackend(), directions, tmp_path)
        observation = service.probe("models/key")
    assert len(connections) == 1
    assert observation.untestable
    assert "could not be asked: timeout" in (observation.detail or "")


def test_nothing_that_the_service_echoes_is_kept(tmp_path: Path) -> None:
    """A service that sends the key back in its message, and secrets of its own in headers."""

    def answer(channel: socket.socket) -> None:
        head = read_head(channel).decode()
        key = next(line[11:] for line in head.split("\r\n") if line.startswith("x-api-key: "))
        body = (
            '{"type":"error","error":{"type":"authentication_error","message":"no '
            + f'{key} and {key[::-1]} here"}}}}'
        )
        channel.sendall(
            (
                f"HTTP/1.1 401 No {key}\r\nrequest-id: req_canary4711\r\n"
                "anthropic-organization-id: org-canary4711\r\nset-cookie: id=canary4711\r\n"
                f"x-{key[13:30].lower()}: 1\r\ncontent-length: {len(body)}\r\n\r\n{body}"
            ).encode()
        )

    with hostile_server(answer, tmp_path) as (_, directions):
        service = make_service(CaseBackend(), directions, tmp_path)
        observation = service.probe("models/key")
    text = repr(observation)
    assert observation.status == 401
    assert service.key not in text
    assert service.key[13:30].lower() not in text
    assert "canary4711" not in text
    assert "[redacted:OUR_KEY]" in text
    assert "set-cookie" in observation.exchanges[0].response_headers


def test_an_expectation_of_requests_is_judged_by_what_was_sent(
    network: Network, tmp_path: Path
) -> None:
    text = SCENARIO.replace(
        "expect: {outcome: accepted}",
        "expect: {outcome: accepted, requests: [{path: /v1/models, status: 200, host: "
        "api.anthropic.com, credential: api-key, credential_header: x-api-key}]}",
    )
    with open_service(network) as (backend, directions):
        service = make_service(backend, directions, tmp_path, text)
        case = service.cases["mine/raw-http/models/key/live"]
        verdict = judge(case, service.probe("models/key"))
        assert verdict.status is Status.PASSED
        wrong = service.cases["mine/raw-http/named/key/live"]
        assert judge(wrong, service.probe("named/key")).status is Status.FAILED


def test_the_id_of_a_workspace_is_sent_and_in_no_record(network: Network, tmp_path: Path) -> None:
    beside = (
        "{token: workspace-id, from: env:OUR_SPACE, via: header, header: anthropic-workspace-id}"
    )
    key = "{token: api-key, from: env:OUR_KEY, for: [api.anthropic.com], via: x-api-key}"
    text = SCENARIO.replace(f"key: {key}", f"key: [{beside}, {key}]").replace(
        "from: env:OUR_SPACE", "from: env:OUR_SPACE, for: [api.anthropic.com]"
    )
    space = "wrkspc_01MadeUpAndNobodys"
    with open_service(network) as (backend, directions):
        service = make_service(backend, directions, tmp_path, text)
        values = {"OUR_KEY": service.key, "OUR_SPACE": space}
        live = dataclasses.replace(service.live, secrets=Secrets(values))
        service.laboratory = dataclasses.replace(service.laboratory, live=live)
        observation = service.probe("models/key")
        (seen,) = backend.log.exchanges
    assert observation.outcome is Outcome.ACCEPTED
    assert seen.headers["anthropic-workspace-id"] == PRESENT
    (exchange,) = observation.exchanges
    assert (exchange.credential, exchange.credential_header) == ("api-key", "x-api-key")
    assert "anthropic-workspace-id" in exchange.headers
    assert space not in repr(observation)


def test_ids_and_addresses_in_a_message_are_replaced(tmp_path: Path) -> None:
    organization = "8a1f7e42-77aa-4c01-9d3e-b0b0b0b0b0b0"
    message = f"org {organization} of jo@example.com has no access, req_011CSHoEeqs5C35K2UUqR7Fy"

    def answer(channel: socket.socket) -> None:
        read_head(channel)
        body = (
            '{"type":"error","error":{"type":"permission_error","message":"' + message + '"}}'
        ).encode()
        channel.sendall(b"HTTP/1.1 403 No\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    with hostile_server(answer, tmp_path) as (_, directions):
        service = make_service(CaseBackend(), directions, tmp_path)
        observation = service.probe("models/key")
    assert observation.message == "org [id] of [e-mail] has no access, [request-id]"
    assert organization not in repr(observation)
