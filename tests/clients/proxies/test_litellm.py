"""LiteLLM between somebody who asks and the API."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.process.children import Children
from authprobe.clients.proxies import litellm
from authprobe.clients.proxies.litellm import GATEWAY_KEY
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.errors import ScenarioError
from authprobe.observation.model import Outcome
from authprobe.plan.case import expand
from authprobe.scenario.load import load_file
from authprobe.scenario.model import Credential, Matrix
from tests.support.installed import laboratory_with, made_up, observe
from tests.support.make import make_clients, make_scenario

LITELLM: Final = "litellm@1.106.2"
OWN: Final = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
UNKNOWN: Final = Credential(
    token=TokenKind.API_KEY, state=TokenState.UNKNOWN, via=Via.API_KEY_VARIABLE
)
USERS: Final = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.BEARER)
CLI: Final = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)


# --- real -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, children: Children) -> Iterator[Laboratory]:
    yield from laboratory_with(children, tmp_path_factory.mktemp("gateway"), LITELLM)


def test_its_own_key_is_what_the_api_sees(installed: Laboratory) -> None:
    seen = observe(installed, LITELLM, OWN, limit=120.0)
    assert (seen.outcome, seen.status, seen.client_version) == (Outcome.ACCEPTED, 200, "1.106.2")
    [exchange] = seen.exchanges
    assert (exchange.host, exchange.products) == ("api.anthropic.com", ("litellm/1.106.2",))
    assert (exchange.credential_header, exchange.credential) == ("x-api-key", "api-key")


def test_of_two_credentials_the_exchange_says_which_was_sent(installed: Laboratory) -> None:
    seen = observe(installed, LITELLM, UNKNOWN, USERS, limit=120.0)
    [exchange] = seen.exchanges
    assert exchange.credential in ("api-key", "access-token")  # never the gateway's own
    assert seen.status == exchange.status


# --- made up --------------------------------------------------------------------------------------


def environment_of(laboratory: Laboratory, folder: Path, client: str, *given: Credential) -> str:
    """What a gateway is started with."""
    broken = made_up(laboratory, folder, 'env > "$HOME/seen"; echo Error: no; exit 1')
    (case,) = expand(
        make_scenario(
            matrix=Matrix(client=make_clients(client), credential=("given",)),
            credentials={"given": given},
        )
    )
    with broken.sandbox(case) as sandbox:
        seen = litellm.probe(sandbox)
        assert seen.outcome is Outcome.CRASHED
        assert seen.detail == "the gateway did not start: Error: no"
        return sandbox.redactor((sandbox.home / "seen").read_text())


def test_it_is_started_with_its_own_credential_only(laboratory: Laboratory, tmp_path: Path) -> None:
    lines = environment_of(laboratory, tmp_path, LITELLM, OWN, USERS).splitlines()
    assert "ANTHROPIC_API_KEY=[redacted:api-key]" in lines
    assert f"LITELLM_MASTER_KEY={GATEWAY_KEY}" in lines
    assert not any("access-token" in line for line in lines)


def test_the_credential_of_a_client_in_front_is_not_the_gateways(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    client = f"{LITELLM}+claude-code@2.1.31"
    lines = environment_of(laboratory, tmp_path, client, OWN, CLI).splitlines()
    assert "ANTHROPIC_API_KEY=[redacted:api-key]" in lines
    assert not any(line.startswith("CLAUDE_") or "access-token" in line for line in lines)


def test_one_that_never_listens_is_ended(laboratory: Laboratory, tmp_path: Path) -> None:
    seen = observe(made_up(laboratory, tmp_path, "sleep 60"), LITELLM, OWN, limit=0.5)
    assert (seen.outcome, seen.detail) == (Outcome.TIMED_OUT, "the gateway did not start")


def test_one_that_does_not_answer_has_crashed(laboratory: Laboratory, tmp_path: Path) -> None:
    silent = made_up(laboratory, tmp_path, f"echo '{litellm.READY_MARKER}'; sleep 60")
    seen = observe(silent, LITELLM, OWN, limit=5.0)
    assert seen.outcome is Outcome.CRASHED
    assert "the gateway gave no answer" in (seen.detail or "")


TALKATIVE: Final = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print("x" * 1_000_000, flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

with http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler) as server:
    print("Uvicorn running on", flush=True)
    server.serve_forever()
"""


def test_one_that_logs_much_is_not_kept_waiting(laboratory: Laboratory, tmp_path: Path) -> None:
    program = tmp_path / "talkative.py"
    program.write_text(TALKATIVE)
    talkative = made_up(laboratory, tmp_path, f'exec {sys.executable} -I {program} "$@"')
    seen = observe(talkative, LITELLM, OWN, limit=20.0)
    assert (seen.outcome, seen.status) == (Outcome.ACCEPTED, 200)


def test_a_token_in_its_log_is_a_leak(laboratory: Laboratory, tmp_path: Path) -> None:
    program = tmp_path / "talkative.py"
    leaking = TALKATIVE.replace(
        "        self.send", "        print(os.environ['ANTHROPIC_API_KEY'])\n        self.send", 1
    )
    for text, leaks in ((TALKATIVE, ()), (leaking, ("its output (stdout)",))):
        (tmp_path / str(len(leaks))).mkdir()
        program.write_text(f"import os\n{text}")
        script = f'exec {sys.executable} -I -u {program} "$@"'
        gateway_of_ours = made_up(laboratory, tmp_path / str(len(leaks)), script)
        seen = observe(gateway_of_ours, LITELLM, OWN, limit=20.0)
        assert (seen.outcome, seen.leaks) == (Outcome.ACCEPTED, leaks)


# --- scenario -------------------------------------------------------------------------------------

SCENARIO: Final = """\
id: x
title: x
why: x
sources: [x]
credentials: {{given: {{token: access-token, via: {via}}}}}
headers: {{extra: {{anthropic-beta: x}}}}
matrix: {{client: [{client}], credential: [given], headers: [extra]}}
expect: {{outcome: accepted}}
"""


@pytest.mark.parametrize(
    ("client", "via", "complaint"),
    [
        ("litellm", "bearer", None),
        ("litellm", "x-api-key", None),
        ("litellm", "ANTHROPIC_API_KEY", None),
        ("litellm", "credentials-file", "takes no credential via"),
        ("litellm+claude-code", "credentials-file", "sends its own headers"),
        ("litellm+claude-code", "bearer", "takes no credential via"),
        ("litellm+raw-http", "bearer", "litellm is asked by claude-code, not raw-http"),
        ("anthropic-node", "ANTHROPIC_API_KEY", "sends its own headers"),
        ("anthropic-python", "bearer", "takes no credential via"),
        ("anthropic-python+claude-code", "ANTHROPIC_API_KEY", "leave out"),
    ],
)
def test_a_scenario_says_only_what_can_be_done(
    tmp_path: Path, client: str, via: str, complaint: str | None
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(SCENARIO.format(client=client, via=via))
    if complaint is None:
        load_file(file)
        return
    with pytest.raises(ScenarioError, match=complaint):
        load_file(file)
