"""The unmodified API SDKs asked live with an API key: what goes where, and what is told of it."""

import dataclasses
import socket
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.core.claude_api import API
from authprobe.core.client_kinds import Via
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, Fault, TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.errors import ClientError
from authprobe.live.api_sdk import ask_api_sdk
from authprobe.observation.model import EvidenceSource, Observation, Outcome
from authprobe.scenario.model import Credential
from tests.support.live_world import API_KEY, World, prepare_client
from tests.support.service import hostile_server, read_head

pytestmark = pytest.mark.clients
CLIENTS = ("anthropic-python@latest", "anthropic-node@latest")
BASE_URL = "ANTHROPIC_BASE_URL"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, laboratory: Laboratory) -> str:
    return prepare_client(laboratory, request.param)


def ask(
    world: World, client: str, credential: Credential, value: str, **more: object
) -> Observation:
    return world.ask(client, credential, value, by=ask_api_sdk, **more)  # type: ignore[arg-type]


def test_good_key_is_accepted_by_two_requests(world: World, client: str) -> None:
    observation = ask(world, client, API_KEY, world.token(API_KEY))
    assert (observation.outcome, observation.status) == (Outcome.ACCEPTED, 200), observation
    assert world.requests == {"/v1/models": 1, "/v1/messages": 1}
    assert {exchange.host for exchange in world.service.log.exchanges} == {API}
    assert observation.evidence == (EvidenceSource.RESULT, EvidenceSource.GATE)
    assert observation.cost is not None
    assert observation.cost.requests == 2
    assert observation.leaks == ()


def test_bad_key_is_refused_by_one_request(world: World, client: str) -> None:
    observation = ask(world, client, API_KEY, world.token(API_KEY, TokenState.UNKNOWN))
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 401), observation
    assert observation.error_type == "authentication_error"
    assert world.requests == {"/v1/models": 1}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("A27", Outcome.THROTTLED),
        ("A30", Outcome.OVERLOADED),
        ("A34", Outcome.UNAVAILABLE),
        ("reset", Outcome.UNREACHABLE),
    ],
)
def test_fault_is_asked_once_and_is_no_refusal(
    world: World, client: str, fault: str, outcome: Outcome
) -> None:
    world.service.faults.add(Fault(name=fault))
    observation = ask(world, client, API_KEY, world.token(API_KEY))
    assert observation.outcome is outcome, observation
    assert world.requests.total() <= 1


def test_gateway_on_this_machine_is_reached_by_its_door(
    world: World, laboratory: Laboratory, client: str
) -> None:
    backend = CaseBackend(Backend())
    key = backend.tokens.make(TokenKind.API_KEY).value
    assert isinstance(laboratory.network, Network)
    listener = laboratory.network.open(backend)
    try:
        observation = ask(
            world,
            client,
            API_KEY,
            key,
            environment={BASE_URL: f"http://127.0.0.1:{listener.port}"},
            hosts=("127.0.0.1",),
        )
    finally:
        laboratory.network.close(listener)
    assert observation.outcome is Outcome.ACCEPTED, observation
    assert world.requests.total() == 0


@pytest.mark.parametrize("token", [TokenKind.SETUP_TOKEN, TokenKind.ACCESS_TOKEN])
def test_token_of_a_subscription_is_never_given_to_an_sdk(
    world: World, client: str, token: TokenKind
) -> None:
    credential = dataclasses.replace(API_KEY, token=token, via=Via.AUTH_TOKEN_VARIABLE)
    with pytest.raises(ClientError, match="by the unmodified claude only"):
        ask(world, client, credential, world.token(credential))
    assert world.requests.total() == 0


def test_other_host_than_the_one_of_the_case_is_refused(world: World, client: str) -> None:
    with pytest.raises(ClientError, match="is not among the hosts of 'live'"):
        ask(
            world,
            client,
            API_KEY,
            world.token(API_KEY),
            environment={BASE_URL: "https://other.example"},
        )
    assert world.requests.total() == 0


def test_redirect_is_not_followed(world: World, client: str, tmp_path: Path) -> None:
    def answer(channel: socket.socket) -> None:
        path = read_head(channel).split(b" ")[1]
        channel.sendall(
            b"HTTP/1.1 307 Again\r\nlocation: " + path + b"\r\ncontent-length: 0\r\n"
            b"connection: close\r\n\r\n"
        )

    with hostile_server(answer, tmp_path) as (connections, directions):
        world.directions = directions
        observation = ask(world, client, API_KEY, world.token(API_KEY))
    assert len(connections) == 1
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 307)
    assert observation.detail == "a redirect, which is not followed"
