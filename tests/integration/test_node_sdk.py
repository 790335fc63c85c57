"""The official SDK of npm as a client of the emulator: one process of Node for all trials."""

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

from authprobe.clients.installation.installers import INSTALL_TIMEOUT, failure_reason
from authprobe.clients.process.children import Children
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.server.network import Listener, Network
from authprobe.settings import cache_folder, installer_environment, search_path
from tests.support.registry import UNREACHABLE
from tests.support.sdk_answers import (
    CONDITIONS,
    DEMANDED,
    EVENTS,
    GOOD,
    IN_HEADER,
    KEY,
    STATUSES,
    Asked,
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
BY_ERROR_CODE: Final = {"A26": "EnforcedSpendLimitReachedError"}
"""Rules whose answer has an `error_code`, for which the SDK has a subclass of its own."""


@dataclass(frozen=True, kw_only=True)
class Raised:
    """What was thrown."""

    raised: str
    status: int | None
    message: str
    api_message: str | None
    request_id: str | None
    type: str | None
    cause: str | None
    classes: tuple[str, ...]
    """Its own, and those that it is derived from."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What became of one trial."""

    name: str
    elapsed: float
    answer: Any = None
    error: Raised | None = None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A call, and how the SDK is told to make it."""

    asked: Asked = GOOD
    stream: bool = False
    https: bool = False
    retries: int = 0
    timeout: float = TIMEOUT

    def open(self, network: Network) -> Listener:
        """The case that it talks to."""
        return network.open(self.asked.backend(), https_port=0 if self.https else None)

    def told(self, name: str, listener: Listener) -> dict[str, object]:
        """As Node is told of it."""
        given = self.asked.arguments(listener.backend)
        return {
            "name": name,
            "base_url": f"{listener.https_url or listener.proxy_url}{self.asked.path}",
            "api_key": given.api_key,
            "auth_token": given.auth_token,
            "headers": given.headers,
            "fields": self.asked.fields,
            "prompt_bytes": self.asked.prompt_bytes,
            "stream": self.stream,
            "retries": self.retries,
            "timeout_milliseconds": int(self.timeout * 1000),
        }


def _fault(fault: Fault | str, **how: Any) -> Trial:
    return Trial(asked=GOOD.with_faults(fault), **how)


PASSING: Final = ("A22", "conflict", "reset")
LASTING: Final = ("A02", "A13", "A23", "A32", "request-too-large")
UNCONNECTED: Final = {
    "connection-refused": "ECONNREFUSED",
    "untrusted-certificate": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "expired-certificate": "CERT_HAS_EXPIRED",
}
LATE: Final = Fault(name="delay", seconds=TIMEOUT)
DRIP: Final = Fault(name="drip-feed", seconds=0.0015)
SHORT: Final = 1.0
"""Seconds: fewer than the drip takes."""

TRIALS: Final[Mapping[str, Trial]] = {
    "good": Trial(),
    "good stream": Trial(stream=True),
    "key in header": Trial(asked=IN_HEADER),
    "lasting 429": _fault("A22", retries=1),
    "error in stream": _fault("error-in-stream", stream=True),
    "cut stream": _fault("cut-stream", stream=True),
    "reset in stream": _fault("reset-in-body", stream=True),
    "empty": _fault("empty-200"),
    "empty stream": _fault("empty-200", stream=True),
    "content type": _fault("wrong-content-type"),
    "content type of stream": _fault("wrong-content-type", stream=True),
    "slow body": _fault(DRIP, stream=True, timeout=SHORT),
    "late": _fault(LATE, timeout=0.1),
    "late stream": _fault(LATE, timeout=0.1, stream=True),
    **{str(asked): Trial(asked=asked) for asked in CONDITIONS},
    **{f"demanded {rule}": _fault(rule) for rule in DEMANDED},
    **{f"passing {each}": _fault(Fault(name=each, times=1), retries=1) for each in PASSING},
    **{f"lasting {rule}": _fault(rule, retries=3) for rule in LASTING},
    **{each: _fault(each, https=True) for each in UNCONNECTED},
    **{each: _fault(each) for each in ("reset", "reset-in-body")},
}


@pytest.fixture(scope="module")
def sdk() -> Path:
    """The folder of the cache in which the SDK is; it appears there when it is complete."""
    folder = cache_folder() / "anthropic-sdk-node" / VERSION
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / f"{VERSION}.lock", timeout=INSTALL_TIMEOUT):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".new-{VERSION}_") as new:
                _install(Path(new))
                Path(new, "sdk").rename(folder)
    return folder


def _program(name: str) -> str:
    return shutil.which(name, path=search_path()) or name


def _install(new: Path) -> None:
    """Install into the folder `sdk` there; a registry that cannot be reached skips the tests."""
    folder, home = new / "sdk", new / "home"
    for each in (folder, home):
        each.mkdir()
    argv = [
        *(_program("npm"), "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit"),
        *("--no-fund", "--no-save", "--no-update-notifier", "--loglevel=error"),
        f"{PACKAGE}@{VERSION}",
    ]
    with Children() as children:
        ended = children.run(
            argv, env=installer_environment(home), cwd=folder, limit=INSTALL_TIMEOUT
        )
    printed = ended.stderr + ended.stdout
    if ended.exit_code and failure_reason(printed) == UNREACHABLE:
        pytest.skip(f"NOT TESTED: {PACKAGE}@{VERSION} is not in the cache, and {UNREACHABLE}")
    assert ended.exit_code == 0, printed
    manifest = json.loads((folder / "node_modules" / PACKAGE / "package.json").read_bytes())
    assert manifest["version"] == VERSION


@dataclass(frozen=True)
class Results:
    """What became of the trials, and the cases that they talked to."""

    lines: Mapping[str, Line]
    backends: Mapping[str, CaseBackend]

    def error(self, name: str) -> Raised:
        """What this trial threw."""
        error = self.lines[name].error
        assert error is not None, f"{name}: answered with {self.lines[name].answer}"
        return error

    def answer(self, name: str) -> Any:
        """What this trial was answered."""
        assert self.lines[name].error is None
        return self.lines[name].answer


@pytest.fixture(scope="module")
def results(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    home = tmp_path_factory.mktemp("home")
    with Network() as network:
        listeners = {name: trial.open(network) for name, trial in TRIALS.items()}
        told = [TRIALS[name].told(name, listener) for name, listener in listeners.items()]
        ended = subprocess.run(
            [_program("node"), SCRIPT, sdk],
            input=json.dumps(told),
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
        assert ended.returncode == 0, ended.stderr
        reader = TypeAdapter(Line)
        lines = [reader.validate_json(line) for line in ended.stdout.splitlines()]
        backends = {name: listener.backend for name, listener in listeners.items()}
        yield Results({line.name: line for line in lines}, backends)


def check_error(results: Results, name: str, rule: str) -> None:
    """It tells what was answered, to a single request."""
    error = results.error(name)
    [exchange] = results.backends[name].exchanges
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


@pytest.mark.parametrize("asked", CONDITIONS, ids=str)
def test_a_condition_raises_the_class_of_its_status(results: Results, asked: Asked) -> None:
    check_error(results, str(asked), asked.rule)
    assert results.error(str(asked)).status == asked.status


@pytest.mark.parametrize("rule", DEMANDED)
def test_a_demanded_refusal_raises_the_class_of_its_status(results: Results, rule: str) -> None:
    check_error(results, f"demanded {rule}", rule)


def test_every_status_has_a_class() -> None:
    assert set(CLASSES) == STATUSES


def test_every_trial_is_told_of(results: Results) -> None:
    assert list(results.lines) == list(TRIALS)


def test_a_good_call_is_answered(results: Results) -> None:
    assert results.answer("good") == "pong"
    assert results.answer("good stream") == list(EVENTS)


def test_a_key_is_sent_as_bearer(results: Results) -> None:
    """Since 1.0.0: platform.claude.com/docs/en/api/migration-2026-10-21."""
    [exchange] = results.backends["good"].exchanges
    assert (exchange.credential_header, exchange.credential) == ("authorization", KEY[0])
    assert exchange.headers["anthropic-version"] == "2026-10-21"


def test_a_key_in_the_older_header_is_accepted(results: Results) -> None:
    assert results.answer("key in header") == "pong"
    [exchange] = results.backends["key in header"].exchanges
    assert exchange.credential_header == "x-api-key"


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_retried(results: Results, fault: str) -> None:
    assert results.answer(f"passing {fault}") == "pong"
    first, second = results.backends[f"passing {fault}"].exchanges
    assert first.faults == (fault,)
    assert (second.rule, second.status, second.faults) == ("messages", 200, ())


def test_what_lasts_is_raised_after_the_retries(results: Results) -> None:
    assert results.error("lasting 429").raised == "RateLimitError"
    assert [each.status for each in results.backends["lasting 429"].exchanges] == [429, 429]


@pytest.mark.parametrize("rule", LASTING)
def test_what_does_not_pass_is_not_retried(results: Results, rule: str) -> None:
    check_error(results, f"lasting {rule}", rule)


# --- wire and answer ------------------------------------------------------------------------------


def test_an_error_in_a_stream_has_the_class_of_no_status(results: Results) -> None:
    """And no status either, though that was 200: `type` alone tells the overload."""
    error = results.error("error in stream")
    assert (error.raised, error.status) == ("APIError", None)
    assert (error.type, error.api_message) == ("overloaded_error", "Overloaded")
    assert str(error.request_id).startswith("req_")


def test_a_cut_stream_ends_as_if_it_were_whole(results: Results) -> None:
    assert results.answer("cut stream") == list(EVENTS[:3])


def test_a_reset_is_a_connection_error(results: Results) -> None:
    assert results.error("reset").raised == "APIConnectionError"


@pytest.mark.parametrize("name", ["reset-in-body", "reset in stream"])
def test_a_reset_in_a_body_is_no_error_of_the_sdk(results: Results, name: str) -> None:
    """What fetch throws gets through once the headers are there, stream or not."""
    error = results.error(name)
    assert (error.raised, error.message) == ("TypeError", "terminated")
    assert "AnthropicError" not in error.classes


def test_an_empty_answer_is_no_error(results: Results) -> None:
    assert results.answer("empty") == ""
    assert results.answer("empty stream") == []


def test_an_answer_that_says_it_is_html_stays_text(results: Results) -> None:
    """Where the Python SDK reads JSON all the same; neither looks at the type of a stream."""
    text = results.answer("content type")
    assert isinstance(text, str)
    assert json.loads(text)["content"] == [{"type": "text", "text": "pong"}]
    assert results.answer("content type of stream") == list(EVENTS)


def test_a_slow_body_is_not_a_timeout(results: Results) -> None:
    """The time limit ends with the headers."""
    assert results.answer("slow body") == list(EVENTS)
    assert results.lines["slow body"].elapsed > SHORT


@pytest.mark.parametrize("name", ["late", "late stream"])
def test_a_late_answer_is_a_timeout(results: Results, name: str) -> None:
    error = results.error(name)
    assert error.classes[:2] == ("APIConnectionTimeoutError", "APIConnectionError")


@pytest.mark.parametrize("fault", UNCONNECTED)
def test_no_connection_is_a_connection_error(results: Results, fault: str) -> None:
    """The text is "Connection error." whatever happened; the cause is in the cause of the cause."""
    error = results.error(fault)
    assert (error.raised, error.message) == ("APIConnectionError", "Connection error.")
    assert UNCONNECTED[fault] in str(error.cause)
    assert [each.status for each in results.backends[fault].exchanges if each.path] == []
