"""Fields of an observation by the names that a user asks for them with, and their values."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from authprobe.core.claude_api import (
    AUTHORIZE_PATH_SUFFIX,
    MESSAGES_PATH,
    PERMANENT_STATUSES,
    TOKEN_PATH_SUFFIX,
)
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import SettingsError
from authprobe.observation.findings import find
from authprobe.observation.fingerprint import NONE, credential_words, fingerprint, is_auth_request
from authprobe.observation.model import Exchange, Observation, Outcome

Value = tuple[str, ...]
"""A field as sorted texts, so that neither order nor number counts where they are chance."""


def _one(value: object) -> Value:
    return (NONE if value is None else str(value),)


def _of_exchanges(
    read: Callable[[Exchange], Iterable[object]],
    among: Callable[[Exchange], bool] = is_auth_request,
) -> Callable[[Observation], Value]:
    """The different values in all of these requests."""

    def values(seen: Observation) -> Value:
        found = {_one(x)[0] for e in seen.exchanges if among(e) for x in read(e)}
        return tuple(sorted(found))

    return values


def _asks_model(exchange: Exchange) -> bool:
    return exchange.path == MESSAGES_PATH


def _asks_for_token(exchange: Exchange) -> bool:
    return exchange.path.endswith(TOKEN_PATH_SUFFIX)


def _authorizes(exchange: Exchange) -> bool:
    return exchange.path.endswith(AUTHORIZE_PATH_SUFFIX)


def _credential(exchange: Exchange) -> Iterable[object]:
    yield credential_words(exchange.credential or NONE, exchange.credential_header)


GOES_ON: Final = "goes on"
_MANY: Final = 3
"""Refusals of one request, after which a client that is still running will ask again."""


def keeps_retrying(seen: Observation) -> bool:
    """Whether a client was still asking what it had been refused for good, when its time was up."""
    return seen.outcome is Outcome.TIMED_OUT and _most_refusals(seen) >= _MANY


def bypassed_proxy(seen: Observation) -> bool:
    """Whether a client that could not connect did not even come to the proxy: nothing can be seen
    of one that takes no proxy from its environment.
    """
    return seen.outcome is Outcome.UNREACHABLE and not seen.exchanges


def _most_refusals(seen: Observation) -> int:
    """How often the request was refused that was refused most often; 401 and the like."""
    refused = (e.body for e in seen.exchanges if _asks_model(e) and e.status in PERMANENT_STATUSES)
    return max(Counter(refused).values(), default=0)


def _refusals(seen: Observation) -> Value:
    return (GOES_ON if keeps_retrying(seen) else str(_most_refusals(seen)),)


SELECTORS: Final[dict[str, Callable[[Observation], Value]]] = {
    "outcome": lambda seen: _one(seen.outcome.value),
    "status": lambda seen: _one(seen.status),
    "reported_status": lambda seen: _one(seen.reported_status),
    "error_type": lambda seen: _one(seen.error_type),
    "message": lambda seen: _one(fingerprint(seen).message),
    "exit_code": lambda seen: _one(seen.exit_code),
    "requests": lambda seen: fingerprint(seen).requests,
    "betas": _of_exchanges(lambda exchange: exchange.betas),
    "refusals": _refusals,
    "findings": lambda seen: tuple(sorted(finding.name for finding in find(seen))),
    "stored_login": lambda seen: _one(seen.stored_login and seen.stored_login.state.value),
    "stored_login.access": lambda seen: _one(seen.stored_login and seen.stored_login.access),
    "stored_login.mode": lambda seen: _one(seen.stored_login and seen.stored_login.mode),
    "model.credential": _of_exchanges(_credential, _asks_model),
    "model.betas": _of_exchanges(lambda exchange: exchange.betas, _asks_model),
    "token.host": _of_exchanges(lambda exchange: [exchange.host], _asks_for_token),
    "authorize.host": _of_exchanges(lambda exchange: [exchange.host], _authorizes),
    "authorize.scopes": _of_exchanges(lambda exchange: exchange.scopes, _authorizes),
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

EXIT_FIELDS: Final = frozenset({"outcome", "status", "reported_status", "message", "exit_code"})
"""Those that say nothing of a client which was ended while it went on asking."""


def check_field(name: str) -> None:
    """See that there is such a field.

    Raises:
        SettingsError: there is none.
    """
    if name not in SELECTORS:
        hint = did_you_mean(name, SELECTORS, otherwise=f"choose from {', '.join(SELECTORS)}")
        raise SettingsError(f"--when {name}: no such field{hint}")
