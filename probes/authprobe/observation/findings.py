"""Findings: misbehaviour of a client, by stable names, derived from an observation."""

import itertools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from authprobe.core.claude_api import PERMANENT_STATUSES, TOKEN_PATH_SUFFIX, is_inference_path
from authprobe.observation.model import (
    CLAIMED_SUCCESS,
    COMMAND_SILENT,
    Exchange,
    LoginState,
    Observation,
    Outcome,
)

PROCESS_EXIT_MESSAGE: Final = re.compile(
    r".{0,80}(exited with|exit) code \d+.{0,80}", re.IGNORECASE
)
"""A message such as "Claude Code process exited with code 1" (code.claude.com/docs/en/errors)."""
MAX_RETRY_PERIOD: Final = 30.0
"""Seconds after a permanent refusal in which a client should have given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One instance of client misbehaviour."""

    name: str
    text: str
    """The evidence, as a phrase."""


def find_findings(observation: Observation) -> tuple[Finding, ...]:
    """Return the findings of an observation, most severe first."""
    texts = ((name, detector.detect(observation)) for name, detector in _DETECTORS.items())
    return tuple(Finding(name=name, text=text) for name, text in texts if text is not None)


def finding_meanings() -> dict[str, str]:
    """Return the meaning of each finding by its name, most severe first."""
    return {name: detector.meaning for name, detector in _DETECTORS.items()}


def _model_requests(observation: Observation) -> list[Exchange]:
    return [exchange for exchange in observation.exchanges if is_inference_path(exchange.path)]


def _permanent_refusals(observation: Observation) -> list[Exchange]:
    return [e for e in _model_requests(observation) if e.status in PERMANENT_STATUSES]


def _token_requests(observation: Observation) -> list[Exchange]:
    return [e for e in observation.exchanges if e.path.endswith(TOKEN_PATH_SUFFIX)]


def _retries(observation: Observation) -> str | None:
    refusals = Counter((e.body, e.credential, e.status) for e in _permanent_refusals(observation))
    if not refusals or max(refusals.values()) < 2:
        return None
    (_, credential, status), count = refusals.most_common(1)[0]
    requests = f"the same request {count} times with {credential or 'no credential'}"
    return f"{requests}, each refused with {status}"


def _never_gives_up(observation: Observation) -> str | None:
    refusals = _permanent_refusals(observation)
    if not refusals:
        return None
    period = max(exchange.at for exchange in _model_requests(observation)) - refusals[0].at
    if period > MAX_RETRY_PERIOD:
        return f"still sending requests {period:.0f} s after a {refusals[0].status}"
    return None


def _refreshes_twice(observation: Observation) -> str | None:
    refreshes = [exchange for exchange in _token_requests(observation) if exchange.credential]
    refreshes.sort(key=lambda exchange: (exchange.credential or "", exchange.at))
    for token, group in itertools.groupby(refreshes, key=lambda exchange: exchange.credential):
        statuses = [exchange.status for exchange in group]
        if 200 in statuses[:-1]:
            return f"{token} was sent {len(statuses)} times, and is valid for one use"
    return None


def has_error_message(observation: Observation) -> bool:
    """Return True if the user was told more than that a process has exited."""
    message = (observation.message or "").strip()
    return bool(message) and not PROCESS_EXIT_MESSAGE.fullmatch(message)


def _hides_error(observation: Observation) -> str | None:
    requests = _model_requests(observation)
    last = requests[-1] if requests else None
    if last is None or (last.status or 0) < 400 or observation.outcome in _WITHOUT_MESSAGE:
        return None
    message = observation.message
    if has_error_message(observation):
        return None
    return f"the last response was {last.status}, and the user was told: {message or 'nothing'}"


_WITHOUT_MESSAGE: Final = (
    Outcome.TIMED_OUT,
    Outcome.CRASHED,
    Outcome.UNAVAILABLE,
    Outcome.ACCEPTED,
)
"""Outcomes without an error message, for which other findings exist."""


def _last_status(requests: list[Exchange]) -> str:
    return str(requests[-1].status or "missing")


def _claims_success(observation: Observation) -> str | None:
    requests = _model_requests(observation)
    if CLAIMED_SUCCESS in (observation.detail or ""):
        return (
            f"the last response was {_last_status(requests)}" if requests else "it asked no model"
        )
    if observation.outcome is not Outcome.ACCEPTED or not requests:
        return None
    if (requests[-1].status or 0) >= 400:
        return f"the last response was {requests[-1].status}"
    is_empty = observation.exit_code == 0 and not observation.message
    if COMMAND_SILENT in (observation.detail or ""):
        return None
    return "the response was empty" if is_empty else None


def _crashes(observation: Observation) -> str | None:
    if observation.outcome is not Outcome.CRASHED:
        return None
    return observation.detail or "without a reason"


def _loses_login(observation: Observation) -> str | None:
    login = observation.stored_login
    refreshes = _token_requests(observation)
    if login is None or login.state is LoginState.USABLE or not refreshes:
        return None
    exchanged = {exchange.credential for exchange in refreshes if exchange.status == 200}
    refused = {e.credential for e in refreshes if e.error_type == "invalid_grant"}
    if refused - exchanged:
        return None  # the server refused a token that no other session had used
    if login.state is LoginState.STALE and not exchanged:
        return None  # the login is unchanged
    status = refreshes[-1].status
    return f"it is {login.state} after the token endpoint answered {status or 'nothing'}"


def _loses_session(observation: Observation) -> str | None:
    refreshed = any(exchange.status == 200 for exchange in _token_requests(observation))
    sessions = observation.sessions
    accepted = [session for session in sessions if session.outcome is Outcome.ACCEPTED]
    lost = [session for session in sessions if session.outcome in _LOST]
    if not (refreshed and accepted and lost):
        return None
    return f"{len(lost)} of {len(sessions)} sessions were lost, although the login was refreshed"


_LOST: Final = (Outcome.REJECTED, Outcome.TIMED_OUT)


def _leaks(observation: Observation) -> str | None:
    return f"in {', '.join(observation.leaks)}" if observation.leaks else None


class _Detector(NamedTuple):
    """Meaning of a finding, and a function that returns the evidence for it, or None."""

    meaning: str
    detect: Callable[[Observation], str | None]


_DETECTORS: Final[dict[str, _Detector]] = {
    "leaks-token": _Detector(
        "The client left a token in a file or in its output where no token belongs.", _leaks
    ),
    "loses-login": _Detector(
        "The stored login became unusable although the server never rejected it.", _loses_login
    ),
    "loses-session": _Detector(
        "A session was rejected although another session had refreshed their shared login.",
        _loses_session,
    ),
    "claims-success": _Detector(
        "The client reported a refusal or an empty response as success.", _claims_success
    ),
    "crashes": _Detector("The program ended without a message for its user.", _crashes),
    "hides-error": _Detector(
        "The user was not told about a refusal, or only that a process had exited.", _hides_error
    ),
    "never-gives-up": _Detector(
        "The client still sent requests half a minute after a permanent refusal.", _never_gives_up
    ),
    "refreshes-twice": _Detector(
        "The client sent a refresh token again after it had been exchanged.", _refreshes_twice
    ),
    "retries-permanent-refusal": _Detector(
        "The client repeated a request with the same credential after a permanent refusal.",
        _retries,
    ),
}
"""All findings by name, most severe first."""
