"""Selectors: the fields of an observation that `--when` can name, and their values."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from authprobe.core.claude_api import (
    AUTHORIZE_PATH_SUFFIX,
    PERMANENT_STATUSES,
    TOKEN_PATH_SUFFIX,
    is_inference_path,
)
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import SettingsError
from authprobe.observation.findings import find_findings
from authprobe.observation.fingerprint import (
    NONE,
    describe_credential,
    fingerprint,
    is_auth_request,
    normalize_text,
    value_text,
)
from authprobe.observation.model import Exchange, Observation, Outcome

FieldValue = tuple[str, ...]
"""Values of a field as sorted texts, without duplicates, as order and number may be chance."""


def _single_value(value: object) -> FieldValue:
    return (value_text(value),)


def _exchange_values(
    values_of: Callable[[Exchange], Iterable[object]],
    is_selected: Callable[[Exchange], bool] = is_auth_request,
) -> Callable[[Observation], FieldValue]:
    """Return a selector for the different values in the selected exchanges."""

    def select(observation: Observation) -> FieldValue:
        exchanges = filter(is_selected, observation.exchanges)
        values = {value_text(value) for exchange in exchanges for value in values_of(exchange)}
        return tuple(sorted(values))

    return select


def _is_model_request(exchange: Exchange) -> bool:
    return is_inference_path(exchange.path)


def _is_token_request(exchange: Exchange) -> bool:
    return exchange.path.endswith(TOKEN_PATH_SUFFIX)


def _is_authorization_request(exchange: Exchange) -> bool:
    return exchange.path.endswith(AUTHORIZE_PATH_SUFFIX)


def _credential(exchange: Exchange) -> Iterable[object]:
    yield describe_credential(exchange.credential or NONE, exchange.credential_header)


KEEPS_RETRYING: Final = "goes on"
_MIN_REFUSALS: Final = 3
"""Refusals of one request from which a client that is still running counts as retrying."""


def keeps_retrying(observation: Observation) -> bool:
    """Return True if the client was retrying a permanently refused request at its time limit."""
    return observation.outcome is Outcome.TIMED_OUT and _most_refusals(observation) >= _MIN_REFUSALS


def bypassed_proxy(observation: Observation) -> bool:
    """Return True if the client could not connect and never reached the proxy.

    A client that ignores the proxy variables of its environment cannot be observed.
    """
    return observation.outcome is Outcome.UNREACHABLE and not observation.exchanges


def _most_refusals(observation: Observation) -> int:
    """Return the number of permanent refusals of the request that was refused most often."""
    refusals = Counter(
        exchange.body
        for exchange in observation.exchanges
        if _is_model_request(exchange) and exchange.status in PERMANENT_STATUSES
    )
    return max(refusals.values(), default=0)


def _refusals(observation: Observation) -> FieldValue:
    return (KEEPS_RETRYING if keeps_retrying(observation) else str(_most_refusals(observation)),)


SELECTORS: Final[dict[str, Callable[[Observation], FieldValue]]] = {
    "outcome": lambda observation: _single_value(observation.outcome.value),
    "status": lambda observation: _single_value(observation.status),
    "reported_status": lambda observation: _single_value(observation.reported_status),
    "error_type": lambda observation: _single_value(observation.error_type),
    "message": lambda observation: _single_value(
        observation.message and normalize_text(observation.message)
    ),
    "exit_code": lambda observation: _single_value(observation.exit_code),
    "requests": lambda observation: fingerprint(observation).requests,
    "betas": _exchange_values(lambda exchange: exchange.betas),
    "refusals": _refusals,
    "findings": lambda observation: tuple(
        sorted(finding.name for finding in find_findings(observation))
    ),
    "stored_login": lambda observation: _single_value(
        observation.stored_login and observation.stored_login.state.value
    ),
    "stored_login.access": lambda observation: _single_value(
        observation.stored_login and observation.stored_login.access
    ),
    "stored_login.mode": lambda observation: _single_value(
        observation.stored_login and observation.stored_login.mode
    ),
    "model.credential": _exchange_values(_credential, _is_model_request),
    "model.betas": _exchange_values(lambda exchange: exchange.betas, _is_model_request),
    "token.host": _exchange_values(lambda exchange: [exchange.host], _is_token_request),
    "authorize.host": _exchange_values(lambda exchange: [exchange.host], _is_authorization_request),
    "authorize.scopes": _exchange_values(
        lambda exchange: exchange.scopes, _is_authorization_request
    ),
    "exchange.method": _exchange_values(lambda exchange: [exchange.method]),
    "exchange.host": _exchange_values(lambda exchange: [exchange.host]),
    "exchange.path": _exchange_values(lambda exchange: [exchange.path]),
    "exchange.status": _exchange_values(lambda exchange: [exchange.status]),
    "exchange.credential": _exchange_values(lambda exchange: [exchange.credential]),
    "exchange.credential_header": _exchange_values(lambda exchange: [exchange.credential_header]),
    "exchange.rule": _exchange_values(lambda exchange: [exchange.rule]),
    "exchange.scopes": _exchange_values(lambda exchange: exchange.scopes),
}
"""Functions from an observation to the values of a field, by the name of the field."""

EXIT_FIELDS: Final = frozenset({"outcome", "status", "reported_status", "message", "exit_code"})
"""Fields without meaning for a client that was killed at its time limit while it retried."""


def check_field(name: str) -> None:
    """Check that `--when` can name this field.

    Raises:
        SettingsError: unknown field.
    """
    if name not in SELECTORS:
        hint = did_you_mean(name, SELECTORS, otherwise=f"choose from {', '.join(SELECTORS)}")
        raise SettingsError(f"--when {name}: no such field{hint}")
