"""Every field of an observation, changed alone, leads to a why that names it, or is not compared.

Three parts compare observations: the expectation of a scenario, the baseline and `authprobe diff`.
A new field fails these tests until it has a change here, or a reason why a part ignores it.
"""

from dataclasses import fields, replace
from typing import Any, Final

import pytest

from authprobe.diagnosis.reasons.explain import find_reasons
from authprobe.diff.observations import compare_observations
from authprobe.emulator.gateway import Act
from authprobe.observation.fingerprint import find_transitions, fingerprint
from authprobe.observation.model import (
    Cost,
    EvidenceSource,
    Exchange,
    GateCount,
    LoginExpiry,
    LoginState,
    Observation,
    Outcome,
    RewrittenError,
    Session,
    StoredLogin,
)
from authprobe.scenario.model import Expectation, ExpectedRequest
from authprobe.verdict.judge import judge
from tests.support.make import (
    make_accepted,
    make_case,
    make_exchange,
    make_observation,
    make_record,
)

EXPECTATION, BASELINE, DIFF = WAYS = ("expectation", "baseline", "diff")

REQUEST = make_exchange(
    credential="access-token",
    credential_header="authorization",
    betas=("oauth-2025-04-20", "claude-code-20250219"),
    headers={"anthropic-version": "2023-06-01", "content-type": "application/json"},
    rule="messages",
    gateway=("stripped-beta",),
    body="one",
    scopes=("user:inference",),
)
REFRESH = make_exchange(
    host="platform.claude.com",
    path="/v1/oauth/token",
    credential="refresh-token",
    credential_header="body",
    rule="refresh",
)
LOGIN = StoredLogin(
    state=LoginState.USABLE,
    access="access-token",
    refresh="refresh-token",
    expiry=LoginExpiry.AHEAD,
    subscription="max",
    mode="600",
)
SESSIONS = (Session(outcome=Outcome.ACCEPTED), Session(outcome=Outcome.ACCEPTED))
BEFORE = make_observation(
    exchanges=(REFRESH, REQUEST),
    stored_login=LOGIN,
    exit_code=0,
    error_type="authentication_error",
    message="pong",
    detail="done",
)

CHANGES: dict[str, Any] = {
    "Observation.outcome": Outcome.REJECTED,
    "Observation.status": 206,
    "Observation.reported_status": 403,
    "Observation.error_type": "permission_error",
    "Observation.message": "another text",
    "Observation.exit_code": 3,
    "Observation.elapsed": 7.5,
    "Observation.detail": "another detail",
    "Observation.exchanges": (REFRESH, REFRESH, REQUEST),
    "Observation.egress_refused": ("gateway.example",),
    "Observation.client_version": "2.1.332",
    "Observation.stored_login": None,
    "Observation.sessions": (replace(SESSIONS[0], outcome=Outcome.CRASHED), SESSIONS[1]),
    "Observation.leaks": ("~/debug.log",),
    "Observation.evidence": (EvidenceSource.RESULT,),
    "Observation.gate": (GateCount(host="api.anthropic.com"),),
    "Observation.cost": Cost(requests=2),
    "Exchange.method": "PUT",
    "Exchange.host": "claude.ai",
    "Exchange.path": "/v1/messages/batches",
    "Exchange.credential_header": "x-api-key",
    "Exchange.credential": "setup-token",
    "Exchange.betas": ("claude-code-20250219",),
    "Exchange.status": 418,
    "Exchange.elapsed": 7.5,
    "Exchange.at": 7.5,
    "Exchange.rule": "A08",
    "Exchange.faults": ("delay",),
    "Exchange.gateway": ("added-latency",),
    "Exchange.rewritten": RewrittenError(status=429),
    "Exchange.nearest": "profile",
    "Exchange.differs": ("path",),
    "Exchange.error_type": "permission_error",
    "Exchange.error_code": "organization_on_hold",
    "Exchange.message": "another text",
    "Exchange.headers": {"anthropic-version": "2024-01-01", "content-type": "application/json"},
    "Exchange.body": "two",
    "Exchange.products": ("claude-cli/2.1.332",),
    "Exchange.scopes": ("user:profile",),
    "Exchange.retry_after": "7",
    "Exchange.content_type": "text/plain",
    "Exchange.size_bytes": 7,
    "Exchange.complete": False,
    "Exchange.clock_offset": 7.5,
    "Exchange.response_headers": ("request-id",),
    "StoredLogin.state": LoginState.BLANKED,
    "StoredLogin.access": "access-token-2",
    "StoredLogin.refresh": "refresh-token-2",
    "StoredLogin.expiry": LoginExpiry.PAST,
    "StoredLogin.subscription": "pro",
    "StoredLogin.mode": "644",
    "Session.outcome": Outcome.CRASHED,
    "Session.status": 403,
    "Session.message": "another text",
    "Session.exit_code": 3,
}
"""Another value of each field of an observation and its parts."""

EXPECTATIONS: dict[str, dict[str, Any]] = {
    "Observation.outcome": {},
    "Observation.status": {"status": 200},
    "Observation.error_type": {"error_type": "authentication_error"},
    "Observation.message": {"message": "pong"},
    "Observation.exit_code": {"exit_code": 0},
    "Observation.detail": {"detail": "done"},
    "Observation.exchanges": {"no_findings": ("refreshes-twice",)},
    "Observation.stored_login": {"stored_login": LoginState.USABLE},
    "Observation.sessions": {"sessions": {Outcome.ACCEPTED: 2}},
    "Observation.leaks": {"no_findings": ("leaks-token",)},
    "Exchange.method": {"requests": (ExpectedRequest(method="POST", path="/v1/messages"),)},
    "Exchange.host": {
        "requests": (ExpectedRequest(host="api.anthropic.com", path="/v1/messages"),)
    },
    "Exchange.path": {"requests": (ExpectedRequest(path="/v1/messages"),)},
    "Exchange.credential_header": {
        "requests": (ExpectedRequest(path="/v1/messages", credential_header="authorization"),)
    },
    "Exchange.credential": {
        "requests": (ExpectedRequest(path="/v1/messages", credential="access-token"),)
    },
    "Exchange.betas": {
        "requests": (ExpectedRequest(path="/v1/messages", betas=("oauth-2025-04-20",)),)
    },
    "Exchange.status": {"requests": (ExpectedRequest(path="/v1/messages", status=200),)},
    "Exchange.rule": {"requests": (ExpectedRequest(path="/v1/messages", rule="messages"),)},
    "Exchange.gateway": {
        "requests": (ExpectedRequest(path="/v1/messages", gateway=(Act.STRIPPED_BETA,)),)
    },
    "Exchange.headers": {
        "requests": (
            ExpectedRequest(path="/v1/messages", headers={"anthropic-version": "2023-06-01"}),
        )
    },
    "Exchange.scopes": {
        "requests": (ExpectedRequest(path="/v1/messages", scopes=("user:inference",)),)
    },
    "StoredLogin.state": {"stored_login": LoginState.USABLE},
    "StoredLogin.expiry": {"stored_expiry": LoginExpiry.AHEAD},
    "StoredLogin.subscription": {"stored_subscription": "max"},
    "Session.outcome": {"sessions": {Outcome.ACCEPTED: 2}},
}
"""The expectation that states a field, beside the outcome; a field without one has no such word."""

NAMES: dict[str, tuple[str, ...]] = {
    "Observation.exchanges": ("/v1/oauth/token",),
    "Observation.stored_login": ("no stored login",),
    "Observation.sessions": ("crashed",),
    "Exchange.betas": ("oauth-2025-04-20",),
    "Exchange.gateway": ("stripped-beta",),
    "Exchange.headers": ("anthropic-version", "2024-01-01"),
}
"""Words of a why, for fields whose changed value does not stand for itself."""
OTHER_NAMES: Final = {
    (EXPECTATION, "Observation.exchanges"): ("refreshes-twice",),
    (EXPECTATION, "Exchange.path"): ("/v1/messages",),
    (DIFF, "Observation.stored_login"): ("no file",),
}

_EMULATOR: Final = "it is the emulator's answer, which the client does not decide"
_LIVE: Final = "it says how the real service was asked, not what came of it"
_TIME: Final = "a time differs in every run"
IGNORED: dict[str, str] = {
    "Observation.elapsed": _TIME,
    "Exchange.elapsed": _TIME,
    "Exchange.at": _TIME,
    "Exchange.faults": "the scenario arms the faults",
    "Exchange.rewritten": _EMULATOR,
    "Exchange.nearest": _EMULATOR,
    "Exchange.differs": _EMULATOR,
    "Exchange.error_code": f"{_EMULATOR}; what the client makes of it is compared",
    "Exchange.error_type": f"{_EMULATOR}; what the client makes of it is compared",
    "Exchange.message": f"{_EMULATOR}; what the client tells its user is compared",
    "Exchange.body": "a hash serves only to tell repetitions",
    "Exchange.products": "it names the version, which is told once",
    "Exchange.retry_after": _EMULATOR,
    "Exchange.content_type": _EMULATOR,
    "Exchange.size_bytes": _EMULATOR,
    "Exchange.complete": _EMULATOR,
    "Exchange.clock_offset": _EMULATOR,
    "Exchange.response_headers": "the real service decides them",
    "Observation.evidence": _LIVE,
    "Observation.gate": _LIVE,
    "Observation.cost": _LIVE,
    "Observation.client_version": "it is a part of the question; each change is told with it",
}
"""Fields that nothing compares, each with the reason."""
IGNORED_BY: dict[tuple[str, str], str] = {
    (BASELINE, "Observation.reported_status"): "`status` is the reported one, if there is one",
    (BASELINE, "Observation.detail"): "its counts and times differ in every run",
    (DIFF, "Observation.detail"): "its counts and times differ in every run",
    (DIFF, "Observation.egress_refused"): "each of these hosts has an exchange of its own",
    (BASELINE, "Exchange.rule"): "the status says what the client sees; rules may be renamed",
    (DIFF, "Exchange.rule"): "the status says what the client sees; rules may be renamed",
    (BASELINE, "Exchange.gateway"): "the scenario says what its gateway does",
    (DIFF, "Exchange.gateway"): "the scenario says what its gateway does",
    (BASELINE, "Session.status"): "which of several sessions gets which status is chance",
    (BASELINE, "Session.message"): "which of several sessions gets which message is chance",
    (BASELINE, "Session.exit_code"): "it follows from the outcome of the session",
    (DIFF, "Session.status"): "which of several sessions gets which status is chance",
    (DIFF, "Session.message"): "which of several sessions gets which message is chance",
    (DIFF, "Session.exit_code"): "it follows from the outcome of the session",
}
"""Fields that one part does not compare, each with the reason."""


def observations(field: str) -> tuple[Observation, Observation]:
    """Return two observations that differ in this field alone."""
    part, _, name = field.partition(".")
    change = {name: CHANGES[field]}
    before = BEFORE
    if part == "Session" or name == "sessions":
        before = replace(before, sessions=SESSIONS)
    match part:
        case "Observation":
            return before, replace(before, **change)
        case "Exchange":
            return before, replace(before, exchanges=(REFRESH, replace(REQUEST, **change)))
        case "StoredLogin":
            return before, replace(before, stored_login=replace(LOGIN, **change))
        case _:
            return before, replace(before, sessions=(replace(SESSIONS[0], **change), SESSIONS[1]))


def why(way: str, field: str) -> str:
    """Return what a part says about the change of a field."""
    before, after = observations(field)
    if way == DIFF:
        return "\n".join(
            f"{change.aspect} {change.subject} {change.before} {change.after}"
            for change in compare_observations(before, after)
        )
    case = make_case(**(EXPECTATIONS.get(field, {}) if way == EXPECTATION else {}))
    accepted = make_accepted(make_record(observation=before)) if way == BASELINE else None
    if way == BASELINE:
        case = make_case(outcome=after.outcome)
    verdict = judge(case, after, accepted)
    record = make_record(observation=after, expectation=case.expectation, verdict=verdict)
    return "\n".join(reason.summary for reason in find_reasons(record))


def is_compared(way: str, field: str) -> bool:
    """Return whether a part compares a field."""
    if field in IGNORED or (way, field) in IGNORED_BY:
        return False
    return way != EXPECTATION or field in EXPECTATIONS


def names(way: str, field: str) -> tuple[str, ...]:
    """Return the words that name the change of a field."""
    value = CHANGES[field]
    given = OTHER_NAMES.get((way, field)) or NAMES.get(field)
    return given or tuple(value if isinstance(value, tuple) else (str(value),))


def test_every_field_has_a_change() -> None:
    parts = (Observation, Exchange, StoredLogin, Session)
    every = {f"{part.__name__}.{field.name}" for part in parts for field in fields(part)}
    assert set(CHANGES) == every
    assert set(EXPECTATIONS) <= every
    assert set(IGNORED) | {field for _, field in IGNORED_BY} <= every


def test_every_word_of_an_expectation_is_used() -> None:
    stated = {name for words in EXPECTATIONS.values() for name in words}
    requests = [r for words in EXPECTATIONS.values() for r in words.get("requests", ())]
    in_requests = {
        field.name for r in requests for field in fields(ExpectedRequest) if getattr(r, field.name)
    }
    # These are in tests/diagnosis/reasons/test_explain.py.
    others = {"outcome", "findings", "no_requests"}
    assert stated == {field.name for field in fields(Expectation)} - others
    assert in_requests == {field.name for field in fields(ExpectedRequest)}


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("way", WAYS)
def test_a_compared_field_is_named(way: str, field: str) -> None:
    if is_compared(way, field):
        text = why(way, field)
        assert all(name in text for name in names(way, field)), text


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_tells_of_a_field_that_is_not_compared(way: str, field: str) -> None:
    if not is_compared(way, field):
        assert why(way, field) == ""


@pytest.mark.parametrize("field", EXPECTATIONS)
def test_the_expectation_of_a_field_is_met_before(field: str) -> None:
    before, _ = observations(field)
    assert judge(make_case(**EXPECTATIONS[field]), before).mismatches == ()


@pytest.mark.parametrize("field", CHANGES)
def test_an_observation_does_not_differ_from_itself(field: str) -> None:
    before, after = observations(field)
    for each in (before, after):
        assert compare_observations(each, each) == ()
        assert find_transitions(fingerprint(each), fingerprint(each)) == ()
