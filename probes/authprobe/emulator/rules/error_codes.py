"""Refusals on demand that `error.details.error_code` tells apart: no report quotes their messages.

The codes and their statuses are those of the errors of the API's SDKs (@anthropic-ai/sdk 1.14.0,
`resources/shared.d.ts`), which say of each message that its wording can change.
"""

from typing import Final

from authprobe.emulator.rules.base import Rule, RuleCertainty, refusal, rule
from authprobe.emulator.rules.credentials import AUTHENTICATION, INVALID, PERMISSION
from authprobe.emulator.rules.limits import KEY_LIMIT_SECONDS, RATE_LIMIT

_SDK: Final = "github.com/anthropics/anthropic-sdk-typescript"
_BILLING: Final = "billing_error"
_API: Final = "api_error"


def _coded(
    id: str,
    condition: str,
    status: int,
    error_type: str,
    code: str,
    *,
    seen: str,
    retry_after: int | None = None,
) -> Rule:
    return rule(
        id,
        condition,
        refusal(
            status,
            error_type,
            "(the wording of this refusal is not documented)",
            details={"error_code": code},
        ),
        _SDK,
        seen=seen,
        certainty=RuleCertainty.DOCUMENTED,
        retry_after=retry_after,
    )


CODES: Final = (
    _coded(
        "A44",
        "The API key belongs to the Claude Code workspace, and whoever created it has left the "
        "organisation or the workspace.",
        *(400, INVALID, "claude_code_key_creator_not_member"),
        seen="2026-11-24",
    ),
    _coded(
        "A45",
        "Claude Code is older than the model or the organisation requires.",
        *(400, INVALID, "claude_code_version_too_old"),
        seen="2026-11-24",
    ),
    _coded(
        "A46",
        "The organisation has reached the spend limit of its contract.",
        *(429, RATE_LIMIT, "contract_spend_limit_reached"),
        seen="2026-11-17",
    ),
    _coded(
        "A47",
        "The usage grows faster than allowed.",
        *(429, RATE_LIMIT, "ramp_limit_exceeded"),
        seen="2026-11-24",
        retry_after=KEY_LIMIT_SECONDS,
    ),
    _coded(
        "A48",
        "The organisation that a user profile is billed to cannot be billed.",
        *(402, _BILLING, "linked_organization_billing_unavailable"),
        seen="2026-11-17",
    ),
    _coded(
        "A48b",
        "The organisation that a user profile is billed to has reached its spend limit, or has no "
        "credit.",
        *(402, _BILLING, "linked_organization_spend_limit_reached"),
        seen="2026-11-17",
    ),
    _coded(
        "A49",
        "The request comes from a sandbox of Claude with restricted network access.",
        *(403, PERMISSION, "sandbox_egress_restricted"),
        seen="2026-11-24",
    ),
    # The type of these two is not documented; api_error is the one of every other 5xx.
    _coded(
        "A50",
        "The encryption settings of the workspace cannot be read.",
        *(503, _API, "cmek_context_unavailable"),
        seen="2026-11-24",
    ),
    _coded(
        "A50b",
        "The customer's own encryption key of the workspace cannot be reached.",
        *(503, _API, "cmek_key_unreachable"),
        seen="2026-11-24",
    ),
    _coded(
        "A50c",
        "The customer's own encryption key of the workspace is disabled or revoked.",
        *(400, INVALID, "cmek_key_disabled"),
        seen="2026-11-24",
    ),
    _coded(
        "A50d",
        "The customer's key management service blocks the network of the API.",
        *(400, INVALID, "cmek_key_network_blocked"),
        seen="2026-11-24",
    ),
)
CORS_REFUSED: Final = rule(
    "A51",
    "The request has the header Origin, as those of web pages have, and the settings of the "
    "organisation allow none; the credential is valid.",
    refusal(
        401,
        AUTHENTICATION,
        "CORS requests are not allowed for this Organization because of its settings",
    ),
    "platform.claude.com/docs/en/api/errors",
    seen="2026-11",
    certainty=RuleCertainty.DOCUMENTED,
)
CODE_RULES: Final = (*CODES, CORS_REFUSED)
"""Rules on demand, for inference and for the resources of the API."""
