"""Rules for rate limits and overload, and the headers with the remaining quota."""

import datetime
from collections.abc import Mapping
from typing import Final

from authprobe.emulator.rules.base import RequestContext, RuleCertainty, flat_refusal, refusal, rule

RATE_LIMIT: Final = "rate_limit_error"
WINDOWS: Final = {"5h": datetime.timedelta(hours=5), "7d": datetime.timedelta(days=7)}
WINDOW_SECONDS: Final = int(WINDOWS["5h"].total_seconds())
KEY_LIMIT_SECONDS: Final = 60
"""Seconds after which a limit of requests per minute is over."""
LIMITS: Final = {"requests": 50, "input-tokens": 30000, "output-tokens": 8000, "tokens": 38000}
"""Limits of the first tier (platform.claude.com/docs/en/api/rate-limits), for the headers only:
the emulator does not count requests.
"""


def unified_headers(request: RequestContext, status: str) -> Mapping[str, str]:
    """Return the headers about the usage windows of a subscription: manaflow-ai/subrouter#24,
    router-for-me/CLIProxyAPI#5915.
    """
    prefix = "anthropic-ratelimit-unified"
    windows = dict(WINDOWS)
    if status == "rejected":
        windows["5h"] = datetime.timedelta(seconds=request.wait(WINDOW_SECONDS))
    resets = {
        name: str(int((request.now + window).timestamp())) for name, window in windows.items()
    }
    headers = {
        f"{prefix}-status": status,
        f"{prefix}-reset": resets["5h"],
        f"{prefix}-representative-claim": "five_hour",
        f"{prefix}-overage-status": "rejected",
        f"{prefix}-overage-disabled-reason": "out_of_credits",
    }
    for name, reset in resets.items():
        full = status == "rejected" and name == "5h"
        headers |= {
            f"{prefix}-{name}-status": "rejected" if full else "allowed",
            f"{prefix}-{name}-reset": reset,
            f"{prefix}-{name}-utilization": "1.0" if full else "0.01",
        }
    return headers


def limit_headers(request: RequestContext, remaining: float = 1.0) -> Mapping[str, str]:
    """Return the headers about the rate limits of an API key
    (platform.claude.com/docs/en/api/rate-limits); `remaining` is a fraction from 0 to 1.
    """
    seconds = request.wait(KEY_LIMIT_SECONDS)
    reset = (request.now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {}
    for name, limit in LIMITS.items():
        headers[f"anthropic-ratelimit-{name}-limit"] = str(limit)
        headers[f"anthropic-ratelimit-{name}-remaining"] = str(int(limit * remaining))
        headers[f"anthropic-ratelimit-{name}-reset"] = reset
    return headers


def _exhausted_headers(request: RequestContext) -> Mapping[str, str]:
    return limit_headers(request, remaining=0)


OPAQUE_LIMIT: Final = rule(
    "A22",
    "The first request through a gateway or a third-party program is throttled without a reason.",
    refusal(429, RATE_LIMIT, "Error"),
    "NousResearch/hermes-agent#17169",
    "BerriAI/litellm#37344",
    seen=("2026-04-28", "2026-08-18"),
)
KEY_RATE_LIMIT: Final = rule(
    "A27",
    "The rate limit of an API key is reached.",
    refusal(
        429,
        RATE_LIMIT,
        "This request would exceed your organization's rate limit of 50 requests per minute (org: "
        "00000000-0000-4000-8000-000000000002, model: claude-sonnet-5-5). For details, refer to: "
        "https://docs.claude.com/en/api/rate-limits. You can see the response headers for current "
        "usage. Please reduce the prompt length or the maximum tokens requested, or try again "
        "later. You may also contact sales at https://claude.com/contact-sales to discuss your "
        "options for a rate limit increase.",
    ),
    "continuedev/continue#11664",
    "anthropics/claude-code#55132",
    "platform.claude.com/docs/en/api/rate-limits",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
    headers=_exhausted_headers,
    retry_after=KEY_LIMIT_SECONDS,
)
SERVER_LIMIT: Final = rule(
    "A29",
    "The service limits requests independently of the quota.",
    refusal(429, RATE_LIMIT, "Rate limited"),
    "anthropics/claude-code#71670",
    "code.claude.com/docs/en/errors",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
OVERLOADED: Final = rule(
    "A30",
    "The service is overloaded.",
    refusal(529, "overloaded_error", "Overloaded"),
    "anthropics/claude-code#45071",
    "platform.claude.com/docs/en/api/errors",
    seen="2026-08-22",
    certainty=RuleCertainty.DOCUMENTED,
)
UNAVAILABLE: Final = rule(
    "A31",
    "Overload is reported as 503, during an incident in which valid tokens got 401.",
    refusal(503, "overloaded_error", "overloaded"),
    "anthropics/claude-code#84903",
    seen="2026-08-24",
    certainty=RuleCertainty.ONCE,
)
USAGE_LIMIT: Final = rule(
    "A41",
    "The usage of a plan is requested too often.",
    flat_refusal(429, RATE_LIMIT, "Rate limited. Please try again later."),
    "anthropics/claude-code#30930",
    "anthropics/claude-code#31021",
    "AThevon/TokenEater#161",
    "steipete/CodexBar#575",
    seen=("2026-03-05", "2026-05-13"),
    retry_after=0,
)

LIMIT_RULES: Final = (OPAQUE_LIMIT, KEY_RATE_LIMIT, SERVER_LIMIT, OVERLOADED, UNAVAILABLE)
"""Rules on demand: the emulator does not count requests."""
