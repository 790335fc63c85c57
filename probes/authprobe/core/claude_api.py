"""Host names, paths, beta flags and statuses of the Claude API and its login servers."""

import re
from typing import Final

API: Final = "api.anthropic.com"
CONSOLE: Final = "console.anthropic.com"
PLATFORM: Final = "platform.claude.com"
CLAUDE_AI: Final = "claude.ai"
CLAUDE_COM: Final = "claude.com"
HOSTS: Final = (API, CONSOLE, PLATFORM, CLAUDE_AI, CLAUDE_COM)
"""The emulated hosts; every other name is refused (code.claude.com/docs/en/network-config), except
the hosts of one's own that a case has."""
LOOPBACK: Final = "127.0.0.1"
"""The emulated API for clients that are given its address."""
BEDROCK: Final = "bedrock-runtime"
"""Stands for the host of Amazon Bedrock, whose name depends on the region, in the routes that a
gateway with `serves: bedrock` has."""

OAUTH_BETA: Final = "oauth-2025-04-20"
ORGANIZATION_HEADER: Final = "anthropic-organization-id"
WORKSPACE_HEADER: Final = "anthropic-workspace-id"
"""Header of answers, and of requests with a key that is not limited to one workspace."""
MESSAGES_PATH: Final = "/v1/messages"
_INFERENCE_PATH: Final = re.compile(
    r"(?:/[^?#]*)?(?:/v1/messages|/v1/complete|/chat/completions|/model/[^?#]+/invoke(?:-with-response-stream)?"
    r"|/models/[^/?#]+:(?:raw|streamRaw)Predict)"
)
PROFILE_PATH: Final = "/api/oauth/profile"
TOKEN_PATH: Final = "/v1/oauth/token"

TOKEN_PATH_SUFFIX: Final = "/oauth/token"
"""The end of the token endpoint's path on every host that has ever served one."""
AUTHORIZE_PATH_SUFFIX: Final = "/oauth/authorize"
PROMPT_SCOPES: Final = frozenset({"user:inference", "user:ccr_inference"})
"""To send a prompt, a login needs one of these (anthropics/claude-code#22450)."""

PERMANENT_STATUSES: Final = frozenset({400, 401, 402, 403, 404, 413})
"""Statuses that the same request would receive again (platform.claude.com/docs/en/api/errors)."""


def is_inference_path(path: str) -> bool:
    """Return True if requests to this path ask a model: of the API, at any prefix, or of another
    API that gateways and cloud providers have.
    """
    return path == MESSAGES_PATH or _INFERENCE_PATH.fullmatch(path) is not None


def asks_model(path: str) -> bool:
    """Return True for the same, and for what the API has below `/v1/messages`."""
    return path.startswith(MESSAGES_PATH) or is_inference_path(path)
