"""Rules of the token endpoint, which exchanges a code or a refresh token for an access token
(RFC 6749, 4.1.3 and 6).
"""

import base64
import hashlib
import secrets
from typing import Final

from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.rules.base import (
    Answer,
    RequestContext,
    Rule,
    RuleCertainty,
    flat_refusal,
    oauth_refusal,
    refusal,
    rule,
    utc,
)
from authprobe.emulator.rules.credentials import INVALID
from authprobe.emulator.state.state import Code
from authprobe.emulator.state.tokens import REFRESH_TOKEN_LIFETIME, SETUP_TOKEN_LIFETIME, Token

REFRESH: Final = "refresh_token"
INVALID_GRANT: Final = "invalid_grant"
"""Error after which a client gives its refresh token up (RFC 6749, 5.2)."""
CODE: Final = "authorization_code"
REQUIRED: Final = {
    REFRESH: ("refresh_token", "client_id"),
    CODE: ("code", "state", "code_verifier", "client_id", "redirect_uri"),
}
"""Required fields by grant type. A refresh needs no scope: nanocoai/nanoclaw#1724."""

# --- conditions -----------------------------------------------------------------------------------


def _field_missing(request: RequestContext) -> bool:
    """A required field of the token request is absent or empty."""
    grant = request.text("grant_type")
    return not grant or not all(request.text(name) for name in REQUIRED.get(grant, ()))


def _grant_unknown(request: RequestContext) -> bool:
    """The grant type is unknown to this endpoint."""
    return request.text("grant_type") not in REQUIRED


def _refresh_token(request: RequestContext) -> Token | None:
    """Return the issued refresh token in the request, in any state; None: there is none."""
    if request.text("grant_type") != REFRESH:
        return None
    token = request.state.tokens.find(request.text("refresh_token"))
    return token if token and token.kind is TokenKind.REFRESH_TOKEN else None


def has_foreign_refresh_token(request: RequestContext) -> bool:
    """Return True if the request contains a refresh token that this backend never made.

    A token in the state `unknown` was made by the case, so it is not foreign.
    """
    value = request.text("refresh_token")
    return value != "" and request.state.tokens.find(value) is None


def refreshes(request: RequestContext) -> bool:
    """A valid refresh token is exchanged for a new access token and a new refresh token."""
    token = _refresh_token(request)
    return token is not None and request.state.tokens.state(token) is TokenState.VALID


def _refresh_rejected(request: RequestContext) -> bool:
    """The refresh token was used, was revoked, has expired or is unknown to the service."""
    return request.text("grant_type") == REFRESH and not refreshes(request)


def _code(request: RequestContext) -> Code | None:
    """Return the authorization code if every parameter matches its authorization request."""
    code = request.state.find_code(request.text("code"))
    if code is None or request.text("grant_type") != CODE:
        return None
    matches = (
        code.client_id in (None, request.text("client_id"))
        and code.state in (None, request.text("state"))
        and code.redirect_uri == request.text("redirect_uri")
    )
    if matches and _verifies(request.text("code_verifier"), code.challenge):
        return code
    return None


def _verifies(verifier: str, challenge: str) -> bool:
    """Return True if this is the S256 challenge of the verifier (RFC 7636, 4.6)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return secrets.compare_digest(expected.encode(), challenge.encode("utf-8", "replace"))


def exchanges(request: RequestContext) -> bool:
    """A valid authorization code, with matching parameters, is exchanged for tokens."""
    return _code(request) is not None


def _redirect_mismatch(request: RequestContext) -> bool:
    """The redirect differs from the one in the authorization request."""
    code = request.state.find_code(request.text("code"))
    if code is None or request.text("grant_type") != CODE:
        return False
    return code.redirect_uri != request.text("redirect_uri")


def _code_rejected(request: RequestContext) -> bool:
    """The authorization code is unknown, used or expired, or the verifier, the state or the client
    does not match its authorization request.
    """
    return request.text("grant_type") == CODE and not exchanges(request)


# --- answers --------------------------------------------------------------------------------------


def refresh(request: RequestContext) -> Answer:
    """Return new tokens for a refresh token."""
    token = _refresh_token(request)
    assert token is not None  # noqa: S101 - it was the condition
    tokens = request.state.tokens
    if request.state.refresh_revokes_access:
        tokens.revoke_access(token)
    access, renewal = tokens.rotate(token)
    return _token_response(request, access, renewal)


def _reject_refresh(request: RequestContext) -> Answer:
    token = _refresh_token(request)
    if (
        token
        and request.state.reuse_revokes
        and request.state.tokens.state(token) is TokenState.USED
    ):
        request.state.tokens.revoke_login(token)
    return oauth_refusal(INVALID_GRANT, "Refresh token not found or invalid")


def exchange(request: RequestContext) -> Answer:
    """Return new tokens for a code: those of a login, or a setup-token without a refresh token."""
    code, tokens = _code(request), request.state.tokens
    assert code is not None  # noqa: S101 - it was the condition
    request.state.use_code(request.text("code"))
    if "user:profile" not in code.scopes:
        return _token_response(request, tokens.make(TokenKind.SETUP_TOKEN, scopes=code.scopes))
    access = tokens.make(TokenKind.ACCESS_TOKEN, scopes=code.scopes)
    renewal = tokens.make(TokenKind.REFRESH_TOKEN, scopes=code.scopes, login=access.login)
    return _token_response(request, access, renewal)


def _token_response(request: RequestContext, access: Token, renewal: Token | None = None) -> Answer:
    """Return the token response (RFC 6749, 5.1)."""
    expires_at = access.expires_at or request.now + SETUP_TOKEN_LIFETIME
    body: dict[str, str | int] = {
        "token_type": "Bearer",
        "access_token": access.value,
        "expires_in": int((expires_at - request.now).total_seconds()),
        "scope": " ".join(access.scopes),
    }
    if renewal is not None:
        body["refresh_token"] = renewal.value
        body["refresh_token_expires_in"] = int(REFRESH_TOKEN_LIFETIME.total_seconds())
    return Answer(status=200, body=body)


def grant_answer(request: RequestContext) -> Answer:
    """Return the usual answer of the token endpoint, without rules on demand."""
    return next(rule for rule in GRANTS if rule.applies(request)).reply(request)


# --- rules ----------------------------------------------------------------------------------------

FIELD_MISSING: Final = rule(
    "B05",
    _field_missing,
    refusal(400, INVALID, "Invalid request format"),
    "mnfst/llm-gateway#1941",
    "tingly-dev/tingly-box#216",
    "dyndynjyxa/aio-coding-hub#147",
    seen="2026-05-18",
)
GRANT_UNKNOWN: Final = rule(
    "B06",
    _grant_unknown,
    refusal(400, INVALID, "(the wording for an unknown grant type was not reported)"),
    "NousResearch/hermes-agent#46769",
    seen="2026-06-15",
    certainty=RuleCertainty.ONCE,
)
REFRESH_REJECTED: Final = rule(
    "B03",
    _refresh_rejected,
    _reject_refresh,
    "ex-machina-co/opencode-anthropic-auth#162",
    "Xerxes-2/clewdr#114",
    "Wei-Shaw/claude-relay-service#1207",
    seen=("2025-11-30", "2026-06-16"),
)
CODE_REJECTED: Final = rule(
    "B04",
    _code_rejected,
    oauth_refusal(INVALID_GRANT, "Invalid 'code' in request."),
    "anomalyco/opencode#18652",
    "vinzabe/PERMANENT-opencode-anthropic-oauth-fix#1",
    seen="2026-03-22",
    certainty=RuleCertainty.ONCE,
)
REDIRECT_MISMATCH: Final = rule(
    "redirect-mismatch",
    _redirect_mismatch,
    oauth_refusal(INVALID_GRANT, "Invalid 'redirect_uri' in request."),
    "lobu-ai/lobu#1305",
    seen="2026-06",
    certainty=RuleCertainty.ONCE,
)
REFRESHED: Final = rule(
    "refresh",
    refreshes,
    refresh,
    "anthropics/claude-code#44280",
    "anthropics/claude-code#88947",
    "www.rfc-editor.org/rfc/rfc6749#section-6",
    seen="2026-09",
    answers_success=True,
)
EXCHANGED: Final = rule(
    "code",
    exchanges,
    exchange,
    "anthropics/claude-code#44280",
    "www.rfc-editor.org/rfc/rfc6749#section-4.1.3",
    "www.rfc-editor.org/rfc/rfc7636#section-4.6",
    seen="2026-09",
    answers_success=True,
)
GRANTS: Final = (
    FIELD_MISSING,
    GRANT_UNKNOWN,
    REFRESH_REJECTED,
    REDIRECT_MISMATCH,
    CODE_REJECTED,
    REFRESHED,
    EXCHANGED,
)
"""Rules of the usual answers; one of them applies to every request."""

THROTTLED: Final = rule(
    "B07",
    "The token endpoint gets too many requests; every retry before the end prolongs the limit.",
    flat_refusal(429, "rate_limit_error", "Rate limited. Please try again later."),
    "anthropics/claude-code#38248",
    "anomalyco/opencode#18329",
    "diegosouzapw/OmniRoute#2456",
    "earendil-works/pi#4767",
    "cortexkit/anthropic-auth#40",
    "github.com/nesyeklaf/opencode-claude-subscription/releases/tag/v0.1.3",
    seen=("2026-03-19", "2026-09-28"),
    retry_after=3600,
)
SLOW: Final = rule(
    "B10",
    "The exchange takes longer than 15 s, the timeout of Claude Code.",
    grant_answer,
    "anthropics/claude-code#33213",
    "anthropics/claude-code#33272",
    "anthropics/claude-code#44252",
    seen=("2026-03-11", "2026-04-06"),
    delay=16.0,
)
FAILS: Final = rule(
    "B11",
    "The service fails during the exchange.",
    # No report quotes the body.
    refusal(500, "api_error", "Internal server error"),
    "anthropics/claude-code#33213",
    "anthropics/claude-code#44280",
    seen=("2026-03-11", "2026-04-06"),
)
REGION_AT_LOGIN: Final = rule(
    "B13",
    "The client's region, or its IP address in a data centre, is blocked during the login.",
    # No report quotes the body; this is the API's answer for the same block (rule A33).
    flat_refusal(403, "forbidden", "Request not allowed"),
    "anthropics/claude-code#983",
    "anthropics/claude-code#984",
    "anthropics/claude-code#8007",
    seen=("2025-05-07", "2026-01-16"),
)
REFUSED_EARLY: Final = rule(
    "B22",
    "A refresh token is refused before its first use, because the server has invalidated it.",
    # No report quotes the body; this is the answer of rule B03.
    oauth_refusal(INVALID_GRANT, "Refresh token not found or invalid"),
    "anthropics/claude-code#54443",
    seen="2026-04",
    certainty=RuleCertainty.ONCE,
)
THROTTLED_BY_CLIENT: Final = rule(
    "B29",
    "The token endpoint throttles a program that is not the official client, whatever the number "
    "of its requests.",
    # The report quotes no body; this is the answer of rule B07.
    THROTTLED.answer,
    "github.com/nesyeklaf/opencode-claude-subscription/releases/tag/v0.1.3",
    seen="2026-09-28",
    certainty=RuleCertainty.ONCE,
    retry_after=3600,
)
ON_DEMAND: Final = (
    THROTTLED,
    SLOW,
    FAILS,
    REGION_AT_LOGIN,
    REFUSED_EARLY,
    THROTTLED_BY_CLIENT,
)

# --- other addresses ------------------------------------------------------------------------------


def _wrong_path(request: RequestContext) -> bool:
    """/api/oauth/token was never the token endpoint; every public report uses /v1/oauth/token."""
    return True


def _retired(request: RequestContext) -> bool:
    """The token endpoint of console.anthropic.com is retired."""
    return True


WRONG_PATH: Final = rule(
    "B02",
    _wrong_path,
    refusal(404, "not_found_error", "Not found"),
    "Wei-Shaw/claude-relay-service#1207",
    seen="2026-02",
    certainty=RuleCertainty.INFERRED,
)
RETIRED: Final = rule(
    "B01",
    _retired,
    refusal(404, "not_found_error", "Not found"),
    "Wei-Shaw/claude-relay-service#1207",
    "TopiCsarno/yapcap#12",
    "NousResearch/hermes-agent#46251",
    seen=("2026-06-12", "2026-06-15"),
    since=utc(2026, 6, 12, 19),
)
ANSWERS_AGAIN: Final = rule(
    "B01b",
    "The retired endpoint of console.anthropic.com still answers some users; contradicts B01.",
    grant_answer,
    "OpenMinis/OpenMinis#360",
    seen="2026-09-16",
    certainty=RuleCertainty.ONCE,
)


def _valid_grant(request: RequestContext) -> bool:
    """A valid code or refresh token is sent to claude.ai, which accepts it as well."""
    return refreshes(request) or exchanges(request)


OTHER_HOST: Final = rule(
    "B09",
    _valid_grant,
    grant_answer,
    "TopiCsarno/yapcap#12",
    "github.com/nesyeklaf/opencode-claude-subscription/releases/tag/v0.1.3",
    seen=("2026-06-13", "2026-09-28"),
    answers_success=True,
)

AT_PLATFORM: Final[tuple[Rule, ...]] = (*ON_DEMAND, *GRANTS)
AT_CONSOLE: Final = (*ON_DEMAND, ANSWERS_AGAIN, RETIRED, *GRANTS)
AT_CLAUDE_AI: Final = (*GRANTS[:-2], OTHER_HOST)
