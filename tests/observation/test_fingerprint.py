from dataclasses import replace

import pytest

from authprobe.observation.fingerprint import (
    describe_transition,
    fingerprint,
    normalize_text,
    transitions,
)
from authprobe.observation.model import Observation, Outcome
from tests.support.judged import REFRESH, REFUSED, SEEN
from tests.support.make import make_exchange


def lines(before: Observation, now: Observation) -> list[str]:
    """What has changed, as it is told."""
    return [describe_transition(x) for x in transitions(fingerprint(before), fingerprint(now))]


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
def test_what_each_run_makes_anew_is_no_part_of_a_message(text: str, expected: str) -> None:
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
def test_the_rest_of_a_message_stays(text: str) -> None:
    assert normalize_text(text) == text


def test_each_field_that_has_changed_is_told_with_what_it_was() -> None:
    now = replace(SEEN, outcome=Outcome.ACCEPTED, status=200, message=None)
    assert lines(SEEN, now) == [
        "outcome: rejected → accepted",
        "status: 401 → 200",
        "message: OAuth token has expired. Log in again. → none",
    ]
    assert lines(SEEN, SEEN) == []


def test_one_more_request_is_a_change() -> None:
    more = replace(SEEN, exchanges=(REFRESH, REFUSED, REFUSED))
    assert lines(SEEN, more) == [
        "request POST api.anthropic.com/v1/messages, access-token in authorization, "
        "status 401: once → 2 times"
    ]


def test_another_host_is_a_request_gone_and_one_new() -> None:
    other = replace(SEEN, exchanges=(replace(REFRESH, host="console.anthropic.com"), REFUSED))
    assert [line.rsplit(": ", 1)[1] for line in lines(SEEN, other)] == [
        "not made → once",
        "once → not made",
    ]


def test_how_many_retries_fit_into_a_time_limit_is_no_change() -> None:
    waited = replace(SEEN, outcome=Outcome.TIMED_OUT)
    assert lines(waited, replace(waited, exchanges=(REFRESH, *[REFUSED] * 9))) == []
    assert lines(waited, replace(waited, exchanges=(REFRESH,))) != []


def test_side_requests_are_not_counted() -> None:
    side = make_exchange(method="GET", path="/v1/mcp_servers", status=404)
    once = replace(SEEN, exchanges=(REFUSED, side))
    assert lines(once, replace(SEEN, exchanges=(side, REFUSED, side))) == []
