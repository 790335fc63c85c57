"""Denials: refusals of requests without a rule, with the nearest rule and the differing fields."""

import dataclasses
import difflib
from dataclasses import dataclass

from authprobe.core.suggestions import closest
from authprobe.emulator.rules.base import Answer, RequestContext, Rule, oauth_refusal, refusal
from authprobe.emulator.rules.route_table import Route
from authprobe.emulator.rules.routes import HOSTS, ROUTES
from authprobe.emulator.rules.token_endpoint import REFRESHED

DENY_HOST = "deny:host"
DENY_ROUTE = "deny:route"
DENY_RULE = "deny:rule"
DENY_TOKEN = "deny:refresh-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """The reason why no rule answers a request."""

    id: str
    nearest: str
    """The id of the most similar rule, or the most similar host."""
    differs: tuple[str, ...]
    """Parts in which the request differs from it: `method`, `host`, `path`, or names of headers
    and parameters.
    """

    def __str__(self) -> str:
        differs = f"; differs: {', '.join(self.differs)}" if self.differs else ""
        return f"nearest: {self.nearest}{differs}"

    @property
    def answer(self) -> Answer:
        """404 for an unknown host or route, 403 for a request without a rule on a known route.

        503 for a refresh token that the backend never issued: it may be a user's own login, which
        a client gives up only after an answer that sounds final. With `invalid_grant`, claude-code
        2.1.332 blanked it, expired or not; after each of 400 `invalid_request_error`, 401, 403,
        404, 409, 429, 500 and 503 it kept it. Of these, 503 is temporary by definition (RFC 9110,
        15.6.4).
        """
        if self.id == DENY_TOKEN:
            reason = f"authprobe never issued this refresh token ({self})"
            return dataclasses.replace(oauth_refusal("temporarily_unavailable", reason), status=503)
        status, kind = (
            (403, "permission_error") if self.id == DENY_RULE else (404, "not_found_error")
        )
        return refusal(status, kind, f"authprobe knows no rule for this request ({self})")


def deny_host(host: str) -> Denial:
    """Return the denial of a host that is not emulated."""
    return Denial(id=DENY_HOST, nearest=closest(host, HOSTS, cutoff=0) or host, differs=("host",))


def deny_route(request: RequestContext) -> Denial:
    """Return the denial of a method, host and path that has no rules."""
    differs = {route: _differing(route, request) for route in ROUTES}
    fewest = min(map(len, differs.values()))

    def similarity(route: Route) -> float:
        return difflib.SequenceMatcher(None, request.path[:200], route[2]).ratio()

    # Only of the routes that differ in the fewest parts: to compare texts takes long.
    route = max((each for each in ROUTES if len(differs[each]) == fewest), key=similarity)
    return Denial(id=DENY_ROUTE, nearest=_success_rule(ROUTES[route]).id, differs=differs[route])


def _differing(route: Route, request: RequestContext) -> tuple[str, ...]:
    """Return the parts in which a request differs from a route."""
    method, host, path = route
    equal = {
        "method": method == request.method,
        "host": host == request.host,
        "path": ROUTES.has_path(path, request.path),
    }
    return tuple(name for name, is_equal in equal.items() if not is_equal)


def deny_rule(request: RequestContext, rules: tuple[Rule, ...]) -> Denial:
    """Return the denial of a request that meets the condition of no rule of its route."""
    rule = _success_rule(rules)
    differs = rule.missing(request) if rule.missing else ()
    return Denial(id=DENY_RULE, nearest=rule.id, differs=differs)


def deny_refresh_token() -> Denial:
    """Return the denial of a refresh token that the backend never issued."""
    return Denial(id=DENY_TOKEN, nearest=REFRESHED.id, differs=("refresh_token",))


def _success_rule(rules: tuple[Rule, ...]) -> Rule:
    """Return the rule that answers valid requests, which is the last of its route."""
    return rules[-1]
