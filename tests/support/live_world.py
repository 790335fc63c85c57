"""A live world: a laboratory, and an emulator that plays the service under its real names."""

import contextlib
import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients.base import Laboratory
from authprobe.core.claude_api import API
from authprobe.core.client_kinds import Via
from authprobe.core.directions import Directions
from authprobe.core.targets import Target
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.errors import InstallError
from authprobe.live.claude import ask_claude
from authprobe.live.clients import Access, AskClient
from authprobe.observation.model import Observation
from authprobe.plan.case import Case, expand
from authprobe.scenario.live import Ask, Live
from authprobe.scenario.model import Credential, Matrix
from tests.support.exhaustive import exhaustive_but
from tests.support.make import make_clients, make_scenario
from tests.support.registry import UNREACHABLE
from tests.support.service import open_service

NEWEST = "2.1.332"
VERSIONS = ("2.1.62", "2.1.112", "2.1.199", "2.1.266", NEWEST)
EACH_VERSION = exhaustive_but((VERSIONS[0], NEWEST), VERSIONS)
"""The same as parameters of a test."""
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
        by: AskClient = ask_claude,
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
        return by(self.laboratory, case, dataclasses.replace(way, **access))

    @property
    def requests(self) -> Counter[str]:
        """Numbers of requests to the service by path, those of the start included."""
        return Counter(exchange.path for exchange in self.service.log.exchanges)


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


@contextlib.contextmanager
def open_world(laboratory: Laboratory, folder: Path, setup: Backend) -> Iterator[World]:
    assert isinstance(laboratory.network, Network)
    with open_service(laboratory.network, setup) as (service, directions):
        yield World(laboratory, service, directions, folder)


def prepare(laboratory: Laboratory, version: str) -> str:
    """Install a version of the cache, and return the client; skip if it is not there."""
    return prepare_client(laboratory, f"claude-code@{version}")


def prepare_client(laboratory: Laboratory, client: str) -> str:
    """Install a client, and return it; skip if it is not there."""
    (parsed,) = make_clients(client)
    laboratory.cache.prepare(parsed, lambda _: None)
    try:
        laboratory.cache.get(parsed)
    except InstallError as error:
        if UNREACHABLE in str(error):
            pytest.skip(f"NO PACKAGE REGISTRY: {client} could not be installed or tested")
        raise
    return client


def assert_no_login_was_asked_for(world: World) -> None:
    """Check that nobody asked the token endpoint, which would rotate a login."""
    assert not any("/oauth/token" in path for path in world.requests)


def write_login(
    world: World,
    *,
    left: datetime.timedelta = datetime.timedelta(hours=8),
    state: TokenState = TokenState.VALID,
    **fields: object,
) -> str:
    """Store a login that the service knows in the user's config folder; return the file's text."""
    now = datetime.datetime.now(datetime.UTC)
    tokens = world.service.tokens
    record = {
        "accessToken": tokens.make(TokenKind.ACCESS_TOKEN, state).value,
        "refreshToken": tokens.make(TokenKind.REFRESH_TOKEN).value,
        "expiresAt": int((now + left).timestamp() * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
    kept = {name: value for name, value in (record | fields).items() if value is not None}
    text = json.dumps({"claudeAiOauth": kept})
    world.folder.mkdir(exist_ok=True)
    (world.folder / ".credentials.json").write_text(text)
    (world.folder / ".credentials.json").chmod(0o600)
    return text
