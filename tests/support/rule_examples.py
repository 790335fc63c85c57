"""Examples for every rule of the emulator: a request it answers, and one it must not answer."""

import datetime
from dataclasses import replace
from typing import Any, Final

from authprobe.emulator.config import AccountState
from authprobe.emulator.rules.routes import OAUTH_BETA
from authprobe.emulator.server.asgi import BODY_LIMIT_BYTES
from tests.support.bedrock_examples import BEDROCK_EXAMPLES
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
    ORGANIZATION,
    PLATFORM_TOKEN,
    PROFILE,
    REDIRECT,
    ROLES,
    SPRING,
    USAGE,
    WORKSPACE,
    Kind,
    RequestSpec,
    RuleExample,
    State,
    api_refusal,
    edge_refusal,
    fault_example,
    oauth_refusal,
    page_example,
)
from tests.support.resource_examples import RESOURCE_EXAMPLES
from tests.support.side_call_examples import SIDE_CALL_EXAMPLES

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
    "id": "msg_authprobe0001",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [{"type": "text", "text": "pong"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    },
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
"""Rate limit headers of a subscription at noon on 1 April 2026."""
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
REFRESH: Final = RequestSpec(target=PLATFORM_TOKEN, refresh=GOOD_REFRESH)
EXCHANGE: Final = RequestSpec(target=PLATFORM_TOKEN, code=True)
FEDERATE: Final = RequestSpec(target=FEDERATION, identity=GOOD_IDENTITY)
NO_SCOPE: Final = ("user:profile",)
GOOD_MESSAGE: Final = RequestSpec(bearer=GOOD)
LONG_CONTEXT_MESSAGE: Final = RequestSpec(
    bearer=GOOD, headers={"anthropic-beta": "oauth-2025-04-20,context-1m-2025-08-07"}
)
KEY_MESSAGE: Final = RequestSpec(key=GOOD_KEY)


def with_account_state(
    spec: RequestSpec, state: AccountState, date: datetime.date = SPRING
) -> dict[str, Any]:
    """Return the request from an account in this state; an active account is the counterexample."""
    active = replace(spec, date=date)
    return {"spec": replace(active, standing=state), "counterexample": active}


CREDENTIALS: Final = (
    api_refusal(
        *("A03", 400, INVALID, "anthropic-version: header is required"),
        RequestSpec(bearer=GOOD, headers={"anthropic-version": None}),
    ),
    api_refusal(
        *("A01", 401, AUTH, "x-api-key header is required"),
        RequestSpec(),
        counterexample=KEY_MESSAGE,
    ),
    api_refusal(
        *("A01", 401, AUTH, "x-api-key header is required"),
        RequestSpec(headers={"authorization": "Basic dXNlcjpub25l"}),
    ),
    api_refusal(
        *("A02", 401, AUTH, "invalid x-api-key"),
        RequestSpec(key=(Kind.API_KEY, State.UNKNOWN)),
        counterexample=KEY_MESSAGE,
    ),
    api_refusal(
        "A02", 401, AUTH, "invalid x-api-key", RequestSpec(key=(Kind.API_KEY, State.REVOKED))
    ),
    api_refusal("A02", 401, AUTH, "invalid x-api-key", RequestSpec(key=GOOD)),
    api_refusal(
        "A02",
        401,
        AUTH,
        "invalid x-api-key",
        RequestSpec(target=COUNT_TOKENS, headers={"x-api-key": ""}),
    ),
    api_refusal(
        *("A36", 401, AUTH, "(the wording for an expired API key is not documented)"),
        RequestSpec(key=(Kind.API_KEY, State.EXPIRED)),
        counterexample=KEY_MESSAGE,
    ),
    api_refusal(
        *("A04", 401, AUTH, "OAuth authentication is currently not supported."),
        RequestSpec(bearer=GOOD, headers={"anthropic-beta": "another-flag"}),
        counterexample=RequestSpec(
            bearer=GOOD, headers={"anthropic-beta": f"another-flag, {OAUTH_BETA}"}
        ),
    ),
    api_refusal(
        *("A04", 401, AUTH, "OAuth authentication is currently not supported."),
        RequestSpec(target=USAGE, bearer=GOOD, headers={"anthropic-beta": None}),
        counterexample=RequestSpec(target=PROFILE, bearer=GOOD, headers={"anthropic-beta": None}),
        counterexample_rule="profile",
    ),
    api_refusal("A05", 401, AUTH, "Invalid bearer token", RequestSpec(bearer=UNKNOWN)),
    api_refusal("A05", 401, AUTH, "Invalid bearer token", RequestSpec(bearer=GOOD_KEY)),
    api_refusal(
        "A05", 401, AUTH, "Invalid bearer token", RequestSpec(headers={"authorization": "Bearer"})
    ),
    fault_example(
        api_refusal(
            *("A06", 401, AUTH),
            "Invalid OAuth token. The provided token was not found or is malformed.",
            GOOD_MESSAGE,
        )
    ),
    api_refusal(
        *("A07", 401, AUTH, "OAuth access token is invalid."),
        RequestSpec(bearer=UNKNOWN, date=AUTUMN),
        counterexample=RequestSpec(bearer=GOOD, date=AUTUMN),
        request_id=None,
    ),
    api_refusal(
        "A08",
        401,
        AUTH,
        "OAuth token has expired. Please obtain a new token or refresh your existing token.",
        RequestSpec(bearer=EXPIRED),
    ),
    api_refusal(
        *("A09", 401, AUTH, "OAuth access token has expired. Re-authenticate to continue."),
        RequestSpec(bearer=EXPIRED, date=AUTUMN),
        counterexample=RequestSpec(bearer=GOOD, date=AUTUMN),
        request_id=None,
    ),
    api_refusal(
        *("A10", 403, NO_PERMISSION, "OAuth token has been revoked. Please obtain a new token."),
        RequestSpec(bearer=REVOKED),
    ),
    api_refusal(
        *("A10", 403, NO_PERMISSION, "OAuth token has been revoked. Please obtain a new token."),
        RequestSpec(target=PROFILE, bearer=REVOKED),
        details=USER_FACING,
        counterexample=RequestSpec(target=PROFILE, bearer=GOOD),
        counterexample_rule="profile",
    ),
    api_refusal(
        *("A10b", 401, AUTH, "OAuth access token has been revoked."),
        RequestSpec(bearer=REVOKED, date=AUTUMN),
        counterexample=RequestSpec(bearer=GOOD, date=AUTUMN),
    ),
)

SCOPES: Final = (
    api_refusal(
        *("A15", 403, NO_PERMISSION, "OAuth token does not meet scope requirement user:profile"),
        RequestSpec(target=PROFILE, bearer=GOOD_SETUP),
        details=USER_FACING,
        counterexample=RequestSpec(target=PROFILE, bearer=GOOD),
        counterexample_rule="profile",
    ),
    api_refusal(
        *("A15", 403, NO_PERMISSION, "OAuth token does not meet scope requirement user:profile"),
        RequestSpec(target=USAGE, bearer=GOOD_SETUP, date=AUTUMN),
        details=USER_FACING,
        counterexample=RequestSpec(target=USAGE, bearer=GOOD, date=AUTUMN),
        counterexample_rule="usage",
    ),
    api_refusal(
        *("A16", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(user:profile, user:office)",
        RequestSpec(target=PROFILE, bearer=GOOD_SETUP, date=AUTUMN),
        counterexample=RequestSpec(
            target=PROFILE, bearer=GOOD, scopes=("user:office",), date=AUTUMN
        ),
        counterexample_rule="profile",
    ),
    api_refusal(
        *("A17", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(user:inference, user:ccr_inference, "
        "user:voice, org:service_key_inference)",
        RequestSpec(bearer=GOOD, scopes=NO_SCOPE),
        counterexample=RequestSpec(bearer=GOOD, scopes=("user:voice",)),
    ),
    api_refusal(
        *("A17", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(org:service_key_inference, "
        "user:ccr_inference, user:developer, user:inference, user:voice, workspace:developer, "
        "workspace:inference)",
        RequestSpec(target=COUNT_TOKENS, bearer=GOOD, scopes=NO_SCOPE, date=AUTUMN),
        counterexample=RequestSpec(target=COUNT_TOKENS, bearer=GOOD, date=AUTUMN),
        counterexample_rule="count-tokens",
    ),
    api_refusal(
        *("A42", 401, AUTH, "(the wording of this refusal was not reported)"),
        RequestSpec(target=MODELS, bearer=GOOD, scopes=NO_SCOPE),
        counterexample=RequestSpec(target=MODELS, bearer=GOOD),
        counterexample_rule="models",
    ),
    api_refusal(
        *("B25", 403, NO_PERMISSION, "OAuth token does not meet scope requirement user:profile"),
        RequestSpec(target=PROFILE, bearer=GOOD_WORKLOAD, scopes=("workspace:developer",)),
        counterexample=RequestSpec(bearer=GOOD_WORKLOAD, scopes=("workspace:developer",)),
    ),
    api_refusal(
        *("B25", 403, NO_PERMISSION),
        "OAuth token does not meet scope requirement any_of(workspace:developer, "
        "workspace:inference)",
        RequestSpec(bearer=GOOD_WORKLOAD, scopes=()),
        counterexample=RequestSpec(bearer=GOOD_WORKLOAD, scopes=("workspace:inference",)),
    ),
)

ACCOUNTS: Final = (
    api_refusal(
        *("A11", 401, AUTH, "Invalid authentication credentials"),
        **with_account_state(GOOD_MESSAGE, AccountState.ACCESS_REMOVED),
    ),
    api_refusal(
        *("A12", 401, AUTH),
        "OAuth authentication is currently not allowed for this organization.",
        **with_account_state(
            GOOD_MESSAGE, AccountState.OAUTH_NOT_ALLOWED, datetime.date(2025, 8, 25)
        ),
    ),
    api_refusal(
        *("A13", 403, NO_PERMISSION),
        "OAuth authentication is currently not allowed for this organization.",
        **with_account_state(GOOD_MESSAGE, AccountState.OAUTH_NOT_ALLOWED),
        headers={"x-should-retry": "false"},
    ),
    api_refusal(
        *("A14", 403, NO_PERMISSION),
        "Account is no longer a member of the organization associated with this token.",
        **with_account_state(GOOD_MESSAGE, AccountState.MEMBERSHIP_LOST),
    ),
    api_refusal(
        "A18",
        400,
        INVALID,
        "This credential is only authorized for use with Claude Code and cannot be used for other "
        "API requests.",
        RequestSpec(bearer=GOOD, counts_as_claude_code=False),
    ),
    api_refusal(
        *("A19", 400, INVALID),
        "Third-party apps now draw from your extra usage, not your plan limits. We've added a $20 "
        "credit to get you started. Claim it at claude.ai/settings/usage and keep going.",
        RequestSpec(
            bearer=GOOD_SETUP, counts_as_claude_code=False, date=datetime.date(2026, 4, 30)
        ),
        counterexample=RequestSpec(
            bearer=GOOD_SETUP,
            counts_as_claude_code=False,
            date=datetime.date(2026, 4, 30),
            standing=AccountState.EXTRA_USAGE_AVAILABLE,
        ),
    ),
    api_refusal(
        *("A19", 400, INVALID),
        "Third-party apps now draw from your extra usage, not your plan limits. Add more at "
        "claude.ai/settings/usage and keep going.",
        RequestSpec(bearer=GOOD, counts_as_claude_code=False, date=datetime.date(2026, 5, 1)),
    ),
    api_refusal(
        *("A20", 400, INVALID),
        "You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
        RequestSpec(
            bearer=GOOD,
            counts_as_claude_code=False,
            date=AUTUMN,
            standing=AccountState.EXTRA_USAGE_EXHAUSTED,
        ),
        counterexample=RequestSpec(
            bearer=GOOD, date=AUTUMN, standing=AccountState.EXTRA_USAGE_EXHAUSTED
        ),
    ),
    fault_example(api_refusal("A21", 400, INVALID, "Error", GOOD_MESSAGE)),
    api_refusal(
        *("A23", 400, INVALID),
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing "
        "to upgrade or purchase credits.",
        **with_account_state(KEY_MESSAGE, AccountState.CREDIT_EXHAUSTED),
    ),
    api_refusal(
        *("A24", 400, INVALID),
        "This organization has been disabled. An organization admin can appeal at "
        "https://console.anthropic.com/appeal",
        **with_account_state(KEY_MESSAGE, AccountState.ORGANIZATION_ON_HOLD),
        details={"error_code": "organization_on_hold"},
    ),
    api_refusal(
        *("A24b", 400, INVALID, "This organization has been disabled."),
        **with_account_state(KEY_MESSAGE, AccountState.ORGANIZATION_DISABLED),
    ),
    api_refusal(
        *("A25", 400, INVALID),
        "You have reached your specified API usage limits. You will regain access on 2026-05-01 at "
        "00:00 UTC.",
        **with_account_state(KEY_MESSAGE, AccountState.SPEND_LIMIT_REACHED),
    ),
    api_refusal(
        *("A25", 400, INVALID),
        "You have reached your specified API usage limits. You will regain access on 2027-01-01 at "
        "00:00 UTC.",
        **with_account_state(
            KEY_MESSAGE, AccountState.SPEND_LIMIT_REACHED, datetime.date(2026, 12, 31)
        ),
    ),
    api_refusal(
        *("A26", 429, RATE),
        "You have reached your API usage limits: your organization has crossed its monthly API "
        "usage threshold, set based on your organization's API tier. You will regain access on "
        "2026-05-01 at 00:00 UTC.",
        **with_account_state(KEY_MESSAGE, AccountState.TIER_SPEND_LIMIT_REACHED),
        details={"error_code": "enforced_spend_limit_reached"},
    ),
    api_refusal(
        *("A52", 400, INVALID),
        "The long context beta is not yet available for this subscription.",
        **with_account_state(
            LONG_CONTEXT_MESSAGE,
            AccountState.LONG_CONTEXT_NOT_INCLUDED,
            datetime.date(2026, 3, 1),
        ),
    ),
    api_refusal(
        *("A52b", 429, RATE),
        "Extra usage is required for long context requests.",
        **with_account_state(LONG_CONTEXT_MESSAGE, AccountState.LONG_CONTEXT_NOT_INCLUDED),
    ),
    api_refusal(
        *("A28", 429, RATE),
        "This request would exceed your account's rate limit. Please try again later.",
        **with_account_state(GOOD_MESSAGE, AccountState.PLAN_WINDOW_EXHAUSTED),
        headers=WINDOW_FULL,
    ),
    api_refusal(
        *("A32", 402, "billing_error", "Billing error"),
        **with_account_state(KEY_MESSAGE, AccountState.PAYMENT_PROBLEM),
    ),
)

LIMITED: Final = (
    fault_example(api_refusal("A22", 429, RATE, "Error", GOOD_MESSAGE)),
    fault_example(
        api_refusal(
            *("A27", 429, RATE),
            "This request would exceed your organization's rate limit of 50 requests per minute "
            "(org: 00000000-0000-4000-8000-000000000002, model: claude-sonnet-5-5). For details, "
            "refer to: https://docs.claude.com/en/api/rate-limits. You can see the response "
            "headers for current usage. Please reduce the prompt length or the maximum tokens "
            "requested, or try again later. You may also contact sales at "
            "https://claude.com/contact-sales to discuss your options for a rate limit increase.",
            KEY_MESSAGE,
            headers=NOTHING_LEFT | {"retry-after": "60"},
        )
    ),
    fault_example(api_refusal("A29", 429, RATE, "Rate limited", GOOD_MESSAGE)),
    fault_example(api_refusal("A30", 529, "overloaded_error", "Overloaded", KEY_MESSAGE)),
    fault_example(api_refusal("A31", 503, "overloaded_error", "overloaded", GOOD_MESSAGE)),
    fault_example(
        edge_refusal(
            *("A41", 429, RATE, "Rate limited. Please try again later."),
            RequestSpec(target=USAGE, bearer=GOOD),
            headers={"retry-after": "0"},
            counterexample_rule="usage",
        )
    ),
)

UNDOCUMENTED: Final = "(the wording of this refusal is not documented)"
CODED: Final = (
    *(
        fault_example(
            api_refusal(
                *(rule, status, kind, UNDOCUMENTED, KEY_MESSAGE),
                details={"error_code": code},
                headers=headers,
            )
        )
        for rule, status, kind, code, headers in (
            ("A44", 400, INVALID, "claude_code_key_creator_not_member", {}),
            ("A45", 400, INVALID, "claude_code_version_too_old", {}),
            ("A46", 429, RATE, "contract_spend_limit_reached", {}),
            ("A47", 429, RATE, "ramp_limit_exceeded", {"retry-after": "60"}),
            ("A48", 402, "billing_error", "linked_organization_billing_unavailable", {}),
            ("A48b", 402, "billing_error", "linked_organization_spend_limit_reached", {}),
            ("A49", 403, NO_PERMISSION, "sandbox_egress_restricted", {}),
            ("A50", 503, "api_error", "cmek_context_unavailable", {}),
            ("A50b", 503, "api_error", "cmek_key_unreachable", {}),
            ("A50c", 400, INVALID, "cmek_key_disabled", {}),
            ("A50d", 400, INVALID, "cmek_key_network_blocked", {}),
        )
    ),
    fault_example(
        api_refusal(
            *("A51", 401, AUTH),
            "CORS requests are not allowed for this Organization because of its settings",
            KEY_MESSAGE,
        )
    ),
)

EDGE: Final = (
    fault_example(edge_refusal("A33", 403, "forbidden", "Request not allowed", GOOD_MESSAGE)),
    fault_example(
        edge_refusal(
            *("A33", 403, "forbidden", "Request not allowed"),
            RequestSpec(target=NOWHERE),
            counterexample_rule="deny:route",
        )
    ),
    *(
        fault_example(
            page_example(
                *("A34", 403, "Just a moment...", "Enable JavaScript and cookies to continue"),
                spec,
                headers=CHALLENGED,
                counterexample=spec,
                counterexample_rule=counterexample_rule,
            )
        )
        for spec, counterexample_rule in ((GOOD_MESSAGE, "messages"), (REFRESH, "refresh"))
    ),
    fault_example(
        page_example(
            *("A35", 401, "502 Bad Gateway", "cloudflare", GOOD_MESSAGE),
            headers={"server": "cloudflare"},
            counterexample=GOOD_MESSAGE,
        )
    ),
    fault_example(
        RuleExample(
            rule="A43", spec=GOOD_MESSAGE, status=403, body=None, counterexample=GOOD_MESSAGE
        )
    ),
    edge_refusal(
        *("request-too-large", 413, "request_too_large", "Request exceeds the maximum size"),
        RequestSpec(bearer=GOOD, size=BODY_LIMIT_BYTES + 1),
        counterexample=RequestSpec(bearer=GOOD, size=BODY_LIMIT_BYTES),
    ),
    fault_example(
        api_refusal(
            *("conflict", 409, "conflict_error", "(the wording depends on the resource)"),
            GOOD_MESSAGE,
        )
    ),
    fault_example(
        api_refusal("api-error", 500, "api_error", "Internal server error", GOOD_MESSAGE)
    ),
    fault_example(api_refusal("timeout", 504, "timeout_error", "Request timeout", KEY_MESSAGE)),
)

INFERENCE: Final = (
    api_refusal(
        *("A37", 400, INVALID, "context_management: Extra inputs are not permitted"),
        RequestSpec(key=GOOD_KEY, fields={"context_management": {}}),
        counterexample=RequestSpec(
            key=GOOD_KEY,
            fields={"context_management": {}},
            headers={"anthropic-beta": "context-management-2025-06-27"},
        ),
    ),
    fault_example(
        api_refusal(
            *("A38", 400, INVALID),
            "Unexpected value(s) `one`, `two` for the `anthropic-beta` header. Please consult our "
            "documentation at docs.anthropic.com or try again without the header.",
            RequestSpec(key=GOOD_KEY, headers={"anthropic-beta": "one,two"}),
        )
    ),
    RuleExample(
        rule="messages",
        spec=RequestSpec(bearer=GOOD),
        status=200,
        body=PONG,
        headers=WINDOWS | ORGANIZATION,
        counterexample=RequestSpec(target=COUNT_TOKENS, key=GOOD_KEY),
        counterexample_rule="count-tokens",
    ),
    RuleExample(
        rule="messages",
        spec=RequestSpec(key=GOOD_KEY, query={"beta": "true"}),
        status=200,
        body=PONG,
        headers=LIMITS | WORKSPACE,
        counterexample=RequestSpec(bearer=GOOD, key=GOOD_KEY),
        counterexample_rule="deny:rule",
    ),
    api_refusal(
        *("invalid-body", 400, INVALID, "max_tokens: Field required"),
        RequestSpec(key=GOOD_KEY, fields={"max_tokens": None}),
        counterexample=RequestSpec(target=COUNT_TOKENS, key=GOOD_KEY),
        counterexample_rule="count-tokens",
    ),
    api_refusal(
        *("message-model-unknown", 404, "not_found_error", "model: claude-4-sonnet"),
        RequestSpec(bearer=GOOD, fields={"model": "claude-4-sonnet"}),
        counterexample=RequestSpec(bearer=GOOD, fields={"model": "claude-sonnet-5-5"}),
    ),
    RuleExample(
        rule="count-tokens",
        spec=RequestSpec(target=COUNT_TOKENS, key=GOOD_KEY),
        status=200,
        body={"input_tokens": 1},
        headers=WORKSPACE,
        counterexample=KEY_MESSAGE,
    ),
)

OWNER: Final = (
    RuleExample(
        rule="profile",
        spec=RequestSpec(target=PROFILE, bearer=GOOD),
        status=200,
        body=ACCOUNT,
        counterexample=RequestSpec(target=PROFILE, bearer=REVOKED),
        counterexample_rule="A10",
    ),
    RuleExample(
        rule="usage",
        spec=RequestSpec(target=USAGE, bearer=GOOD),
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
        counterexample=RequestSpec(target=USAGE, bearer=UNKNOWN),
        counterexample_rule="A05",
    ),
    RuleExample(
        rule="hello",
        spec=RequestSpec(target=HELLO),
        status=200,
        body={"message": "hello"},
        counterexample=RequestSpec(target=NOWHERE),
        counterexample_rule="deny:route",
    ),
    RuleExample(
        rule="roles",
        spec=RequestSpec(target=ROLES, bearer=GOOD_SETUP),
        status=200,
        body={"organization_role": "admin", "workspace_role": None},
        counterexample=RequestSpec(target=ROLES, bearer=GOOD, key=GOOD_KEY),
        counterexample_rule="deny:rule",
    ),
    fault_example(
        api_refusal(
            *("B12", 500, "api_error", "Internal server error"),
            RequestSpec(target=ROLES, bearer=GOOD),
            counterexample_rule="roles",
        )
    ),
)

TOKEN_ENDPOINT: Final = (
    api_refusal(
        *("B01", 404, "not_found_error", "Not found"),
        RequestSpec(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH, date=AUTUMN),
        counterexample=RequestSpec(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH),
        counterexample_rule="refresh",
    ),
    fault_example(
        RuleExample(
            rule="B01b",
            spec=RequestSpec(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH, date=AUTUMN),
            status=200,
            body=REFRESHED,
            counterexample=REFRESH,
            counterexample_rule="B01",
        )
    ),
    api_refusal(
        *("B02", 404, "not_found_error", "Not found"),
        RequestSpec(target=CONSOLE_WRONG, refresh=GOOD_REFRESH),
        counterexample=RequestSpec(target=CONSOLE_TOKEN, refresh=GOOD_REFRESH),
        counterexample_rule="refresh",
    ),
    oauth_refusal(
        *("B03", "Refresh token not found or invalid"),
        RequestSpec(target=PLATFORM_TOKEN, refresh=USED_REFRESH),
        counterexample=REFRESH,
        counterexample_rule="refresh",
    ),
    oauth_refusal(
        *("B04", "Invalid 'code' in request."),
        RequestSpec(target=PLATFORM_TOKEN, code=True, fields={"code_verifier": "another"}),
        counterexample=EXCHANGE,
        counterexample_rule="code",
    ),
    oauth_refusal(
        *("redirect-mismatch", "Invalid 'redirect_uri' in request."),
        RequestSpec(
            target=PLATFORM_TOKEN, code=True, fields={"redirect_uri": "http://localhost/callback"}
        ),
        counterexample=EXCHANGE,
        counterexample_rule="code",
    ),
    api_refusal(
        *("B05", 400, INVALID, "Invalid request format"),
        RequestSpec(target=PLATFORM_TOKEN),
        counterexample=REFRESH,
        counterexample_rule="refresh",
    ),
    api_refusal(
        *("B06", 400, INVALID, "(the wording for an unknown grant type was not reported)"),
        RequestSpec(target=PLATFORM_TOKEN, fields={"grant_type": "password"}),
        counterexample=REFRESH,
        counterexample_rule="refresh",
    ),
    fault_example(
        edge_refusal(
            *("B07", 429, RATE, "Rate limited. Please try again later."),
            REFRESH,
            headers={"retry-after": "3600"},
            counterexample_rule="refresh",
        )
    ),
    fault_example(
        edge_refusal(
            *("B29", 429, RATE, "Rate limited. Please try again later."),
            REFRESH,
            headers={"retry-after": "3600"},
            counterexample_rule="refresh",
        )
    ),
    RuleExample(
        rule="B09",
        spec=RequestSpec(target=CLAUDE_AI_TOKEN, refresh=GOOD_REFRESH),
        status=200,
        body=REFRESHED,
        counterexample=RequestSpec(target=CLAUDE_AI_TOKEN, refresh=USED_REFRESH),
        counterexample_rule="B03",
    ),
    fault_example(
        RuleExample(
            rule="B10",
            spec=EXCHANGE,
            status=200,
            body=EXCHANGED,
            delay=16,
            counterexample=EXCHANGE,
            counterexample_rule="code",
        )
    ),
    fault_example(
        api_refusal(
            "B11", 500, "api_error", "Internal server error", EXCHANGE, counterexample_rule="code"
        ),
    ),
    fault_example(
        edge_refusal(
            "B13", 403, "forbidden", "Request not allowed", EXCHANGE, counterexample_rule="code"
        )
    ),
    fault_example(
        oauth_refusal(
            *("B22", "Refresh token not found or invalid"),
            REFRESH,
            counterexample=REFRESH,
            counterexample_rule="refresh",
        )
    ),
    RuleExample(
        rule="refresh",
        spec=REFRESH,
        status=200,
        body=REFRESHED,
        counterexample=RequestSpec(target=PLATFORM_TOKEN, refresh=GOOD),
        counterexample_rule="B03",
    ),
    RuleExample(
        rule="code",
        spec=EXCHANGE,
        status=200,
        body=EXCHANGED,
        counterexample=RequestSpec(target=PLATFORM_TOKEN, code=True, fields={"state": "another"}),
        counterexample_rule="B04",
    ),
)


def authorization_error(rule: str, text: str, **query: str | None) -> RuleExample:
    """Return an example of the page that refuses an authorization request."""
    return page_example(
        *(rule, 400, "Invalid OAuth Request", text),
        RequestSpec(target=AUTHORIZE, query=query),
        counterexample=RequestSpec(target=AUTHORIZE),
        counterexample_rule="authorize",
    )


SIGN_IN: Final = (
    authorization_error("B14", "Missing state parameter", state=None),
    authorization_error("B15", "Missing code_challenge parameter", code_challenge=None),
    authorization_error("B16", "Missing scope parameter", scope=None),
    authorization_error("B17", "Missing redirect_uri parameter", redirect_uri=None),
    authorization_error(
        "B18", "Unknown scope: user:sessions%, a&amp;b", scope="user:sessions% user:profile a&b"
    ),
    authorization_error(
        "B19",
        "Redirect URI https://example.org/&lt;b&gt; is not supported by client.",
        redirect_uri="https://example.org/<b>",
    ),
    page_example(
        *("B20", 403, "Max or Pro account required", ""),
        RequestSpec(target=AUTHORIZE, standing=AccountState.NO_SUBSCRIPTION),
        counterexample=RequestSpec(target=AUTHORIZE),
        counterexample_rule="authorize",
    ),
    RuleExample(
        rule="authorize",
        spec=RequestSpec(target=AUTHORIZE),
        status=302,
        body=None,
        headers={"location": f"{REDIRECT}?code=[redacted:authorization-code]&state=s"},
        counterexample=RequestSpec(target=AUTHORIZE, query={"response_type": "token"}),
        counterexample_rule="deny:rule",
    ),
    page_example(
        *("authorize-short", 200, "Authentication Code"),
        f"[redacted:authorization-code]#{CHALLENGE}",
        RequestSpec(target=AUTHORIZE, link=f"I{CHALLENGE}"),
        counterexample=RequestSpec(target=AUTHORIZE, link=f"J{CHALLENGE}"),
        counterexample_rule="B14",
    ),
    page_example(
        *("code-page", 200, "Authentication Code", "[redacted:authorization-code]#s"),
        RequestSpec(target=CODE_PAGE, code=True),
        counterexample=RequestSpec(target=CODE_PAGE, code=True, query={"state": None}),
        counterexample_rule="deny:rule",
    ),
    page_example(
        *("code-page", 200, "Authentication Code", "no such code"),
        RequestSpec(target=CODE_PAGE, query={"code": "<b>", "state": "s"}),
        counterexample=RequestSpec(target=CODE_PAGE),
        counterexample_rule="deny:rule",
    ),
)

WORKLOADS: Final = (
    edge_refusal(
        *("B08", 429, RATE, "Rate limited. Please try again later."),
        RequestSpec(target=FEDERATION, refresh=GOOD_REFRESH),
        counterexample=FEDERATE,
        counterexample_rule="federate",
    ),
    api_refusal(
        *("B23", 401, AUTH, "Authentication failed"),
        RequestSpec(target=FEDERATION, identity=(Kind.IDENTITY_TOKEN, State.EXPIRED)),
        counterexample=FEDERATE,
        counterexample_rule="federate",
    ),
    *(
        api_refusal(
            *("B24", 400, INVALID),
            f"{next(iter(wrong))}: (the wording of this refusal is not documented)",
            RequestSpec(target=FEDERATION, identity=GOOD_IDENTITY, fields=wrong),
            counterexample=FEDERATE,
            counterexample_rule="federate",
        )
        for wrong in (
            {"service_account_id": None},
            {"federation_rule_id": "rule 1"},
            {"workspace_id": 1},
        )
    ),
    RuleExample(
        rule="federate",
        spec=RequestSpec(
            target=FEDERATION, identity=GOOD_IDENTITY, fields={"workspace_id": "default"}
        ),
        status=200,
        body={
            "token_type": "Bearer",
            "access_token": "[redacted:workload-token]",
            "expires_in": 3600,
            "scope": "workspace:developer",
        },
        counterexample=RequestSpec(target=FEDERATION, identity=(Kind.IDENTITY_TOKEN, State.USED)),
        counterexample_rule="B23",
    ),
)

RULE_EXAMPLES: Final = (
    *(*CREDENTIALS, *SCOPES, *ACCOUNTS, *LIMITED, *CODED, *EDGE),
    *(*INFERENCE, *OWNER, *TOKEN_ENDPOINT, *SIGN_IN, *WORKLOADS),
    *(*RESOURCE_EXAMPLES, *SIDE_CALL_EXAMPLES, *BEDROCK_EXAMPLES),
)
