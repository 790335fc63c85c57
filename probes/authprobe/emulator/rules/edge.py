"""Rules of the edge in front of the service, and the general errors of the service itself."""

from typing import Final

from authprobe.emulator.rules.base import (
    Answer,
    RequestContext,
    RuleCertainty,
    flat_refusal,
    page,
    refusal,
    rule,
)

_ERRORS: Final = "platform.claude.com/docs/en/api/errors"


def _too_large(request: RequestContext) -> bool:
    """The body is larger than the documented limit of 32 MB."""
    return request.too_large


def _always(request: RequestContext) -> bool:
    """Any client checks that the service can be reached; no credential is needed."""
    return True


HELLO: Final = rule(
    "hello",
    _always,
    Answer(status=200, body={"message": "hello"}),
    "code.claude.com/docs/en/llm-gateway-protocol",
    "www.npmjs.com/package/@anthropic-ai/claude-code/v/2.1.330",
    seen="2026-11-24",
    certainty=RuleCertainty.ONCE,
    answers_success=True,
)
"""The check that `claude` makes when it starts. It reads the status only; the body is made up."""
REGION: Final = rule(
    "A33",
    "The client's region, IP address, plan or role is not supported.",
    flat_refusal(403, "forbidden", "Request not allowed"),
    "code.claude.com/docs/en/troubleshoot-install",
    "anthropics/claude-code#453",
    "anthropics/claude-code#1613",
    seen=("2025-03-12", "2026-08-22"),
    certainty=RuleCertainty.DOCUMENTED,
)
CHALLENGE: Final = rule(
    "A34",
    "The edge demands a browser challenge, or blocks the client's network.",
    page(
        403,
        "Just a moment...",
        "Enable JavaScript and cookies to continue",
        {"server": "cloudflare", "cf-mitigated": "challenge", "cf-ray": "0000000000000000-EWR"},
    ),
    "anthropics/claude-code#33272",
    "OpenMinis/OpenMinis#360",
    "anthropics/claude-code#984",
    seen=("2026-03-11", "2026-09-16"),
)
GATEWAY_AS_401: Final = rule(
    "A35",
    "An outage of the gateway is answered with 401 and the page of a 502.",
    page(401, "502 Bad Gateway", "cloudflare", {"server": "cloudflare"}),
    "anthropics/claude-code#33217",
    seen="2026-03-11",
    certainty=RuleCertainty.ONCE,
)
NO_BODY: Final = rule(
    "A43",
    "After a login, every request is refused without a body.",
    Answer(status=403),
    "anthropics/claude-code#59527",
    seen="2026-05-13",
    certainty=RuleCertainty.ONCE,
)
TOO_LARGE: Final = rule(
    "request-too-large",
    _too_large,
    flat_refusal(413, "request_too_large", "Request exceeds the maximum size"),
    _ERRORS,
    "anthropics/claude-code#14567",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
CONFLICT: Final = rule(
    "conflict",
    "The request conflicts with the state of a resource.",
    refusal(409, "conflict_error", "(the wording depends on the resource)"),
    _ERRORS,
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
API_ERROR: Final = rule(
    "api-error",
    "The service fails with an internal error.",
    refusal(500, "api_error", "Internal server error"),
    "anthropics/claude-code#35525",
    _ERRORS,
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
TIMEOUT: Final = rule(
    "timeout",
    "The service does not finish the request in time.",
    # The default message in the API's schema; no report quotes a real answer.
    refusal(504, "timeout_error", "Request timeout"),
    _ERRORS,
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)

EDGE: Final = (REGION, CHALLENGE, GATEWAY_AS_401, NO_BODY)
"""Refusals that any host can give to any request."""
STANDARD: Final = (TOO_LARGE, CONFLICT, API_ERROR, TIMEOUT)
"""Errors of the API that are unrelated to authentication."""
