from typing import Any

import pytest

from authprobe.observation.findings import find_findings, finding_meanings
from authprobe.observation.model import LoginState, Observation, Outcome, Session, StoredLogin
from tests.support.make import make_exchange, make_observation


def model_requests(*statuses: int | None, **fields: Any) -> list[Any]:
    """Return repetitions of one model request, a second apart, with these response statuses."""
    return [
        make_exchange(status=status, at=float(number), body="sha256:one", **fields)
        for number, status in enumerate(statuses)
    ]


def refreshes(*statuses: int | None, token: str = "refresh-token", **fields: Any) -> list[Any]:
    """Return token requests with these response statuses."""
    return [
        make_exchange(path="/v1/oauth/token", credential=token, status=status, **fields)
        for status in statuses
    ]


def observe(exchanges: list[Any], **fields: Any) -> Observation:
    """Return the observation of a rejected client, changed by `fields`."""
    values = {"outcome": Outcome.REJECTED, "message": "API Error: 401", "status": 401}
    return make_observation(exchanges=tuple(exchanges), **values | fields)


BLANKED = StoredLogin(state=LoginState.BLANKED)
STALE = StoredLogin(state=LoginState.STALE, refresh="refresh-token")
USABLE = StoredLogin(state=LoginState.USABLE, access="access-token")
ACCEPTED, REJECTED, TIMED_OUT, OVERLOADED = (
    Session(outcome=outcome)
    for outcome in (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.TIMED_OUT, Outcome.OVERLOADED)
)
GOOD: dict[str, Any] = {"outcome": Outcome.ACCEPTED, "message": "pong", "status": 200}

MISBEHAVIOUR = [
    ("retries-permanent-refusal", observe(model_requests(401, 401)), "the same request 2 times"),
    (
        "retries-permanent-refusal",
        observe(model_requests(529, 403, 200, 403)),
        "each refused with 403",
    ),
    (
        "never-gives-up",
        observe([make_exchange(status=401), make_exchange(status=401, at=31)]),
        "31 s",
    ),
    ("refreshes-twice", observe(refreshes(200, 400)), "refresh-token was sent 2 times"),
    ("hides-error", observe(model_requests(401), message=None), "the user was told: nothing"),
    (
        "hides-error",
        observe(model_requests(401), message="Claude Code process exited with code 1"),
        "exited with code 1",
    ),
    ("claims-success", observe(model_requests(401), **GOOD), "the last response was 401"),
    (
        "claims-success",
        observe(model_requests(200), **GOOD | {"message": None, "exit_code": 0}),
        "the response was empty",
    ),
    ("crashes", observe([], outcome=Outcome.CRASHED, detail="TypeError: no"), "TypeError: no"),
    (
        "loses-login",
        observe(refreshes(500), stored_login=BLANKED),
        "blanked after the token endpoint",
    ),
    ("loses-login", observe(refreshes(None), stored_login=BLANKED), "answered nothing"),
    ("loses-login", observe(refreshes(200), stored_login=STALE), "it is stale"),
    (
        "loses-login",  # refreshed, then the used token was sent again
        observe(
            [*refreshes(200), *refreshes(400, error_type="invalid_grant")], stored_login=BLANKED
        ),
        "blanked after the token endpoint answered 400",
    ),
    (
        "loses-session",
        observe(refreshes(200), sessions=(ACCEPTED, REJECTED, REJECTED), stored_login=USABLE),
        "2 of 3 sessions were lost",
    ),
    (
        "loses-session",
        observe(refreshes(200), sessions=(TIMED_OUT, ACCEPTED), stored_login=USABLE),
        "1 of 2 sessions were lost",
    ),
    ("leaks-token", observe([], leaks=("its output (stderr)",)), "in its output (stderr)"),
    ("leaks-token", observe([], leaks=("~/.claude/debug/log.txt",)), "in ~/.claude/debug/log.txt"),
]
CLEAN = [
    observe(model_requests(401)),
    observe(
        model_requests(403, 529), outcome=Outcome.TIMED_OUT, message=None
    ),  # within MAX_RETRY_PERIOD
    observe(model_requests(401), message="Failed to authenticate"),
    observe(model_requests(529, 529, 529, 200), **GOOD),
    observe([make_exchange(status=401, body="a"), make_exchange(status=401, body="b")]),
    observe([*model_requests(401), *model_requests(200, credential="access-token-2")], **GOOD),
    observe(refreshes(500, 200), **GOOD),
    observe([*refreshes(200), *refreshes(200, token="refresh-token-2")], **GOOD),
    observe(refreshes(400, error_type="invalid_grant"), stored_login=BLANKED),
    observe(refreshes(500), stored_login=STALE),
    observe([], stored_login=BLANKED),
    observe(refreshes(200), stored_login=USABLE, **GOOD),
    observe([], **GOOD | {"message": None, "exit_code": 0}),
    observe(model_requests(200), **GOOD | {"message": None}),
    observe(refreshes(200), sessions=(ACCEPTED, ACCEPTED), stored_login=USABLE),
    observe(refreshes(400), sessions=(ACCEPTED, REJECTED)),
    observe(refreshes(200), sessions=(REJECTED, REJECTED), stored_login=USABLE),
    observe(refreshes(200), sessions=(ACCEPTED, OVERLOADED), stored_login=USABLE),
    observe(
        [*refreshes(200), *refreshes(400, token="refresh-token-2", error_type="invalid_grant")],
        stored_login=BLANKED,
    ),
    observe([], outcome=Outcome.UNAVAILABLE, message=None),
]


@pytest.mark.parametrize(("name", "observation", "text"), MISBEHAVIOUR)
def test_misbehaviour_is_found(name: str, observation: Observation, text: str) -> None:
    texts = {finding.name: finding.text for finding in find_findings(observation)}
    assert text in texts[name]


@pytest.mark.parametrize("observation", CLEAN)
def test_correct_behaviour_is_not_a_finding(observation: Observation) -> None:
    assert find_findings(observation) == ()


def test_every_finding_is_tested_and_has_a_meaning() -> None:
    assert {name for name, _, _ in MISBEHAVIOUR} == set(finding_meanings())
    assert all(finding_meanings().values())


def test_findings_are_in_order_of_severity() -> None:
    both = observe(model_requests(401, 401), leaks=("~/x",), message=None)
    names = [finding.name for finding in find_findings(both)]
    assert names == ["leaks-token", "hides-error", "retries-permanent-refusal"]
