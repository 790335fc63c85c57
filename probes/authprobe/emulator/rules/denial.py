"""What no rule answers is refused, with the rule that comes nearest and the fields that differ."""

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
    """Why nothing was answered."""

    id: str
    nearest: str
    """The id of a rule, or a host."""
    differs: tuple[str, ...]
    """`method`, `host`, `path`, or the names of headers and parameters."""

    def __str__(self) -> str:
        differs = f"; differs: {', '.join(self.differs)}" if self.differs else ""
        return f"nearest: {self.nearest}{differs}"

    @property
    def answer(self) -> Answer:
        """404 for a place that is not there, 403 for a request that nobody has reported."""
        status, kind = (
            (403, "permission_error") if self.id == DENY_RULE else (404, "not_found_error")
        )
        return refusal(status, kind, f"authprobe knows no rule for this request ({self})")


def deny_host(host: str) -> Denial:
    """For a name that is not emulated."""
    return Denial(id=DENY_HOST, nearest=closest(host, HOSTS, cutoff=0) or host, differs=("host",))


def deny_route(request: RequestContext) -> Denial:
    """For a method, host and path that no rule is about."""
    asked = (request.method, request.host, request.path)

    def likeness(route: tuple[str, str, str]) -> tuple[int, float]:
        same = sum(ours == theirs for ours, theirs in zip(route, asked, strict=True))
        return same, difflib.SequenceMatcher(None, request.path[:200], route[2]).ratio()

    route = max(ROUTES, key=likeness)
    names = zip(("method", "host", "path"), route, asked, strict=True)
    differs = tuple(name for name, ours, theirs in names if ours != theirs)
    return Denial(id=DENY_ROUTE, nearest=_passing(ROUTES[route]).id, differs=differs)


def deny_rule(request: RequestContext, rules: tuple[Rule, ...]) -> Denial:
    """For a place that is known, and a request there that no rule is about."""
    rule = _passing(rules)
    differs = rule.lacks(request) if rule.lacks else ()
    return Denial(id=DENY_RULE, nearest=rule.id, differs=differs)


def _passing(rules: tuple[Rule, ...]) -> Rule:
    """The rule by which a good request is answered: the last of its route."""
    return rules[-1]
