"""The API's own SDKs, at versions of which none takes its credential like the next."""

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
from authprobe.core.client_kinds import ClientKind, Via
from authprobe.emulator.config import Backend, Fault, TokenKind, TokenState
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome
from authprobe.scenario.model import Credential
from tests.support.installed import laboratory_with, made_up, observe
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


def met(laboratory: Laboratory, client: str, fault: Fault, **changes: Any) -> Observation:
    """What a good key shows when this goes wrong every time."""
    backends = {"default": Backend(faults=(fault,))}
    return observe(laboratory, client, KEY, backends=backends, **changes)


# --- real -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_the_real_address_is_asked_through_the_proxy(installed: Laboratory, client: str) -> None:
    seen = observe(installed, client, KEY)
    kind, _, version = client.partition("@")
    [exchange] = seen.exchanges
    assert (seen.outcome, seen.status, seen.exit_code, seen.message) == (
        Outcome.ACCEPTED, 200, 0, "pong",
    )  # fmt: skip
    assert (exchange.host, exchange.path) == ("api.anthropic.com", "/v1/messages")
    assert exchange.credential == "api-key"
    assert exchange.products == (f"{NAMES[kind]} {version}",)
    assert (seen.client_version, seen.egress_refused, seen.leaks) == (version, (), ())


@pytest.mark.parametrize("client", CLIENTS)
def test_a_refusal_is_told_by_the_class_of_the_exception(
    installed: Laboratory, client: str
) -> None:
    seen = observe(installed, client, UNKNOWN_KEY)
    assert (seen.outcome, seen.status, seen.exit_code) == (Outcome.REJECTED, 401, 1)
    assert seen.error_type == "authentication_error"
    assert (seen.message or "").startswith("AuthenticationError: ")
    assert "[request-id]" in (seen.message or "")
    assert seen.detail == "raised with the request id"


@pytest.mark.parametrize("client", [PYTHON[-1], NODE[-1]])
def test_a_lost_connection_is_told_with_its_cause(installed: Laboratory, client: str) -> None:
    seen = met(installed, client, Fault(name="reset"))
    assert seen.outcome is Outcome.UNREACHABLE
    assert seen.message == "APIConnectionError: Connection error."
    assert "caused by" in (seen.detail or "")
    assert len(seen.exchanges) > 1


@pytest.mark.parametrize("client", [PYTHON[-1], NODE[-1]])
def test_one_that_waits_too_long_is_ended(installed: Laboratory, client: str) -> None:
    seen = met(installed, client, Fault(name="delay", seconds=60.0), limit=3.0)
    assert (seen.outcome, len(seen.exchanges)) == (Outcome.TIMED_OUT, 1)


# --- made up --------------------------------------------------------------------------------------


def test_one_that_prints_nothing_has_crashed(laboratory: Laboratory, tmp_path: Path) -> None:
    broken = made_up(laboratory, tmp_path, "echo ImportError: no such module >&2; exit 3")
    seen = observe(broken, "anthropic-python@1.2.3", KEY)
    assert (seen.outcome, seen.exit_code) == (Outcome.CRASHED, 3)
    assert seen.detail == "ended with exit code 3: ImportError: no such module"


@pytest.mark.parametrize(
    ("told", "outcome"),
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
def test_of_one_that_asks_nothing_the_exception_decides(
    laboratory: Laboratory, tmp_path: Path, told: str, outcome: Outcome
) -> None:
    kind, _, message = told.partition(": ")
    error = json.dumps({"answer": None, "error": {"type": kind, "message": message}})
    (tmp_path / "told").write_text(error)
    broken = made_up(laboratory, tmp_path, f"cat {tmp_path}/told; exit 1")
    seen = observe(broken, "anthropic-python@1.2.3", KEY)
    assert (seen.outcome, seen.message) == (outcome, told)


def test_the_folder_of_clients_has_no_name(laboratory: Laboratory, tmp_path: Path) -> None:
    script = f"echo Error: no module {tmp_path}/node/x.js >&2; exit 1"
    seen = observe(made_up(laboratory, tmp_path, script), "anthropic-python@1.2.3", KEY)
    assert seen.detail == "ended with exit code 1: Error: no module [clients]/node/x.js"


def test_a_token_in_its_words_is_redacted(laboratory: Laboratory, tmp_path: Path) -> None:
    told = '{"answer": null, "error": {"type": "E", "message": "%s", "cause": "%s"}}'
    script = f"printf '{told}' $ANTHROPIC_API_KEY $ANTHROPIC_API_KEY; exit 1"
    seen = observe(made_up(laboratory, tmp_path, script), "anthropic-python@1.2.3", KEY)
    assert seen.message == "E: [redacted:api-key]"
    assert "caused by [redacted:api-key]; refused by the client itself" in (seen.detail or "")


@pytest.mark.parametrize(
    ("kind", "product"),
    [
        (ClientKind.ANTHROPIC_PYTHON, "Anthropic/Python 2.12.0"),
        (ClientKind.ANTHROPIC_NODE, "Anthropic/JS 2.12.0"),
    ],
)
def test_another_version_than_was_installed_is_not_judged(kind: ClientKind, product: str) -> None:
    exchanges = (make_exchange(products=(product,)),)
    assert verified_version(exchanges, kind, "2.12.0") == "2.12.0"
    with pytest.raises(ClientError, match=r"asked for 2\.11\.0, but 2\.12\.0 ran"):
        verified_version(exchanges, kind, "2.11.0")


def test_the_last_line_is_read() -> None:
    told = read_output("warning\n" + json.dumps({"answer": "pong", "error": None}) + "\n")
    assert told is not None
    assert (told.report, told.detail) == (ClientReport(is_error=False, message="pong"), None)


@pytest.mark.parametrize(
    ("changes", "status", "detail"),
    [
        ({}, 401, "raised with the request id"),
        ({"status": None}, None, "raised with the request id"),
        ({"status": True}, None, "raised with the request id"),
        ({"request_id": None, "cause": "EOF"}, 401, "raised without the request id; caused by EOF"),
    ],
)
def test_an_exception_is_read(changes: dict[str, Any], status: int | None, detail: str) -> None:
    told = read_output(json.dumps({"answer": None, "error": RAISED | changes}))
    message = "AuthenticationError: Error code: 401 - {'request_id': '[request-id]'}"
    assert told is not None
    assert told.report == ClientReport(is_error=True, message=message, status=status)
    assert told.detail == detail


@pytest.mark.parametrize(
    "stdout",
    ["", "\n", "null", "[]", "{}", '{"answer": 1}', '{"answer": 1, "error": 5}', "[" * 100_000],
)
def test_anything_else_is_no_report(stdout: str) -> None:
    assert read_output(stdout) is None


@given(st.text())
def test_no_output_breaks_the_reader(stdout: str) -> None:
    read_output(stdout)
