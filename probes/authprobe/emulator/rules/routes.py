"""What the backend answers, and who says so.

A route holds its rules in the order in which they are asked; the first that applies counts, and
what none answers is denied. The last rule of a route is the one that answers a good request.
A refusal of the API has an id with A, one of the login and its tokens an id with B.
"""

from collections.abc import Mapping
from typing import Final

from authprobe.core.claude_api import (
    API,
    CLAUDE_AI,
    CLAUDE_COM,
    CONSOLE,
    HOSTS,
    OAUTH_BETA,
    PLATFORM,
    PROFILE_PATH,
    TOKEN_PATH,
)
from authprobe.emulator.rules import (
    accounts,
    authorize,
    credentials,
    edge,
    federation,
    inference,
    limits,
    profile,
    token_endpoint,
)
from authprobe.emulator.rules.base import Rule

__all__ = [
    "API",
    "CLAUDE_AI",
    "CLAUDE_COM",
    "CONSOLE",
    "EVERYWHERE",
    "HOSTS",
    "NOT_PRODUCED",
    "OAUTH_BETA",
    "PLATFORM",
    "ROUTES",
    "RULES",
    "TOKEN_PATH",
    "TOKEN_PATHS",
]

Route = tuple[str, str, str]

EVERYWHERE: Final = edge.EDGE
"""Rules on demand that may answer in any place, also in one that is not there."""

_ASKED: Final = (
    edge.TOO_LARGE,
    *credentials.CREDENTIALS,
    federation.SCOPE_MISSING,
    *accounts.ACCOUNTS,
    *limits.LIMIT_RULES,
    *edge.STANDARD[1:],
)
"""What stands before each answer of the API for inference."""
_OWNER: Final = (*credentials.BEARER, federation.SCOPE_MISSING)

ROUTES: Final[Mapping[Route, tuple[Rule, ...]]] = {
    ("POST", API, "/v1/messages"): (
        *_ASKED,
        inference.BETA_DROPPED,
        inference.BETA_UNKNOWN,
        inference.MESSAGE,
    ),
    ("POST", API, "/v1/messages/count_tokens"): (
        *_ASKED,
        inference.BETA_DROPPED,
        inference.BETA_UNKNOWN,
        inference.TOKEN_COUNT,
    ),
    ("GET", API, "/v1/models"): (
        *credentials.CREDENTIALS,
        federation.SCOPE_MISSING,
        credentials.MODELS_SCOPE_MISSING,
        *limits.LIMIT_RULES,
        *edge.STANDARD[1:],
        inference.MODELS,
    ),
    ("GET", API, PROFILE_PATH): (
        *_OWNER,
        credentials.PROFILE_SCOPE_MISSING,
        credentials.PROFILE_OR_OFFICE_MISSING,
        profile.PROFILE,
    ),
    ("GET", API, "/api/oauth/usage"): (
        credentials.FLAG_MISSING,
        *_OWNER,
        credentials.PROFILE_SCOPE_MISSING,
        limits.USAGE_LIMIT,
        profile.USAGE,
    ),
    ("GET", API, "/api/oauth/claude_cli/roles"): (*_OWNER, profile.ROLES_FAIL, profile.ROLES),
    ("GET", API, "/api/hello"): (edge.HELLO,),
    ("GET", CONSOLE, "/v1/oauth/hello"): (edge.HELLO,),
    ("GET", PLATFORM, "/v1/oauth/hello"): (edge.HELLO,),
    ("POST", API, TOKEN_PATH): federation.FEDERATION,
    ("POST", CONSOLE, "/api/oauth/token"): (token_endpoint.WRONG_PATH,),
    ("POST", CONSOLE, TOKEN_PATH): token_endpoint.AT_CONSOLE,
    ("POST", PLATFORM, TOKEN_PATH): token_endpoint.AT_PLATFORM,
    ("POST", CLAUDE_AI, TOKEN_PATH): token_endpoint.AT_CLAUDE_AI,
    ("GET", CLAUDE_AI, "/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", CLAUDE_COM, "/cai/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", CONSOLE, "/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", PLATFORM, "/oauth/authorize"): authorize.AUTHORIZE,
    ("GET", CONSOLE, authorize.CALLBACK_PATH): (authorize.CODE_SHOWN,),
    ("GET", PLATFORM, authorize.CALLBACK_PATH): (authorize.CODE_SHOWN,),
}

RULES: Final[Mapping[str, Rule]] = {
    rule.id: rule for rules in (EVERYWHERE, *ROUTES.values()) for rule in rules
}
REFUSALS: Final = frozenset(rule.id for rule in RULES.values() if not rule.passes)
TOKEN_PATHS: Final = frozenset(path for _, _, path in ROUTES if path.endswith("/oauth/token"))

NOT_PRODUCED: Final[Mapping[str, str]] = {
    "A39": "what an interactive Claude Code prints over rules A12 and A13",
    "A40": "what `claude -p` prints over rules A12 and A13",
    "B21": "a text of the client, over rule B04 or over a code without its second half",
    "B26": "a fault of TLS: untrusted-certificate",
    "B27": "a fault of TLS: untrusted-certificate or expired-certificate",
    "B28": "a text of the client, when it reaches no host at all: name-not-found",
}
"""Rows of the table of refusals that are no answers of a server, and why."""
