"""An expectation with every field, an observation that meets it, and observations that do not."""

from dataclasses import replace
from typing import Any

from authprobe.observation.model import LoginExpiry, LoginState, Outcome, Session, StoredLogin
from authprobe.scenario.model import ExpectedRequest
from tests.support.make import make_exchange, make_observation

REFRESH = make_exchange(
    host="platform.claude.com",
    path="/v1/oauth/token",
    credential="refresh-token",
    credential_header="body",
    rule="refresh",
)
REFUSED = make_exchange(
    status=401,
    credential="access-token",
    credential_header="authorization",
    betas=("oauth-2025-04-20", "another"),
    headers={"anthropic-version": "2023-06-01"},
    rule="A08",
    gateway=("stripped-beta", "added-latency"),
    scopes=("user:inference", "user:profile"),
)
STALE = StoredLogin(state=LoginState.STALE, expiry=LoginExpiry.PAST, subscription="max")
OBSERVATION = make_observation(
    outcome=Outcome.REJECTED,
    status=401,
    error_type="authentication_error",
    message="OAuth token has expired. Log in again.",
    exit_code=1,
    detail="session expired",
    stored_login=STALE,
    leaks=("~/debug.log",),
    sessions=(
        Session(outcome=Outcome.REJECTED),
        Session(outcome=Outcome.ACCEPTED),
        Session(outcome=Outcome.REJECTED),
    ),
    exchanges=(REFRESH, REFUSED),
)
EXPECTATION_FIELDS: dict[str, Any] = {
    "outcome": Outcome.REJECTED,
    "status": 401,
    "error_type": "authentication_error",
    "message": "OAuth token has expired. Log in again.",
    "exit_code": 1,
    "detail": "session expired",
    "stored_login": LoginState.STALE,
    "sessions": {Outcome.ACCEPTED: 1, Outcome.REJECTED: 2, Outcome.TIMED_OUT: 0},
    "stored_expiry": LoginExpiry.PAST,
    "stored_subscription": "max",
    "findings": ("leaks-token",),
    "no_findings": ("retries-permanent-refusal",),
    "requests": (ExpectedRequest(path="/v1/oauth/token"), ExpectedRequest(status=401)),
    "no_requests": (ExpectedRequest(host="console.anthropic.com"),),
}
"""Every field of an expectation, with values that `OBSERVATION` meets."""

OTHER_OBSERVATIONS: dict[str, list[dict[str, Any]]] = {
    "outcome": [{"outcome": outcome} for outcome in Outcome if outcome is not Outcome.REJECTED],
    "status": [{"status": 403}, {"status": None}],
    "error_type": [{"error_type": "permission_error"}, {"error_type": None}],
    "message": [{"message": "OAuth token has expired."}, {"message": ""}, {"message": None}],
    "exit_code": [{"exit_code": 0}, {"exit_code": -9}, {"exit_code": None}],
    "detail": [{"detail": "session"}, {"detail": None}],
    "stored_login": [{"stored_login": replace(STALE, state=LoginState.USABLE)}],
    "stored_expiry": [
        {"stored_login": replace(STALE, expiry=expiry)}
        for expiry in (LoginExpiry.AHEAD, LoginExpiry.ZERO, None)
    ],
    "sessions": [
        {"sessions": ()},
        {"sessions": (Session(outcome=Outcome.ACCEPTED), Session(outcome=Outcome.REJECTED))},
        {"sessions": (Session(outcome=Outcome.ACCEPTED),) * 3},
        {
            "sessions": (
                *(Session(outcome=Outcome.REJECTED),) * 2,
                *(Session(outcome=Outcome.ACCEPTED), Session(outcome=Outcome.TIMED_OUT)),
            )
        },
    ],
    "stored_subscription": [
        {"stored_login": replace(STALE, subscription=name)} for name in ("pro", None)
    ],
    "findings": [{"leaks": ()}],
    "no_findings": [{"exchanges": (REFRESH, REFUSED, REFUSED)}],
    "requests": [
        {"exchanges": ()},
        {"exchanges": (REFRESH,)},
        {"exchanges": (REFUSED, REFRESH)},
        {"exchanges": (REFRESH, replace(REFUSED, status=None))},
    ],
    "no_requests": [{"exchanges": (REFRESH, REFUSED, make_exchange(host="console.anthropic.com"))}],
}
"""Changes of `OBSERVATION` that violate only this field of the expectation."""

REQUEST_FIELDS: dict[str, Any] = {
    "method": "POST",
    "host": "api.anthropic.com",
    "path": "/v1/messages",
    "status": 401,
    "credential": "access-token",
    "credential_header": "authorization",
    "betas": ("another", "oauth-2025-04-20"),
    "gateway": ("added-latency",),
    "headers": {
        "Anthropic-Version": "2023-06-01",
        "ANTHROPIC-VERSION": "present",
        "x-api-key": None,
    },
    "rule": "A08",
    "scopes": ("user:profile", "user:inference"),
}
"""Every field of an expected request, with values that `REFUSED` meets."""

OTHER_EXCHANGES: dict[str, list[dict[str, Any]]] = {
    "method": [{"method": "GET"}],
    "host": [{"host": "claude.ai"}],
    "path": [{"path": "/v1/messages/count_tokens"}],
    "status": [{"status": 200}, {"status": None}],
    "credential": [{"credential": "access-token-2"}, {"credential": None}],
    "credential_header": [{"credential_header": "x-api-key"}, {"credential_header": None}],
    "betas": [{"betas": ("oauth-2025-04-20",)}, {"betas": ()}],
    "gateway": [{"gateway": ("stripped-beta",)}, {"gateway": ()}],
    "headers": [
        {"headers": {"anthropic-version": "2024-01-01"}},
        {"headers": {}},
        {"headers": {"anthropic-version": "2023-06-01", "x-api-key": "[redacted:api-key]"}},
        {"headers": {"anthropic-version": "2023-06-01", "x-api-key": ""}},
    ],
    "rule": [{"rule": "A09"}, {"rule": None}],
    "scopes": [{"scopes": ()}, {"scopes": ("user:inference",)}, {"scopes": ("a", "b", "c")}],
}
"""Changes of `REFUSED` that violate only this field of the expected request."""
