"""Rules about the credential: missing, in the wrong header, unknown, expired, revoked, or without
the scope.
"""

from collections.abc import Mapping
from typing import Final

from authprobe.core.claude_api import (
    OAUTH_BETA,
    ORGANIZATION_HEADER,
    PROFILE_PATH,
    WORKSPACE_HEADER,
)
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.rules.base import Answer, RequestContext, RuleCertainty, refusal, rule, utc
from authprobe.emulator.state.tokens import BEARERS, Token

AUTHENTICATION: Final = "authentication_error"
INVALID: Final = "invalid_request_error"
PERMISSION: Final = "permission_error"
USER_FACING: Final = {"error_visibility": "user_facing"}
ORGANIZATION_ID: Final = "00000000-0000-4000-8000-000000000002"
WORKSPACE_ID: Final = "wrkspc_authprobe"


KEY_AS_BEARER: Final = utc(2026, 10, 21)
"""Date since which an API key is accepted as a Bearer token: that of the API version with which the
official SDKs (anthropic 2.0.0 for Python, @anthropic-ai/sdk 1.0.0) began to send keys that way;
platform.claude.com/docs/en/manage-claude/authentication documents it.
"""


def is_key_in(request: RequestContext, *states: TokenState) -> bool:
    """Return True if the only credential of the request is an API key in one of these states."""
    key = request.key if request.bearer is None else _key_as_bearer(request)
    return (
        key is not None
        and key.kind is TokenKind.API_KEY
        and request.state.tokens.state(key) in states
    )


def _key_as_bearer(request: RequestContext) -> Token | None:
    """Return the API key that is sent as a Bearer token; None: there is none, or not accepted.

    It is accepted alone since `KEY_AS_BEARER`, and at any time if `x-api-key` holds the same key,
    as Claude Code sends the output of its `apiKeyHelper` (code.claude.com/docs/en/authentication).
    """
    if request.token is None or request.token.kind is not TokenKind.API_KEY:
        return None
    alone = request.api_key is None and request.now >= KEY_AS_BEARER
    return request.token if alone or request.api_key == request.bearer else None


def is_bearer_in(request: RequestContext, *states: TokenState) -> bool:
    """Return True if the Bearer value is a token for API requests in one of these states."""
    token = request.token
    return (
        token is not None and token.kind in BEARERS and request.state.tokens.state(token) in states
    )


def lacks_scope(request: RequestContext, *scopes: str) -> bool:
    """Return True if the Bearer value is a token for API requests with none of these scopes."""
    token = request.token
    return token is not None and token.kind in BEARERS and set(scopes).isdisjoint(token.scopes)


def missing_credential(request: RequestContext) -> tuple[str, ...]:
    """Return the header in which a valid credential is missing; empty: the request has one.

    The same API key in both headers counts as one.
    """
    # No report says which of two different credentials the service uses, so the request is denied.
    # The same key in both headers is what `apiKeyHelper` leads to.
    if (
        request.api_key is not None
        and request.bearer is not None
        and request.api_key != request.bearer
    ):
        return "authorization", "x-api-key"
    if is_key_in(request, TokenState.VALID) or is_bearer_in(request, TokenState.VALID):
        return ()
    return ("x-api-key",) if request.api_key is not None else ("authorization",)


def has_one_valid_credential(request: RequestContext) -> bool:
    """The request has one valid credential; the same API key in both headers counts as one."""
    return not missing_credential(request)


def account_headers(request: RequestContext) -> Mapping[str, str]:
    """Return the headers of an answer that name the organisation and, for an API key, its
    workspace (platform.claude.com/docs/en/api/overview); both ids are made up.
    """
    headers = {ORGANIZATION_HEADER: ORGANIZATION_ID}
    if is_key_in(request, TokenState.VALID):
        headers[WORKSPACE_HEADER] = WORKSPACE_ID
    return headers


# --- no credential, or the wrong header -----------------------------------------------------------


def _version_missing(request: RequestContext) -> bool:
    """The header anthropic-version is absent."""
    return "anthropic-version" not in request.headers


def _credential_missing(request: RequestContext) -> bool:
    """Neither x-api-key nor Authorization: Bearer is present."""
    return request.api_key is None and request.bearer is None


def _key_invalid(request: RequestContext) -> bool:
    """x-api-key holds an unknown or revoked key, or an OAuth token."""
    if request.api_key is None or request.bearer is not None:
        return False
    return not is_key_in(request, TokenState.VALID, TokenState.EXPIRED)


def _key_expired(request: RequestContext) -> bool:
    """The API key has expired, whichever header holds it."""
    return is_key_in(request, TokenState.EXPIRED)


def _flag_missing(request: RequestContext) -> bool:
    """A Bearer OAuth token is sent without the OAuth flag in anthropic-beta."""
    # Decided by the token's prefix: no report says that the service looks the token up first.
    return _looks_like_oauth(request) and OAUTH_BETA not in request.betas


VERSION_MISSING: Final = rule(
    "A03",
    _version_missing,
    refusal(400, INVALID, "anthropic-version: header is required"),
    "PipedreamHQ/pipedream#9697",
    "Pasta-Devs/Marinara-Engine#120",
    seen=("2024-01", "2026-04-19"),
)
CREDENTIAL_MISSING: Final = rule(
    "A01",
    _credential_missing,
    refusal(401, AUTHENTICATION, "x-api-key header is required"),
    "karthink/gptel#354",
    "snipeship/ccflare#58",
    seen=("2024-08", "2026-07-02"),
)
KEY_INVALID: Final = rule(
    "A02",
    _key_invalid,
    refusal(401, AUTHENTICATION, "invalid x-api-key"),
    "anthropics/claude-code#9694",
    "anthropics/claude-code#28091",
    "continuedev/continue#9595",
    seen=("2024-03", "2026-03"),
)
KEY_EXPIRED: Final = rule(
    "A36",
    _key_expired,
    refusal(401, AUTHENTICATION, "(the wording for an expired API key is not documented)"),
    "platform.claude.com/docs/en/manage-claude/authentication",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
FLAG_MISSING: Final = rule(
    "A04",
    _flag_missing,
    refusal(401, AUTHENTICATION, "OAuth authentication is currently not supported."),
    "anthropics/claude-code#5893",
    "anthropics/claude-code#6131",
    "anthropics/claude-code#28091",
    "snipeship/ccflare#37",
    seen=("2025-08-17", "2026-03"),
)

# --- Bearer tokens --------------------------------------------------------------------------------


def _is_unknown(request: RequestContext) -> bool:
    if request.bearer is None or is_key_in(request, TokenState.VALID, TokenState.EXPIRED):
        return False
    is_issued = request.token is not None and request.token.kind in BEARERS
    return not is_issued or is_bearer_in(request, TokenState.UNKNOWN)


def _looks_like_oauth(request: RequestContext) -> bool:
    return (request.bearer or "").startswith("sk-ant-oat")


def _bearer_unknown(request: RequestContext) -> bool:
    """The Bearer value is unknown: malformed, never issued, or not a token for API requests. Since
    August 2026, rule A07 answers if it looks like an OAuth token.
    """
    return _is_unknown(request) and (request.now < _AUGUST_2026 or not _looks_like_oauth(request))


def _oauth_token_unknown(request: RequestContext) -> bool:
    """The Bearer value looks like an OAuth token, but is unknown."""
    return _is_unknown(request) and _looks_like_oauth(request)


def _bearer_expired(request: RequestContext) -> bool:
    """The access token has expired."""
    return is_bearer_in(request, TokenState.EXPIRED)


def _bearer_revoked(request: RequestContext) -> bool:
    """The access token was revoked."""
    return is_bearer_in(request, TokenState.REVOKED)


def _refuse_revoked(request: RequestContext) -> Answer:
    """Return the refusal. It has details for requests about the account, and none for inference
    (anthropics/claude-code#29497, #9635).
    """
    is_account_data = request.path.startswith("/api/oauth/")
    return refusal(
        403,
        PERMISSION,
        "OAuth token has been revoked. Please obtain a new token.",
        details=USER_FACING if is_account_data else None,
    )


_REVOKED_401_BEGINS: Final = utc(2026, 7, 30)
_AUGUST_2026: Final = utc(2026, 8, 1)
_EXPIRED_TEXT_CHANGES: Final = utc(2026, 7, 20)

BEARER_UNKNOWN: Final = rule(
    "A05",
    _bearer_unknown,
    refusal(401, AUTHENTICATION, "Invalid bearer token"),
    "anthropics/claude-code#17402",
    "anthropics/claude-code#34826",
    "anthropics/claude-code#84903",
    seen=("2026-01-11", "2026-08-24"),
)
BEARER_NOT_FOUND: Final = rule(
    "A06",
    "During a short incident, the server did not find valid tokens.",
    refusal(
        401,
        AUTHENTICATION,
        "Invalid OAuth token. The provided token was not found or is malformed.",
    ),
    "anthropics/claude-code#3240",
    "anthropics/claude-code#3245",
    "anomalyco/opencode#812",
    seen="2025-07-10",
)
BEARER_UNKNOWN_2026: Final = rule(
    "A07",
    _oauth_token_unknown,
    refusal(401, AUTHENTICATION, "OAuth access token is invalid.", request_id=None),
    "BerriAI/litellm#37905",
    seen=("2026-08", "2026-08"),
    since=_AUGUST_2026,
)
BEARER_EXPIRED: Final = rule(
    "A08",
    _bearer_expired,
    refusal(
        401,
        AUTHENTICATION,
        "OAuth token has expired. Please obtain a new token or refresh your existing token.",
    ),
    "anthropics/claude-code#4293",
    "anthropics/claude-code#19078",
    "anthropics/claude-code#44265",
    seen=("2025-07-24", "2026-04"),
    until=_EXPIRED_TEXT_CHANGES,
)
BEARER_EXPIRED_2026: Final = rule(
    "A09",
    _bearer_expired,
    refusal(
        401,
        AUTHENTICATION,
        "OAuth access token has expired. Re-authenticate to continue.",
        request_id=None,
    ),
    "HermannBjorgvin/Clawdmeter#114",
    "Wei-Shaw/sub2api#5471",
    seen=("2026-07-20", "2026-07-20"),
    since=_EXPIRED_TEXT_CHANGES,
)
BEARER_REVOKED: Final = rule(
    "A10",
    _bearer_revoked,
    _refuse_revoked,
    "anthropics/claude-code#9635",
    "anthropics/claude-code#13350",
    "anthropics/claude-code#29497",
    seen=("2025-08-06", "2026-02-28"),
    until=_REVOKED_401_BEGINS,
)
BEARER_REVOKED_2026: Final = rule(
    "A10b",
    _bearer_revoked,
    refusal(401, AUTHENTICATION, "OAuth access token has been revoked."),
    "vm0-ai/vm0#29128",
    seen=("2026-07-30", "2026-09-20"),
    since=_REVOKED_401_BEGINS,
)

# --- scopes ---------------------------------------------------------------------------------------

INFERENCE_SCOPES: Final = (
    "user:inference",
    "user:ccr_inference",
    "user:voice",
    "org:service_key_inference",
)
INFERENCE_SCOPES_2026: Final = (
    "org:service_key_inference",
    "user:ccr_inference",
    "user:developer",
    "user:inference",
    "user:voice",
    "workspace:developer",
    "workspace:inference",
)
_OFFICE_SCOPE_BEGINS: Final = utc(2026, 8, 15)


def _profile_scope_missing(request: RequestContext) -> bool:
    """The token lacks the scope user:profile; setup-tokens always do."""
    accepts_office = request.path == PROFILE_PATH and request.now >= _OFFICE_SCOPE_BEGINS
    return not accepts_office and lacks_scope(request, "user:profile")


def _profile_or_office_missing(request: RequestContext) -> bool:
    """The token has neither of the scopes user:profile and user:office; setup-tokens never do."""
    return lacks_scope(request, "user:profile", "user:office")


def _inference_scope_missing(request: RequestContext) -> bool:
    """The token has none of the scopes for inference."""
    return lacks_scope(request, *INFERENCE_SCOPES_2026)


def _refuse_inference_scope(request: RequestContext) -> Answer:
    """Return the refusal with the accepted scopes: four in February 2026, seven since August."""
    scopes = INFERENCE_SCOPES_2026 if request.now >= _AUGUST_2026 else INFERENCE_SCOPES
    return refusal(
        403, PERMISSION, f"OAuth token does not meet scope requirement any_of({', '.join(scopes)})"
    )


PROFILE_SCOPE_MISSING: Final = rule(
    "A15",
    _profile_scope_missing,
    refusal(
        403,
        PERMISSION,
        "OAuth token does not meet scope requirement user:profile",
        details=USER_FACING,
    ),
    "code.claude.com/docs/en/errors",
    "anthropics/claude-code#12020",
    "anthropics/claude-code#81015",
    seen=("2025-11", "2026-07"),
    certainty=RuleCertainty.DOCUMENTED,
)
PROFILE_OR_OFFICE_MISSING: Final = rule(
    "A16",
    _profile_or_office_missing,
    refusal(
        403,
        PERMISSION,
        "OAuth token does not meet scope requirement any_of(user:profile, user:office)",
    ),
    "router-for-me/CLIProxyAPI#4983",
    "router-for-me/CLIProxyAPI#5083",
    seen="2026-08-15",
    since=_OFFICE_SCOPE_BEGINS,
)
INFERENCE_SCOPE_MISSING: Final = rule(
    "A17",
    _inference_scope_missing,
    _refuse_inference_scope,
    "can1357/oh-my-pi#29",
    "apache/maka#2949",
    seen=("2026-02-12", "2026-08-13"),
)
MODELS_SCOPE_MISSING: Final = rule(
    "A42",
    _inference_scope_missing,
    refusal(401, AUTHENTICATION, "(the wording of this refusal was not reported)"),
    "apache/maka#2949",
    seen="2026-08-13",
    certainty=RuleCertainty.ONCE,
)

BEARER: Final = (
    BEARER_UNKNOWN,
    BEARER_NOT_FOUND,
    BEARER_UNKNOWN_2026,
    BEARER_EXPIRED,
    BEARER_EXPIRED_2026,
    BEARER_REVOKED,
    BEARER_REVOKED_2026,
)
"""Refusals of a Bearer token on every route."""
CREDENTIALS: Final = (
    VERSION_MISSING,
    CREDENTIAL_MISSING,
    KEY_INVALID,
    KEY_EXPIRED,
    FLAG_MISSING,
    *BEARER,
)
"""Refusals of the credential for inference, in the order in which they are tried."""
