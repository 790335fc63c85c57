"""Servers that are defined as data: a gateway of one's own with a wrong behaviour of each kind."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from authprobe.clients.base import Laboratory
from authprobe.clients.installation.cache import Cache
from authprobe.clients.process.children import Children
from authprobe.core.client_kinds import Via
from authprobe.core.isolation import Isolation
from authprobe.core.version_ranges import INSTALLED
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.server.network import Network
from authprobe.engine.probe import probe_case
from authprobe.observation.model import CLAIMED_SUCCESS, Observation, Outcome
from authprobe.plan.case import expand
from authprobe.scenario.client_definitions import ClientDefinition, Front, Install
from authprobe.scenario.clients import Client
from authprobe.scenario.known_clients import known_client
from authprobe.scenario.model import Credential, Matrix
from tests.support.defined_clients import define
from tests.support.make import make_scenario

KEY: Final = Credential(token=TokenKind.API_KEY)
UNKNOWN_KEY: Final = Credential(token=TokenKind.API_KEY, state=TokenState.UNKNOWN)

GATEWAY: Final = """#!/usr/bin/env python3
import http.server, json, os, sys, time, urllib.error, urllib.request

port, mode = int(sys.argv[1]), sys.argv[2]
config = json.load(open(os.path.expanduser("~/gateway/config.json")))
open("variables", "w").write("\\n".join(sorted(os.environ)))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if mode == "ends":
            print("fatal: out of gas", file=sys.stderr, flush=True)
            os._exit(3)
        if mode == "floods":
            print("x" * 1_000_000, flush=True)
        key = self.headers["x-user-key"] if config["key"] == "of the user" else config["key"]
        request = urllib.request.Request(config["api"] + "/v1/messages", body)
        request.add_header("x-api-key", key or "")
        request.add_header("anthropic-version", "2023-06-01")
        request.add_header("content-type", "application/json")
        try:
            answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
            status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, data = error.code, error.read()
        if mode == "hides":
            status = 200
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


if mode == "fails":
    print("noise", flush=True)
    sys.exit("ConfigError: no such model")
if mode == "silent":
    time.sleep(60)
if mode == "logs the key":
    print(config["key"], flush=True)
with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
    print("listening", flush=True)
    server.serve_forever()
"""
BOT: Final = """#!/usr/bin/env python3
import json, os, sys, urllib.error, urllib.request

messages = [{"role": "user", "content": "hi"}]
body = json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 1, "messages": messages})
request = urllib.request.Request(sys.argv[1] + "/v1/messages", body.encode())
request.add_header("x-user-key", os.environ.get("USER_KEY", ""))
request.add_header("user-agent", "bot/7.1")
try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
except urllib.error.HTTPError as error:
    sys.exit(f"Error: {error.code}, {json.load(error)['error']['message']}")
print("well done")
"""


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A laboratory that seals its clients off."""
    scratch = tmp_path_factory.mktemp("servers")
    with Children(scratch, isolation=Isolation.SEALED) as children:
        if children.isolation is not Isolation.SEALED:
            pytest.skip("this system seals no container off")
        with Network(scratch) as network, Cache(scratch / "cache", children, scratch) as cache:
            yield Laboratory(network=network, children=children, cache=cache, scratch=scratch)


def gateway(folder: Path, mode: str = "works", spelling: str = "gate", **changes: Any) -> Client:
    """Return the gateway in this mode."""
    folder.mkdir(exist_ok=True)
    program = folder / "gateway.py"
    program.write_text(GATEWAY)
    program.chmod(0o755)
    values: dict[str, Any] = {
        "surface": "gateway",
        "install": {"path": "gateway.py"},
        "files": {"gateway/config.json": {"api": "{base_url}", "key": "{key}"}},
        "serve": {"run": ["{program}", "{port}", mode], "within": 20},
        "request": {"post": "/v1/messages"},
    }
    return define(spelling, folder, **values | changes)


def bot(folder: Path) -> Client:
    """Return a program of one's own that asks the address of its argument."""
    folder.mkdir(exist_ok=True)
    program = folder / "bot.py"
    program.write_text(BOT)
    program.chmod(0o755)
    return define(
        "bot", folder, install={"path": "bot.py"}, run=["{program}", "{base_url}"],
        message={"from": "stderr", "matches": "Error: (.*)"},
        status={"from": "stderr", "matches": "Error: ([0-9]{3})"},
    )  # fmt: skip


def probe(
    laboratory: Laboratory, client: Client, *credentials: Credential, **changes: Any
) -> Observation:
    """Probe the only case of a scenario with this client."""
    (case,) = expand(
        make_scenario(
            matrix=Matrix(client=(client,), credential=("given",)),
            credentials={"given": credentials},
            **{"limit": 60.0} | changes,
        )
    )
    for each in filter(None, (client, client.through)):
        laboratory.cache.prepare(each, lambda _: None)
    return probe_case(laboratory, case)


@pytest.mark.parametrize(
    "ready", [{}, {"line": "listening"}, {"get": "/health"}], ids=["port", "line", "get"]
)
def test_gateway_is_asked_as_soon_as_it_is_ready(
    laboratory: Laboratory, tmp_path: Path, ready: dict[str, str]
) -> None:
    serve = {"run": ["{program}", "{port}", "works"], "ready": ready}
    observation = probe(laboratory, gateway(tmp_path, serve=serve), KEY)
    assert (observation.outcome, observation.status) == (Outcome.ACCEPTED, 200)
    [exchange] = observation.exchanges
    assert (exchange.credential_header, exchange.credential) == ("x-api-key", "api-key")
    assert observation.leaks == ()


def test_refusal_is_what_the_gateway_tells(laboratory: Laboratory, tmp_path: Path) -> None:
    observation = probe(laboratory, gateway(tmp_path), UNKNOWN_KEY)
    assert (observation.outcome, observation.reported_status) == (Outcome.REJECTED, 401)
    assert observation.message == "invalid x-api-key"
    assert observation.error_type == "authentication_error"


def test_refusal_that_the_gateway_hides_is_seen(laboratory: Laboratory, tmp_path: Path) -> None:
    observation = probe(laboratory, gateway(tmp_path, "hides"), UNKNOWN_KEY)
    assert (observation.outcome, observation.status) == (Outcome.REJECTED, 401)
    assert observation.reported_status == 200
    assert (observation.detail or "").endswith(CLAIMED_SUCCESS)


def test_readings_of_the_response_count(laboratory: Laboratory, tmp_path: Path) -> None:
    readings: dict[str, Any] = {
        "accepted": {"from": "response", "json": "$.type", "equals": "message"},
        "message": {"from": "response", "json": "$.error.type"},
    }
    refused = probe(laboratory, gateway(tmp_path, "hides", **readings), UNKNOWN_KEY)
    assert (refused.outcome, refused.message) == (Outcome.REJECTED, "authentication_error")
    assert refused.detail is None
    assert probe(laboratory, gateway(tmp_path, **readings), KEY).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("mode", "outcome", "detail"),
    [
        ("fails", Outcome.CRASHED, "the gateway did not start: ConfigError: no such model"),
        ("silent", Outcome.TIMED_OUT, "the gateway did not start within 1 s: it said nothing"),
        ("ends", Outcome.CRASHED, "the gateway gave no answer: fatal: out of gas"),
    ],
)
def test_reason_of_a_gateway_without_an_answer_is_told(
    laboratory: Laboratory, tmp_path: Path, mode: str, outcome: Outcome, detail: str
) -> None:
    within = 1 if mode == "silent" else 20
    serve = {"run": ["{program}", "{port}", mode], "within": within}
    observation = probe(laboratory, gateway(tmp_path, mode, serve=serve), KEY)
    assert (observation.outcome, observation.detail) == (outcome, detail)


def test_long_log_does_not_block_the_gateway(laboratory: Laboratory, tmp_path: Path) -> None:
    assert probe(laboratory, gateway(tmp_path, "floods"), KEY).outcome is Outcome.ACCEPTED


def test_key_in_the_log_is_a_leak(laboratory: Laboratory, tmp_path: Path) -> None:
    observation = probe(laboratory, gateway(tmp_path, "logs the key"), KEY)
    assert observation.leaks == ("its output (stdout)",)


def test_user_of_a_gateway_alone_can_have_a_credential(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    files = {"gateway/config.json": {"api": "{base_url}", "key": "of the user"}}
    request = {"post": "/v1/messages", "headers": {"x-user-key": "{key}"}}
    client = gateway(tmp_path, files=files, request=request)
    assert probe(laboratory, client, KEY).outcome is Outcome.ACCEPTED
    assert probe(laboratory, client, UNKNOWN_KEY).status == 401


# --- another client in front ----------------------------------------------------------------------


def behind(client: Client, front: Client) -> Client:
    """Return the gateway with this client in front of it."""
    return dataclasses.replace(client, through=front)


@pytest.mark.parametrize(
    ("credential", "outcome", "message"),
    [
        (KEY, Outcome.ACCEPTED, "well done"),
        (UNKNOWN_KEY, Outcome.REJECTED, "401, invalid x-api-key"),
    ],
)
def test_another_defined_client_asks_the_gateway(
    laboratory: Laboratory, tmp_path: Path, credential: Credential, outcome: Outcome, message: str
) -> None:
    client = behind(gateway(tmp_path, fronts={"bot": {}}), bot(tmp_path / "other"))
    observation = probe(laboratory, client, credential)
    assert (observation.outcome, observation.message) == (outcome, message)
    assert observation.exit_code == (0 if outcome is Outcome.ACCEPTED else 1)
    [exchange] = observation.exchanges
    assert exchange.credential == "api-key"
    assert str(client) == "gate@installed+bot@installed"


def test_credential_of_the_client_in_front_is_that_of_the_case(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    files = {"gateway/config.json": {"api": "{base_url}", "key": "of the user"}}
    fronts = {"bot": {"variables": {"USER_KEY": "{key}"}}}
    client = behind(gateway(tmp_path, files=files, fronts=fronts), bot(tmp_path))
    assert probe(laboratory, client, KEY).outcome is Outcome.ACCEPTED
    assert probe(laboratory, client, UNKNOWN_KEY).outcome is Outcome.REJECTED


def test_gateway_has_no_variable_of_its_user_and_the_user_none_of_the_gateway(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    fronts = {"bot": {"variables": {"FRONT": "1"}}}
    shows: dict[str, Any] = {"message": {"file": "work/variables"}, "variables": {"OWN": "1"}}
    client = gateway(tmp_path, fronts=fronts, **shows)
    user = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)
    front = define(
        "bot", tmp_path, install={"path": "env.sh"}, run=["{program}"],
        message={"from": "stdout"}, accepted={"from": "stdout", "contains": "never"},
    )  # fmt: skip
    (tmp_path / "env.sh").write_text("#!/bin/sh\nenv; exec cat variables\n")
    observation = probe(laboratory, behind(client, front), KEY, user)
    printed = (observation.message or "").splitlines()
    own = [line for line in printed if "=" in line]
    gateways = [line for line in printed if "=" not in line]
    names = {line.partition("=")[0] for line in own}
    assert {"FRONT", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL"} <= names
    assert "OWN" not in names
    assert {"OWN", "ANTHROPIC_BASE_URL", "HOME"} <= set(gateways)
    assert not {"FRONT", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR"} & set(gateways)
    assert observation.leaks == ("its output (stdout)",)
    [base_url] = [line for line in own if line.startswith("ANTHROPIC_BASE_URL=")]
    assert base_url.startswith("ANTHROPIC_BASE_URL=http://127.0.0.1:")


# --- a client that it drives ----------------------------------------------------------------------


def test_driven_client_is_on_path_by_its_name(laboratory: Laboratory, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "driver.sh").write_text('#!/bin/sh\nexec bot.py "$ANTHROPIC_BASE_URL"\n')
    definition = ClientDefinition(
        install=Install(path="driver.sh"), run=("{program}",), drives={"bot": Front()}
    )
    driver = known_client("driver", definition, other)
    client = Client(kind="driver", version=INSTALLED, through=bot(tmp_path), known=driver)
    observation = probe(laboratory, client)
    assert (observation.message or "").startswith("Error: 400, ")
