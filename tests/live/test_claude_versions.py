"""The unmodified `claude`, by version, asked live of an emulator that plays the service.

It has the real host names, a certificate of its own authority, and counts every request.
"""

import contextlib
import dataclasses
import datetime
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.claude_api import API
from authprobe.core.client_kinds import Via
from authprobe.core.directions import Directions
from authprobe.core.isolation import Isolation
from authprobe.core.targets import Target
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import AccountState, Backend, Fault, TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.errors import InstallError
from authprobe.live.claude import Access, ask_claude
from authprobe.observation.model import Evidence, Observation, Outcome
from authprobe.plan.case import Case, expand
from authprobe.scenario.live import Ask, Live
from authprobe.scenario.model import Credential, Matrix
from authprobe.settings import cache_folder
from tests.support.make import make_clients, make_scenario
from tests.support.registry import UNREACHABLE
from tests.support.service import open_service

NEWEST = "2.1.332"
VERSIONS = ("2.1.62", "2.1.112", "2.1.199", "2.1.266", NEWEST)
SUBSCRIPTION = Backend(counts_as_claude_code=True)
SETUP_TOKEN = Credential(
    token=TokenKind.SETUP_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE, source="env:MY_SETUP_TOKEN"
)
API_KEY = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE, source="env:MY_KEY")
LOGIN = Credential(token=TokenKind.LOGIN, via=Via.CREDENTIALS_FILE, source="stored")


@dataclasses.dataclass
class World:
    """A laboratory, and an emulator that plays the service."""

    laboratory: Laboratory
    service: CaseBackend
    directions: Directions
    folder: Path

    def token(self, credential: Credential, state: TokenState = TokenState.VALID) -> str:
        """Make a token that the service knows in this state, and return its value."""
        value = self.service.tokens.make(credential.token, state).value
        self.laboratory.redactor.learn("mine", value)
        return value

    def ask(
        self,
        client: str,
        credential: Credential,
        value: str = "",
        *,
        environment: dict[str, str] | None = None,
        hosts: tuple[str, ...] = (API,),
        **access: Any,
    ) -> Observation:
        """Ask live, and return the observation."""
        case = live_case(client, credential, environment or {}, hosts)
        way = Access(
            value_of=lambda _: value,
            config_folder=self.folder,
            directions=self.directions,
            authority=self.directions.authority,
        )
        return ask_claude(self.laboratory, case, dataclasses.replace(way, **access))

    @property
    def requests(self) -> Counter[str]:
        """Numbers of requests to the service by path, those of the start included."""
        return Counter(exchange.path for exchange in self.service.exchanges)


def live_case(
    client: str,
    credential: Credential,
    environment: dict[str, str] | None = None,
    hosts: tuple[str, ...] = (API,),
) -> Case:
    scenario = make_scenario(
        matrix=Matrix(client=make_clients(client), credential=("mine",), environment=("own",)),
        credentials={"mine": credential},
        environments={"own": environment or {}},
        live=Live(hosts=hosts, ask=Ask.MESSAGE, expires=datetime.date(2027, 1, 1)),
        limit=60.0,
    )
    (case,) = expand(scenario)
    names = dataclasses.replace(case.names, target=Target.LIVE)
    return dataclasses.replace(case, names=names, live=scenario.live)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    scratch = tmp_path_factory.mktemp("live")
    with (
        Network(scratch) as network,
        Children(scratch, isolation=Isolation.SEALED) as children,
        Children() as installers,
        Cache(cache_folder(), installers, scratch) as cache,
    ):
        if children.isolation is not Isolation.SEALED:
            pytest.skip(f"THIS SYSTEM SEALS NO CONTAINERS: {children.known_refusal}")
        yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


@contextlib.contextmanager
def open_world(laboratory: Laboratory, folder: Path, setup: Backend) -> Iterator[World]:
    assert isinstance(laboratory.network, Network)
    with open_service(laboratory.network, setup) as (service, directions):
        yield World(laboratory, service, directions, folder)


@pytest.fixture
def world(laboratory: Laboratory, tmp_path: Path) -> Iterator[World]:
    """A service that takes what `claude` asks for requests of Claude Code."""
    with open_world(laboratory, tmp_path, SUBSCRIPTION) as opened:
        yield opened


def prepare(laboratory: Laboratory, version: str) -> str:
    """Install a version of the cache, and return the client; skip if it is not there."""
    client = f"claude-code@{version}"
    (parsed,) = make_clients(client)
    laboratory.cache.prepare(parsed, lambda _: None)
    try:
        laboratory.cache.get(parsed)
    except InstallError as error:
        if UNREACHABLE in str(error):
            pytest.skip(f"NO PACKAGE REGISTRY: {client} could not be installed or tested")
        raise
    return client


ASKED_ONCE = frozenset(VERSIONS) - {NEWEST}
"""Versions that do not ask again after a 401."""


@pytest.mark.parametrize("version", VERSIONS)
def test_setup_token_is_accepted_with_one_small_request(world: World, version: str) -> None:
    client = prepare(world.laboratory, version)
    observation = world.ask(client, SETUP_TOKEN, world.token(SETUP_TOKEN))
    assert (observation.outcome, observation.message) == (Outcome.ACCEPTED, "pong")
    assert world.requests["/v1/messages"] == 1
    assert_no_login_was_asked_for(world)
    assert observation.client_version == version
    assert observation.exchanges == ()
    assert observation.leaks == ()
    assert Evidence.OTEL in observation.evidence
    assert observation.cost is not None
    assert observation.cost.requests == 1
    assert observation.cost.estimated_usd is not None
    counts = {count.host: count for count in observation.gate}
    assert counts[API].sent < 16_000
    assert counts[API].received > 1000
    assert observation.detail is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("state", [TokenState.REVOKED, TokenState.EXPIRED, None])
def test_setup_token_is_rejected_with_two_requests_at_most(
    world: World, version: str, state: TokenState | None
) -> None:
    client = prepare(world.laboratory, version)
    unknown = f"sk-ant-oat01-{secrets.token_urlsafe(48)}"
    value = world.token(SETUP_TOKEN, state) if state else unknown
    observation = world.ask(client, SETUP_TOKEN, value)
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 401)
    count = 1 if version in ASKED_ONCE else 2
    assert world.requests["/v1/messages"] == count
    assert observation.cost is not None
    assert observation.cost.requests in (None, count)
    assert_no_login_was_asked_for(world)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("setup", "outcome", "status"),
    [
        (Backend(standing=AccountState.OAUTH_NOT_ALLOWED), Outcome.REJECTED, 403),
        (Backend(faults=(Fault(name="A27"),)), Outcome.THROTTLED, 429),
        (Backend(faults=(Fault(name="A30"),)), Outcome.OVERLOADED, 529),
        (Backend(faults=(Fault(name="A31"),)), Outcome.SERVER_ERROR, 503),
    ],
    ids=["403", "429", "529", "503"],
)
def test_refusals_are_asked_for_twice_at_most(
    laboratory: Laboratory,
    tmp_path: Path,
    version: str,
    setup: Backend,
    outcome: Outcome,
    status: int,
) -> None:
    client = prepare(laboratory, version)
    setup = dataclasses.replace(setup, counts_as_claude_code=True)
    with open_world(laboratory, tmp_path, setup) as world:
        observation = world.ask(client, SETUP_TOKEN, world.token(SETUP_TOKEN))
        assert (observation.outcome, observation.status) == (outcome, status)
        # The newest version asks once more after a 503, whatever CLAUDE_CODE_MAX_RETRIES says.
        count = 2 if (version, status) == (NEWEST, 503) else 1
        assert world.requests["/v1/messages"] == count
        assert_no_login_was_asked_for(world)


def assert_no_login_was_asked_for(world: World) -> None:
    """Check that nobody asked the token endpoint, which would rotate a login."""
    assert not any("/oauth/token" in path for path in world.requests)
