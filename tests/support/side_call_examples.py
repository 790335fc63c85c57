"""Examples for the rules of requests that Claude Code makes beside its task."""

from collections.abc import Mapping
from typing import Any, Final

from authprobe.emulator.rules.routes import API
from authprobe.emulator.rules.side_calls import SIDE_CALLS
from tests.support.requests import GOOD, NOWHERE, RequestSpec, RuleExample, error

BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "telemetry": {},
    "feature-flags": {"features": {}},
    "bootstrap": {},
    "metrics-enabled": {"metrics_logging_enabled": False},
    "fast-mode": {"enabled": False},
    "referral": {"eligible": False},
    "long-context": {"has_access": False, "has_access_not_as_default": False},
    "first-token-date": {"first_token_date": None},
    "mcp-servers": {"data": []},
    "mcp-registry": {"servers": [], "metadata": {}},
    "mcp-directory": {"urls": []},
}
"""Bodies of the answers with status 200; the others are 404."""
NOT_FOUND: Final = error("not_found_error", "Not Found")

SIDE_CALL_EXAMPLES: Final = tuple(
    RuleExample(
        rule=rule.id,
        spec=RequestSpec(target=(method, API, path.replace("{", "").replace("}", "")), bearer=GOOD),
        status=200 if rule.id in BODIES else 404,
        body=BODIES.get(rule.id, NOT_FOUND),
        counterexample=RequestSpec(target=NOWHERE),
        counterexample_rule="deny:route",
    )
    for (method, path), rule in SIDE_CALLS.items()
)
