"""The bundled live scenarios: the table of each way to authenticate, against a second emulator."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from authprobe.core.claude_api import API, CONSOLE, PLATFORM
from authprobe.core.directions import Directions
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import (
    Backend,
    CredentialTreatment,
    Holds,
    Host,
    Requirement,
    TokenKind,
    TokenState,
)
from authprobe.emulator.server.network import Network
from authprobe.scenario.live import VARIABLE_PREFIX
from authprobe.scenario.load import load_file
from authprobe.scenario.model import credentials_of
from authprobe.settings import bundled_scenarios
from tests.support.command import Ended, results, verdicts
from tests.support.live_command import run_live
from tests.support.live_world import NEWEST
from tests.support.service import open_service

FILES = sorted((bundled_scenarios() / "live").glob("*.yaml"))
GATEWAY = "llm.example"
KINDS = {
    "PROBE_API_KEY": TokenKind.API_KEY,
    "PROBE_SETUP_TOKEN": TokenKind.SETUP_TOKEN,
    "PROBE_GATEWAY_KEY": TokenKind.GATEWAY_KEY,
}
SERVICE = Backend(
    counts_as_claude_code=True,
    hosts={
        GATEWAY: Host(
            requires=Requirement(form="Bearer", holds=Holds.GATEWAY_KEY),
            credential=CredentialTreatment.REPLACE,
        )
    },
)

Ask = Callable[..., Ended]


class Service:
    """The service and a gateway, and a user with a secret for each way."""

    def __init__(self, backend: CaseBackend, directions: Directions, folder: Path) -> None:
        self.backend, self.directions, self.folder = backend, directions, folder
        self.secrets: Mapping[str, str] = {
            name: backend.tokens.make(kind).value for name, kind in KINDS.items()
        }

    def ask(self, *options: str, without: tuple[str, ...] = ()) -> Ended:
        """Ask what is bundled, without some secrets."""
        ended = run_live(
            *("run", "--yes", "--out", "out", "--set", f"gateway={GATEWAY}", *options),
            directions=self.directions,
            cwd=self.folder,
            **{name: value for name, value in self.secrets.items() if name not in without},
        )
        written = [p.read_text() for p in (self.folder / "out").rglob("*") if p.suffix != ".db"]
        for text in (ended.out, ended.err, *written):
            assert not any(secret in text for secret in self.secrets.values())
        return ended

    @property
    def hosts(self) -> set[str]:
        """Hosts that were asked."""
        return {exchange.host for exchange in self.backend.log.exchanges}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Network() as network, open_service(network, SERVICE) as (backend, directions):
        yield Service(backend, directions, tmp_path)


def test_emulator_and_service_answer_the_same_without_a_client(service: Service) -> None:
    ended = service.ask("--target", "both", "--client", "raw-http")
    assert ended.code == 0, ended.out + ended.err
    (line,) = [each for each in ended.out.splitlines() if each.startswith("Emulator and live:")]
    assert re.fullmatch(r"Emulator and live: (\d+) questions: \1 the same", line)
    assert service.hosts == {API, PLATFORM, CONSOLE, GATEWAY}
    assert "nothing of PROBE_API_KEY, PROBE_GATEWAY_KEY in " in ended.err


def test_made_up_credentials_need_no_secret(service: Service) -> None:
    ended = service.ask(
        *("--target", "live", "--client", "raw-http", "-k", "made-up or none"), without=tuple(KINDS)
    )
    assert ended.code == 0, ended.out + ended.err
    assert len(verdicts(service.folder / "out")) == 9
    assert "Highest cost: nothing." in ended.err


def test_a_missing_secret_costs_its_own_cases_only(service: Service) -> None:
    ended = service.ask(
        *("--target", "live", "--client", "raw-http"), without=("PROBE_GATEWAY_KEY",)
    )
    assert ended.code == 12, ended.out + ended.err
    assert "Not set, or empty: PROBE_GATEWAY_KEY; 2 cases cannot be asked." in ended.err
    assert (
        f"Run the first again: authprobe run --set gateway={GATEWAY} --client raw-http" in ended.out
    )
    states = verdicts(service.folder / "out")
    unasked = {id for id, state in states.items() if state != "passed"}
    assert unasked == {
        f"live-gateway/raw-http/{name}/own-key/live" for name in ("models", "message")
    }


@pytest.mark.clients
def test_each_way_by_claude_is_asked_and_found(service: Service) -> None:
    ended = service.ask("--target", "both", "--client", f"claude-code@{NEWEST}")
    if "could not be installed" in ended.out:
        pytest.skip(f"NO PACKAGE REGISTRY: claude-code@{NEWEST} could not be installed or tested")
    assert ended.code == 0, ended.out + ended.err
    assert len(verdicts(service.folder / "out")) == 10
    assert "Emulator and live: 5 questions: 5 the same" in ended.out
    used = {name for name in KINDS if name in ended.err}
    assert used == set(KINDS)


@pytest.mark.clients
def test_emulator_and_service_answer_the_sdks_the_same(service: Service) -> None:
    ended = service.ask("--target", "both", "-k", "live-sdk")
    if "could not be installed" in ended.out:
        pytest.skip("NO PACKAGE REGISTRY: the API SDKs could not be installed or tested")
    assert ended.code == 0, ended.out + ended.err
    assert "Emulator and live: 4 questions: 4 the same" in ended.out


@pytest.mark.clients
def test_a_token_that_its_owner_revoked_is_found(service: Service) -> None:
    for token in service.backend.tokens:
        service.backend.tokens.end(token, TokenState.REVOKED)
    ended = service.ask(
        *("--target", "live", "--client", f"claude-code@{NEWEST}"), *("-k", "setup-token and own")
    )
    if "could not be installed" in ended.out:
        pytest.skip(f"NO PACKAGE REGISTRY: claude-code@{NEWEST} could not be installed or tested")
    assert ended.code == 1, ended.out + ended.err
    (case,) = results(service.folder / "out")["cases"]
    assert case["observation"]["outcome"] == "rejected"


@pytest.mark.clients
def test_a_limit_behind_claude_is_no_verdict(service: Service) -> None:
    service.backend.faults.add("A27")
    ended = service.ask(
        *("--target", "live", "--client", f"claude-code@{NEWEST}"), *("-k", "setup-token and own")
    )
    if "could not be installed" in ended.out:
        pytest.skip(f"NO PACKAGE REGISTRY: claude-code@{NEWEST} could not be installed or tested")
    assert ended.code == 12, ended.out + ended.err
    assert "could not be asked: throttled (status 429)" in ended.out


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_name_of_a_secret_is_one_that_clients_read_themselves(file: Path) -> None:
    scenario = load_file(file)
    credentials = [c for name in scenario.credentials for c in credentials_of(scenario, name)]
    names = {each.source.removeprefix(VARIABLE_PREFIX) for each in credentials if each.source}
    assert names <= set(KINDS)


def test_each_file_is_an_own_way() -> None:
    assert [file.stem for file in FILES] == [
        *("api-key", "bearer", "cli-api-key", "cli-setup-token", "gateway", "refresh", "sdk")
    ]
