from dataclasses import replace

import pytest

from authprobe.observation.fingerprint import (
    describe_transition,
    find_transitions,
    fingerprint,
    normalize_text,
)
from authprobe.observation.model import Observation, Outcome
from tests.support.judged import OBSERVATION, REFRESH, REFUSED
from tests.support.make import make_exchange


def lines(before: Observation, now: Observation) -> list[str]:
    """Return the transitions between two observations as lines."""
    return [describe_transition(x) for x in find_transitions(fingerprint(before), fingerprint(now))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"request_id":"req_2c11e4dc30c44f789d541e32"}', '"request_id":"[id]"}'),
        ("request-id req_b10b93ff515d4802a255cd31.", "request-id [id]."),
        ("id 0d1f9a1c-1111-4222-8333-944445555666", "id [id]"),
        ("resets 6:06am (UTC)", "resets [time] (UTC)"),
        ("resets 3pm", "resets [time]"),
        ("usage limit reached|1795500336", "usage limit reached|[time]"),
        ("at 2026-11-24T01:42:43Z", "at [time]"),
        ("after 12.5 seconds", "after [duration]"),
        ("http://127.0.0.1:40123/x", "http://127.0.0.1:[port]/x"),
    ],
)
def test_text_that_differs_in_every_run_is_replaced(text: str, expected: str) -> None:
    assert normalize_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "API Error: 401 OAuth access token is invalid.",
        "You've hit your 5-hour limit",
        "anthropic-version: 2023-06-01 is required",
        "max_tokens: 4096",
        "org_id",
        "claude-code 2.1.330",
        "HTTP 200, 0 bytes",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert normalize_text(text) == text


def test_a_transition_has_the_field_and_both_values() -> None:
    now = replace(OBSERVATION, outcome=Outcome.ACCEPTED, status=200, message=None)
    assert lines(OBSERVATION, now) == [
        "outcome: rejected → accepted",
        "status: 401 → 200",
        "message: OAuth token has expired. Log in again. → none",
    ]
    assert lines(OBSERVATION, OBSERVATION) == []


def test_one_more_request_is_a_change() -> None:
    more = replace(OBSERVATION, exchanges=(REFRESH, REFUSED, REFUSED))
    assert lines(OBSERVATION, more) == [
        "request POST api.anthropic.com/v1/messages, access-token in authorization, "
        "status 401: once → 2 times"
    ]


def test_a_different_host_is_a_missing_and_a_new_request() -> None:
    other = replace(
        OBSERVATION, exchanges=(replace(REFRESH, host="console.anthropic.com"), REFUSED)
    )
    assert [line.rsplit(": ", 1)[1] for line in lines(OBSERVATION, other)] == [
        "not made → once",
        "once → not made",
    ]


def test_the_number_of_retries_before_a_timeout_is_no_change() -> None:
    timed_out = replace(OBSERVATION, outcome=Outcome.TIMED_OUT)
    assert lines(timed_out, replace(timed_out, exchanges=(REFRESH, *[REFUSED] * 9))) == []
    assert lines(timed_out, replace(timed_out, exchanges=(REFRESH,))) != []


def test_the_number_of_side_requests_is_no_change() -> None:
    side = make_exchange(method="GET", path="/v1/mcp_servers", status=404)
    once = replace(OBSERVATION, exchanges=(REFUSED, side))
    assert lines(once, replace(OBSERVATION, exchanges=(side, REFUSED, side))) == []
