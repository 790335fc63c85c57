"""Rules for the profile, the usage and the roles of a token's owner, a made-up account."""

from typing import Final

from authprobe.emulator.config import TokenState
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule
from authprobe.emulator.rules.credentials import is_bearer_in
from authprobe.emulator.rules.limits import WINDOWS


def _missing(request: RequestContext) -> tuple[str, ...]:
    valid = is_bearer_in(request, TokenState.VALID)
    return ("authorization",) * (not valid) + ("x-api-key",) * (request.api_key is not None)


def _valid_bearer(request: RequestContext) -> bool:
    """The only credential is a valid access token."""
    return not _missing(request)


PROFILE: Final = rule(
    "profile",
    _valid_bearer,
    Answer(
        status=200,
        body={
            "account": {
                "uuid": "00000000-0000-4000-8000-000000000001",
                "email": "user@example.com",
                "full_name": "Example User",
                "display_name": "Example",
                "has_claude_max": True,
                "has_claude_pro": False,
            },
            "organization": {
                "uuid": "00000000-0000-4000-8000-000000000002",
                "name": "Example",
                "organization_type": "claude_max",
                "rate_limit_tier": "default_claude_max_5x",
            },
        },
    ),
    "anthropics/claude-code#44271",
    seen="2026-03-17",
    certainty=RuleCertainty.ONCE,
    missing=_missing,
)


def _usage(request: RequestContext) -> Answer:
    """Return a usage of one percent."""
    windows = {
        name: {"utilization": 1.0, "resets_at": (request.now + length).isoformat()}
        for name, length in (("five_hour", WINDOWS["5h"]), ("seven_day", WINDOWS["7d"]))
    }
    extra = dict.fromkeys(("monthly_limit", "used_credits", "utilization"))
    body = windows | {
        "seven_day_opus": None,
        "seven_day_sonnet": None,
        "extra_usage": {"is_enabled": False, **extra},
    }
    return Answer(status=200, body=body)


USAGE: Final = rule(
    "usage",
    _valid_bearer,
    _usage,
    "Haleclipse/CCometixLine#95",
    "anthropics/claude-code#31021",
    "anthropics/claude-code#81015",
    seen=("2026-03-05", "2026-07"),
    missing=_missing,
)
ROLES: Final = rule(
    "roles",
    _valid_bearer,
    Answer(
        status=200,
        body={"organization_role": "admin", "workspace_role": None},
    ),
    "anthropics/claude-code#44271",
    seen="2026-04-06",
    certainty=RuleCertainty.ONCE,
    missing=_missing,
)
ROLES_FAIL: Final = rule(
    "B12",
    "The request for the roles fails after a login.",
    refusal(500, "api_error", "Internal server error"),
    "anthropics/claude-code#44271",
    seen="2026-04-06",
    certainty=RuleCertainty.ONCE,
)
