"""Rules about the account behind a valid credential: its organisation, plan and billing."""

import datetime
from collections.abc import Mapping
from typing import Final

from authprobe.emulator.config import AccountState, TokenKind, TokenState
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule, utc
from authprobe.emulator.rules.credentials import (
    AUTHENTICATION,
    INFERENCE_SCOPE_MISSING,
    INVALID,
    PERMISSION,
    is_bearer_in,
    is_key_in,
)
from authprobe.emulator.rules.limits import WINDOW_SECONDS, unified_headers

_YEAR_2026: Final = utc(2026, 1, 1)
LONG_CONTEXT_BETA: Final = "context-1m-2025-08-07"


def _key_and(request: RequestContext, standing: AccountState) -> bool:
    return request.state.standing is standing and is_key_in(request, TokenState.VALID)


def _is_subscription(request: RequestContext) -> bool:
    workload = request.token is not None and request.token.kind is TokenKind.WORKLOAD_TOKEN
    return not workload and is_bearer_in(request, TokenState.VALID)


def _subscription_and(request: RequestContext, standing: AccountState) -> bool:
    return request.state.standing is standing and _is_subscription(request)


# --- subscriptions --------------------------------------------------------------------------------


def _access_removed(request: RequestContext) -> bool:
    """The token is valid, but its account or organisation is refused."""
    return _subscription_and(request, AccountState.ACCESS_REMOVED)


def _oauth_not_allowed(request: RequestContext) -> bool:
    """The organisation does not allow subscription tokens, or its plan has lapsed."""
    return _subscription_and(request, AccountState.OAUTH_NOT_ALLOWED)


def _membership_lost(request: RequestContext) -> bool:
    """The account has left the organisation of the token."""
    return _subscription_and(request, AccountState.MEMBERSHIP_LOST)


def _third_party(request: RequestContext) -> bool:
    """A subscription token is used for a request that does not count as one of Claude Code."""
    return not request.state.counts_as_claude_code and _is_subscription(request)


def _third_party_without_extra_usage(request: RequestContext) -> bool:
    """A subscription token without extra usage is used for a request that does not count as one of
    Claude Code.
    """
    return _third_party(request) and request.state.standing not in (
        AccountState.EXTRA_USAGE_AVAILABLE,
        AccountState.EXTRA_USAGE_EXHAUSTED,
    )


def _extra_usage_exhausted(request: RequestContext) -> bool:
    """The request would be paid from extra usage, which is used up."""
    return _third_party(request) and request.state.standing is AccountState.EXTRA_USAGE_EXHAUSTED


def _plan_window_exhausted(request: RequestContext) -> bool:
    """The five-hour or seven-day usage window of the plan is used up."""
    return _subscription_and(request, AccountState.PLAN_WINDOW_EXHAUSTED)


def _long_context_not_included(request: RequestContext) -> bool:
    """The request has the flag of the long context, which the plan does not include."""
    return LONG_CONTEXT_BETA in request.betas and _subscription_and(
        request, AccountState.LONG_CONTEXT_NOT_INCLUDED
    )


_EXTRA_USAGE_BEGINS: Final = utc(2026, 4, 8)
_CREDIT_OFFER_ENDS: Final = utc(2026, 5, 1)


def _refuse_without_extra_usage(request: RequestContext) -> Answer:
    """Return the refusal; in April 2026 it offered a credit of $20 to $200 by plan."""
    tail = "Add more at"
    if request.now < _CREDIT_OFFER_ENDS:
        tail = "We've added a $20 credit to get you started. Claim it at"
    return refusal(
        400,
        INVALID,
        "Third-party apps now draw from your extra usage, not your plan limits. "
        f"{tail} claude.ai/settings/usage and keep going.",
    )


def _regain_date(request: RequestContext) -> str:
    """Return the sentence with the first day of the next month."""
    first = (request.now.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
    return f"You will regain access on {first:%Y-%m-%d} at 00:00 UTC."


def _refuse_own_limit(request: RequestContext) -> Answer:
    text = f"You have reached your specified API usage limits. {_regain_date(request)}"
    return refusal(400, INVALID, text)


def _refuse_tier_limit(request: RequestContext) -> Answer:
    return refusal(
        429,
        "rate_limit_error",
        "You have reached your API usage limits: your organization has crossed its monthly API "
        f"usage threshold, set based on your organization's API tier. {_regain_date(request)}",
        details={"error_code": "enforced_spend_limit_reached"},
    )


def _window_rejected(request: RequestContext) -> Mapping[str, str]:
    return unified_headers(request, "rejected")


ACCESS_REMOVED: Final = rule(
    "A11",
    _access_removed,
    refusal(401, AUTHENTICATION, "Invalid authentication credentials"),
    "code.claude.com/docs/en/errors",
    "anthropics/claude-code#33217",
    "anthropics/claude-code#48079",
    "anthropics/claude-code#80085",
    seen=("2026-03-11", "2026-08"),
    certainty=RuleCertainty.DOCUMENTED,
)
_NOT_ALLOWED: Final = "OAuth authentication is currently not allowed for this organization."
OAUTH_NOT_ALLOWED: Final = rule(
    "A12",
    _oauth_not_allowed,
    refusal(401, AUTHENTICATION, _NOT_ALLOWED),
    "anthropics/claude-code#6312",
    "anthropics/claude-code#6590",
    "anthropics/claude-code#6752",
    seen=("2025-08-22", "2025-08-28"),
    until=_YEAR_2026,
)
OAUTH_NOT_ALLOWED_2026: Final = rule(
    "A13",
    _oauth_not_allowed,
    # x-should-retry was in one of the reports: anthropics/claude-code#79500.
    refusal(403, PERMISSION, _NOT_ALLOWED, headers={"x-should-retry": "false"}),
    "anthropics/claude-code#63886",
    "anthropics/claude-code#79500",
    "anthropics/claude-code#86057",
    seen=("2026-05-30", "2026-08-17"),
    since=_YEAR_2026,
)
MEMBERSHIP_LOST: Final = rule(
    "A14",
    _membership_lost,
    refusal(
        403,
        PERMISSION,
        "Account is no longer a member of the organization associated with this token.",
    ),
    "anthropics/claude-code#54863",
    "anthropics/claude-code#54864",
    seen="2026-04-30",
)
NOT_CLAUDE_CODE: Final = rule(
    "A18",
    _third_party,
    refusal(
        400,
        INVALID,
        "This credential is only authorized for use with Claude Code and cannot be used for other "
        "API requests.",
    ),
    "anthropics/claude-code#8046",
    "RooCodeInc/Roo-Code#10566",
    "craft-ai-agents/craft-agents-oss#222",
    seen=("2025-09-23", "2026-02"),
    since=utc(2026, 1, 9),  # the first report is older, but until this day few were refused
    until=_EXTRA_USAGE_BEGINS,
)
EXTRA_USAGE_NEEDED: Final = rule(
    "A19",
    _third_party_without_extra_usage,
    _refuse_without_extra_usage,
    "anthropics/claude-code#45048",
    "anthropics/claude-code#45911",
    "earendil-works/pi#3012",
    "ianjwhite99/opencode-with-claude#137",
    "rynfar/meridian#495",
    seen=("2026-04-08", "2026-09-14"),
    since=_EXTRA_USAGE_BEGINS,
)
EXTRA_USAGE_EXHAUSTED: Final = rule(
    "A20",
    _extra_usage_exhausted,
    refusal(
        400,
        INVALID,
        "You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
    ),
    "NousResearch/hermes-agent#47692",
    "NousResearch/hermes-agent#75147",
    "rynfar/meridian#495",
    seen=("2026-06-17", "2026-07-31"),
    since=_EXTRA_USAGE_BEGINS,
)
OPAQUE_REFUSAL: Final = rule(
    "A21",
    "A third-party request with a subscription token is refused without a reason.",
    refusal(400, INVALID, "Error"),
    "aden-hive/hive#6618",
    seen="2026-03-17",
    certainty=RuleCertainty.ONCE,
)
PLAN_WINDOW_EXHAUSTED: Final = rule(
    "A28",
    _plan_window_exhausted,
    refusal(
        429,
        "rate_limit_error",
        "This request would exceed your account's rate limit. Please try again later.",
    ),
    "gsd-build/gsd-2#32",
    "manaflow-ai/subrouter#24",
    "router-for-me/CLIProxyAPI#5915",
    "anthropics/claude-code#12829",
    seen=("2025-12", "2026-09"),
    headers=_window_rejected,
    retry_after=WINDOW_SECONDS,
)
_LONG_CONTEXT_IS_PAID: Final = utc(2026, 3, 20)
LONG_CONTEXT_REFUSED: Final = rule(
    "A52",
    _long_context_not_included,
    refusal(400, INVALID, "The long context beta is not yet available for this subscription."),
    "anthropics/claude-code#9653",
    "anthropics/claude-code#23822",
    "anthropics/claude-code#34485",
    seen=("2025-10-16", "2026-03-14"),
    until=_LONG_CONTEXT_IS_PAID,
)
LONG_CONTEXT_NEEDS_EXTRA_USAGE: Final = rule(
    "A52b",
    _long_context_not_included,
    refusal(429, "rate_limit_error", "Extra usage is required for long context requests."),
    "anthropics/claude-code#42616",
    "anthropics/claude-code#50784",
    "router-for-me/CLIProxyAPI#2323",
    seen=("2026-03-21", "2026-04-22"),
    since=_LONG_CONTEXT_IS_PAID,
)

# --- API keys -------------------------------------------------------------------------------------


def _organization_on_hold(request: RequestContext) -> bool:
    """The organisation of the API key or subscription was disabled after a review."""
    return _key_and(request, AccountState.ORGANIZATION_ON_HOLD) or _subscription_and(
        request, AccountState.ORGANIZATION_ON_HOLD
    )


def _organization_disabled(request: RequestContext) -> bool:
    """The API key belongs to an organisation that is disabled for another reason."""
    return _key_and(request, AccountState.ORGANIZATION_DISABLED)


def _credit_exhausted(request: RequestContext) -> bool:
    """The prepaid credit of the organisation behind the API key is used up."""
    return _key_and(request, AccountState.CREDIT_EXHAUSTED)


def _spend_limit_reached(request: RequestContext) -> bool:
    """The organisation has reached the spend limit that it set for itself."""
    return _key_and(request, AccountState.SPEND_LIMIT_REACHED)


def _tier_spend_limit_reached(request: RequestContext) -> bool:
    """The organisation has reached the monthly spend limit of its tier."""
    return _key_and(request, AccountState.TIER_SPEND_LIMIT_REACHED)


def _payment_problem(request: RequestContext) -> bool:
    """The organisation's payment data has a problem."""
    return _key_and(request, AccountState.PAYMENT_PROBLEM)


CREDIT_EXHAUSTED: Final = rule(
    "A23",
    _credit_exhausted,
    refusal(
        400,
        INVALID,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing "
        "to upgrade or purchase credits.",
    ),
    "code.claude.com/docs/en/errors",
    "anthropics/claude-code#4208",
    "anthropics/claude-code#66314",
    "anthropics/claude-code#88711",
    seen=("2025-01", "2026-08-22"),
    certainty=RuleCertainty.DOCUMENTED,
)
ORGANIZATION_ON_HOLD: Final = rule(
    "A24",
    _organization_on_hold,
    refusal(
        400,
        INVALID,
        "This organization has been disabled. An organization admin can appeal at "
        "https://console.anthropic.com/appeal",
        details={"error_code": "organization_on_hold"},
    ),
    "code.claude.com/docs/en/errors",
    "code.claude.com/docs/en/troubleshoot-install",
    "github.com/anthropics/anthropic-sdk-typescript",
    "router-for-me/CLIProxyAPI#3409",
    seen=("2026-05-14", "2026-11-24"),
    certainty=RuleCertainty.DOCUMENTED,
)
ORGANIZATION_DISABLED: Final = rule(
    "A24b",
    _organization_disabled,
    # Such an organisation, as one with unpaid bills, gets no error_code.
    refusal(400, INVALID, "This organization has been disabled."),
    "code.claude.com/docs/en/errors",
    "github.com/anthropics/anthropic-sdk-typescript",
    seen=("2026-08-22", "2026-11-24"),
    certainty=RuleCertainty.DOCUMENTED,
)
SPEND_LIMIT_REACHED: Final = rule(
    "A25",
    _spend_limit_reached,
    _refuse_own_limit,
    "anthropics/claude-code#38035",
    "platform.claude.com/docs/en/api/rate-limits",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
TIER_SPEND_LIMIT_REACHED: Final = rule(
    "A26",
    _tier_spend_limit_reached,
    _refuse_tier_limit,
    "platform.claude.com/docs/en/api/rate-limits",
    "platform.claude.com/docs/en/api/errors",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
PAYMENT_PROBLEM: Final = rule(
    "A32",
    _payment_problem,
    # The default message in the API's schema; no report quotes a real answer.
    refusal(402, "billing_error", "Billing error"),
    "platform.claude.com/docs/en/api/errors",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)

ACCOUNTS: Final = (
    ORGANIZATION_ON_HOLD,
    ORGANIZATION_DISABLED,
    CREDIT_EXHAUSTED,
    SPEND_LIMIT_REACHED,
    TIER_SPEND_LIMIT_REACHED,
    PAYMENT_PROBLEM,
    MEMBERSHIP_LOST,
    OAUTH_NOT_ALLOWED,
    OAUTH_NOT_ALLOWED_2026,
    ACCESS_REMOVED,
    INFERENCE_SCOPE_MISSING,
    LONG_CONTEXT_REFUSED,
    LONG_CONTEXT_NEEDS_EXTRA_USAGE,
    NOT_CLAUDE_CODE,
    EXTRA_USAGE_NEEDED,
    EXTRA_USAGE_EXHAUSTED,
    OPAQUE_REFUSAL,
    PLAN_WINDOW_EXHAUSTED,
)
"""Refusals of inference because of the account, in the order in which they are tried."""
