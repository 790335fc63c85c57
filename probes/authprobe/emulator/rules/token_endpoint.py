"""The token endpoint: a code or a refresh token becomes an access token (RFC 6749, 4.1.3 and 6)."""

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
CODE: Final = "authorization_code"
REQUIRED: Final = {
    REFRESH: ("refresh_token", "client_id"),
    CODE: ("code", "state", "code_verifier", "client_id", "redirect_uri"),
}
"""Fields by grant. Clients refresh without a scope and are answered: nanocoai/nanoclaw#1724."""

# --- conditions -----------------------------------------------------------------------------------


def _field_missing(request: RequestContext) -> bool:
    """A required field of the token request is absent or empty."""
    grant = request.text("grant_type")
    return not grant or not all(request.text(name) for name in REQUIRED.get(grant, ()))


def _grant_unknown(request: RequestContext) -> bool:
    """The grant type is none that this endpoint has."""
    return request.text("grant_type") not in REQUIRED


def _refresh_token(request: RequestContext) -> Token | None:
    """The refresh token that is to be exchanged, whatever it is worth."""
    if request.text("grant_type") != REFRESH:
        return None
    token = request.state.tokens.find(request.text("refresh_token"))
    return token if token and token.kind is TokenKind.REFRESH_TOKEN else None


def refreshes(request: RequestContext) -> bool:
    """A valid refresh token becomes a new access token and a new refresh token."""
    token = _refresh_token(request)
    return token is not None and request.state.tokens.state(token) is TokenState.VALID


def _refresh_rejected(request: RequestContext) -> bool:
    """The refresh token was used, revoked, has expired, or was never issued."""
    return request.text("grant_type") == REFRESH and not refreshes(request)


def _code(request: RequestContext) -> Code | None:
    """The authorization code, where everything fits to what it was asked for with."""
    code = request.state.find_code(request.text("code"))
    if code is None or request.text("grant_type") != CODE:
        return None
    fits = (
        code.client_id in (None, request.text("client_id"))
        and code.state in (None, request.text("state"))
        and code.redirect_uri == request.text("redirect_uri")
    )
    return code if fits and _proves(request.text("code_verifier"), code.challenge) else None


def _proves(verifier: str, challenge: str) -> bool:
    """Whether the verifier is the one whose S256 challenge this is (RFC 7636, 4.6)."""
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return secrets.compare_digest(made.encode(), challenge.encode("utf-8", "replace"))


def exchanges(request: RequestContext) -> bool:
    """A good authorization code, with all that it was asked for with, becomes tokens."""
    return _code(request) is not None


def _redirect_mismatch(request: RequestContext) -> bool:
    """The redirect is not the one that the authorization code was asked for with."""
    code = request.state.find_code(request.text("code"))
    wanted = request.text("grant_type") == CODE and code is not None
    return wanted and code is not None and code.redirect_uri != request.text("redirect_uri")


def _code_rejected(request: RequestContext) -> bool:
    """The authorization code is wrong, used or expired; or the verifier, the state or the client
    is not the one that it was given for.
    """
    return request.text("grant_type") == CODE and not exchanges(request)


# --- answers --------------------------------------------------------------------------------------


def refresh(request: RequestContext) -> Answer:
    """New tokens for a refresh token."""
    token = _refresh_token(request)
    assert token is not None  # noqa: S101 - it was the condition
    access, renewed = request.state.tokens.rotate(token)
    return _issued(request, access, renewed)


def _reject_refresh(request: RequestContext) -> Answer:
    token = _refresh_token(request)
    if (
        token
        and request.state.reuse_revokes
        and request.state.tokens.state(token) is TokenState.USED
    ):
        request.state.tokens.revoke_login(token)
    return oauth_refusal("invalid_grant", "Refresh token not found or invalid")


def exchange(request: RequestContext) -> Answer:
    """New tokens for a code: those of a login, or a setup-token, which nothing renews."""
    code, tokens = _code(request), request.state.tokens
    assert code is not None  # noqa: S101 - it was the condition
    request.state.use_code(request.text("code"))
    if "user:profile" not in code.scopes:
        return _issued(request, tokens.make(TokenKind.SETUP_TOKEN, scopes=code.scopes))
    access = tokens.make(TokenKind.ACCESS_TOKEN, scopes=code.scopes)
    renewal = tokens.make(TokenKind.REFRESH_TOKEN, scopes=code.scopes, login=access.login)
    return _issued(request, access, renewal)


def _issued(request: RequestContext, access: Token, renewal: Token | None = None) -> Answer:
    """The token response (RFC 6749, 5.1)."""
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


def by_the_grants(request: RequestContext) -> Answer:
    """What the token endpoint answers where nothing else is the matter."""
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
    oauth_refusal("invalid_grant", "Invalid 'code' in request."),
    "anomalyco/opencode#18652",
    "vinzabe/PERMANENT-opencode-anthropic-oauth-fix#1",
    seen="2026-03-22",
    certainty=RuleCertainty.ONCE,
)
REDIRECT_MISMATCH: Final = rule(
    "redirect-mismatch",
    _redirect_mismatch,
    oauth_refusal("invalid_grant", "Invalid 'redirect_uri' in request."),
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
    passes=True,
)
EXCHANGED: Final = rule(
    "code",
    exchanges,
    exchange,
    "anthropics/claude-code#44280",
    "www.rfc-editor.org/rfc/rfc6749#section-4.1.3",
    "www.rfc-editor.org/rfc/rfc7636#section-4.6",
    seen="2026-09",
    passes=True,
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
"""What the endpoint says by itself; every request meets one of them."""

THROTTLED: Final = rule(
    "B07",
    "The token endpoint is asked too often, and each blind retry makes it longer.",
    flat_refusal(
        429,
        "rate_limit_error",
        "Rate limited. Please try again later.",
        headers={"retry-after": "3600"},
    ),
    "anthropics/claude-code#38248",
    "anomalyco/opencode#18329",
    "diegosouzapw/OmniRoute#2456",
    "earendil-works/pi#4767",
    "cortexkit/anthropic-auth#40",
    seen=("2026-03-19", "2026-05"),
)
SLOW: Final = rule(
    "B10",
    "The exchange takes longer than the 15 s that Claude Code waits.",
    by_the_grants,
    "anthropics/claude-code#33213",
    "anthropics/claude-code#33272",
    "anthropics/claude-code#44252",
    seen=("2026-03-11", "2026-04-06"),
    delay=16.0,
)
FAILS: Final = rule(
    "B11",
    "The exchange fails in the service.",
    # The body was not reported.
    refusal(500, "api_error", "Internal server error"),
    "anthropics/claude-code#33213",
    "anthropics/claude-code#44280",
    seen=("2026-03-11", "2026-04-06"),
)
REGION_AT_LOGIN: Final = rule(
    "B13",
    "A region, or the address of a data centre, is blocked during the login.",
    # The body was not reported; the API words the same block so (rule A33).
    flat_refusal(403, "forbidden", "Request not allowed"),
    "anthropics/claude-code#983",
    "anthropics/claude-code#984",
    "anthropics/claude-code#8007",
    seen=("2025-05-07", "2026-01-16"),
)
REFUSED_EARLY: Final = rule(
    "B22",
    "A refresh token that nobody has used is refused: it was made invalid on the server.",
    # The body was not reported; this is how rule B03 words it.
    oauth_refusal("invalid_grant", "Refresh token not found or invalid"),
    "anthropics/claude-code#54443",
    seen="2026-04",
    certainty=RuleCertainty.ONCE,
)
ON_DEMAND: Final = (THROTTLED, SLOW, FAILS, REGION_AT_LOGIN, REFUSED_EARLY)

# --- other addresses ------------------------------------------------------------------------------


def _always(request: RequestContext) -> bool:
    """/api/oauth/token was never the token endpoint: every public report uses /v1/oauth/token."""
    return True


def _retired(request: RequestContext) -> bool:
    """The token endpoint of console.anthropic.com, after its retirement."""
    return True


WRONG_PATH: Final = rule(
    "B02",
    _always,
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
    "The retired endpoint of console.anthropic.com answers again for some; contradicts B01.",
    by_the_grants,
    "OpenMinis/OpenMinis#360",
    seen="2026-09-16",
    certainty=RuleCertainty.ONCE,
)


def _granted(request: RequestContext) -> bool:
    """claude.ai takes a good code or refresh token as well."""
    return refreshes(request) or exchanges(request)


OTHER_HOST: Final = rule(
    "B09",
    _granted,
    by_the_grants,
    "TopiCsarno/yapcap#12",
    seen="2026-06-13",
    certainty=RuleCertainty.ONCE,
    passes=True,
)

AT_PLATFORM: Final[tuple[Rule, ...]] = (*ON_DEMAND, *GRANTS)
AT_CONSOLE: Final = (*ON_DEMAND, ANSWERS_AGAIN, RETIRED, *GRANTS)
AT_CLAUDE_AI: Final = (*GRANTS[:-2], OTHER_HOST)
