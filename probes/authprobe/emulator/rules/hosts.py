"""Names that exist here, and the words of requests that several rules ask for."""

from typing import Final

API: Final = "api.anthropic.com"
CONSOLE: Final = "console.anthropic.com"
PLATFORM: Final = "platform.claude.com"
CLAUDE_AI: Final = "claude.ai"
CLAUDE_COM: Final = "claude.com"
HOSTS: Final = (API, CONSOLE, PLATFORM, CLAUDE_AI, CLAUDE_COM)
"""Every other name is refused (code.claude.com/docs/en/network-config)."""

OAUTH_BETA: Final = "oauth-2025-04-20"
TOKEN_PATH: Final = "/v1/oauth/token"
PROFILE_PATH: Final = "/api/oauth/profile"
