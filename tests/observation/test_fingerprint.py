from dataclasses import replace
from typing import Any

import pytest

from authprobe.observation.fingerprint import (
    Fingerprint,
    describe_transition,
    describe_transitions,
    find_transitions,
    fingerprint,
    normalize_text,
)
from authprobe.observation.model import LoginExpiry, LoginState, Observation, Outcome
from tests.support.judged import OBSERVATION, REFRESH, REFUSED, STALE
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
        ("durationMs=1 totalMs=571", "durationMs=[duration] totalMs=[duration]"),
        ('{"elapsed": 1.25}', '{"elapsed": [duration]}'),
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
        "items: 5",
        "org_id",
        "claude-code 2.1.330",
        "HTTP 200, 0 bytes",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert normalize_text(text) == text


def test_a_transition_has_the_field_and_both_values() -> None:
    now = replace(OBSERVATION, outcome=Outcome.ACCEPTED, status=200, message="pong")
    assert lines(OBSERVATION, now) == [
        "outcome: rejected → accepted",
        "status: 401 → 200",
        "message: OAuth token has expired. Log in again. → pong",
        "finding claims-success: no → yes",
    ]
    assert lines(OBSERVATION, OBSERVATION) == []


def test_one_more_request_is_a_change() -> None:
    more = replace(OBSERVATION, exchanges=(REFRESH, REFUSED, REFUSED))
    assert lines(OBSERVATION, more) == [
        "finding retries-permanent-refusal: no → yes",
        "request POST api.anthropic.com/v1/messages, access-token in authorization, "
        "status 401: once → 2 times",
    ]


def test_a_different_host_is_a_missing_and_a_new_request() -> None:
    other = replace(
        OBSERVATION, exchanges=(replace(REFRESH, host="console.anthropic.com"), REFUSED)
    )
    assert [line.rsplit(": ", 1)[1] for line in lines(OBSERVATION, other)] == [
        "not made → once",
        "once → not made",
    ]


TIMED_OUT = replace(OBSERVATION, outcome=Outcome.TIMED_OUT, exchanges=(REFRESH, REFUSED, REFUSED))


def test_the_number_of_retries_before_a_timeout_is_no_change() -> None:
    assert lines(TIMED_OUT, replace(TIMED_OUT, exchanges=(REFRESH, *[REFUSED] * 9))) == []
    assert lines(TIMED_OUT, replace(TIMED_OUT, exchanges=(REFRESH,))) != []


def test_a_number_that_is_not_compared_is_not_printed() -> None:
    side = make_exchange(method="GET", path="/v1/mcp_servers", status=404)
    more = replace(TIMED_OUT, exchanges=(*TIMED_OUT.exchanges, side, side))
    (line,) = lines(TIMED_OUT, more)
    assert line.endswith("/v1/mcp_servers, no credential, status 404: not made → made")
    token = [line for line in lines(replace(TIMED_OUT, exchanges=()), TIMED_OUT) if "POST" in line]
    assert [line.rsplit(": ", 1)[1] for line in token] == ["not made → made"] * 2
    ended = replace(TIMED_OUT, outcome=Outcome.REJECTED)
    assert not [line for line in lines(TIMED_OUT, ended) if "times" in line or "once" in line]


def test_the_number_of_side_requests_is_no_change() -> None:
    side = make_exchange(method="GET", path="/v1/mcp_servers", status=404)
    once = replace(OBSERVATION, exchanges=(REFUSED, side))
    assert lines(once, replace(OBSERVATION, exchanges=(side, REFUSED, side))) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"stored_login": replace(STALE, state=LoginState.BLANKED, access="access-token")},
            ["stored_login: stale → blanked", "stored_access: none → access-token"],
        ),
        (
            {"stored_login": replace(STALE, expiry=LoginExpiry.AHEAD, refresh="foreign")},
            ["stored_refresh: none → foreign", "stored_expiry: past → ahead"],
        ),
        (
            {"stored_login": replace(STALE, subscription=None)},
            ["stored_subscription: max → none"],
        ),
        (
            {"stored_login": None},
            ["finding loses-login: yes → no", "stored_login: stale → none"],
        ),
        ({"leaks": ("~/debug.log", "stdout")}, ["token left in stdout: no → yes"]),
        ({"leaks": ()}, ["finding leaks-token: yes → no", "token left in ~/debug.log: yes → no"]),
        (
            {"exchanges": (REFRESH, replace(REFUSED, betas=("oauth-2025-04-20", "new")))},
            ["beta flag another: sent → not sent", "beta flag new: not sent → sent"],
        ),
        (
            {"exchanges": (REFRESH, replace(REFUSED, headers={"x-api-key": "[redacted:key]"}))},
            [
                "header anthropic-version 2023-06-01: sent → not sent",
                "header x-api-key: not sent → sent",
            ],
        ),
    ],
)
def test_what_an_upgrade_changes_is_a_transition(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert lines(OBSERVATION, replace(OBSERVATION, **changes)) == expected


def test_members_of_a_set_that_changed_alike_are_one_line() -> None:
    other = replace(REFUSED, betas=("b", "a"), headers={})
    changed = replace(OBSERVATION, exchanges=(REFRESH, other))
    transitions = find_transitions(fingerprint(OBSERVATION), fingerprint(changed))
    assert describe_transitions(transitions) == (
        "header anthropic-version 2023-06-01: sent → not sent",
        "beta flags a, b: not sent → sent",
        "beta flags another, oauth-2025-04-20: sent → not sent",
    )


def test_a_refused_host_is_a_change_unless_sessions_ran_at_the_same_time() -> None:
    alone = replace(OBSERVATION, sessions=())
    hosts = ("statsig.example",)
    assert lines(alone, replace(alone, egress_refused=hosts)) == [
        "refused host statsig.example: not contacted → contacted"
    ]
    assert lines(OBSERVATION, replace(OBSERVATION, egress_refused=hosts)) == []


def test_the_order_of_flags_and_the_user_agent_are_no_change() -> None:
    other = replace(
        REFUSED, betas=REFUSED.betas[::-1], headers={**REFUSED.headers, "user-agent": "x"}
    )
    assert lines(OBSERVATION, replace(OBSERVATION, exchanges=(REFRESH, other))) == []


def test_a_field_that_an_older_authprobe_did_not_record_is_no_change() -> None:
    new = fingerprint(OBSERVATION)
    recorded = ("outcome", "status", "error_type", "message", "exit_code", "sessions", "requests")
    old = Fingerprint(**{name: getattr(new, name) for name in recorded})
    assert old != new
    assert find_transitions(old, new) == find_transitions(new, old) == ()


def test_the_outcomes_of_sessions_are_not_compared_after_a_timeout() -> None:
    names = [line.partition(":")[0] for line in lines(OBSERVATION, TIMED_OUT)]
    assert "outcome" in names
    assert "sessions" not in names
