from typing import Any

import pytest

from authprobe.observation.findings import find, names
from authprobe.observation.model import LoginState, Observation, Outcome, Session, StoredLogin
from tests.support.make import make_exchange, make_observation


def asked(*statuses: int | None, **more: Any) -> list[Any]:
    """Requests to a model, a second apart, which are one request sent again."""
    return [
        make_exchange(status=status, at=float(number), body="sha256:one", **more)
        for number, status in enumerate(statuses)
    ]


def refreshed(*statuses: int | None, token: str = "refresh-token", **more: Any) -> list[Any]:
    return [
        make_exchange(path="/v1/oauth/token", credential=token, status=status, **more)
        for status in statuses
    ]


def seen(exchanges: list[Any], **more: Any) -> Observation:
    values = {"outcome": Outcome.REJECTED, "message": "API Error: 401", "status": 401}
    return make_observation(exchanges=tuple(exchanges), **values | more)


BLANKED = StoredLogin(state=LoginState.BLANKED)
STALE = StoredLogin(state=LoginState.STALE, refresh="refresh-token")
USABLE = StoredLogin(state=LoginState.USABLE, access="access-token")
WON, LOST, WAITS, BUSY = (
    Session(outcome=outcome)
    for outcome in (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.TIMED_OUT, Outcome.OVERLOADED)
)
GOOD: dict[str, Any] = {"outcome": Outcome.ACCEPTED, "message": "pong", "status": 200}

SHOWN = [
    ("retries-permanent-refusal", seen(asked(401, 401)), "the same request 2 times"),
    ("retries-permanent-refusal", seen(asked(529, 403, 200, 403)), "each refused with 403"),
    ("never-gives-up", seen([make_exchange(status=401), make_exchange(status=401, at=31)]), "31 s"),
    ("refreshes-twice", seen(refreshed(200, 400)), "refresh-token was sent 2 times"),
    ("hides-error", seen(asked(401), message=None), "the user was told: nothing"),
    (
        "hides-error",
        seen(asked(401), message="Claude Code process exited with code 1"),
        "exited with code 1",
    ),
    ("claims-success", seen(asked(401), **GOOD), "the last answer was 401"),
    (
        "claims-success",
        seen(asked(200), **GOOD | {"message": None, "exit_code": 0}),
        "the answer was empty",
    ),
    ("crashes", seen([], outcome=Outcome.CRASHED, detail="TypeError: no"), "TypeError: no"),
    ("loses-login", seen(refreshed(500), stored_login=BLANKED), "blanked after the token endpoint"),
    ("loses-login", seen(refreshed(None), stored_login=BLANKED), "answered nothing"),
    ("loses-login", seen(refreshed(200), stored_login=STALE), "it is stale"),
    (
        "loses-login",  # it was renewed, and then the used token was sent again
        seen([*refreshed(200), *refreshed(400, error_type="invalid_grant")], stored_login=BLANKED),
        "blanked after the token endpoint answered 400",
    ),
    (
        "loses-session",
        seen(refreshed(200), sessions=(WON, LOST, LOST), stored_login=USABLE),
        "2 of 3 sessions are out",
    ),
    (
        "loses-session",
        seen(refreshed(200), sessions=(WAITS, WON), stored_login=USABLE),
        "1 of 2 sessions are out",
    ),
    ("leaks-token", seen([], leaks=("its output (stderr)",)), "in its output (stderr)"),
    ("leaks-token", seen([], leaks=("~/.claude/debug/log.txt",)), "in ~/.claude/debug/log.txt"),
]
CLEAN = [
    seen(asked(401)),
    seen(asked(403, 529), outcome=Outcome.TIMED_OUT, message=None),  # one second is not long
    seen(asked(401), message="Failed to authenticate"),
    seen(asked(529, 529, 529, 200), **GOOD),
    seen([make_exchange(status=401, body="a"), make_exchange(status=401, body="b")]),
    seen([*asked(401), *asked(200, credential="access-token-2")], **GOOD),
    seen(refreshed(500, 200), **GOOD),
    seen([*refreshed(200), *refreshed(200, token="refresh-token-2")], **GOOD),
    seen(refreshed(400, error_type="invalid_grant"), stored_login=BLANKED),
    seen(refreshed(500), stored_login=STALE),
    seen([], stored_login=BLANKED),
    seen(refreshed(200), stored_login=USABLE, **GOOD),
    seen([], **GOOD | {"message": None, "exit_code": 0}),
    seen(asked(200), **GOOD | {"message": None}),
    seen(refreshed(200), sessions=(WON, WON), stored_login=USABLE),
    seen(refreshed(400), sessions=(WON, LOST)),
    seen(refreshed(200), sessions=(LOST, LOST), stored_login=USABLE),
    seen(refreshed(200), sessions=(WON, BUSY), stored_login=USABLE),
    seen(
        [*refreshed(200), *refreshed(400, token="refresh-token-2", error_type="invalid_grant")],
        stored_login=BLANKED,
    ),
    seen([], outcome=Outcome.UNAVAILABLE, message=None),
]


@pytest.mark.parametrize(("name", "observation", "text"), SHOWN)
def test_a_finding_is_shown(name: str, observation: Observation, text: str) -> None:
    found = {finding.name: finding.text for finding in find(observation)}
    assert text in found[name]


@pytest.mark.parametrize("observation", CLEAN)
def test_what_a_client_may_do_is_no_finding(observation: Observation) -> None:
    assert find(observation) == ()


def test_every_finding_is_shown_here_and_has_a_meaning() -> None:
    assert {name for name, _, _ in SHOWN} == {name for name, _ in names()}
    assert all(meaning for _, meaning in names())


def test_findings_come_worst_first() -> None:
    both = seen(asked(401, 401), leaks=("~/x",), message=None)
    found = [finding.name for finding in find(both)]
    assert found == ["leaks-token", "hides-error", "retries-permanent-refusal"]
