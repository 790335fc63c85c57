"""Denials: refusals of requests without a rule, with the nearest rule and the differing fields."""

import difflib
from dataclasses import dataclass

from authprobe.core.suggestions import closest
from authprobe.emulator.rules.base import Answer, RequestContext, Rule, refusal
from authprobe.emulator.rules.routes import HOSTS, ROUTES

DENY_HOST = "deny:host"
DENY_ROUTE = "deny:route"
DENY_RULE = "deny:rule"


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
        """404 for an unknown host or route, 403 for a request without a rule on a known route."""
        status, kind = (
            (403, "permission_error") if self.id == DENY_RULE else (404, "not_found_error")
        )
        return refusal(status, kind, f"authprobe knows no rule for this request ({self})")


def deny_host(host: str) -> Denial:
    """Return the denial of a host that is not emulated."""
    return Denial(id=DENY_HOST, nearest=closest(host, HOSTS, cutoff=0) or host, differs=("host",))


def deny_route(request: RequestContext) -> Denial:
    """Return the denial of a method, host and path that has no rules."""
    target = (request.method, request.host, request.path)

    def similarity(route: tuple[str, str, str]) -> tuple[int, float]:
        equal = sum(ours == theirs for ours, theirs in zip(route, target, strict=True))
        return equal, difflib.SequenceMatcher(None, request.path[:200], route[2]).ratio()

    route = max(ROUTES, key=similarity)
    names = zip(("method", "host", "path"), route, target, strict=True)
    differs = tuple(name for name, ours, theirs in names if ours != theirs)
    return Denial(id=DENY_ROUTE, nearest=_success_rule(ROUTES[route]).id, differs=differs)


def deny_rule(request: RequestContext, rules: tuple[Rule, ...]) -> Denial:
    """Return the denial of a request that meets the condition of no rule of its route."""
    rule = _success_rule(rules)
    differs = rule.missing(request) if rule.missing else ()
    return Denial(id=DENY_RULE, nearest=rule.id, differs=differs)


def _success_rule(rules: tuple[Rule, ...]) -> Rule:
    """Return the rule that answers valid requests, which is the last of its route."""
    return rules[-1]
