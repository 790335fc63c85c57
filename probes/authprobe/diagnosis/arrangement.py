"""Tell whether a scenario arranged a refusal, so that its cause explains no failure."""

from typing import Final

from authprobe.core.targets import Target
from authprobe.emulator.config import TokenState
from authprobe.observation.fingerprint import is_auth_request
from authprobe.observation.model import Exchange, Observation, Outcome
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import Expectation, Form

_STATES: Final = {
    "access-token-expired": {TokenState.EXPIRED},
    "access-token-revoked": {TokenState.REVOKED},
    "api-key-invalid": {TokenState.UNKNOWN, TokenState.REVOKED, TokenState.EXPIRED},
    "bearer-unknown": {TokenState.UNKNOWN, TokenState.USED},
    "credential-blanked": {TokenState.BLANKED},
    "federation-refused": {TokenState.UNKNOWN, TokenState.EXPIRED, TokenState.USED},
    "gateway-own-key": {TokenState.UNKNOWN, TokenState.REVOKED, TokenState.EXPIRED},
    "gateway-upstream-credential": {TokenState.UNKNOWN, TokenState.REVOKED, TokenState.EXPIRED},
    "refresh-token-rejected": {TokenState.REVOKED, TokenState.USED, TokenState.UNKNOWN},
}
"""Causes that a credential's state arranges."""
_FORMS: Final = {
    "api-key-helper-failing": {Form.FAILING, Form.SLOW, Form.CHATTY, Form.SILENT},
    "credential-malformed": set(Form),
    "refresh-token-rejected": {Form.UNKNOWN_REFRESH_TOKEN, Form.NO_REFRESH_TOKEN},
}
"""Causes that the form of a credential arranges."""
_STANDINGS: Final = frozenset(
    {
        "credit-exhausted",
        "extra-usage-exhausted",
        "long-context-not-in-plan",
        "not-a-member",
        "org-disabled",
        "organization-on-hold",
        "org-oauth-disabled",
    }
)
"""Causes that only a backend's `standing` has: the emulator's account is in order otherwise.

A real account can have them by itself."""
_WITHOUT_CREDENTIAL: Final = frozenset({"credential-missing", "gateway-header-missing"})


def is_arranged(record: CaseRecord) -> bool:
    """Return True if the scenario arranged the refusal that the diagnosis of a case explains.

    It did if it expects that refusal, or if a fault, the account, or the state or form of a
    credential led to it.
    """
    if record.diagnosis is None or record.observation.outcome is Outcome.ACCEPTED:
        return True
    return (
        _is_expected(record.expectation, record.observation)
        or _is_fault(record)
        or _is_state(record, record.diagnosis.id)
    )


def _is_expected(expected: Expectation | None, observation: Observation) -> bool:
    return (
        expected is not None
        and observation.outcome is expected.outcome
        and expected.status in (None, observation.status)
        and expected.error_type in (None, observation.error_type)
    )


def _is_fault(record: CaseRecord) -> bool:
    """Return True if a fault of the backend affected the last failed request."""
    failed = [exchange for exchange in record.observation.exchanges if _has_failed(exchange)]
    return bool(record.fault and failed and failed[-1].faults)


def _has_failed(exchange: Exchange) -> bool:
    """Return True if a request for authentication, or a connection for it, was not answered."""
    is_relevant = bool(exchange.faults) or is_auth_request(exchange)
    return is_relevant and (
        exchange.status is None
        or exchange.status >= 400
        or exchange.error_type is not None
        or not exchange.complete
        or bool(exchange.faults)
    )


def _is_state(record: CaseRecord, cause: str) -> bool:
    states = {credential.state for credential in record.credentials}
    forms = {credential.form for credential in record.credentials}
    is_account = cause in _STANDINGS and record.target is not Target.LIVE
    return (
        is_account
        or (cause in _WITHOUT_CREDENTIAL and not record.credentials)
        or bool(states & _STATES.get(cause, set()))
        or bool(forms & _FORMS.get(cause, set()))
    )
