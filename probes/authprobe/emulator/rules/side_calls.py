"""Rules of the requests that Claude Code makes beside its task.

Each was recorded from unmodified clients of the versions that are its source. What the service
answers is not known: the emulator's answer is the one with which the client changes nothing, as its
code shows. None of them asks a model, and none says anything about a credential.
"""

from collections.abc import Mapping
from typing import Any, Final

from authprobe.emulator.config import TokenState
from authprobe.emulator.rules.base import (
    Answer,
    Reply,
    RequestContext,
    Rule,
    RuleCertainty,
    refusal,
    rule,
)
from authprobe.emulator.rules.credentials import is_bearer_in, is_key_in

_PACKAGE: Final = "www.npmjs.com/package/@anthropic-ai/claude-code/v"
_NOTHING: Final = refusal(404, "not_found_error", "Not Found")


def _always(request: RequestContext) -> bool:
    """Claude Code asks beside its task; a credential that is not valid gets 404."""
    return True


def _has_refused_credential(request: RequestContext) -> bool:
    has_none = request.api_key is None and request.bearer is None
    is_valid = is_key_in(request, TokenState.VALID) or is_bearer_in(request, TokenState.VALID)
    return not (has_none or is_valid)


def _answering(body: Mapping[str, Any]) -> Reply:
    answer = Answer(status=200, body=body)
    return lambda request: _NOTHING if _has_refused_credential(request) else answer


def _side_call(id: str, answer: Answer | Reply, *versions: str) -> Rule:
    """Return the rule for a request that these versions of Claude Code make."""
    return rule(
        id,
        _always,
        answer,
        *(f"{_PACKAGE}/{version}" for version in versions),
        seen="2026-11-27",
        certainty=RuleCertainty.BACKGROUND,
        answers_success=True,
    )


TELEMETRY: Final = _side_call("telemetry", _answering({}), "2.0.76", "2.1.112", "2.1.332")
FEATURE_FLAGS: Final = _side_call(
    "feature-flags", _answering({"features": {}}), "2.0.76", "2.1.31", "2.1.332"
)
BOOTSTRAP: Final = _side_call("bootstrap", _answering({}), "2.1.112", "2.1.332")
CLIENT_DATA: Final = _side_call("client-data", _NOTHING, "1.0.128", "2.0.76", "2.1.31")
"""404: after an empty answer, 2.0.76 tells its user nothing of a later refusal and exits with 0."""
MANAGED_SETTINGS: Final = _side_call("managed-settings", _NOTHING, "2.0.76", "2.1.31", "2.1.332")
"""404 means to the client that its organisation has no settings; likewise for the next two."""
POLICY_LIMITS: Final = _side_call("policy-limits", _NOTHING, "2.1.31", "2.1.112", "2.1.332")
PRIVACY_NOTICE: Final = _side_call("privacy-notice", _NOTHING, "1.0.128", "2.0.76", "2.1.332")
METRICS: Final = _side_call(
    "metrics-enabled",
    _answering({"metrics_logging_enabled": False}),
    *("1.0.128", "2.0.76", "2.1.332"),
)
FAST_MODE: Final = _side_call("fast-mode", _answering({"enabled": False}), "2.1.112", "2.1.332")
REFERRAL: Final = _side_call("referral", _answering({"eligible": False}), "2.1.112", "2.1.332")
LONG_CONTEXT: Final = _side_call(
    "long-context",
    _answering({"has_access": False, "has_access_not_as_default": False}),
    "2.1.31",
)
FIRST_TOKEN_DATE: Final = _side_call(
    "first-token-date", _answering({"first_token_date": None}), "2.1.112", "2.1.332"
)
MCP_SERVERS: Final = _side_call("mcp-servers", _answering({"data": []}), "2.1.112", "2.1.332")
MCP_REGISTRY: Final = _side_call(
    "mcp-registry", _answering({"servers": [], "metadata": {}}), "2.1.112"
)
MCP_DIRECTORY: Final = _side_call("mcp-directory", _answering({"urls": []}), "2.1.332")

SIDE_CALLS: Final[Mapping[tuple[str, str], Rule]] = {
    ("POST", "/api/event_logging/batch"): TELEMETRY,
    ("POST", "/api/event_logging/v2/batch"): TELEMETRY,
    ("POST", "/api/eval/{client_key}"): FEATURE_FLAGS,
    ("GET", "/api/claude_cli/bootstrap"): BOOTSTRAP,
    ("GET", "/api/oauth/claude_cli/client_data"): CLIENT_DATA,
    ("GET", "/api/claude_code/settings"): MANAGED_SETTINGS,
    ("GET", "/api/claude_code/policy_limits"): POLICY_LIMITS,
    ("GET", "/api/claude_code_grove"): PRIVACY_NOTICE,
    ("GET", "/api/claude_code/organizations/metrics_enabled"): METRICS,
    ("GET", "/api/claude_code_penguin_mode"): FAST_MODE,
    ("GET", "/api/oauth/organizations/{organization_id}/referral/eligibility"): REFERRAL,
    ("GET", "/api/organization/{organization_id}/claude_code_sonnet_1m_access"): LONG_CONTEXT,
    ("GET", "/api/organization/claude_code_first_token_date"): FIRST_TOKEN_DATE,
    ("GET", "/v1/mcp_servers"): MCP_SERVERS,
    ("GET", "/mcp-registry/v0/servers"): MCP_REGISTRY,
    ("GET", "/api/directory/server-urls"): MCP_DIRECTORY,
}
"""Rules by method and path at the API's host."""
