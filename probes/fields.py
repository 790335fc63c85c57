"""Fields of an observation by the names that a user asks for them with, and their values."""

import difflib
from collections.abc import Callable, Iterable
from typing import Final

from probes.comparison import NONE, comparable, concerns
from probes.errors import SettingsError
from probes.findings import find
from probes.observation import Exchange, Observation

Value = tuple[str, ...]
"""A field as sorted texts, so that neither order nor number counts where they are chance."""


def _one(value: object) -> Value:
    return (NONE if value is None else str(value),)


def _of_exchanges(read: Callable[[Exchange], Iterable[object]]) -> Callable[[Observation], Value]:
    """The different values in all requests that concern authentication."""

    def values(seen: Observation) -> Value:
        found = {_one(x)[0] for e in seen.exchanges if concerns(e) for x in read(e)}
        return tuple(sorted(found))

    return values


FIELDS: Final[dict[str, Callable[[Observation], Value]]] = {
    "outcome": lambda seen: _one(seen.outcome.value),
    "status": lambda seen: _one(seen.status),
    "reported_status": lambda seen: _one(seen.reported_status),
    "error_type": lambda seen: _one(seen.error_type),
    "message": lambda seen: _one(comparable(seen).message),
    "exit_code": lambda seen: _one(seen.exit_code),
    "requests": lambda seen: comparable(seen).requests,
    "betas": _of_exchanges(lambda exchange: exchange.betas),
    "findings": lambda seen: tuple(sorted(finding.name for finding in find(seen))),
    "stored_login": lambda seen: _one(seen.stored_login and seen.stored_login.state.value),
    "exchange.method": _of_exchanges(lambda exchange: [exchange.method]),
    "exchange.host": _of_exchanges(lambda exchange: [exchange.host]),
    "exchange.path": _of_exchanges(lambda exchange: [exchange.path]),
    "exchange.status": _of_exchanges(lambda exchange: [exchange.status]),
    "exchange.credential": _of_exchanges(lambda exchange: [exchange.credential]),
    "exchange.credential_header": _of_exchanges(lambda exchange: [exchange.credential_header]),
    "exchange.rule": _of_exchanges(lambda exchange: [exchange.rule]),
    "exchange.scopes": _of_exchanges(lambda exchange: exchange.scopes),
}
"""What `--when` can name."""


def check_field(name: str) -> None:
    """See that there is such a field.

    Raises:
        SettingsError: there is none.
    """
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(FIELDS)}"
        raise SettingsError(f"--when {name}: there is no such field; {hint}")
