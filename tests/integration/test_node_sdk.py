"""Tests of the official npm SDK as a client of the emulator; one Node process runs all trials."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import filelock
import pytest
from pydantic import TypeAdapter

from authprobe.clients.installation.installer_failures import failure_reason
from authprobe.clients.installation.installers import INSTALL_TIMEOUT
from authprobe.clients.process.children import Children
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.server.network import Listener, Network
from authprobe.settings import cache_folder, installer_environment, search_path
from tests.support.registry import UNREACHABLE
from tests.support.sdk_answers import (
    BY_ERROR_CODE,
    EVENTS,
    FAULT_RULES,
    GOOD_CALL,
    KEY,
    KEY_HEADER_CALL,
    REFUSED_CALLS,
    STATUSES,
    SdkCall,
)
from tests.support.wire import TIMEOUT

PACKAGE: Final = "@anthropic-ai/sdk"
VERSION: Final = "1.12.0"
SCRIPT: Final = Path(__file__).with_name("node_sdk.mjs")

CLASSES: Final = {
    400: "BadRequestError",
    401: "AuthenticationError",
    402: "PaymentRequiredError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    413: "ContentTooLargeError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
    504: "GatewayTimeoutError",
    529: "OverloadedError",
}


@dataclass(frozen=True, kw_only=True)
class SdkError:
    """An error thrown by the SDK."""

    raised: str
    status: int | None
    message: str
    api_message: str | None
    request_id: str | None
    type: str | None
    cause: str | None
    classes: tuple[str, ...]
    """Its class and the base classes."""


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """The answer or the error of one trial."""

    name: str
    elapsed: float
    answer: Any = None
    error: SdkError | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A call, and the SDK's options for it."""

    sdk_call: SdkCall = GOOD_CALL
    stream: bool = False
    https: bool = False
    retries: int = 0
    timeout: float = TIMEOUT

    def open(self, network: Network) -> Listener:
        """Open the case that the call is sent to."""
        return network.open(self.sdk_call.backend(), https_port=0 if self.https else None)

    def to_json(self, name: str, listener: Listener) -> dict[str, object]:
        """Return the trial as input for the Node process."""
        arguments = self.sdk_call.arguments(listener.backend)
        return {
            "name": name,
            "base_url": f"{listener.https_url or listener.proxy_url}{self.sdk_call.path}",
            "api_key": arguments.api_key,
            "auth_token": arguments.auth_token,
            "headers": arguments.headers,
            "fields": self.sdk_call.fields,
            "prompt_bytes": self.sdk_call.prompt_bytes,
            "stream": self.stream,
            "retries": self.retries,
            "timeout_milliseconds": int(self.timeout * 1000),
        }


def _fault(fault: Fault | str, **options: Any) -> Trial:
    return Trial(sdk_call=GOOD_CALL.with_faults(fault), **options)


TRANSIENT_FAULTS: Final = ("A22", "conflict", "reset")
PERMANENT_RULES: Final = ("A02", "A13", "A23", "A32", "request-too-large")
CONNECTION_ERROR_CODES: Final = {
    "connection-refused": "ECONNREFUSED",
    "untrusted-certificate": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "expired-certificate": "CERT_HAS_EXPIRED",
}
LONG_DELAY: Final = Fault(name="delay", seconds=TIMEOUT)
SLOW_DRIP: Final = Fault(name="drip-feed", seconds=0.0015)
SHORT_TIMEOUT: Final = 1.0
"""Seconds; shorter than a body with `SLOW_DRIP` takes."""

TRIALS: Final[Mapping[str, Trial]] = {
    "good": Trial(),
    "good stream": Trial(stream=True),
    "key in header": Trial(sdk_call=KEY_HEADER_CALL),
    "repeated 429": _fault("A22", retries=1),
    "error in stream": _fault("error-in-stream", stream=True),
    "cut stream": _fault("cut-stream", stream=True),
    "reset in stream": _fault("reset-in-body", stream=True),
    "empty": _fault("empty-200"),
    "empty stream": _fault("empty-200", stream=True),
    "content type": _fault("wrong-content-type"),
    "content type of stream": _fault("wrong-content-type", stream=True),
    "slow body": _fault(SLOW_DRIP, stream=True, timeout=SHORT_TIMEOUT),
    "delayed": _fault(LONG_DELAY, timeout=0.1),
    "delayed stream": _fault(LONG_DELAY, timeout=0.1, stream=True),
    **{str(sdk_call): Trial(sdk_call=sdk_call) for sdk_call in REFUSED_CALLS},
    **{f"fault {rule}": _fault(rule) for rule in FAULT_RULES},
    **{
        f"transient {each}": _fault(Fault(name=each, times=1), retries=1)
        for each in TRANSIENT_FAULTS
    },
    **{f"permanent {rule}": _fault(rule, retries=3) for rule in PERMANENT_RULES},
    **{each: _fault(each, https=True) for each in CONNECTION_ERROR_CODES},
    **{each: _fault(each) for each in ("reset", "reset-in-body")},
}


@pytest.fixture(scope="module")
def sdk() -> Path:
    """Return the cache folder of the SDK, installing it first if it is missing.

    The folder is renamed into place only once the installation is complete.
    """
    folder = cache_folder() / "anthropic-sdk-node" / VERSION
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / f"{VERSION}.lock", timeout=INSTALL_TIMEOUT):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(
                dir=folder.parent, prefix=f".new-{VERSION}_"
            ) as staging:
                _install(Path(staging))
                Path(staging, "sdk").rename(folder)
    return folder


def _program(name: str) -> str:
    return shutil.which(name, path=search_path()) or name


def _install(staging: Path) -> None:
    """Install into `staging/sdk`; skip the tests if the registry cannot be reached."""
    folder, home = staging / "sdk", staging / "home"
    folder.mkdir()
    home.mkdir()
    argv = [
        *(_program("npm"), "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit"),
        *("--no-fund", "--no-save", "--no-update-notifier", "--loglevel=error"),
        f"{PACKAGE}@{VERSION}",
    ]
    with Children() as children:
        npm = children.run(argv, env=installer_environment(home), cwd=folder, limit=INSTALL_TIMEOUT)
    output = npm.stderr + npm.stdout
    if npm.exit_code and failure_reason(output) == UNREACHABLE:
        pytest.skip(f"NOT TESTED: {PACKAGE}@{VERSION} is not in the cache, and {UNREACHABLE}")
    assert npm.exit_code == 0, output
    manifest = json.loads((folder / "node_modules" / PACKAGE / "package.json").read_bytes())
    assert manifest["version"] == VERSION


@dataclass(frozen=True)
class Results:
    """The results of all trials, and the backends that answered them, by the trial's name."""

    trials: Mapping[str, TrialResult]
    backends: Mapping[str, CaseBackend]

    def error(self, name: str) -> SdkError:
        """Return the error of a trial that must have failed."""
        error = self.trials[name].error
        assert error is not None, f"{name}: answered with {self.trials[name].answer}"
        return error

    def answer(self, name: str) -> Any:
        """Return the answer of a trial that must have succeeded."""
        assert self.trials[name].error is None
        return self.trials[name].answer


@pytest.fixture(scope="module")
def results(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    home = tmp_path_factory.mktemp("home")
    with Network() as network:
        listeners = {name: trial.open(network) for name, trial in TRIALS.items()}
        trials = [TRIALS[name].to_json(name, listener) for name, listener in listeners.items()]
        node = subprocess.run(
            [_program("node"), SCRIPT, sdk],
            input=json.dumps(trials),
            env={
                "HOME": str(home),
                "PATH": search_path(),
                "NODE_EXTRA_CA_CERTS": str(network.ca_file),
            },
            cwd=home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert node.returncode == 0, node.stderr
        reader = TypeAdapter(TrialResult)
        outputs = [reader.validate_json(line) for line in node.stdout.splitlines()]
        backends = {name: listener.backend for name, listener in listeners.items()}
        yield Results({output.name: output for output in outputs}, backends)


def check_error(results: Results, name: str, rule: str) -> None:
    """Check that the error reports the only answer, which came from this rule."""
    error = results.error(name)
    [exchange] = results.backends[name].log.exchanges
    assert (exchange.rule, exchange.status) == (rule, error.status)
    assert error.raised == BY_ERROR_CODE.get(rule, CLASSES[exchange.status or 0])
    assert {CLASSES[exchange.status or 0], "APIError", "AnthropicError"} <= set(error.classes)
    assert error.type == exchange.error_type
    assert error.message.startswith(f"{exchange.status} ")
    if exchange.error_type is None:  # a page of HTML, or nothing
        assert error.api_message is None
        assert (exchange.message or "status code (no body)") in error.message
    else:
        assert error.api_message == exchange.message
        body = json.loads(error.message.removeprefix(f"{exchange.status} "))
        assert body["error"]["message"] == exchange.message
        assert body.get("request_id") == error.request_id


@pytest.mark.parametrize("sdk_call", REFUSED_CALLS, ids=str)
def test_a_refused_call_raises_the_error_class_of_its_status(
    results: Results, sdk_call: SdkCall
) -> None:
    check_error(results, str(sdk_call), sdk_call.rule)
    assert results.error(str(sdk_call)).status == sdk_call.status


@pytest.mark.parametrize("rule", FAULT_RULES)
def test_an_armed_rule_raises_the_error_class_of_its_status(results: Results, rule: str) -> None:
    check_error(results, f"fault {rule}", rule)


def test_every_status_of_the_emulator_has_an_error_class() -> None:
    assert set(CLASSES) == STATUSES


def test_every_trial_has_a_result(results: Results) -> None:
    assert list(results.trials) == list(TRIALS)


def test_a_good_call_is_answered(results: Results) -> None:
    assert results.answer("good") == "pong"
    assert results.answer("good stream") == list(EVENTS)


def test_an_api_key_is_sent_as_a_bearer_token(results: Results) -> None:
    """Since 1.0.0: platform.claude.com/docs/en/api/migration-2026-10-21."""
    [exchange] = results.backends["good"].log.exchanges
    assert (exchange.credential_header, exchange.credential) == ("authorization", KEY[0])
    assert exchange.headers["anthropic-version"] == "2026-10-21"


def test_an_api_key_in_the_x_api_key_header_is_accepted(results: Results) -> None:
    assert results.answer("key in header") == "pong"
    [exchange] = results.backends["key in header"].log.exchanges
    assert exchange.credential_header == "x-api-key"


@pytest.mark.parametrize("fault", TRANSIENT_FAULTS)
def test_a_transient_failure_is_retried(results: Results, fault: str) -> None:
    assert results.answer(f"transient {fault}") == "pong"
    first, second = results.backends[f"transient {fault}"].log.exchanges
    assert first.faults == (fault,)
    assert (second.rule, second.status, second.faults) == ("messages", 200, ())


def test_a_repeated_failure_is_raised_after_the_retries(results: Results) -> None:
    assert results.error("repeated 429").raised == "RateLimitError"
    exchanges = results.backends["repeated 429"].log.exchanges
    assert [exchange.status for exchange in exchanges] == [429, 429]


@pytest.mark.parametrize("rule", PERMANENT_RULES)
def test_a_permanent_refusal_is_not_retried(results: Results, rule: str) -> None:
    check_error(results, f"permanent {rule}", rule)


# --- wire and answer ------------------------------------------------------------------------------


def test_an_error_in_a_stream_has_the_base_class_and_no_status(results: Results) -> None:
    """The response began with status 200; only `type` names the overload."""
    error = results.error("error in stream")
    assert (error.raised, error.status) == ("APIError", None)
    assert (error.type, error.api_message) == ("overloaded_error", "Overloaded")
    assert str(error.request_id).startswith("req_")


def test_a_cut_stream_ends_without_an_error(results: Results) -> None:
    assert results.answer("cut stream") == list(EVENTS[:3])


def test_a_reset_is_a_connection_error(results: Results) -> None:
    assert results.error("reset").raised == "APIConnectionError"


@pytest.mark.parametrize("name", ["reset-in-body", "reset in stream"])
def test_a_reset_in_a_body_raises_the_error_of_fetch(results: Results, name: str) -> None:
    """Once the headers have arrived, the SDK does not wrap errors of fetch, streaming or not."""
    error = results.error(name)
    assert (error.raised, error.message) == ("TypeError", "terminated")
    assert "AnthropicError" not in error.classes


def test_an_empty_answer_raises_no_error(results: Results) -> None:
    assert results.answer("empty") == ""
    assert results.answer("empty stream") == []


def test_json_with_the_content_type_html_stays_text(results: Results) -> None:
    """The Python SDK parses it as JSON. Neither SDK checks the content type of a stream."""
    text = results.answer("content type")
    assert isinstance(text, str)
    assert json.loads(text)["content"] == [{"type": "text", "text": "pong"}]
    assert results.answer("content type of stream") == list(EVENTS)


def test_a_slow_body_does_not_time_out(results: Results) -> None:
    """The timeout ends once the headers have arrived."""
    assert results.answer("slow body") == list(EVENTS)
    assert results.trials["slow body"].elapsed > SHORT_TIMEOUT


@pytest.mark.parametrize("name", ["delayed", "delayed stream"])
def test_a_delayed_answer_times_out(results: Results, name: str) -> None:
    error = results.error(name)
    assert error.classes[:2] == ("APIConnectionTimeoutError", "APIConnectionError")


@pytest.mark.parametrize("fault", CONNECTION_ERROR_CODES)
def test_a_failed_connection_is_a_connection_error(results: Results, fault: str) -> None:
    """The text is always "Connection error."; `error.cause.cause` has the error code."""
    error = results.error(fault)
    assert (error.raised, error.message) == ("APIConnectionError", "Connection error.")
    assert CONNECTION_ERROR_CODES[fault] in str(error.cause)
    assert [e.status for e in results.backends[fault].log.exchanges if e.path] == []
