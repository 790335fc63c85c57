import itertools
from typing import Any

import pytest

from authprobe.diff.observations import Aspect, Change, compare_observations, stable_changes
from authprobe.observation.model import LoginState, Observation, Outcome, StoredLogin
from tests.support.make import make_exchange, make_observation

TOKEN = "/v1/oauth/token"
MODEL = "POST api.anthropic.com/v1/messages"


def observe(*exchanges: dict[str, Any], **changes: Any) -> Observation:
    """Return an observation with these exchanges, each as its fields."""
    return make_observation(exchanges=tuple(make_exchange(**each) for each in exchanges), **changes)


def change_tuples(before: Observation, after: Observation) -> list[tuple[str, str, str, str]]:
    """Return aspect, subject and both values of each change."""
    changes = compare_observations(before, after)
    return [(str(x.aspect), x.subject, x.before, x.after) for x in changes]


REFUSED = {"status": 401, "body": "one"}
LOGIN = StoredLogin(state=LoginState.USABLE, access="access-token", mode="600")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            observe({"host": "console.anthropic.com", "path": TOKEN}),
            observe({"host": "platform.claude.com", "path": TOKEN}),
            ("host", f"POST {TOKEN}", "console.anthropic.com", "platform.claude.com"),
        ),
        (
            observe({}),
            observe({}, {"method": "GET", "path": "/api/oauth/profile"}),
            ("request", "GET api.anthropic.com/api/oauth/profile", "not made", "made"),
        ),
        (
            observe({"credential": "api-key", "credential_header": "x-api-key"}),
            observe({"credential": "access-token", "credential_header": "authorization"}),
            ("credential", MODEL, "api-key in x-api-key", "access-token in authorization"),
        ),
        (
            observe({"credential": "api-key", "credential_header": "x-api-key"}),
            observe({}),
            ("credential", MODEL, "api-key in x-api-key", "no credential"),
        ),
        (
            observe({"betas": ("a", "b")}),
            observe({"betas": ("a",)}),
            ("betas", f"b in {MODEL}", "sent", "not sent"),
        ),
        (
            observe({"headers": {"anthropic-version": "2023-01-01"}}),
            observe({"headers": {"anthropic-version": "2023-06-01"}}),
            ("header", f"anthropic-version of {MODEL}", "2023-01-01", "2023-06-01"),
        ),
        (observe({}), observe({"status": 401}, {}), ("answer", MODEL, "200", "401, then 200")),
        (
            observe({"body": "one"}),
            observe({"body": "one"}, {"body": "two"}),
            ("times", MODEL, "1", "2"),
        ),
        (observe(REFUSED), observe(REFUSED, REFUSED, REFUSED), ("retries", MODEL, "0", "2")),
        (
            observe(REFUSED),
            observe(REFUSED, REFUSED, REFUSED, outcome=Outcome.TIMED_OUT),
            ("retries", MODEL, "0", "goes on"),
        ),
        (
            observe({"path": TOKEN}, {}),
            observe({}, {"path": TOKEN}),
            (
                "order",
                "requests",
                f"POST {TOKEN}, then POST /v1/messages",
                f"POST /v1/messages, then POST {TOKEN}",
            ),
        ),
        (
            observe(stored_login=LOGIN),
            observe(stored_login=StoredLogin(state=LoginState.USABLE, access="access-token-2")),
            ("login", "access", "access-token", "access-token-2"),
        ),
        (observe(), observe(stored_login=LOGIN), ("login", "state", "no file", "usable")),
        (observe(), observe(leaks=("debug.log",)), ("leaks", "tokens", "none", "debug.log")),
        (observe(), observe(exit_code=1), ("outcome", "exit_code", "none", "1")),
        (observe(), observe(reported_status=401), ("outcome", "reported status", "none", "401")),
    ],
    ids=itertools.count(),
)
def test_every_aspect_is_compared(
    before: Observation, after: Observation, expected: tuple[str, str, str, str]
) -> None:
    assert expected in change_tuples(before, after)
    aspect, subject, old, new = expected
    assert (aspect, subject, new, old) in change_tuples(after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (observe({"at": 1.0, "elapsed": 0.1}), observe({"at": 2.0, "elapsed": 3.0})),
        (
            observe({"headers": {"user-agent": "sha256:a"}, "products": ("claude-cli/2.1.31",)}),
            observe({"headers": {"user-agent": "sha256:b"}, "products": ("claude-cli/2.1.32",)}),
        ),
        (observe({"body": "one"}), observe({"body": "another"})),
        (
            observe(message="req_011CSHoEeqs5C35K2UUqR7Fy"),
            observe(message="req_011CSHoEeqs5C35K2UUqR7Fz"),
        ),
        (
            observe({"path": "/api/0123abcd-0123-4abc-8abc-0123456789ab/x"}),
            observe({"path": "/api/9123abcd-0123-4abc-8abc-0123456789ab/x"}),
        ),
        # Number and status of side requests do not matter.
        (
            observe({}, {"path": "/api/hello"}),
            observe({}, {"path": "/api/hello", "status": 404}, {"path": "/api/hello"}),
        ),
        # Nor does the number of requests before a timeout.
        (
            observe(
                *[{"body": str(n), "status": 500} for n in range(4)], outcome=Outcome.TIMED_OUT
            ),
            observe(
                *[{"body": str(n), "status": 500} for n in range(7)], outcome=Outcome.TIMED_OUT
            ),
        ),
    ],
)
def test_noise_is_no_change(before: Observation, after: Observation) -> None:
    assert compare_observations(before, after) == ()


def test_a_refused_connection_is_named_by_its_host() -> None:
    observation = observe({"method": "CONNECT", "host": "example.org", "path": ""})
    assert change_tuples(observe(), observation) == [
        ("request", "CONNECT example.org", "not made", "made")
    ]


def test_a_request_to_two_hosts_names_both() -> None:
    both = observe({"path": TOKEN, "host": "a.example"}, {"path": TOKEN, "host": "b.example"})
    assert change_tuples(observe(), both)[0][1] == f"POST a.example and b.example{TOKEN}"


def test_a_change_is_stable_if_every_pair_has_it() -> None:
    side_request = {"method": "GET", "path": "/api/hello"}
    before = [observe({}), observe({}, side_request)]
    after = [observe({"status": 401}, side_request), observe({"status": 401})]
    assert stable_changes(before, after) == (
        Change(aspect=Aspect.ANSWER, subject=MODEL, before="200", after="401"),
    )


def with_messages(*texts: str) -> list[Observation]:
    """Return an observation with each of these messages."""
    return [make_observation(message=text) for text in texts]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("pong", "pong"), ("try 17", "try 18"), ("pong", "try 17, or try 18")),
        (("try 17", "try 18"), ("pong",), ("try 17, or try 18", "pong")),
        (("a",), ("b", "c", "d", "e", "f"), ("a", "b, or c, or d, or 2 others")),
        (("pong", "try 17"), ("try 17", "try 18"), None),
        (("id 1", "id 2"), ("id 3", "id 4"), None),
        (("pong", "pong"), ("pong", "try 18"), None),
    ],
)
def test_a_value_that_varies_on_one_side_only_is_a_change(
    before: tuple[str, ...], after: tuple[str, ...], expected: tuple[str, str] | None
) -> None:
    changes = stable_changes(with_messages(*before), with_messages(*after))
    assert [(x.before, x.after) for x in changes] == ([expected] if expected else [])


def test_long_orders_are_shown_from_the_first_difference() -> None:
    paths = [f"/v1/oauth/{letter}" for letter in "abcde"]
    before = observe(*({"path": path} for path in paths))
    after = observe(*({"path": paths[index]} for index in (0, 1, 2, 4, 3)))
    (change,) = [x for x in compare_observations(before, after) if x.aspect is Aspect.ORDER]
    assert change.before == ", then ".join(["2 equal", *(f"POST {p}" for p in paths[2:])])
    assert change.after.endswith(f"then POST {paths[4]}, then POST {paths[3]}")


def test_changes_are_sorted_by_aspect() -> None:
    before = observe({"betas": ("a",)}, stored_login=LOGIN)
    after = observe({"status": 401}, outcome=Outcome.REJECTED)
    aspects = [list(Aspect).index(x.aspect) for x in compare_observations(before, after)]
    assert aspects == sorted(aspects)
    assert len(set(aspects)) > 3
