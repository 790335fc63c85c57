"""What the backend answers, and who says so.

A rule is a function from a request to an answer, or None where it does not apply. A route holds its
rules in the order in which they are asked; the first answer counts, and what no rule answers is
denied. A refusal of the API has an id with A, one of the token endpoints with B.
"""

import datetime
from collections.abc import Mapping
from typing import Any, Final

from probes.emulator.rule import Answer, Ask, Certainty, Rule, oauth_refusal, refusal, rule
from probes.emulator.tokens import ACCESS_TOKEN_LIFETIME, Token
from probes.scenario.model import TokenKind, TokenState

API: Final = "api.anthropic.com"
CONSOLE: Final = "console.anthropic.com"
PLATFORM: Final = "platform.claude.com"
HOSTS: Final = (API, CONSOLE, PLATFORM, "claude.ai", "claude.com")
"""Hosts that exist here; every other name is refused (code.claude.com/docs/en/network-config)."""

OAUTH_BETA: Final = "oauth-2025-04-20"


def _since(ask: Ask, year: int, month: int, day: int) -> bool:
    return ask.now.date() >= datetime.date(year, month, day)


# --- credentials on the inference endpoints -------------------------------------------------------


@rule(
    "A03",
    "https://github.com/PipedreamHQ/pipedream/issues/9697",
    "https://github.com/Pasta-Devs/Marinara-Engine/issues/120",
    seen="2024-01 to 2026-04-19",
)
def version_missing(ask: Ask) -> Answer | None:
    """The header anthropic-version is absent."""
    if "anthropic-version" in ask.headers:
        return None
    return refusal(400, "invalid_request_error", "anthropic-version: header is required")


@rule(
    "A01",
    "https://github.com/karthink/gptel/issues/354",
    "https://github.com/snipeship/ccflare/issues/58",
    seen="2024-08 to 2026-07-02",
)
def credential_missing(ask: Ask) -> Answer | None:
    """Neither x-api-key nor Authorization: Bearer."""
    if ask.api_key is not None or ask.bearer is not None:
        return None
    return refusal(401, "authentication_error", "x-api-key header is required")


@rule(
    "A02",
    "https://github.com/anthropics/claude-code/issues/9694",
    "https://github.com/anthropics/claude-code/issues/28091",
    "https://github.com/continuedev/continue/issues/9595",
    seen="2024-03 to 2026-03",
)
def api_key_invalid(ask: Ask) -> Answer | None:
    """x-api-key holds an unknown key, or an OAuth token."""
    if ask.api_key is None or ask.bearer is not None:
        return None
    token = ask.tokens.find(ask.api_key)
    if token and token.kind is TokenKind.API_KEY and token.state is TokenState.VALID:
        return None
    return refusal(401, "authentication_error", "invalid x-api-key")


@rule(
    "A04",
    "https://github.com/anthropics/claude-code/issues/5893",
    "https://github.com/anthropics/claude-code/issues/6131",
    "https://github.com/anthropics/claude-code/issues/28091",
    "https://github.com/snipeship/ccflare/issues/37",
    seen="2025-08-17 to 2026-03",
)
def oauth_flag_missing(ask: Ask) -> Answer | None:
    """A Bearer OAuth token without the OAuth flag in anthropic-beta."""
    # By shape: the reports do not say that the token was looked up before the flag was missed.
    if not (ask.bearer or "").startswith("sk-ant-oat") or OAUTH_BETA in ask.betas:
        return None
    return refusal(401, "authentication_error", "OAuth authentication is currently not supported.")


@rule(
    "A05",
    "https://github.com/anthropics/claude-code/issues/17402",
    "https://github.com/anthropics/claude-code/issues/34826",
    "https://github.com/anthropics/claude-code/issues/84903",
    seen="2026-01-11 to 2026-08-24",
)
def bearer_unknown_2025(ask: Ask) -> Answer | None:
    """The Bearer value is unknown; the wording until July 2026."""
    if not _bearer_unknown(ask) or _since(ask, 2026, 8, 1):
        return None
    return refusal(401, "authentication_error", "Invalid bearer token")


@rule("A07", "https://github.com/BerriAI/litellm/pull/37905", seen="from 2026-08")
def bearer_unknown_2026(ask: Ask) -> Answer | None:
    """The Bearer value is unknown; the wording from August 2026."""
    if not _bearer_unknown(ask) or not _since(ask, 2026, 8, 1):
        return None
    return refusal(401, "authentication_error", "OAuth access token is invalid.", request_id=None)


def _bearer_unknown(ask: Ask) -> bool:
    token = ask.bearer_token
    known = token is not None and token.kind in (TokenKind.ACCESS_TOKEN, TokenKind.SETUP_TOKEN)
    return ask.bearer is not None and (
        not known or (token is not None and token.state is TokenState.UNKNOWN)
    )


@rule(
    "A08",
    "https://github.com/anthropics/claude-code/issues/4293",
    "https://github.com/anthropics/claude-code/issues/19078",
    "https://github.com/anthropics/claude-code/issues/44265",
    seen="2025-07-24 to 2026-04",
)
def access_token_expired_2025(ask: Ask) -> Answer | None:
    """The access token is past its expiry; the wording until July 2026."""
    if not _bearer_is(ask, TokenState.EXPIRED) or _since(ask, 2026, 7, 20):
        return None
    return refusal(
        401,
        "authentication_error",
        "OAuth token has expired. Please obtain a new token or refresh your existing token.",
    )


@rule(
    "A09",
    "https://github.com/HermannBjorgvin/Clawdmeter/issues/114",
    "https://github.com/Wei-Shaw/sub2api/issues/5471",
    seen="from 2026-07-20",
)
def access_token_expired_2026(ask: Ask) -> Answer | None:
    """The access token is past its expiry; the wording from 20 July 2026."""
    if not _bearer_is(ask, TokenState.EXPIRED) or not _since(ask, 2026, 7, 20):
        return None
    return refusal(
        401,
        "authentication_error",
        "OAuth access token has expired. Re-authenticate to continue.",
        request_id=None,
    )


@rule(
    "A10",
    "https://github.com/anthropics/claude-code/issues/9635",
    "https://github.com/anthropics/claude-code/issues/13350",
    "https://github.com/anthropics/claude-code/issues/29497",
    seen="2025-10-16 to 2026-02-27",
)
def access_token_revoked(ask: Ask) -> Answer | None:
    """The access token was revoked."""
    if not _bearer_is(ask, TokenState.REVOKED):
        return None
    return refusal(
        403, "permission_error", "OAuth token has been revoked. Please obtain a new token."
    )


def _bearer_is(ask: Ask, state: TokenState) -> bool:
    token = ask.bearer_token
    return token is not None and token.state is state


@rule(
    "A18",
    "https://github.com/anthropics/claude-code/issues/8046",
    "https://github.com/RooCodeInc/Roo-Code/issues/10566",
    "https://github.com/craft-ai-agents/craft-agents-oss/issues/222",
    seen="2025-09-23, everywhere from 2026-01-09",
)
def not_claude_code(ask: Ask) -> Answer | None:
    """A subscription token, and the request does not count as Claude Code's own."""
    if ask.bearer is None or ask.counts_as_claude_code or not _since(ask, 2026, 1, 9):
        return None
    return refusal(
        400,
        "invalid_request_error",
        "This credential is only authorized for use with Claude Code and cannot be used for other "
        "API requests.",
    )


@rule(
    "messages",
    "https://platform.claude.com/docs/en/api/messages",
    seen="2026-08-22",
    certainty=Certainty.DOCUMENTED,
)
def message(ask: Ask) -> Answer | None:
    """A usable credential, alone: one answer of one word, as JSON or as a stream."""
    if not _one_credential(ask):
        return None
    model = str(ask.fields.get("model", ""))
    whole = {
        "id": "msg_authprobe",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "pong"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    return Answer(status=200, body=whole, events=_stream(whole) if ask.fields.get("stream") else ())


@rule(
    "count-tokens",
    "https://platform.claude.com/docs/en/api/messages-count-tokens",
    seen="2026-08-22",
    certainty=Certainty.DOCUMENTED,
)
def token_count(ask: Ask) -> Answer | None:
    """A usable credential, alone, on the token counter."""
    return Answer(status=200, body={"input_tokens": 1}) if _one_credential(ask) else None


def _one_credential(ask: Ask) -> bool:
    # Which of two credentials the service would take is not reported anywhere: such a request is
    # denied rather than guessed at.
    return (ask.api_key is None) != (ask.bearer is None)


def _stream(whole: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """The same message as events (platform.claude.com/docs/en/build-with-claude/streaming)."""
    start = whole | {"content": [], "stop_reason": None}
    text = whole["content"][0]["text"]
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
    return tuple((event["type"], event) for event in events)


# --- profile --------------------------------------------------------------------------------------


@rule(
    "A15",
    "https://code.claude.com/docs/en/errors",
    "https://github.com/anthropics/claude-code/issues/12020",
    "https://github.com/anthropics/claude-code/issues/81015",
    seen="2025-11 to 2026-07",
    certainty=Certainty.DOCUMENTED,
)
def profile_scope_missing(ask: Ask) -> Answer | None:
    """The token lacks the scope user:profile, as every setup-token does."""
    token = ask.bearer_token
    if token is None or "user:profile" in token.scopes:
        return None
    return refusal(
        403, "permission_error", "OAuth token does not meet scope requirement user:profile"
    )


@rule(
    "profile",
    "https://github.com/anthropics/claude-code/issues/44271",
    seen="2026-03-17",
    certainty=Certainty.ONCE,
)
def profile(ask: Ask) -> Answer | None:
    """A valid access token asks whose it is; the account is made up."""
    if ask.bearer_token is None:
        return None
    return Answer(
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
    )


# --- token endpoints ------------------------------------------------------------------------------


@rule(
    "B02",
    "https://github.com/Wei-Shaw/claude-relay-service/issues/1207",
    seen="2026-02",
    certainty=Certainty.INFERRED,
)
def token_path_wrong(ask: Ask) -> Answer | None:
    """/api/oauth/token was never the token endpoint: every public report uses /v1/oauth/token."""
    return refusal(404, "not_found_error", "Not found")


@rule(
    "B01",
    "https://github.com/Wei-Shaw/claude-relay-service/issues/1207",
    "https://github.com/TopiCsarno/yapcap/issues/12",
    "https://github.com/NousResearch/hermes-agent/issues/46251",
    seen="from 2026-06-12 19:00 UTC",
)
def token_endpoint_retired(ask: Ask) -> Answer | None:
    """The token endpoint of console.anthropic.com, after its retirement."""
    retired = datetime.datetime(2026, 6, 12, 19, 0, tzinfo=datetime.UTC)
    if ask.now < retired:
        return None
    return refusal(404, "not_found_error", "Not found")


@rule(
    "B05",
    "https://github.com/mnfst/llm-gateway/issues/1941",
    "https://github.com/tingly-dev/tingly-box/issues/216",
    seen="2026-05-18",
)
def token_field_missing(ask: Ask) -> Answer | None:
    """A required field of the token request is absent or empty."""
    required = ("grant_type", "refresh_token", "client_id")
    if (ask.fields.get("grant_type") or "refresh_token") != "refresh_token":
        return None  # another grant, which no rule knows
    if all(ask.fields.get(name) for name in required):
        return None
    return refusal(400, "invalid_request_error", "Invalid request format")


@rule(
    "B03",
    "https://github.com/ex-machina-co/opencode-anthropic-auth/issues/162",
    "https://github.com/Xerxes-2/clewdr/issues/114",
    "https://github.com/Wei-Shaw/claude-relay-service/issues/1207",
    seen="2025-11-30 to 2026-06-16",
)
def refresh_token_rejected(ask: Ask) -> Answer | None:
    """The refresh token was used, revoked, or never issued."""
    token = _refresh_token(ask)
    valid = token is not None and token.state is TokenState.VALID
    if valid or ask.fields.get("grant_type") != "refresh_token":
        return None
    return oauth_refusal("invalid_grant", "Refresh token not found or invalid")


@rule(
    "refresh",
    "https://github.com/anthropics/claude-code/issues/44280",
    "https://github.com/anthropics/claude-code/issues/88947",
    "https://www.rfc-editor.org/rfc/rfc6749#section-6",
    seen="2026-09",
)
def refresh(ask: Ask) -> Answer | None:
    """A valid refresh token becomes a new access token and a new refresh token."""
    token = _refresh_token(ask)
    if token is None or ask.fields.get("grant_type") != "refresh_token":
        return None
    access, renewed = ask.tokens.rotate(token)
    return Answer(
        status=200,
        body={
            "token_type": "Bearer",
            "access_token": access.value,
            "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
            "refresh_token": renewed.value,
            "scope": " ".join(access.scopes),
        },
    )


def _refresh_token(ask: Ask) -> Token | None:
    token = ask.tokens.find(str(ask.fields.get("refresh_token", "")))
    return token if token and token.kind is TokenKind.REFRESH_TOKEN else None


# --- routes ---------------------------------------------------------------------------------------

_CREDENTIALS: Final = (
    version_missing,
    credential_missing,
    api_key_invalid,
    oauth_flag_missing,
    bearer_unknown_2025,
    bearer_unknown_2026,
    access_token_expired_2025,
    access_token_expired_2026,
    access_token_revoked,
    not_claude_code,
)
_REFRESH: Final = (token_field_missing, refresh_token_rejected, refresh)

ROUTES: Final[Mapping[tuple[str, str, str], tuple[Rule, ...]]] = {
    ("POST", API, "/v1/messages"): (*_CREDENTIALS, message),
    ("POST", API, "/v1/messages/count_tokens"): (*_CREDENTIALS, token_count),
    ("GET", API, "/api/oauth/profile"): (
        bearer_unknown_2025,
        bearer_unknown_2026,
        access_token_expired_2025,
        access_token_expired_2026,
        access_token_revoked,
        profile_scope_missing,
        profile,
    ),
    ("POST", CONSOLE, "/api/oauth/token"): (token_path_wrong,),
    ("POST", CONSOLE, "/v1/oauth/token"): (token_endpoint_retired, *_REFRESH),
    ("POST", PLATFORM, "/v1/oauth/token"): _REFRESH,
}

RULES: Final = {rule.id: rule for rules in ROUTES.values() for rule in rules}
