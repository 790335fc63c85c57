"""The requests of a case that matter for authentication, and those in its background (pure)."""

import functools
from typing import Final

from authprobe.core.claude_api import AUTHORIZE_PATH_SUFFIX, TOKEN_PATH_SUFFIX, is_inference_path
from authprobe.emulator.gateway import HOST_EMPTY, HOST_NOTHING
from authprobe.emulator.rules.base import RuleCertainty
from authprobe.emulator.rules.routes import ROUTES
from authprobe.observation.model import Exchange

_CODE_PATH: Final = "/oauth/code/"
_HELLO: Final = frozenset({"/api/hello", "/v1/oauth/hello"})
"""Paths by which a client asks whether there is a connection."""
_BACKGROUND_HOST: Final = "statsig."
"""Beginning of the name of the host that Claude Code up to 2.1.6 asks for feature flags."""


def matters(exchange: Exchange) -> bool:
    """Return True for a request that matters for authentication, False for one in the background.

    Those are requests to the paths that the emulator knows, and connections that failed; not
    feature flags, telemetry, and whatever else a client asks beside its task.
    """
    if exchange.rule in (HOST_EMPTY, HOST_NOTHING):
        return False
    if exchange.method == "CONNECT":
        return not exchange.host.startswith(_BACKGROUND_HOST)
    if _is_known(exchange.path) or is_inference_path(exchange.path):
        return True
    return is_login_page(exchange) or is_token_request(exchange)


@functools.lru_cache(maxsize=1024)
def _is_known(path: str) -> bool:
    """Return True for a path that the emulator knows, and not only in the background."""
    rules = [rule for route in ROUTES.routes_with(path) for rule in ROUTES[route]]
    is_background = all(rule.certainty is RuleCertainty.BACKGROUND for rule in rules)
    return path not in _HELLO and not is_background


def is_token_request(exchange: Exchange) -> bool:
    """Return True for a request to a token endpoint, or to one below it that revokes."""
    return TOKEN_PATH_SUFFIX in exchange.path


def is_login_page(exchange: Exchange) -> bool:
    """Return True for a request of a browser during a login."""
    return exchange.path.endswith(AUTHORIZE_PATH_SUFFIX) or _CODE_PATH in exchange.path
