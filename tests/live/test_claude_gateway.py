"""The unmodified `claude` asked live through a gateway of the user, and as part of a run."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.process.children import Children
from authprobe.core.claude_api import API
from authprobe.core.client_kinds import Via
from authprobe.core.directions import Directions
from authprobe.core.isolation import Isolation
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, Fault, Host, TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.engine.probe import probe_case
from authprobe.errors import ClientError
from authprobe.live.claude_run import ClaudeQuestion, LoginPlace, run_claude
from authprobe.live.gate import ConnectGate
from authprobe.live.laboratory import LiveLaboratory
from authprobe.observation.model import Observation, Outcome
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.clients import parse_client
from authprobe.scenario.model import Credential
from authprobe.service.asker import Asker
from authprobe.service.budget import Budget
from tests.support.live_world import (
    API_KEY,
    NEWEST,
    SETUP_TOKEN,
    VERSIONS,
    World,
    live_case,
    open_world,
    prepare,
)

GATEWAY = "gateway.example.com"
BASE_URL = "ANTHROPIC_BASE_URL"


@dataclasses.dataclass
class Gateway:
    """A world with a gateway of the user, which the gate reaches through the user's proxy only."""

    world: World
    proxy_url: str

    def ask(self, *arguments: Any, **options: Any) -> Observation:
        """Ask live, and return the observation."""
        return self.world.ask(*arguments, proxy_for=lambda host: self.proxy_url, **options)


@pytest.fixture
def gateway(laboratory: Laboratory, tmp_path: Path) -> Iterator[Gateway]:
    assert isinstance(laboratory.network, Network)
    backend = CaseBackend(Backend(hosts={GATEWAY: Host()}))
    listener = laboratory.network.open(backend)
    world = World(laboratory, backend, Directions({}, laboratory.network.ca_file), tmp_path)
    yield Gateway(world, listener.proxy_url)
    laboratory.network.close(listener)


@pytest.mark.parametrize("version", [VERSIONS[0], NEWEST])
@pytest.mark.parametrize(
    ("state", "outcome"), [(TokenState.VALID, Outcome.ACCEPTED), (None, Outcome.REJECTED)]
)
def test_key_goes_to_its_gateway_through_the_users_proxy_and_to_no_other_host(
    gateway: Gateway, version: str, state: TokenState | None, outcome: Outcome
) -> None:
    client = prepare(gateway.world.laboratory, version)
    value = gateway.world.token(API_KEY, state) if state else "sk-ant-api03-" + "u" * 64
    observation = gateway.ask(
        client,
        API_KEY,
        value,
        environment={BASE_URL: f"https://{GATEWAY}"},
        hosts=(API, GATEWAY),
    )
    assert observation.outcome is outcome
    assert {exchange.host for exchange in gateway.world.service.log.exchanges} == {GATEWAY}
    assert gateway.world.requests["/v1/messages"] == 1
    assert {count.host for count in observation.gate if count.connections} == {GATEWAY}


@pytest.mark.parametrize("version", [VERSIONS[0], NEWEST])
def test_gateway_on_this_machine_is_reached_by_its_door(
    world: World, laboratory: Laboratory, version: str
) -> None:
    client = prepare(laboratory, version)
    backend = CaseBackend(Backend())
    key = backend.tokens.make(TokenKind.API_KEY).value
    assert isinstance(laboratory.network, Network)
    listener = laboratory.network.open(backend)
    try:
        url = f"http://127.0.0.1:{listener.port}"
        observation = world.ask(
            client, API_KEY, key, environment={BASE_URL: url}, hosts=("127.0.0.1",)
        )
    finally:
        laboratory.network.close(listener)
    assert observation.outcome is Outcome.ACCEPTED
    assert [e.path for e in backend.log.exchanges if e.path == "/v1/messages"] == ["/v1/messages"]
    count = next(each for each in observation.gate if each.connections)
    assert count.host == f"127.0.0.1:{listener.port}"
    assert world.requests.total() == 0


@pytest.mark.parametrize(
    ("credential", "url", "hosts", "reason"),
    [
        (SETUP_TOKEN, f"https://{GATEWAY}", (GATEWAY,), "of a subscription is not sent to gateway"),
        (SETUP_TOKEN, "http://127.0.0.1:4000", ("127.0.0.1",), "of a subscription is not sent to"),
        (API_KEY, f"https://{GATEWAY}", (API,), "is not among the hosts of 'live'"),
        (API_KEY, f"http://{GATEWAY}", (GATEWAY,), "only https on port 443"),
        (API_KEY, f"https://{GATEWAY}:8443", (GATEWAY,), "only https on port 443"),
        (
            dataclasses.replace(API_KEY, hosts=(API,)),
            f"https://{GATEWAY}",
            (API, GATEWAY),
            f"the credential is not for {GATEWAY}",
        ),
        (
            dataclasses.replace(API_KEY, via=Via.API_KEY_HELPER),
            f"https://{GATEWAY}",
            (GATEWAY,),
            "handed over by a variable only",
        ),
    ],
)
def test_credential_that_must_not_go_there_is_not_asked(
    gateway: Gateway, credential: Credential, url: str, hosts: tuple[str, ...], reason: str
) -> None:
    client = prepare(gateway.world.laboratory, NEWEST)
    with pytest.raises(ClientError, match=reason):
        gateway.ask(client, credential, "value", environment={BASE_URL: url}, hosts=hosts)
    assert gateway.world.requests.total() == 0


@pytest.mark.parametrize(
    "environment", [{"CLAUDE_CONFIG_DIR": "{home}/other"}, {"NOT_A_VARIABLE": "1"}]
)
def test_variables_of_the_emulator_are_not_for_live(
    world: World, environment: dict[str, str]
) -> None:
    client = prepare(world.laboratory, NEWEST)
    with pytest.raises(ClientError, match="exists on the emulator only"):
        world.ask(client, SETUP_TOKEN, "value", environment=environment)
    with pytest.raises(ClientError, match="could make the question dearer, or repeat it"):
        world.ask(client, SETUP_TOKEN, "value", environment={"MAX_THINKING_TOKENS": "9000"})


class Values:
    """The secrets of a run."""

    names = ("MINE",)

    def __init__(self, value: str) -> None:
        self._value = value

    def learn(self, redactor: Redactor) -> None:
        redactor.learn("mine", self._value)

    def value(self, credential: Credential) -> str | None:
        return self._value if credential.source else None


def live_laboratory(world: World, value: str, limit: int) -> Laboratory:
    budget = Budget(limit)
    asker = Asker(hosts=(API,), budget=budget, directions=world.directions)
    live = LiveLaboratory(
        secrets=Values(value), asker=asker, budget=budget, directions=world.directions
    )
    return dataclasses.replace(world.laboratory, live=live)


def test_case_of_a_run_takes_its_requests_from_the_budget(world: World) -> None:
    case = live_case(prepare(world.laboratory, NEWEST), SETUP_TOKEN)
    laboratory = live_laboratory(world, world.token(SETUP_TOKEN), 3)
    assert probe_case(laboratory, case).outcome is Outcome.ACCEPTED
    second = probe_case(laboratory, case)
    assert (second.outcome, second.detail) == (
        Outcome.UNAVAILABLE,
        "not asked: the budget of 3 requests is used up",
    )
    assert world.requests["/v1/messages"] == 1


def test_made_up_token_needs_no_secret(world: World) -> None:
    unknown = Credential(
        token=TokenKind.SETUP_TOKEN, state=TokenState.UNKNOWN, via=Via.OAUTH_TOKEN_VARIABLE
    )
    case = live_case(prepare(world.laboratory, NEWEST), unknown)
    observation = probe_case(live_laboratory(world, "", 2), case)
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 401)
    assert world.requests["/v1/messages"] == 2


def test_host_that_throttles_a_client_is_asked_nothing_more(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    setup = Backend(counts_as_claude_code=True, faults=(Fault(name="A27"),))
    with open_world(laboratory, tmp_path, setup) as world:
        case = live_case(prepare(laboratory, NEWEST), SETUP_TOKEN)
        with_live = live_laboratory(world, world.token(SETUP_TOKEN), 8)
        throttled = probe_case(with_live, case)
        assert throttled.outcome is Outcome.UNAVAILABLE  # no verdict on the credential
        assert (throttled.detail or "").startswith("could not be asked: throttled (status 429)")
        assert probe_case(with_live, case).detail == (
            f"not asked: {API} throttled an earlier request"
        )
        assert world.requests["/v1/messages"] == 1


def test_outage_behind_a_client_is_no_verdict(laboratory: Laboratory, tmp_path: Path) -> None:
    setup = Backend(counts_as_claude_code=True, faults=(Fault(name="A31"),))
    with open_world(laboratory, tmp_path, setup) as world:
        case = live_case(prepare(laboratory, NEWEST), SETUP_TOKEN)
        observation = probe_case(live_laboratory(world, world.token(SETUP_TOKEN), 8), case)
    assert observation.untestable
    assert observation.status == 503
    assert (observation.detail or "").startswith("could not be asked: server error (status 503)")


def test_network_of_its_own_is_enough_for_a_token_but_not_for_the_login(
    world: World, tmp_path: Path
) -> None:
    client = prepare(world.laboratory, NEWEST)
    with Children(tmp_path, isolation=Isolation.NETWORK) as children:
        world.laboratory = dataclasses.replace(world.laboratory, children=children)
        observation = world.ask(client, SETUP_TOKEN, world.token(SETUP_TOKEN))
        assert observation.outcome is Outcome.ACCEPTED
        assert {count.host for count in observation.gate} == {API}
        question = ClaudeQuestion(
            variables={}, login=LoginPlace(folder=tmp_path, may_renew=False), limit=5
        )
        installed = world.laboratory.cache.get(parse_client(client))
        gate = ConnectGate(frozenset({API}))
        with (
            pytest.raises(ClientError, match="only in a sealed container"),
            run_claude(children, installed, question, gate=gate, authority=None),
        ):
            pass
