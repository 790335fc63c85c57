import re

import pytest

from authprobe.observation.model import Outcome
from authprobe.report.model.sequence import MAX_STEPS, make_sequence, sequence_of
from authprobe.report.model.sequence_words import (
    credential_words,
    manner_words,
    mermaid,
    message_words,
    repeat_words,
    response_words,
    target_words,
    time_words,
)
from authprobe.report.model.steps import Step
from tests.report.model.test_sequence import (
    REFRESH_THEN_RETRY,
    REFUSED,
    claude,
    feature_flags,
    message,
    refresh,
    refresh_loop,
    telemetry,
)
from tests.support.make import make_exchange

HOSTILE = (
    "end",
    "a; b #35; %%{init: {}}%%",
    "x\n  p1->>p0: forged\nend",
    "```\n# outside",
    "<script>alert(1)</script> @octocat",
    "\x1b[31m\u202e$$x$$ {} [] | -->>",
)


def step_of(**changes: object) -> Step:
    """Return the only step of one request."""
    return make_sequence((make_exchange(**changes),), client="raw-http").steps[0]


def test_a_host_is_named_where_the_participant_has_another_name() -> None:
    assert target_words(step_of()) == "POST /v1/messages"
    refused = step_of(method="CONNECT", host="api.claude.ai", path="", status=502)
    assert target_words(refused) == "CONNECT api.claude.ai"
    assert credential_words(refused) == ""


def test_a_repeated_request_states_count_time_and_bodies() -> None:
    exchanges = [message(1.0 + n, body=f"{n % 2}", **REFUSED) for n in range(11)]
    (step,) = make_sequence(exchanges, client="claude-code").steps
    assert repeat_words(step) == "11 times in 10.0 s, 2 different bodies"
    assert repeat_words(step_of()) == ""


@pytest.mark.parametrize(
    ("changes", "words", "message", "manner"),
    [
        ({}, "200", "", ""),
        ({"status": None}, "no response", "", ""),
        ({"status": 401, "error_type": "x", "message": "Bad\ntoken"}, "401 x", "Bad token", ""),
        ({"complete": False, "elapsed": 8.004}, "200", "", "cut off, after 8.00 s"),
        ({"status": 429, "retry_after": "30"}, "429", "", "Retry-After: 30"),
        ({"status": 404, "rule": "deny:route", "message": "authprobe knows no"}, "404", "", ""),
        (
            {"method": "CONNECT", "path": "", "status": 502, "rule": "deny:host"},
            "502 refused",
            "authprobe does not emulate this host",
            "",
        ),
    ],
)
def test_a_response_in_words(
    changes: dict[str, object], words: str, message: str, manner: str
) -> None:
    step = step_of(**changes)
    assert (response_words(step), message_words(step), manner_words(step)) == (
        words,
        message,
        manner,
    )


def test_times_have_three_digits_or_more() -> None:
    assert [time_words(t) for t in (0.0, 0.456, 9.99, 58.24, 123.4)] == [
        *("0.00", "0.46", "9.99", "58.2", "123.4"),
    ]


def test_a_sequence_in_the_notation_of_mermaid() -> None:
    exchanges = (*REFRESH_THEN_RETRY[2:4], feature_flags(1.0), telemetry(1.1))
    diagram = sequence_of(claude(*exchanges, outcome=Outcome.REJECTED, status=401))
    assert mermaid(diagram).splitlines() == [
        "sequenceDiagram",
        "  participant p0 as claude-code 2.1.332",
        "  participant p1 as API api.anthropic.com",
        "  participant p2 as token endpoint platform.claude.com",
        "  p0->>p1: POST /v1/messages, access-token in authorization",
        "  p1-->>p0: 401 authentication_error, decides the outcome",
        "  p0->>p2: POST /v1/oauth/token, refresh-token in body",
        "  p2-->>p0: 200",
        "  Note over p0: 2 requests in the background",
    ]


def test_a_loop_in_the_notation_of_mermaid_ends() -> None:
    long = [message(float(n), credential=f"access-token-{n}") for n in range(MAX_STEPS - 1)]
    for exchanges in (refresh_loop(4), [*long, *refresh_loop(4)]):
        lines = mermaid(sequence_of(claude(*exchanges))).splitlines()
        assert lines.count("  loop 4 rounds") == lines.count("  end") == 1
        assert lines.index("  end") > lines.index("  loop 4 rounds")


def test_a_lost_response_ends_in_a_cross() -> None:
    diagram = sequence_of(claude(refresh(1.0, status=None), outcome=Outcome.REJECTED, status=None))
    assert "  p1--xp0: no response, decides the outcome" in mermaid(diagram)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_breaks_out_of_its_line_in_mermaid(text: str) -> None:
    """Mermaid 11.17.2 reads the result of each of these; here, no character has a meaning to it."""
    names = ("method", "host", "path", "credential", "credential_header", "error_type", "message")
    exchange = make_exchange(**dict.fromkeys(names, text), status=401)
    drawn = mermaid(make_sequence((exchange,), client=text, version=text, decides=exchange))
    lines = drawn.splitlines()
    assert len(lines) == 5
    for line in lines[1:]:
        words = re.sub(r"^  (participant p\d as |p\d(-->>|->>|--x)p\d: )", "", line)
        assert words != line
        assert not re.search(r"[;#%`<>@{}\[\]|$\x00-\x1f\u202e]", words)
