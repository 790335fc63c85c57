import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.clients import claude_code
from authprobe.clients.claude_code import prompt
from authprobe.clients.observe import ClientReport
from authprobe.clients.sdk import agent_sdk

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


@pytest.mark.parametrize(
    "document",
    [{"result": "x", "error": None}, {"result": None, "error": "x"}, {"error": [1]}],
)
def test_malformed_driver_output_is_not_a_report(document: object) -> None:
    assert agent_sdk.read_report(json.dumps(document)) is None
