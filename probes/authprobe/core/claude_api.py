"""Host names, paths, beta flags and statuses of the Claude API and its login servers."""

from typing import Final

API: Final = "api.anthropic.com"
CONSOLE: Final = "console.anthropic.com"
PLATFORM: Final = "platform.claude.com"
CLAUDE_AI: Final = "claude.ai"
CLAUDE_COM: Final = "claude.com"
HOSTS: Final = (API, CONSOLE, PLATFORM, CLAUDE_AI, CLAUDE_COM)
"""The emulated hosts; every other name is refused (code.claude.com/docs/en/network-config)."""

OAUTH_BETA: Final = "oauth-2025-04-20"
MESSAGES_PATH: Final = "/v1/messages"
PROFILE_PATH: Final = "/api/oauth/profile"
TOKEN_PATH: Final = "/v1/oauth/token"

TOKEN_PATH_SUFFIX: Final = "/oauth/token"
"""The end of the token endpoint's path on every host that has ever served one."""
AUTHORIZE_PATH_SUFFIX: Final = "/oauth/authorize"

PERMANENT_STATUSES: Final = frozenset({400, 401, 402, 403, 404, 413})
"""Statuses that the same request would receive again (platform.claude.com/docs/en/api/errors)."""
