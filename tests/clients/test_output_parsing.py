import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.clients import claude_code
from authprobe.clients.claude_code import prompt
from authprobe.clients.observe import ClientReport
from authprobe.clients.proxies import claude_max_api
from authprobe.clients.sdk import agent_sdk
from tests.support.make import make_exchange

REFUSED_TEXT = "Failed to authenticate. API Error: 401 OAuth token has expired."
REFUSED = {
    "type": "result",
    "subtype": "success",
    "is_error": True,
    "duration_ms": 812,
    "num_turns": 1,
    "result": REFUSED_TEXT,
    "api_error_status": 401,
    "usage": {"input_tokens": 0, "output_tokens": 0},
}
ANSWERED = REFUSED | {"is_error": False, "result": "pong", "api_error_status": None}
EARLY = {"role": "system", "cost_usd": 0, "duration_ms": 21, "result": "pong"}
REFUSED_REPORT = ClientReport(is_error=True, message=REFUSED_TEXT, status=401)
ANSWERED_REPORT = ClientReport(is_error=False, message="pong")
DEEP = "[" * 100_000
UNREADABLE = ["", "\n\n", "null", "5", '"is_error"', "[]", "{}", "{", "\0", DEEP, "9" * 5000]


def lines(*values: object) -> str:
    """Return each value as a line of JSON."""
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        (lines(ANSWERED), ANSWERED_REPORT),
        (lines(REFUSED), REFUSED_REPORT),
        (lines([{"type": "system"}, REFUSED]), REFUSED_REPORT),
        ("a warning\n" + lines(REFUSED) + "\n", REFUSED_REPORT),
        (lines(REFUSED).strip() + "\nbye {\n", REFUSED_REPORT),
        (lines(ANSWERED, REFUSED), REFUSED_REPORT),
        (lines(REFUSED, {"type": "other"}, 5, []), REFUSED_REPORT),
        (lines({"is_error": True}), ClientReport(is_error=True, message=None)),
        (
            lines({"is_error": 1, "result": ["x"], "api_error_status": "401"}),
            ClientReport(is_error=True, message=None),
        ),
        (f"{DEEP}\n{lines(ANSWERED)}{DEEP}", ANSWERED_REPORT),
        *[(text, None) for text in UNREADABLE],
        (json.dumps(REFUSED, indent=1), None),
        (lines([REFUSED, {"type": "system"}]), None),
    ],
    ids=itertools.count(),
)
def test_report_of_the_command_is_parsed(stdout: str, expected: ClientReport | None) -> None:
    assert claude_code.read_report(stdout) == expected


def test_early_report_is_an_error_unless_the_model_answered() -> None:
    stdout = json.dumps(EARLY, indent=2)
    assert claude_code.read_report(stdout) is None
    for answered in (True, False):
        expected = ClientReport(is_error=not answered, message="pong")
        assert prompt.read_early_report(stdout, answered=answered) == expected


@pytest.mark.parametrize("stdout", [*UNREADABLE, lines(ANSWERED), lines([EARLY]), lines(1, EARLY)])
def test_other_output_is_not_an_early_report(stdout: str) -> None:
    assert prompt.read_early_report(stdout, answered=True) is None


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_arbitrary_output_is_not_a_report(stdout: str) -> None:
    assert claude_code.read_report(stdout) is None


RAISED = {"type": "ProcessError", "message": "Command failed with exit code 1"}


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        (lines({"result": ANSWERED, "error": None}), ANSWERED_REPORT),
        (lines({"result": REFUSED, "error": RAISED}), REFUSED_REPORT),
        (lines({"result": REFUSED, "error": None}), REFUSED_REPORT),
        (
            lines({"result": ANSWERED, "error": RAISED}),
            ClientReport(is_error=True, message="pong"),
        ),
        (
            lines({"result": None, "error": RAISED}),
            ClientReport(is_error=True, message=RAISED["message"]),
        ),
        (lines({"result": None, "error": None}), ClientReport(is_error=True, message=None)),
        (lines({"result": {}, "error": None}), ClientReport(is_error=True, message=None)),
        ("a warning\n" + lines({"result": ANSWERED, "error": None}), ANSWERED_REPORT),
        (lines({"result": ANSWERED, "error": None}, {"type": "other"}), None),
        (lines(REFUSED), None),
        *[(text, None) for text in UNREADABLE],
    ],
    ids=itertools.count(),
)
def test_report_of_an_agent_sdk_is_parsed(stdout: str, expected: ClientReport | None) -> None:
    assert agent_sdk.read_report(stdout) == expected


def completion(content: object) -> bytes:
    """Return the body of an OpenAI-style chat completion."""
    return json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": content}}]}
    ).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, completion("pong"), ANSWERED_REPORT),
        (200, completion(REFUSED_TEXT), ClientReport(is_error=False, message=REFUSED_TEXT)),
        (500, b'{"error":{"message":"m","type":"t"}}', ClientReport(is_error=True, message="m")),
        (401, b"no", ClientReport(is_error=True, message="no")),
        (500, b"", ClientReport(is_error=True, message=None)),
        (500, DEEP.encode(), ClientReport(is_error=True, message=DEEP)),
        (200, b"", ClientReport(is_error=True, message="")),
        (200, b"<html>", ClientReport(is_error=True, message="<html>")),
        (200, b"\xff", ClientReport(is_error=True, message="\ufffd")),
        (200, b"null", ClientReport(is_error=True, message="null")),
        (200, b'{"choices":[]}', ClientReport(is_error=True, message='{"choices":[]}')),
        (200, b'{"choices":{}}', ClientReport(is_error=True, message='{"choices":{}}')),
        (200, b'{"choices":[5]}', ClientReport(is_error=True, message='{"choices":[5]}')),
        (200, b"9" * 5000, ClientReport(is_error=True, message="9" * 5000)),
    ],
    ids=itertools.count(),
)
def test_response_of_the_proxy_is_parsed(status: int, body: bytes, expected: ClientReport) -> None:
    assert claude_max_api.read_report(status, body) == expected


@pytest.mark.parametrize(
    "document",
    [{"result": "x", "error": None}, {"result": None, "error": "x"}, {"error": [1]}],
)
def test_malformed_driver_output_is_not_a_report(document: object) -> None:
    assert agent_sdk.read_report(json.dumps(document)) is None


def test_unreadable_response_of_the_proxy_is_an_error() -> None:
    assert claude_max_api.read_report(200, b"[" * 100_000).is_error


def test_response_of_the_proxy_without_text_has_no_message() -> None:
    report = claude_max_api.read_report(200, b'{"choices": [{"message": {"content": null}}]}')
    assert report.message is None


@pytest.mark.parametrize(
    ("is_error", "status", "hides"),
    [
        (False, 401, True),
        (False, 529, True),
        (False, 200, False),
        (False, None, False),
        (True, 401, False),
    ],
)
def test_success_after_a_refused_request_hides_the_refusal(
    is_error: bool, status: int | None, hides: bool
) -> None:
    report = ClientReport(is_error=is_error, message="pong")
    assert claude_max_api.hides_refusal(report, make_exchange(status=status)) is hides
    assert not claude_max_api.hides_refusal(report, None)
