"""LiteLLM as a gateway between a client and the API."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.defined import probe
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.errors import ScenarioError
from authprobe.observation.model import CLAIMED_SUCCESS, Outcome
from authprobe.plan.case import expand
from authprobe.scenario.load import load_file
from authprobe.scenario.model import Credential, Matrix
from tests.support.installed import laboratory_with, laboratory_with_python, observe
from tests.support.make import make_clients, make_scenario

LITELLM: Final = "litellm@1.106.2"
GATEWAY_KEY: Final = "sk-authprobe-made-up-key-of-the-gateway"
READY_LINE: Final = "Uvicorn running on"
GATEWAY_CREDENTIAL: Final = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
UNKNOWN_CREDENTIAL: Final = Credential(
    token=TokenKind.API_KEY, state=TokenState.UNKNOWN, via=Via.API_KEY_VARIABLE
)
USER_CREDENTIAL: Final = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.BEARER)
CLI_CREDENTIAL: Final = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)


# --- real -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, children: Children) -> Iterator[Laboratory]:
    yield from laboratory_with(children, tmp_path_factory.mktemp("gateway"), LITELLM)


def test_gateway_sends_its_own_key_to_the_api(installed: Laboratory) -> None:
    observation = observe(installed, LITELLM, GATEWAY_CREDENTIAL, limit=120.0)
    assert (observation.outcome, observation.status, observation.client_version) == (
        Outcome.ACCEPTED,
        200,
        "1.106.2",
    )
    [exchange] = observation.exchanges
    assert (exchange.host, exchange.products) == ("api.anthropic.com", ("litellm/1.106.2",))
    assert (exchange.credential_header, exchange.credential) == ("x-api-key", "api-key")


def test_exchange_names_the_credential_that_the_gateway_sent(installed: Laboratory) -> None:
    observation = observe(installed, LITELLM, UNKNOWN_CREDENTIAL, USER_CREDENTIAL, limit=120.0)
    [exchange] = observation.exchanges
    assert exchange.credential in ("api-key", "access-token")  # never the gateway's own
    assert observation.status == exchange.status


# --- made up --------------------------------------------------------------------------------------


def environment_of(
    laboratory: Laboratory, folder: Path, client: str, *credentials: Credential
) -> str:
    """Return the environment of a started gateway, redacted."""
    broken = laboratory_with_python(
        laboratory, folder, 'env > "$HOME/environment"; echo Error: no; exit 1'
    )
    (case,) = expand(
        make_scenario(
            matrix=Matrix(client=make_clients(client), credential=("given",)),
            credentials={"given": credentials},
        )
    )
    with broken.sandbox(case) as sandbox:
        observation = probe(sandbox)
        assert observation.outcome is Outcome.CRASHED
        assert observation.detail == "the gateway did not start: Error: no"
        return sandbox.redactor((sandbox.home / "environment").read_text())


def test_gateway_is_started_with_only_its_own_credential(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    lines = environment_of(
        laboratory, tmp_path, LITELLM, GATEWAY_CREDENTIAL, USER_CREDENTIAL
    ).splitlines()
    assert "ANTHROPIC_API_KEY=[redacted:api-key]" in lines
    assert f"LITELLM_MASTER_KEY={GATEWAY_KEY}" in lines
    assert not any("access-token" in line for line in lines)


def test_gateway_does_not_get_the_credential_of_its_client(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    client = f"{LITELLM}+claude-code@2.1.31"
    claude = tmp_path / "node_modules" / ".bin" / "claude"
    claude.parent.mkdir(parents=True)
    claude.touch()
    lines = environment_of(
        laboratory, tmp_path, client, GATEWAY_CREDENTIAL, CLI_CREDENTIAL
    ).splitlines()
    assert "ANTHROPIC_API_KEY=[redacted:api-key]" in lines
    assert not any(line.startswith("CLAUDE_") or "access-token" in line for line in lines)


def test_gateway_that_never_listens_times_out(laboratory: Laboratory, tmp_path: Path) -> None:
    observation = observe(
        laboratory_with_python(laboratory, tmp_path, "sleep 60"),
        LITELLM,
        GATEWAY_CREDENTIAL,
        limit=0.5,
    )
    assert (observation.outcome, observation.detail) == (
        Outcome.TIMED_OUT,
        "the gateway did not start",
    )


def test_gateway_that_ends_without_a_response_has_crashed(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    program = tmp_path / "ending.py"
    program.write_text(
        TALKATIVE.replace(
            '        print("x" * 1_000_000, flush=True)\n',
            '        print("Error: gone", flush=True)\n        os._exit(1)\n',
        ).replace("import http.server", "import http.server, os")
    )
    ending = laboratory_with_python(
        laboratory, tmp_path, f'exec {sys.executable} -I {program} "$@"'
    )
    observation = observe(ending, LITELLM, GATEWAY_CREDENTIAL, limit=20.0)
    assert observation.outcome is Outcome.CRASHED
    assert observation.detail == "the gateway gave no answer: Error: gone"


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


def test_gateway_with_a_long_log_is_not_blocked(laboratory: Laboratory, tmp_path: Path) -> None:
    program = tmp_path / "talkative.py"
    program.write_text(TALKATIVE)
    talkative = laboratory_with_python(
        laboratory, tmp_path, f'exec {sys.executable} -I {program} "$@"'
    )
    observation = observe(talkative, LITELLM, GATEWAY_CREDENTIAL, limit=20.0)
    assert observation.reported_status == 200
    # It asked no model.
    assert observation.outcome is Outcome.REJECTED
    assert (observation.detail or "").endswith(CLAIMED_SUCCESS)


def test_token_in_the_log_is_a_leak(laboratory: Laboratory, tmp_path: Path) -> None:
    program = tmp_path / "talkative.py"
    leaking = TALKATIVE.replace(
        "        self.send", "        print(os.environ['ANTHROPIC_API_KEY'])\n        self.send", 1
    )
    for text, leaks in ((TALKATIVE, ()), (leaking, ("its output (stdout)",))):
        (tmp_path / str(len(leaks))).mkdir()
        program.write_text(f"import os\n{text}")
        script = f'exec {sys.executable} -I -u {program} "$@"'
        gateway = laboratory_with_python(laboratory, tmp_path / str(len(leaks)), script)
        observation = observe(gateway, LITELLM, GATEWAY_CREDENTIAL, limit=20.0)
        assert (observation.reported_status, observation.leaks) == (200, leaks)


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
    ("client", "via", "error"),
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
def test_scenario_with_impossible_gateway_setup_is_invalid(
    tmp_path: Path, client: str, via: str, error: str | None
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(SCENARIO.format(client=client, via=via))
    if error is None:
        load_file(file)
        return
    with pytest.raises(ScenarioError, match=error):
        load_file(file)
