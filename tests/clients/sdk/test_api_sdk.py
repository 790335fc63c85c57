"""API SDKs, at versions that differ in how they read their credential."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.clients.base import Laboratory
from authprobe.clients.observe import ClientReport, verified_version
from authprobe.clients.process.children import Children
from authprobe.clients.sdk.api_sdk import read_output
from authprobe.core import client_kinds
from authprobe.core.client_kinds import ClientKind, Via
from authprobe.emulator.config import Backend, Fault, TokenKind, TokenState
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome
from authprobe.scenario.model import Credential
from tests.support.installed import laboratory_with, laboratory_with_python, observe
from tests.support.make import make_exchange

PYTHON: Final = ("anthropic-python@0.60.0", "anthropic-python@1.17.0", "anthropic-python@2.12.0")
NODE: Final = ("anthropic-node@0.39.0", "anthropic-node@0.137.0", "anthropic-node@1.12.0")
CLIENTS: Final = (*PYTHON, *NODE)
NAMES: Final = {"anthropic-python": "Anthropic/Python", "anthropic-node": "Anthropic/JS"}

KEY: Final = Credential(token=TokenKind.API_KEY, via=Via.API_KEY_VARIABLE)
UNKNOWN_KEY: Final = Credential(
    token=TokenKind.API_KEY, state=TokenState.UNKNOWN, via=Via.API_KEY_VARIABLE
)
RAISED: Final = {
    "type": "AuthenticationError",
    "message": "Error code: 401 - {'request_id': 'req_0123abc'}",
    "status": 401,
    "request_id": "req_0123abc",
    "cause": None,
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, children: Children) -> Iterator[Laboratory]:
    yield from laboratory_with(children, tmp_path_factory.mktemp("sdks"), *CLIENTS)


def observe_fault(laboratory: Laboratory, client: str, fault: Fault, **changes: Any) -> Observation:
    """Probe with a valid key while this fault is armed, and return the observation."""
    backends = {"default": Backend(faults=(fault,))}
    return observe(laboratory, client, KEY, backends=backends, **changes)


# --- real -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_sdk_sends_its_request_through_the_proxy(installed: Laboratory, client: str) -> None:
    observation = observe(installed, client, KEY)
    kind, _, version = client.partition("@")
    [exchange] = observation.exchanges
    assert (observation.outcome, observation.status) == (Outcome.ACCEPTED, 200)
    assert (observation.exit_code, observation.message) == (0, "pong")
    assert (exchange.host, exchange.path) == ("api.anthropic.com", "/v1/messages")
    assert exchange.credential == "api-key"
    assert exchange.products == (f"{NAMES[kind]} {version}",)
    assert (observation.client_version, observation.egress_refused, observation.leaks) == (
        version,
        (),
        (),
    )


@pytest.mark.parametrize("client", CLIENTS)
def test_refusal_is_reported_by_exception_class(installed: Laboratory, client: str) -> None:
    observation = observe(installed, client, UNKNOWN_KEY)
    assert (observation.outcome, observation.status, observation.exit_code) == (
        Outcome.REJECTED,
        401,
        1,
    )
    assert observation.error_type == "authentication_error"
    assert (observation.message or "").startswith("AuthenticationError: ")
    assert "[request-id]" in (observation.message or "")
    assert observation.detail == "raised with the request id"


@pytest.mark.parametrize("client", [PYTHON[-1], NODE[-1]])
def test_lost_connection_is_reported_with_its_cause(installed: Laboratory, client: str) -> None:
    observation = observe_fault(installed, client, Fault(name="reset"))
    assert observation.outcome is Outcome.UNREACHABLE
    assert observation.message == "APIConnectionError: Connection error."
    assert "caused by" in (observation.detail or "")
    assert len(observation.exchanges) > 1


@pytest.mark.parametrize("client", [PYTHON[-1], NODE[-1]])
def test_sdk_that_waits_too_long_times_out(installed: Laboratory, client: str) -> None:
    observation = observe_fault(installed, client, Fault(name="delay", seconds=60.0), limit=12.0)
    assert (observation.outcome, len(observation.exchanges)) == (Outcome.TIMED_OUT, 1)


# --- fakes ---------------------------------------------------------------------------------------


def test_driver_without_output_has_crashed(laboratory: Laboratory, tmp_path: Path) -> None:
    broken = laboratory_with_python(
        laboratory, tmp_path, "echo ImportError: no such module >&2; exit 3"
    )
    observation = observe(broken, "anthropic-python@1.2.3", KEY)
    assert (observation.outcome, observation.exit_code) == (Outcome.CRASHED, 3)
    assert observation.detail == "ended with exit code 3: ImportError: no such module"


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("APIConnectionError: Connection error.", Outcome.UNREACHABLE),
        ("APITimeoutError: Request timed out.", Outcome.UNREACHABLE),
        ("TypeError: got an unexpected keyword argument 'proxies'", Outcome.CRASHED),
        ("AttributeError: module 'anthropic' has no attribute 'Anthropic'", Outcome.CRASHED),
        ("TypeError: Could not resolve authentication method.", Outcome.REJECTED),
        ('TypeError: "Could not resolve authentication method.', Outcome.REJECTED),
        ("Error: Could not resolve authentication method.", Outcome.REJECTED),
        ("WorkloadIdentityError: no TypeError: here", Outcome.REJECTED),
    ],
)
def test_exception_without_a_request_determines_outcome(
    laboratory: Laboratory, tmp_path: Path, line: str, outcome: Outcome
) -> None:
    kind, _, message = line.partition(": ")
    error = json.dumps({"answer": None, "error": {"type": kind, "message": message}})
    (tmp_path / "output").write_text(error)
    broken = laboratory_with_python(laboratory, tmp_path, f"cat {tmp_path}/output; exit 1")
    observation = observe(broken, "anthropic-python@1.2.3", KEY)
    assert (observation.outcome, observation.message) == (outcome, line)


def test_cache_path_is_masked(laboratory: Laboratory, tmp_path: Path) -> None:
    script = f"echo Error: no module {tmp_path}/cache/node/x.js >&2; exit 1"
    observation = observe(
        laboratory_with_python(laboratory, tmp_path, script), "anthropic-python@1.2.3", KEY
    )
    assert observation.detail == "ended with exit code 1: Error: no module [clients]/node/x.js"


def test_token_in_an_exception_is_redacted(laboratory: Laboratory, tmp_path: Path) -> None:
    output = '{"answer": null, "error": {"type": "E", "message": "%s", "cause": "%s"}}'
    script = f"printf '{output}' $ANTHROPIC_API_KEY $ANTHROPIC_API_KEY; exit 1"
    observation = observe(
        laboratory_with_python(laboratory, tmp_path, script), "anthropic-python@1.2.3", KEY
    )
    assert observation.message == "E: [redacted:api-key]"
    assert "caused by [redacted:api-key]; refused by the client itself" in (
        observation.detail or ""
    )


@pytest.mark.parametrize(
    ("kind", "product"),
    [
        (ClientKind.ANTHROPIC_PYTHON, "Anthropic/Python 2.12.0"),
        (ClientKind.ANTHROPIC_NODE, "Anthropic/JS 2.12.0"),
    ],
)
def test_other_version_than_the_installed_one_is_an_error(kind: ClientKind, product: str) -> None:
    exchanges = (make_exchange(products=(product,)),)
    products = client_kinds.CLIENTS[kind].products
    assert verified_version(exchanges, products, "2.12.0") == "2.12.0"
    with pytest.raises(ClientError, match=r"asked for 2\.11\.0, but 2\.12\.0 ran"):
        verified_version(exchanges, products, "2.11.0")


def test_last_line_of_the_output_is_parsed() -> None:
    output = read_output("warning\n" + json.dumps({"answer": "pong", "error": None}) + "\n")
    assert output is not None
    assert (output.report, output.detail) == (ClientReport(is_error=False, message="pong"), None)


@pytest.mark.parametrize(
    ("changes", "status", "detail"),
    [
        ({}, 401, "raised with the request id"),
        ({"status": None}, None, "raised with the request id"),
        ({"status": True}, None, "raised with the request id"),
        ({"request_id": None, "cause": "EOF"}, 401, "raised without the request id; caused by EOF"),
    ],
)
def test_exception_is_parsed(changes: dict[str, Any], status: int | None, detail: str) -> None:
    output = read_output(json.dumps({"answer": None, "error": RAISED | changes}))
    message = "AuthenticationError: Error code: 401 - {'request_id': '[request-id]'}"
    assert output is not None
    assert output.report == ClientReport(is_error=True, message=message, status=status)
    assert output.detail == detail


@pytest.mark.parametrize(
    "stdout",
    ["", "\n", "null", "[]", "{}", '{"answer": 1}', '{"answer": 1, "error": 5}', "[" * 100_000],
)
def test_malformed_output_is_not_parsed(stdout: str) -> None:
    assert read_output(stdout) is None


@given(st.text())
def test_arbitrary_output_never_raises(stdout: str) -> None:
    read_output(stdout)
