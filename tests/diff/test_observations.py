import itertools
from typing import Any

import pytest

from authprobe.diff.observations import Aspect, Change, compare_observations, stable_changes
from authprobe.observation.model import LoginState, Observation, Outcome, StoredLogin
from tests.support.make import make_exchange, make_observation

TOKEN = "/v1/oauth/token"
MODEL = "POST api.anthropic.com/v1/messages"


def seen(*exchanges: dict[str, Any], **changes: Any) -> Observation:
    return make_observation(exchanges=tuple(make_exchange(**each) for each in exchanges), **changes)


def told(before: Observation, after: Observation) -> list[tuple[str, str, str, str]]:
    return [
        (str(x.aspect), x.subject, x.before, x.after) for x in compare_observations(before, after)
    ]


REFUSED = {"status": 401, "body": "one"}
LOGIN = StoredLogin(state=LoginState.USABLE, access="access-token", mode="600")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            seen({"host": "console.anthropic.com", "path": TOKEN}),
            seen({"host": "platform.claude.com", "path": TOKEN}),
            ("host", f"POST {TOKEN}", "console.anthropic.com", "platform.claude.com"),
        ),
        (
            seen({}),
            seen({}, {"method": "GET", "path": "/api/oauth/profile"}),
            ("request", "GET api.anthropic.com/api/oauth/profile", "not made", "made"),
        ),
        (
            seen({"credential": "api-key", "credential_header": "x-api-key"}),
            seen({"credential": "access-token", "credential_header": "authorization"}),
            ("credential", MODEL, "api-key in x-api-key", "access-token in authorization"),
        ),
        (
            seen({"credential": "api-key", "credential_header": "x-api-key"}),
            seen({}),
            ("credential", MODEL, "api-key in x-api-key", "no credential"),
        ),
        (
            seen({"betas": ("a", "b")}),
            seen({"betas": ("a",)}),
            ("betas", f"b in {MODEL}", "sent", "not sent"),
        ),
        (
            seen({"headers": {"anthropic-version": "2023-01-01"}}),
            seen({"headers": {"anthropic-version": "2023-06-01"}}),
            ("header", f"anthropic-version of {MODEL}", "2023-01-01", "2023-06-01"),
        ),
        (seen({}), seen({"status": 401}, {}), ("answer", MODEL, "200", "401, then 200")),
        (
            seen({"body": "one"}),
            seen({"body": "one"}, {"body": "two"}),
            ("times", MODEL, "1", "2"),
        ),
        (seen(REFUSED), seen(REFUSED, REFUSED, REFUSED), ("retries", MODEL, "0", "2")),
        (
            seen(REFUSED),
            seen(REFUSED, REFUSED, REFUSED, outcome=Outcome.TIMED_OUT),
            ("retries", MODEL, "0", "goes on"),
        ),
        (
            seen({"path": TOKEN}, {}),
            seen({}, {"path": TOKEN}),
            (
                "order",
                "requests",
                f"POST {TOKEN}, then POST /v1/messages",
                f"POST /v1/messages, then POST {TOKEN}",
            ),
        ),
        (
            seen(stored_login=LOGIN),
            seen(stored_login=StoredLogin(state=LoginState.USABLE, access="access-token-2")),
            ("login", "access", "access-token", "access-token-2"),
        ),
        (seen(), seen(stored_login=LOGIN), ("login", "state", "no file", "usable")),
        (seen(), seen(leaks=("debug.log",)), ("leaks", "tokens", "none", "debug.log")),
        (seen(), seen(exit_code=1), ("outcome", "exit_code", "none", "1")),
        (seen(), seen(reported_status=401), ("outcome", "reported status", "none", "401")),
    ],
    ids=itertools.count(),
)
def test_every_kind_of_change_is_told(
    before: Observation, after: Observation, expected: tuple[str, str, str, str]
) -> None:
    assert expected in told(before, after)
    aspect, subject, old, new = expected
    assert (aspect, subject, new, old) in told(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (seen({"at": 1.0, "elapsed": 0.1}), seen({"at": 2.0, "elapsed": 3.0})),
        (
            seen({"headers": {"user-agent": "sha256:a"}, "products": ("claude-cli/2.1.31",)}),
            seen({"headers": {"user-agent": "sha256:b"}, "products": ("claude-cli/2.1.32",)}),
        ),
        (seen({"body": "one"}), seen({"body": "another"})),
        (
            seen(message="req_011CSHoEeqs5C35K2UUqR7Fy"),
            seen(message="req_011CSHoEeqs5C35K2UUqR7Fz"),
        ),
        (
            seen({"path": "/api/0123abcd-0123-4abc-8abc-0123456789ab/x"}),
            seen({"path": "/api/9123abcd-0123-4abc-8abc-0123456789ab/x"}),
        ),
        # How often a side request is made, and how it is answered, is of no interest.
        (
            seen({}, {"path": "/api/hello"}),
            seen({}, {"path": "/api/hello", "status": 404}, {"path": "/api/hello"}),
        ),
        # Nor how often one is made until the time is up.
        (
            seen(*[{"body": str(n), "status": 500} for n in range(4)], outcome=Outcome.TIMED_OUT),
            seen(*[{"body": str(n), "status": 500} for n in range(7)], outcome=Outcome.TIMED_OUT),
        ),
    ],
)
def test_what_is_another_each_time_is_no_change(before: Observation, after: Observation) -> None:
    assert compare_observations(before, after) == ()


def test_a_refused_connection_is_told_by_its_host() -> None:
    tried = seen({"method": "CONNECT", "host": "example.org", "path": ""})
    assert told(seen(), tried) == [("request", "CONNECT example.org", "not made", "made")]


def test_a_request_to_two_hosts_names_both() -> None:
    both = seen({"path": TOKEN, "host": "a.example"}, {"path": TOKEN, "host": "b.example"})
    assert told(seen(), both)[0][1] == f"POST a.example and b.example{TOKEN}"


def test_only_what_differs_each_time_is_steady() -> None:
    by_chance = {"method": "GET", "path": "/api/hello"}
    before = [seen({}), seen({}, by_chance)]
    after = [seen({"status": 401}, by_chance), seen({"status": 401})]
    assert stable_changes(before, after) == (
        Change(aspect=Aspect.ANSWER, subject=MODEL, before="200", after="401"),
    )


def messages(*texts: str) -> list[Observation]:
    return [make_observation(message=text) for text in texts]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (("pong", "pong"), ("try 17", "try 18"), ("pong", "try 17, or try 18")),
        (("try 17", "try 18"), ("pong",), ("try 17, or try 18", "pong")),
        (("a",), ("b", "c", "d", "e", "f"), ("a", "b, or c, or d, or 2 others")),
        (("pong", "try 17"), ("try 17", "try 18"), None),
        (("id 1", "id 2"), ("id 3", "id 4"), None),
        (("pong", "pong"), ("pong", "try 18"), None),
    ],
)
def test_what_is_now_so_and_now_so_differs_from_what_is_always_the_same(
    before: tuple[str, ...], after: tuple[str, ...], told: tuple[str, str] | None
) -> None:
    found = stable_changes(messages(*before), messages(*after))
    assert [(x.before, x.after) for x in found] == ([told] if told else [])


def test_orders_that_differ_late_are_told_from_there() -> None:
    paths = [f"/v1/oauth/{letter}" for letter in "abcde"]
    before = seen(*({"path": path} for path in paths))
    after = seen(*({"path": paths[index]} for index in (0, 1, 2, 4, 3)))
    (change,) = [x for x in compare_observations(before, after) if x.aspect is Aspect.ORDER]
    assert change.before == ", then ".join(["2 alike", *(f"POST {p}" for p in paths[2:])])
    assert change.after.endswith(f"then POST {paths[4]}, then POST {paths[3]}")


def test_changes_come_in_the_order_of_their_aspects() -> None:
    before = seen({"betas": ("a",)}, stored_login=LOGIN)
    after = seen({"status": 401}, outcome=Outcome.REJECTED)
    aspects = [list(Aspect).index(x.aspect) for x in compare_observations(before, after)]
    assert aspects == sorted(aspects)
    assert len(set(aspects)) > 3
