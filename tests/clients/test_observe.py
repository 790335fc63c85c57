import time
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory, Sandbox, find_program
from authprobe.clients.claude_code import observation_without_report
from authprobe.clients.observe import (
    ClientReport,
    could_not_connect,
    incomplete_observation,
    last_error_line,
    last_inference,
    observe,
    verified_version,
)
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.core.client_kinds import CLIENTS, ClientKind
from authprobe.emulator.config import TokenKind
from authprobe.emulator.decision import Decision
from authprobe.emulator.rules.base import Answer, refusal
from authprobe.errors import ClientError
from authprobe.observation.model import Exchange, Outcome
from tests.support.make import make_case, make_exchange
from tests.support.requests import MESSAGES, PLATFORM_TOKEN, Target, make_request

ANSWERED = ClientReport(is_error=False, message="pong")
REFUSED = ClientReport(is_error=True, message="API Error: 401", status=401)
FAILED = ClientReport(is_error=True, message="no")
LOCAL_REFUSAL = "refused by the client itself: it asked no model"
GAVE_UP = "the client gave up without a refusal"


def record_requests(sandbox: Sandbox, *statuses: int | None, target: Target = MESSAGES) -> None:
    """Record requests to the backend and its responses with these statuses."""
    for status in statuses:
        record = sandbox.backend.recorder.begin(make_request(sandbox.backend, target, {}))
        if status is not None:
            success = Answer(status=status, body={})
            answer = success if status < 400 else refusal(status, "a_type", "a message")
            sandbox.backend.recorder.end(record, Decision("rule", answer))


@pytest.mark.parametrize(
    ("report", "statuses", "outcome", "status", "detail"),
    [
        (ANSWERED, [200], Outcome.ACCEPTED, 200, None),
        (ANSWERED, [529, 200], Outcome.ACCEPTED, 200, None),
        (ANSWERED, [], Outcome.ACCEPTED, None, None),
        (REFUSED, [401], Outcome.REJECTED, 401, None),
        (FAILED, [401], Outcome.REJECTED, 401, None),
        (FAILED, [200, 403], Outcome.REJECTED, 403, None),
        (FAILED, [404], Outcome.NOT_FOUND, 404, None),
        (FAILED, [429, 429], Outcome.THROTTLED, 429, None),
        (FAILED, [500], Outcome.SERVER_ERROR, 500, None),
        (FAILED, [529], Outcome.OVERLOADED, 529, None),
        (FAILED, [], Outcome.REJECTED, None, LOCAL_REFUSAL),
        (FAILED, [200], Outcome.UNREACHABLE, 200, GAVE_UP),
        (FAILED, [None], Outcome.UNREACHABLE, None, GAVE_UP),
    ],
)
def test_report_and_last_inference_determine_outcome(
    laboratory: Laboratory,
    report: ClientReport,
    statuses: list[int | None],
    outcome: Outcome,
    status: int | None,
    detail: str | None,
) -> None:
    with laboratory.sandbox(make_case()) as sandbox:
        record_requests(sandbox, *statuses)
        record_requests(sandbox, 400, target=PLATFORM_TOKEN)  # not an inference request
        observation = observe(sandbox, report, began=time.monotonic(), exit_code=1, version="1.0.0")
    assert (observation.outcome, observation.status, observation.detail) == (
        outcome,
        status,
        detail,
    )
    assert (observation.message, observation.exit_code, observation.client_version) == (
        report.message,
        1,
        "1.0.0",
    )
    assert len(observation.exchanges) == len(statuses) + 1
    refused = report.is_error and status is not None and status >= 400
    assert observation.error_type == ("a_type" if refused else None)


def test_message_is_redacted_before_truncation(laboratory: Laboratory) -> None:
    with laboratory.sandbox(make_case()) as sandbox:
        token = sandbox.backend.tokens.make(TokenKind.ACCESS_TOKEN).value
        report = ClientReport(is_error=True, message="x" * 1990 + token)
        observation = observe(sandbox, report, began=0.0, exit_code=1, version=None)
        short = incomplete_observation(sandbox, Outcome.CRASHED, "x" * 490 + token, began=0.0)
        assert (
            incomplete_observation(sandbox, Outcome.CRASHED, token, began=0).detail
            == "[redacted:access-token]"
        )
    assert observation.message == "x" * 1990 + "[redacted:… (13 more characters)"
    assert short.detail == "x" * 490 + "[redacted:… (13 more characters)"


def completed_child(exit_reason: ExitReason, **streams: str) -> CompletedChild:
    """Return a child without a report."""
    values = {"stdout": "", "stderr": ""} | streams
    return CompletedChild(
        exit_code=1, exit_reason=exit_reason, elapsed=1.0, truncated=False, **values
    )


@pytest.mark.parametrize(
    ("child", "outcome", "detail", "exit_code"),
    [
        (
            completed_child(ExitReason.TIMED_OUT, stderr="Error: x"),
            *(Outcome.TIMED_OUT, "still running after 60 s, in which it made 2 requests", None),
        ),
        (
            completed_child(ExitReason.EXITED, stderr="a\nError: b\nat c", stdout="d"),
            *(Outcome.CRASHED, "ended with exit code 1: Error: b", 1),
        ),
        (
            completed_child(ExitReason.EXITED, stderr=" \n", stdout="d"),
            *(Outcome.CRASHED, "ended with exit code 1: d", 1),
        ),
        (
            completed_child(ExitReason.EXITED),
            *(Outcome.CRASHED, "ended with exit code 1: it said nothing", 1),
        ),
    ],
)
def test_child_without_report_is_described(
    laboratory: Laboratory,
    child: CompletedChild,
    outcome: Outcome,
    detail: str,
    exit_code: int | None,
) -> None:
    with laboratory.sandbox(make_case()) as sandbox:
        record_requests(sandbox, 200, 401)
        observation = observation_without_report(sandbox, child, began=0.0, version="1.0.0")
    assert (observation.outcome, observation.detail, observation.exit_code) == (
        outcome,
        detail,
        exit_code,
    )
    assert (observation.status, observation.error_type) == (401, "a_type")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("", "it said nothing"),
        (" \n\t\n", "it said nothing"),
        ("one\ntwo\n", "two"),
        (
            "TypeError: x is undefined\n    at f (file.js:1:2)\nNode.js v20",
            "TypeError: x is undefined",
        ),
        (
            "Traceback:\n  line\nauthprobe.errors.ClientError: why\n",
            "authprobe.errors.ClientError: why",
        ),
        ("Error: first\nError: second\nbye", "Error: second"),
        ("panic: runtime error\ngoroutine 1", "panic: runtime error"),
        ("fatal: no\nx", "fatal: no"),
        ("error: lower case\nx", "error: lower case"),
        ("an Error: in the middle\nlast", "last"),
    ],
)
def test_last_error_line_is_the_most_informative_one(printed: str, expected: str) -> None:
    assert last_error_line(printed) == expected


def exchanges_of(*products: str) -> tuple[Exchange, ...]:
    """Return an exchange for each product in a User-Agent."""
    return tuple(make_exchange(products=(product,)) for product in products)


@pytest.mark.parametrize(
    "exchanges",
    [
        (),
        (make_exchange(),),
        exchanges_of("claude-cli/2.1.31", "claude-code/2.1.31"),
        exchanges_of("agent-sdk/0.1.0", "claude-cli/2.1.31"),
        exchanges_of("authprobe/9"),
    ],
)
def test_installed_version_is_verified_by_user_agents(exchanges: tuple[Exchange, ...]) -> None:
    assert (
        verified_version(exchanges, CLIENTS[ClientKind.CLAUDE_CODE].products, "2.1.31") == "2.1.31"
    )


def test_other_versions_in_user_agents_are_an_error() -> None:
    exchanges = exchanges_of("claude-cli/2.1.31", "claude-cli/2.2.0", "claude-code/2.1.99")
    with pytest.raises(ClientError, match=r"^asked for 2\.1\.31, but 2\.1\.99, 2\.2\.0 ran$"):
        verified_version(exchanges, CLIENTS[ClientKind.CLAUDE_CODE].products, "2.1.31")


def test_last_inference_ignores_other_requests() -> None:
    counting, profile = make_exchange(path="/v1/messages/count_tokens"), make_exchange(path="/x")
    first, last = make_exchange(at=1.0), make_exchange(at=2.0)
    assert last_inference((first, last, counting, profile)) is last
    assert last_inference((counting, profile)) is None


def test_missing_program_is_an_error_with_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientError, match=r"^node is not on PATH; install Node\.js 20 or newer$"):
        find_program("node")
    (tmp_path / "node").touch(mode=0o755)
    assert find_program("node") == tmp_path / "node"


HOST = "api.anthropic.com"
BROKEN = make_exchange(method="CONNECT", path="", status=None)
SIDE_REQUEST = make_exchange(path="/api/oauth/profile", status=401)


@pytest.mark.parametrize(
    ("exchanges", "expected"),
    [
        ((), False),
        ((SIDE_REQUEST,), False),
        ((BROKEN,), True),
        ((BROKEN, SIDE_REQUEST), True),
        # Seen of claude-code 2.1.332 on a busy machine: it exits while it connects for telemetry.
        ((SIDE_REQUEST, BROKEN), False),
        ((SIDE_REQUEST, replace(BROKEN, faults=("reset",))), True),
        ((replace(SIDE_REQUEST, host="platform.claude.com"), BROKEN), True),
        ((replace(BROKEN, host="example.org"),), False),
    ],
)
def test_a_connection_that_breaks_off_after_an_answer_is_no_failure_to_connect(
    exchanges: tuple[Exchange, ...], expected: bool
) -> None:
    assert could_not_connect(exchanges, {HOST, "platform.claude.com"}) is expected
