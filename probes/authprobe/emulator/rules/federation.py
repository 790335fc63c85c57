"""Rules of workload identity federation: an identity token is exchanged for an access token
(RFC 7523).

The contents of an identity token are not read; it is valid if this backend issued it.
"""

import re
from typing import Final

from authprobe.emulator.config import TokenKind, TokenState
from authprobe.emulator.rules.base import (
    Answer,
    RequestContext,
    RuleCertainty,
    flat_refusal,
    refusal,
    rule,
)
from authprobe.emulator.rules.credentials import AUTHENTICATION, INVALID, PERMISSION, lacks_scope
from authprobe.emulator.state.tokens import Token

GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REQUIRED: Final = ("assertion", "federation_rule_id", "organization_id", "service_account_id")
FORMATS: Final = {
    "federation_rule_id": re.compile(r"fdrl_\w+"),
    "workspace_id": re.compile(r"wrkspc_\w+|default"),
}
SCOPES: Final = ("workspace:developer", "workspace:inference")
_REFERENCE: Final = "platform.claude.com/docs/en/manage-claude/wif-reference"


def _wrong_field(request: RequestContext) -> str | None:
    """Return the first field that is missing or malformed."""
    for name in REQUIRED:
        if not request.text(name):
            return name
    for name, pattern in FORMATS.items():
        if name in request.fields and not pattern.fullmatch(request.text(name)):
            return name
    return None


def _federates(request: RequestContext) -> bool:
    return request.text("grant_type") == GRANT


def _malformed(request: RequestContext) -> bool:
    """A required field is missing, or the id of the federation rule or workspace is malformed."""
    return _federates(request) and _wrong_field(request) is not None


def _refuse_field(request: RequestContext) -> Answer:
    field = _wrong_field(request) or REQUIRED[0]
    return refusal(400, INVALID, f"{field}: (the wording of this refusal is not documented)")


def _assertion(request: RequestContext) -> Token | None:
    """Return the identity token if it is valid."""
    token = request.state.tokens.find(request.text("assertion"))
    if token is None or token.kind is not TokenKind.IDENTITY_TOKEN:
        return None
    return token if request.state.tokens.state(token) is TokenState.VALID else None


def _assertion_refused(request: RequestContext) -> bool:
    """The identity token is unknown, expired or already used; the message is always the same."""
    return _federates(request) and _assertion(request) is None


def _no_federation(request: RequestContext) -> bool:
    """A code or a refresh token is sent to the federation endpoint."""
    return not _federates(request)


def _missing(request: RequestContext) -> tuple[str, ...]:
    wrong = _wrong_field(request) or ("assertion" if _assertion(request) is None else None)
    return ("grant_type",) * (not _federates(request)) + ((wrong,) if wrong else ())


def _valid_assertion(request: RequestContext) -> bool:
    """A valid identity token is exchanged for an access token of one hour for a workspace."""
    return not _missing(request)


def _federate(request: RequestContext) -> Answer:
    """Return an access token, and use up the identity token (`jti` is single use)."""
    if (token := _assertion(request)) is not None:
        request.state.tokens.end(token, TokenState.USED)
    access = request.state.tokens.make(TokenKind.WORKLOAD_TOKEN)
    expires_at = access.expires_at or request.now
    return Answer(
        status=200,
        body={
            "token_type": "Bearer",
            "access_token": access.value,
            "expires_in": int((expires_at - request.now).total_seconds()),
            "scope": " ".join(access.scopes),
        },
    )


def _scope_missing(request: RequestContext) -> bool:
    """The token of a workload lacks the scope for this endpoint."""
    if request.token is None or request.token.kind is not TokenKind.WORKLOAD_TOKEN:
        return False
    return request.path.startswith("/api/oauth/") or lacks_scope(request, *SCOPES)


def _refuse_scope(request: RequestContext) -> Answer:
    """Return the message for other tokens; the reference documents only the status."""
    is_account_data = request.path.startswith("/api/oauth/")
    scope = "user:profile" if is_account_data else f"any_of({', '.join(SCOPES)})"
    return refusal(403, PERMISSION, f"OAuth token does not meet scope requirement {scope}")


SCOPE_MISSING: Final = rule(
    "B25",
    _scope_missing,
    _refuse_scope,
    _REFERENCE,
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
NO_FEDERATION: Final = rule(
    "B08",
    _no_federation,
    flat_refusal(429, "rate_limit_error", "Rate limited. Please try again later."),
    "cortexkit/anthropic-auth#40",
    "platform.claude.com/docs/en/manage-claude/authentication",
    seen="2026-05-22",
    certainty=RuleCertainty.ONCE,
)
MALFORMED: Final = rule(
    "B24",
    _malformed,
    _refuse_field,
    _REFERENCE,
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
ASSERTION_REFUSED: Final = rule(
    "B23",
    _assertion_refused,
    refusal(401, AUTHENTICATION, "Authentication failed"),
    _REFERENCE,
    "anthropics/claude-code-action#1406",
    "anthropics/claude-code#89095",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
FEDERATED: Final = rule(
    "federate",
    _valid_assertion,
    _federate,
    _REFERENCE,
    "anthropics/claude-code#89095",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    missing=_missing,
)
FEDERATION: Final = (NO_FEDERATION, MALFORMED, ASSERTION_REFUSED, FEDERATED)
