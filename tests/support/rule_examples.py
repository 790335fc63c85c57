"""For every rule of the emulator a request that it answers, and one beside it that it must not."""

import datetime
from dataclasses import replace
from typing import Any, Final

from authprobe.emulator.config import AccountState
from authprobe.emulator.rules.routes import OAUTH_BETA
from authprobe.emulator.server.asgi import BODY_LIMIT_BYTES
from tests.support.requests import (
    AUTHORIZE,
    AUTUMN,
    CHALLENGE,
    CLAUDE_AI_TOKEN,
    CODE_PAGE,
    CONSOLE_TOKEN,
    CONSOLE_WRONG,
    COUNT_TOKENS,
    FEDERATION,
    GOOD,
    GOOD_IDENTITY,
    GOOD_KEY,
    GOOD_REFRESH,
    GOOD_SETUP,
    GOOD_WORKLOAD,
    HELLO,
    MODELS,
    NOWHERE,
    PLATFORM_TOKEN,
    PROFILE,
    REDIRECT,
    ROLES,
    SPRING,
    USAGE,
    Kind,
    Sent,
    State,
    Trial,
    flatly,
    oauth,
    on_demand,
    paged,
    refused,
)

AUTH: Final = "authentication_error"
INVALID: Final = "invalid_request_error"
NO_PERMISSION: Final = "permission_error"
RATE: Final = "rate_limit_error"
USER_FACING: Final = {"error_visibility": "user_facing"}
REFRESHED: Final = {
    "token_type": "Bearer",
    "access_token": "[redacted:access-token]",
    "expires_in": 28800,
    "scope": "user:inference user:profile user:sessions:claude_code user:mcp_servers",
    "refresh_token": "[redacted:refresh-token-2]",
    "refresh_token_expires_in": 2592000,
}
EXCHANGED: Final = {
    "token_type": "Bearer",
    "access_token": "[redacted:access-token]",
    "expires_in": 28800,
    "scope": "user:inference user:profile",
    "refresh_token": "[redacted:refresh-token]",
    "refresh_token_expires_in": 2592000,
}
ACCOUNT: Final = {
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
}
PONG: Final = {
    "id": "msg_authprobe",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "pong"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}

LIMITS: Final = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "50",
    "anthropic-ratelimit-requests-reset": "2026-04-01T12:01:00Z",
    "anthropic-ratelimit-tokens-limit": "38000",
    "anthropic-ratelimit-tokens-remaining": "38000",
    "anthropic-ratelimit-tokens-reset": "2026-04-01T12:01:00Z",
    "anthropic-ratelimit-input-tokens-limit": "30000",
    "anthropic-ratelimit-input-tokens-remaining": "30000",
    "anthropic-ratelimit-input-tokens-reset": "2026-04-01T12:01:00Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "8000",
    "anthropic-ratelimit-output-tokens-reset": "2026-04-01T12:01:00Z",
}
NOTHING_LEFT: Final = {
    name: "0" if name.endswith("remaining") else value for name, value in LIMITS.items()
}
WINDOWS: Final = {
    "anthropic-ratelimit-unified-status": "allowed",
    "anthropic-ratelimit-unified-reset": "1775062800",
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-overage-status": "rejected",
    "anthropic-ratelimit-unified-overage-disabled-reason": "out_of_credits",
    "anthropic-ratelimit-unified-5h-status": "allowed",
    "anthropic-ratelimit-unified-5h-reset": "1775062800",
    "anthropic-ratelimit-unified-5h-utilization": "0.01",
    "anthropic-ratelimit-unified-7d-status": "allowed",
    "anthropic-ratelimit-unified-7d-reset": "1775649600",
    "anthropic-ratelimit-unified-7d-utilization": "0.01",
}
"""On the first of April at noon."""
WINDOW_FULL: Final = WINDOWS | {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-5h-status": "rejected",
    "anthropic-ratelimit-unified-5h-utilization": "1.0",
    "retry-after": "18000",
}
CHALLENGED: Final = {
    "server": "cloudflare",
    "cf-mitigated": "challenge",
    "cf-ray": "0000000000000000-EWR",
}

UNKNOWN: Final = (Kind.ACCESS_TOKEN, State.UNKNOWN)
EXPIRED: Final = (Kind.ACCESS_TOKEN, State.EXPIRED)
REVOKED: Final = (Kind.ACCESS_TOKEN, State.REVOKED)
USED_REFRESH: Final = (Kind.REFRESH_TOKEN, State.USED)
REFRESH: Final = Sent(target=PLATFORM_TOKEN, refresh=GOOD_REFRESH)
EXCHANGE: Final = Sent(target=PLATFORM_TOKEN, code=True)
FEDERATE: Final = Sent(target=FEDERATION, identity=GOOD_IDENTITY)
NO_SCOPE: Final = ("user:profile",)
GOOD_MESSAGE: Final = Sent(bearer=GOOD)
KEY_MESSAGE: Final = Sent(key=GOOD_KEY)


def standing(sent: Sent, how: AccountState, date: datetime.date = SPRING) -> dict[str, Any]:
    """The request of one whose account stands so, and of one whose account is in order."""
    good = replace(sent, date=date)
    return {"sent": replace(good, standing=how), "beside": good}


CREDENTIALS: Final = (
    refused(
        *("A03", 400, INVALID, "anthropic-version: header is required"),
        Sent(bearer=GOOD, headers={"anthropic-version": None}),
    ),
    refused(
        *("A01", 401, AUTH, "x-api-key header is required"),
        Sent(),
        beside=KEY_MESSAGE,
    ),
    refused(
        *("A01", 401, AUTH, "x-api-key header is required"),
        Sent(headers={"authorization": "Basic dXNlcjpub25l"}),
    ),
    refused(
        *("A02", 401, AUTH, "invalid x-api-key"),
        Sent(key=(Kind.API_KEY, State.UNKNOWN)),
        beside=KEY_MESSAGE,
    ),
    refused("A02", 401, AUTH, "invalid x-api-key", Sent(key=(Kind.API_KEY, State.REVOKED))),
    refused("A02", 401, AUTH, "invalid x-api-key", Sent(key=GOOD)),
    refused(
        "A02", 401, AUTH, "invalid x-api-key", Sent(target=COUNT_TOKENS, headers={"x-api-key": ""})
    ),
    refused(
        *("A36", 401, AUTH, "(the wording for an expired API key is not documented)"),
        Sent(key=(Kind.API_KEY, State.EXPIRED)),
        beside=KEY_MESSAGE,
    ),
    refused(
        *("A04", 401, AUTH, "OAuth authentication is currently not supported."),
        Sent(bearer=GOOD, headers={"anthropic-beta": "another-flag"}),
        beside=Sent(bearer=GOOD, headers={"anthropic-beta": f"another-flag, {OAUTH_BETA}"}),
    ),
    refused(
        *("A04", 401, AUTH, "OAuth authentication is currently not supported."),
        Sent(target=USAGE, bearer=GOOD, headers={"anthropic-beta": None}),
        beside=Sent(target=PROFILE, bearer=GOOD, headers={"anthropic-beta": None}),
        passes="profile",
    ),
    refused("A05", 401, AUTH, "Invalid bearer token", Sent(bearer=UNKNOWN)),
    refused("A05", 401, AUTH, "Invalid bearer token", Sent(bearer=GOOD_KEY)),
    refused("A05", 401, AUTH, "Invalid bearer token", Sent(headers={"authorization": "Bearer"})),
    on_demand(
        refused(
            *("A06", 401, AUTH),
            "Invalid OAuth token. The provided token was not found or is malformed.",
            GOOD_MESSAGE,
        )
    ),
    refused(
        *("A07", 401, AUTH, "OAuth access token is invalid."),
        Sent(bearer=UNKNOWN, date=AUTUMN),
        beside=Sent(bearer=GOOD, date=AUTUMN),
        request_id=None,
    ),
    refused(
        "A08",
        401,
        AUTH,
        "OAuth token has expired. Please obtain a new token or refresh your existing token.",
        Sent(bearer=EXPIRED),
    ),
    refused(
        *("A09", 401, AUTH, "OAuth access token has expired. Re-authenticate to continue."),
        Sent(bearer=EXPIRED, date=AUTUMN),
        beside=Sent(bearer=GOOD, date=AUTUMN),
        request_id=None,
    ),
    refused(
        *("A10", 403, NO_PERMISSION, "OAuth token has been revoked. Please obtain a new token."),
        Sent(bearer=REVOKED),
    ),
    refused(
        *("A10", 403, NO_PERMISSION, "OAuth token has been revoked. Please obtain a new token."),
        Sent(target=PROFILE, bearer=REVOKED),
        details=USER_FACING,
        beside=Sent(target=PROFILE, bearer=GOOD),
        passes="profile",
    ),
    refused(
        *("A10b", 401, AUTH, "OAuth access token has been revoked."),
        Sent(bearer=REVOKED, date=AUTUMN),
        beside=Sent(bearer=GOOD, date=AUTUMN),
    ),
)

SCOPES: Final = (
    refused(
        *("A15", 403, NO_PERMISSION, "OAuth token does not meet scope requirement user:profile"),
        Sent(target=PROFILE, bearer=GOOD_SETUP),
        details=USER_FACING,
        beside=Sent(target=PROFILE, bearer=GOOD),
        passes="profile",
    ),
    refused(
        *("A15", 403, NO_PERMISSION, "OAuth token does not meet scope requirement user:profile"),
        Sent(target=USAGE, bearer=GOOD_SETUP, date=AUTUMN),
        details=USER_FACING,
        beside=Sent(target=USAGE, bearer=GOOD, date=AUTUMN),
        passes="usage",
    ),
    refused(
        *("A16", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(user:profile, user:office)",
        Sent(target=PROFILE, bearer=GOOD_SETUP, date=AUTUMN),
        beside=Sent(target=PROFILE, bearer=GOOD, scopes=("user:office",), date=AUTUMN),
        passes="profile",
    ),
    refused(
        *("A17", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(user:inference, user:ccr_inference, "
        "user:voice, org:service_key_inference)",
        Sent(bearer=GOOD, scopes=NO_SCOPE),
        beside=Sent(bearer=GOOD, scopes=("user:voice",)),
    ),
    refused(
        *("A17", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(org:service_key_inference, "
        "user:ccr_inference, user:developer, user:inference, user:voice, workspace:developer, "
        "workspace:inference)",
        Sent(target=COUNT_TOKENS, bearer=GOOD, scopes=NO_SCOPE, date=AUTUMN),
        beside=Sent(target=COUNT_TOKENS, bearer=GOOD, date=AUTUMN),
        passes="count-tokens",
    ),
    refused(
        *("A42", 401, AUTH, "(the wording of this refusal was not reported)"),
        Sent(target=MODELS, bearer=GOOD, scopes=NO_SCOPE),
        beside=Sent(target=MODELS, bearer=GOOD),
        passes="models",
    ),
    refused(
        *("B25", 403, NO_PERMISSION, "OAuth token does not meet scope requirement user:profile"),
        Sent(target=PROFILE, bearer=GOOD_WORKLOAD, scopes=("workspace:developer",)),
        beside=Sent(bearer=GOOD_WORKLOAD, scopes=("workspace:developer",)),
    ),
    refused(
        *("B25", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(workspace:developer, "
        "workspace:inference)",
        Sent(bearer=GOOD_WORKLOAD, scopes=()),
        beside=Sent(bearer=GOOD_WORKLOAD, scopes=("workspace:inference",)),
    ),
)

ACCOUNTS: Final = (
    refused(
        *("A11", 401, AUTH, "Invalid authentication credentials"),
        **standing(GOOD_MESSAGE, AccountState.ACCESS_REMOVED),
    ),
    refused(
        *("A12", 401, AUTH),
        "OAuth authentication is currently not allowed for this organization.",
        **standing(GOOD_MESSAGE, AccountState.OAUTH_NOT_ALLOWED, datetime.date(2025, 8, 25)),
    ),
    refused(
        *("A13", 403, NO_PERMISSION),
        "OAuth authentication is currently not allowed for this organization.",
        **standing(GOOD_MESSAGE, AccountState.OAUTH_NOT_ALLOWED),
        headers={"x-should-retry": "false"},
    ),
    refused(
        *("A14", 403, NO_PERMISSION),
        "Account is no longer a member of the organization associated with this token.",
        **standing(GOOD_MESSAGE, AccountState.MEMBERSHIP_LOST),
    ),
    refused(
        "A18",
        400,
        INVALID,
        "This credential is only authorized for use with Claude Code and cannot be used for other "
        "API requests.",
        Sent(bearer=GOOD, counts=False),
    ),
    refused(
        *("A19", 400, INVALID),
        "Third-party apps now draw from your extra usage, not your plan limits. We've added a $20 "
        "credit to get you started. Claim it at claude.ai/settings/usage and keep going.",
        Sent(bearer=GOOD_SETUP, counts=False, date=datetime.date(2026, 4, 30)),
        beside=Sent(
            bearer=GOOD_SETUP,
            counts=False,
            date=datetime.date(2026, 4, 30),
            standing=AccountState.EXTRA_USAGE_AVAILABLE,
        ),
    ),
    refused(
        *("A19", 400, INVALID),
        "Third-party apps now draw from your extra usage, not your plan limits. Add more at "
        "claude.ai/settings/usage and keep going.",
        Sent(bearer=GOOD, counts=False, date=datetime.date(2026, 5, 1)),
    ),
    refused(
        *("A20", 400, INVALID),
        "You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
        Sent(bearer=GOOD, counts=False, date=AUTUMN, standing=AccountState.EXTRA_USAGE_EXHAUSTED),
        beside=Sent(bearer=GOOD, date=AUTUMN, standing=AccountState.EXTRA_USAGE_EXHAUSTED),
    ),
    on_demand(refused("A21", 400, INVALID, "Error", GOOD_MESSAGE)),
    refused(
        *("A23", 400, INVALID),
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing "
        "to upgrade or purchase credits.",
        **standing(KEY_MESSAGE, AccountState.CREDIT_EXHAUSTED),
    ),
    refused(
        *("A24", 400, INVALID, "This organization has been disabled."),
        **standing(KEY_MESSAGE, AccountState.ORGANIZATION_DISABLED),
    ),
    refused(
        *("A25", 400, INVALID),
        "You have reached your specified API usage limits. You will regain access on 2026-05-01 at "
        "00:00 UTC.",
        **standing(KEY_MESSAGE, AccountState.SPEND_LIMIT_REACHED),
    ),
    refused(
        *("A25", 400, INVALID),
        "You have reached your specified API usage limits. You will regain access on 2027-01-01 at "
        "00:00 UTC.",
        **standing(KEY_MESSAGE, AccountState.SPEND_LIMIT_REACHED, datetime.date(2026, 12, 31)),
    ),
    refused(
        *("A26", 429, RATE),
        "You have reached your API usage limits: your organization has crossed its monthly API "
        "usage threshold, set based on your organization's API tier. You will regain access on "
        "2026-05-01 at 00:00 UTC.",
        **standing(KEY_MESSAGE, AccountState.TIER_SPEND_LIMIT_REACHED),
        details={"error_code": "enforced_spend_limit_reached"},
    ),
    refused(
        *("A28", 429, RATE),
        "This request would exceed your account's rate limit. Please try again later.",
        **standing(GOOD_MESSAGE, AccountState.PLAN_WINDOW_EXHAUSTED),
        headers=WINDOW_FULL,
    ),
    refused(
        *("A32", 402, "billing_error", "Billing error"),
        **standing(KEY_MESSAGE, AccountState.PAYMENT_PROBLEM),
    ),
)

LIMITED: Final = (
    on_demand(refused("A22", 429, RATE, "Error", GOOD_MESSAGE)),
    on_demand(
        refused(
            *("A27", 429, RATE),
            "This request would exceed your organization's rate limit of 50 requests per minute "
            "(org: 00000000-0000-4000-8000-000000000002, model: claude-sonnet-4-5). For details, "
            "refer to: https://docs.claude.com/en/api/rate-limits. You can see the response "
            "headers for current usage. Please reduce the prompt length or the maximum tokens "
            "requested, or try again later. You may also contact sales at "
            "https://claude.com/contact-sales to discuss your options for a rate limit increase.",
            KEY_MESSAGE,
            headers=NOTHING_LEFT | {"retry-after": "60"},
        )
    ),
    on_demand(refused("A29", 429, RATE, "Rate limited", GOOD_MESSAGE)),
    on_demand(refused("A30", 529, "overloaded_error", "Overloaded", KEY_MESSAGE)),
    on_demand(refused("A31", 503, "overloaded_error", "overloaded", GOOD_MESSAGE)),
    on_demand(
        flatly(
            *("A41", 429, RATE, "Rate limited. Please try again later."),
            Sent(target=USAGE, bearer=GOOD),
            headers={"retry-after": "0"},
            passes="usage",
        )
    ),
)

EDGE: Final = (
    on_demand(flatly("A33", 403, "forbidden", "Request not allowed", GOOD_MESSAGE)),
    on_demand(
        flatly(
            *("A33", 403, "forbidden", "Request not allowed"),
            Sent(target=NOWHERE),
            passes="deny:route",
        )
    ),
    *(
        on_demand(
            paged(
                *("A34", 403, "Just a moment...", "Enable JavaScript and cookies to continue"),
                sent,
                headers=CHALLENGED,
                beside=sent,
                passes=passes,
            )
        )
        for sent, passes in ((GOOD_MESSAGE, "messages"), (REFRESH, "refresh"))
    ),
    on_demand(
        paged(
            *("A35", 401, "502 Bad Gateway", "cloudflare", GOOD_MESSAGE),
            headers={"server": "cloudflare"},
            beside=GOOD_MESSAGE,
        )
    ),
    on_demand(Trial(rule="A43", sent=GOOD_MESSAGE, status=403, body=None, beside=GOOD_MESSAGE)),
    flatly(
        *("request-too-large", 413, "request_too_large", "Request exceeds the maximum size"),
        Sent(bearer=GOOD, size=BODY_LIMIT_BYTES + 1),
        beside=Sent(bearer=GOOD, size=BODY_LIMIT_BYTES),
    ),
    on_demand(
        refused(
            *("conflict", 409, "conflict_error", "(the wording depends on the resource)"),
            GOOD_MESSAGE,
        )
    ),
    on_demand(refused("api-error", 500, "api_error", "Internal server error", GOOD_MESSAGE)),
    on_demand(refused("timeout", 504, "timeout_error", "Request timeout", KEY_MESSAGE)),
)

INFERENCE: Final = (
    refused(
        *("A37", 400, INVALID, "context_management: Extra inputs are not permitted"),
        Sent(key=GOOD_KEY, fields={"context_management": {}}),
        beside=Sent(
            key=GOOD_KEY,
            fields={"context_management": {}},
            headers={"anthropic-beta": "context-management-2025-06-27"},
        ),
    ),
    on_demand(
        refused(
            *("A38", 400, INVALID),
            "Unexpected value(s) `one`, `two` for the `anthropic-beta` header. Please consult our "
            "documentation at docs.anthropic.com or try again without the header.",
            Sent(key=GOOD_KEY, headers={"anthropic-beta": "one,two"}),
        )
    ),
    Trial(
        rule="messages",
        sent=Sent(bearer=GOOD, fields={"model": "m"}),
        status=200,
        body=PONG,
        headers=WINDOWS,
        beside=Sent(target=COUNT_TOKENS, key=GOOD_KEY),
        passes="count-tokens",
    ),
    Trial(
        rule="messages",
        sent=Sent(key=GOOD_KEY, fields={"model": "m"}, query={"beta": "true"}),
        status=200,
        body=PONG,
        headers=LIMITS,
        beside=Sent(bearer=GOOD, key=GOOD_KEY),
        passes="deny:rule",
    ),
    Trial(
        rule="count-tokens",
        sent=Sent(target=COUNT_TOKENS, key=GOOD_KEY),
        status=200,
        body={"input_tokens": 1},
        beside=KEY_MESSAGE,
    ),
    Trial(
        rule="models",
        sent=Sent(target=MODELS, bearer=GOOD_SETUP),
        status=200,
        body={
            "data": [
                {
                    "type": "model",
                    "id": "claude-sonnet-4-5",
                    "display_name": "Claude Sonnet 4.5",
                    "created_at": "2025-09-29T00:00:00Z",
                }
            ],
            "has_more": False,
            "first_id": "claude-sonnet-4-5",
            "last_id": "claude-sonnet-4-5",
        },
        beside=Sent(target=MODELS),
        passes="A01",
    ),
)

OWNER: Final = (
    Trial(
        rule="profile",
        sent=Sent(target=PROFILE, bearer=GOOD),
        status=200,
        body=ACCOUNT,
        beside=Sent(target=PROFILE, bearer=REVOKED),
        passes="A10",
    ),
    Trial(
        rule="usage",
        sent=Sent(target=USAGE, bearer=GOOD),
        status=200,
        body={
            "five_hour": {"utilization": 1.0, "resets_at": "2026-04-01T17:00:00+00:00"},
            "seven_day": {"utilization": 1.0, "resets_at": "2026-04-08T12:00:00+00:00"},
            "seven_day_opus": None,
            "seven_day_sonnet": None,
            "extra_usage": {
                "is_enabled": False,
                "monthly_limit": None,
                "used_credits": None,
                "utilization": None,
            },
        },
        beside=Sent(target=USAGE, bearer=UNKNOWN),
        passes="A05",
    ),
    Trial(
        rule="hello",
        sent=Sent(target=HELLO),
        status=200,
        body={"message": "hello"},
        beside=Sent(target=NOWHERE),
        passes="deny:route",
    ),
    Trial(
        rule="roles",
        sent=Sent(target=ROLES, bearer=GOOD_SETUP),
        status=200,
        body={"organization_role": "admin", "workspace_role": None},
        beside=Sent(target=ROLES, bearer=GOOD, key=GOOD_KEY),
        passes="deny:rule",
    ),
    on_demand(
        refused(
            *("B12", 500, "api_error", "Internal server error"),
            Sent(target=ROLES, bearer=GOOD),
            passes="roles",
        )
    ),
)

TOKEN_ENDPOINT: Final = (
    refused(
        *("B01", 404, "not_found_error", "Not found"),
        Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH, date=AUTUMN),
        beside=Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH),
        passes="refresh",
    ),
    on_demand(
        Trial(
            rule="B01b",
            sent=Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH, date=AUTUMN),
            status=200,
            body=REFRESHED,
            beside=REFRESH,
            passes="B01",
        )
    ),
    refused(
        *("B02", 404, "not_found_error", "Not found"),
        Sent(target=CONSOLE_WRONG, refresh=GOOD_REFRESH),
        beside=Sent(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH),
        passes="refresh",
    ),
    oauth(
        *("B03", "Refresh token not found or invalid"),
        Sent(target=PLATFORM_TOKEN, refresh=USED_REFRESH),
        beside=REFRESH,
        passes="refresh",
    ),
    oauth(
        *("B04", "Invalid 'code' in request."),
        Sent(target=PLATFORM_TOKEN, code=True, fields={"code_verifier": "another"}),
        beside=EXCHANGE,
        passes="code",
    ),
    oauth(
        *("redirect-mismatch", "Invalid 'redirect_uri' in request."),
        Sent(
            target=PLATFORM_TOKEN, code=True, fields={"redirect_uri": "http://localhost/callback"}
        ),
        beside=EXCHANGE,
        passes="code",
    ),
    refused(
        *("B05", 400, INVALID, "Invalid request format"),
        Sent(target=PLATFORM_TOKEN),
        beside=REFRESH,
        passes="refresh",
    ),
    refused(
        *("B06", 400, INVALID, "(the wording for an unknown grant type was not reported)"),
        Sent(target=PLATFORM_TOKEN, fields={"grant_type": "password"}),
        beside=REFRESH,
        passes="refresh",
    ),
    on_demand(
        flatly(
            *("B07", 429, RATE, "Rate limited. Please try again later."),
            REFRESH,
            headers={"retry-after": "3600"},
            passes="refresh",
        )
    ),
    Trial(
        rule="B09",
        sent=Sent(target=CLAUDE_AI_TOKEN, refresh=GOOD_REFRESH),
        status=200,
        body=REFRESHED,
        beside=Sent(target=CLAUDE_AI_TOKEN, refresh=USED_REFRESH),
        passes="B03",
    ),
    on_demand(
        Trial(
            rule="B10",
            sent=EXCHANGE,
            status=200,
            body=EXCHANGED,
            delay=16,
            beside=EXCHANGE,
            passes="code",
        )
    ),
    on_demand(
        refused("B11", 500, "api_error", "Internal server error", EXCHANGE, passes="code"),
    ),
    on_demand(flatly("B13", 403, "forbidden", "Request not allowed", EXCHANGE, passes="code")),
    on_demand(
        oauth(
            *("B22", "Refresh token not found or invalid"),
            REFRESH,
            beside=REFRESH,
            passes="refresh",
        )
    ),
    Trial(
        rule="refresh",
        sent=REFRESH,
        status=200,
        body=REFRESHED,
        beside=Sent(target=PLATFORM_TOKEN, refresh=GOOD),
        passes="B03",
    ),
    Trial(
        rule="code",
        sent=EXCHANGE,
        status=200,
        body=EXCHANGED,
        beside=Sent(target=PLATFORM_TOKEN, code=True, fields={"state": "another"}),
        passes="B04",
    ),
)


def unauthorized(rule: str, text: str, **query: str | None) -> Trial:
    """A page that says what an authorization request lacks."""
    return paged(
        *(rule, 400, "Invalid OAuth Request", text),
        Sent(target=AUTHORIZE, query=query),
        beside=Sent(target=AUTHORIZE),
        passes="authorize",
    )


SIGN_IN: Final = (
    unauthorized("B14", "Missing state parameter", state=None),
    unauthorized("B15", "Missing code_challenge parameter", code_challenge=None),
    unauthorized("B16", "Missing scope parameter", scope=None),
    unauthorized("B17", "Missing redirect_uri parameter", redirect_uri=None),
    unauthorized(
        "B18", "Unknown scope: user:sessions%, a&amp;b", scope="user:sessions% user:profile a&b"
    ),
    unauthorized(
        "B19",
        "Redirect URI https://example.org/&lt;b&gt; is not supported by client.",
        redirect_uri="https://example.org/<b>",
    ),
    paged(
        *("B20", 403, "Max or Pro account required", ""),
        Sent(target=AUTHORIZE, standing=AccountState.NO_SUBSCRIPTION),
        beside=Sent(target=AUTHORIZE),
        passes="authorize",
    ),
    Trial(
        rule="authorize",
        sent=Sent(target=AUTHORIZE),
        status=302,
        body=None,
        headers={"location": f"{REDIRECT}?code=[redacted:authorization-code]&state=s"},
        beside=Sent(target=AUTHORIZE, query={"response_type": "token"}),
        passes="deny:rule",
    ),
    paged(
        *("authorize-short", 200, "Authentication Code"),
        f"[redacted:authorization-code]#{CHALLENGE}",
        Sent(target=AUTHORIZE, link=f"I{CHALLENGE}"),
        beside=Sent(target=AUTHORIZE, link=f"J{CHALLENGE}"),
        passes="B14",
    ),
    paged(
        *("code-page", 200, "Authentication Code", "[redacted:authorization-code]#s"),
        Sent(target=CODE_PAGE, code=True),
        beside=Sent(target=CODE_PAGE, code=True, query={"state": None}),
        passes="deny:rule",
    ),
    paged(
        *("code-page", 200, "Authentication Code", "no such code"),
        Sent(target=CODE_PAGE, query={"code": "<b>", "state": "s"}),
        beside=Sent(target=CODE_PAGE),
        passes="deny:rule",
    ),
)

WORKLOADS: Final = (
    flatly(
        *("B08", 429, RATE, "Rate limited. Please try again later."),
        Sent(target=FEDERATION, refresh=GOOD_REFRESH),
        beside=FEDERATE,
        passes="federate",
    ),
    refused(
        *("B23", 401, AUTH, "Authentication failed"),
        Sent(target=FEDERATION, identity=(Kind.IDENTITY_TOKEN, State.EXPIRED)),
        beside=FEDERATE,
        passes="federate",
    ),
    *(
        refused(
            *("B24", 400, INVALID),
            f"{next(iter(wrong))}: (the wording of this refusal is not documented)",
            Sent(target=FEDERATION, identity=GOOD_IDENTITY, fields=wrong),
            beside=FEDERATE,
            passes="federate",
        )
        for wrong in (
            {"service_account_id": None},
            {"federation_rule_id": "rule 1"},
            {"workspace_id": 1},
        )
    ),
    Trial(
        rule="federate",
        sent=Sent(target=FEDERATION, identity=GOOD_IDENTITY, fields={"workspace_id": "default"}),
        status=200,
        body={
            "token_type": "Bearer",
            "access_token": "[redacted:workload-token]",
            "expires_in": 3600,
            "scope": "workspace:developer",
        },
        beside=Sent(target=FEDERATION, identity=(Kind.IDENTITY_TOKEN, State.USED)),
        passes="B23",
    ),
)

TRIALS: Final = (
    *(*CREDENTIALS, *SCOPES, *ACCOUNTS, *LIMITED, *EDGE),
    *(*INFERENCE, *OWNER, *TOKEN_ENDPOINT, *SIGN_IN, *WORKLOADS),
)
