import time
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory, Sandbox, find_program
from authprobe.clients.claude_code import observation_without_report
from authprobe.clients.observe import (
    ClientReport,
    incomplete_observation,
    last_error_line,
    last_inference,
    observe,
    verified_version,
)
from authprobe.clients.process.child import CompletedChild, ExitReason
from authprobe.core.client_kinds import ClientKind
from authprobe.emulator.case_backend import Decision
from authprobe.emulator.config import TokenKind
from authprobe.emulator.rules.base import Answer, refusal
from authprobe.errors import ClientError
from authprobe.observation.model import Exchange, Outcome
from tests.support.make import make_case, make_exchange
from tests.support.requests import MESSAGES, PLATFORM_TOKEN, Target, make_ask

ANSWERED = ClientReport(is_error=False, message="pong")
REFUSED = ClientReport(is_error=True, message="API Error: 401", status=401)
FAILED = ClientReport(is_error=True, message="no")
ITSELF = "refused by the client itself: it asked no model"
GAVE_UP = "the client gave up without a refusal"


def asked(sandbox: Sandbox, *statuses: int | None, target: Target = MESSAGES) -> None:
    """The backend has been asked, and has answered with these statuses."""
    for status in statuses:
        record = sandbox.backend.begin(make_ask(sandbox.backend, target, {}))
        if status is not None:
            good = Answer(status=status, body={})
            answer = good if status < 400 else refusal(status, "a_type", "a message")
            sandbox.backend.end(record, Decision("rule", answer))


@pytest.mark.parametrize(
    ("told", "statuses", "outcome", "status", "detail"),
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
        (FAILED, [], Outcome.REJECTED, None, ITSELF),
        (FAILED, [200], Outcome.UNREACHABLE, 200, GAVE_UP),
        (FAILED, [None], Outcome.UNREACHABLE, None, GAVE_UP),
    ],
)
def test_what_was_told_and_what_was_asked_make_the_outcome(
    laboratory: Laboratory,
    told: ClientReport,
    statuses: list[int | None],
    outcome: Outcome,
    status: int | None,
    detail: str | None,
) -> None:
    with laboratory.sandbox(make_case()) as sandbox:
        asked(sandbox, *statuses)
        asked(sandbox, 400, target=PLATFORM_TOKEN)  # is no inference
        seen = observe(sandbox, told, began=time.monotonic(), exit_code=1, version="1.0.0")
    assert (seen.outcome, seen.status, seen.detail) == (outcome, status, detail)
    assert (seen.message, seen.exit_code, seen.client_version) == (told.message, 1, "1.0.0")
    assert len(seen.exchanges) == len(statuses) + 1
    refused = told.is_error and status is not None and status >= 400
    assert seen.error_type == ("a_type" if refused else None)


def test_what_a_client_said_is_redacted_before_it_is_shortened(laboratory: Laboratory) -> None:
    with laboratory.sandbox(make_case()) as sandbox:
        token = sandbox.backend.tokens.make(TokenKind.ACCESS_TOKEN).value
        told = ClientReport(is_error=True, message="x" * 1990 + token)
        seen = observe(sandbox, told, began=0.0, exit_code=1, version=None)
        short = incomplete_observation(sandbox, Outcome.CRASHED, "x" * 490 + token, began=0.0)
        assert (
            incomplete_observation(sandbox, Outcome.CRASHED, token, began=0).detail
            == "[redacted:access-token]"
        )
    assert seen.message == "x" * 1990 + "[redacted:… (13 more characters)"
    assert short.detail == "x" * 490 + "[redacted:… (13 more characters)"


def finished(ended: ExitReason, **said: str) -> CompletedChild:
    """What is left of a child that gave no report."""
    values = {"stdout": "", "stderr": ""} | said
    return CompletedChild(exit_code=1, exit_reason=ended, elapsed=1.0, truncated=False, **values)


@pytest.mark.parametrize(
    ("child", "outcome", "detail", "exit_code"),
    [
        (
            finished(ExitReason.TIMED_OUT, stderr="Error: x"),
            *(Outcome.TIMED_OUT, "still running after 60 s, in which it made 2 requests", None),
        ),
        (
            finished(ExitReason.EXITED, stderr="a\nError: b\nat c", stdout="d"),
            *(Outcome.CRASHED, "ended with exit code 1: Error: b", 1),
        ),
        (
            finished(ExitReason.EXITED, stderr=" \n", stdout="d"),
            *(Outcome.CRASHED, "ended with exit code 1: d", 1),
        ),
        (
            finished(ExitReason.EXITED),
            *(Outcome.CRASHED, "ended with exit code 1: it said nothing", 1),
        ),
    ],
)
def test_a_child_without_a_report_is_described(
    laboratory: Laboratory,
    child: CompletedChild,
    outcome: Outcome,
    detail: str,
    exit_code: int | None,
) -> None:
    with laboratory.sandbox(make_case()) as sandbox:
        asked(sandbox, 200, 401)
        seen = observation_without_report(sandbox, child, began=0.0, version="1.0.0")
    assert (seen.outcome, seen.detail, seen.exit_code) == (outcome, detail, exit_code)
    assert (seen.status, seen.error_type) == (401, "a_type")


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
def test_the_last_words_are_those_that_say_most(printed: str, expected: str) -> None:
    assert last_error_line(printed) == expected


def seen_as(*products: str) -> tuple[Exchange, ...]:
    """An exchange for each product."""
    return tuple(make_exchange(products=(product,)) for product in products)


@pytest.mark.parametrize(
    "exchanges",
    [
        (),
        (make_exchange(),),
        seen_as("claude-cli/2.1.31", "claude-code/2.1.31"),
        seen_as("agent-sdk/0.1.0", "claude-cli/2.1.31"),
        seen_as("authprobe/9"),
    ],
)
def test_what_was_installed_is_what_ran(exchanges: tuple[Exchange, ...]) -> None:
    assert verified_version(exchanges, ClientKind.CLAUDE_CODE, "2.1.31") == "2.1.31"


def test_something_else_that_ran_is_told() -> None:
    exchanges = seen_as("claude-cli/2.1.31", "claude-cli/2.2.0", "claude-code/2.1.99")
    with pytest.raises(ClientError, match=r"^asked for 2\.1\.31, but 2\.1\.99, 2\.2\.0 ran$"):
        verified_version(exchanges, ClientKind.CLAUDE_CODE, "2.1.31")


def test_the_last_question_to_a_model_counts() -> None:
    counting, profile = make_exchange(path="/v1/messages/count_tokens"), make_exchange(path="/x")
    first, last = make_exchange(at=1.0), make_exchange(at=2.0)
    assert last_inference((first, last, counting, profile)) is last
    assert last_inference((counting, profile)) is None


def test_a_program_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientError, match=r"^node is not on PATH; install Node\.js 20 or newer$"):
        find_program("node")
    (tmp_path / "node").touch(mode=0o755)
    assert find_program("node") == tmp_path / "node"
