"""The table of rules with their sources, and the check of faults against all known names."""

import datetime
from dataclasses import dataclass
from typing import Final

from authprobe.core.suggestions import did_you_mean
from authprobe.emulator.config import Backend, Fault
from authprobe.emulator.faults import ALIASES, CONNECTION_REFUSED, FAULTS
from authprobe.emulator.rules.base import Answer, RequestContext, Rule
from authprobe.emulator.rules.routes import EVERYWHERE, REFUSALS, ROUTES, RULES
from authprobe.emulator.rules.token_endpoint import grant_answer
from authprobe.emulator.state.state import State
from authprobe.errors import SettingsError

EXAMPLE_DATE: Final = datetime.date(2026, 11, 1)
"""Example date for answers that contain one."""

FAULT_NAMES: Final = (*FAULTS, *ALIASES, *sorted(REFUSALS))
"""Every name that a fault can have."""


def check_fault(fault: Fault | str) -> None:
    """Raise if the fault does not exist or its options do not fit it.

    Raises:
        SettingsError: no such fault, or an option that it does not take.
    """
    name = fault if isinstance(fault, str) else fault.name
    if name not in FAULT_NAMES:
        hint = did_you_mean(name, FAULT_NAMES, otherwise="see `authprobe emulator --rules`")
        raise SettingsError(f"no such fault: '{name}'{hint}")
    if isinstance(fault, str):
        return
    kind = FAULTS.get(name)
    rule = RULES.get(ALIASES.get(name, name))
    has_wait = rule is not None and rule.retry_after is not None
    if fault.seconds is not None and not has_wait and (kind is None or kind.seconds is None):
        raise SettingsError(f"'{name}' takes no 'seconds'")
    if fault.seconds is not None and has_wait and fault.seconds % 1 != 0:
        raise SettingsError(
            f"'seconds' of '{name}' must be a whole number, as it is the value of Retry-After"
        )
    if fault.seconds is not None and fault.seconds < 0 and name != "clock-skew":
        raise SettingsError(f"'seconds' of '{name}' must be at least 0")
    if fault.path is not None and kind is not None and kind.connection:
        raise SettingsError(f"'{name}' happens before a request has a path; leave out 'path'")
    if name == CONNECTION_REFUSED and (fault.times is not None or fault.after):
        raise SettingsError(f"'{name}' is not counted; leave out 'times' and 'after'")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRow:
    """A rule, as the docs and the control API list it."""

    id: str
    condition: str
    passes: bool
    """True for a rule that answers valid requests."""
    on_demand: bool
    """True if only a fault triggers the rule, never a request by itself."""
    status: int | None
    """None: depends on the request."""
    error_type: str | None
    message: str | None
    places: tuple[str, ...]
    """Method, host and path; empty: every route."""
    since: str | None
    until: str | None
    first_seen: str | None
    last_seen: str
    retry_after: int | None
    """Seconds in `Retry-After`, which a fault can change; None: the answer has none."""
    certainty: str
    sources: tuple[str, ...]

    @property
    def condition_text(self) -> str:
        """The condition, with the dates between which the rule applies."""
        bounds = (("from", self.since), ("until", self.until))
        days = ", ".join(f"{word} {moment[:10]}" for word, moment in bounds if moment)
        prefix = "on demand: " if self.on_demand else ""
        return f"{prefix}{self.condition}" + (f" ({days})" if days else "")


def rows() -> tuple[CatalogueRow, ...]:
    """Return every rule; refusals come first, by number."""
    routes: dict[str, list[str]] = {}
    for (method, host, path), rules in ROUTES.items():
        for id in dict.fromkeys(rule.id for rule in rules):
            routes.setdefault(id, []).append(f"{method} {host}{path}")
    ordered = sorted(RULES.values(), key=_sort_key)
    return tuple(_row(rule, tuple(routes.get(rule.id, ()))) for rule in ordered)


def _row(rule: Rule, routes: tuple[str, ...]) -> CatalogueRow:
    answer = _example(rule)
    return CatalogueRow(
        id=rule.id,
        condition=rule.condition,
        passes=rule.answers_success,
        on_demand=rule.holds is None,
        status=answer.status if answer else None,
        error_type=answer.error_type if answer else None,
        message=answer.message if answer else None,
        places=() if rule in EVERYWHERE else routes,
        since=rule.since.isoformat(timespec="minutes") if rule.since else None,
        until=rule.until.isoformat(timespec="minutes") if rule.until else None,
        first_seen=rule.first_seen,
        last_seen=rule.last_seen,
        retry_after=rule.retry_after,
        certainty=rule.certainty.value,
        sources=rule.sources,
    )


def _example(rule: Rule) -> Answer | None:
    """Return the rule's answer, for an example request if it depends on one; None: it depends on
    more than a header or the query.
    """
    if isinstance(rule.answer, Answer):
        return rule.answer
    if rule.answers_success or rule.answer is grant_answer:
        return None
    method, host, path = next(place for place, rules in ROUTES.items() if rule in rules)
    match = ROUTES.find(method, host, path)
    state = State(Backend(date=EXAMPLE_DATE))
    headers = {"anthropic-beta": "unknown-flag"}
    query = "scope=user:mcp_servers%25&redirect_uri=https://example.org/"
    return rule.reply(
        RequestContext(
            method=method,
            host=host,
            path=path,
            path_parameters=match.parameters if match else {},
            headers=headers,
            query=query,
            state=state,
        )
    )


def _sort_key(rule: Rule) -> tuple[bool, str]:
    return rule.id[1:3].isdigit() is False, rule.id
