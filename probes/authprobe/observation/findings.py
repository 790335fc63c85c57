"""Misbehaviour of a client, by stable names: what an observation shows beside its verdict."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from authprobe.core.claude_api import MESSAGES_PATH, PERMANENT_STATUSES, TOKEN_PATH_SUFFIX
from authprobe.observation.model import Exchange, LoginState, Observation, Outcome

PROCESS_ENDED: Final = re.compile(r".{0,80}(exited with|exit) code \d+.{0,80}", re.IGNORECASE)
"""As in "Claude Code process exited with code 1" (code.claude.com/docs/en/errors)."""
LONG_AFTER: Final = 30.0
"""Seconds after the first permanent refusal in which a client should have told its user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a client should not have done."""

    name: str
    text: str
    """What was seen, in a sentence."""


def find(seen: Observation) -> tuple[Finding, ...]:
    """Every finding, in the order of `NAMES`."""
    found = ((name, look(seen)) for name, look in _LOOKS.items())
    return tuple(Finding(name=name, text=text) for name, text in found if text is not None)


def _inference(seen: Observation) -> list[Exchange]:
    return [exchange for exchange in seen.exchanges if exchange.path == MESSAGES_PATH]


def _refused(seen: Observation) -> list[Exchange]:
    return [exchange for exchange in _inference(seen) if exchange.status in PERMANENT_STATUSES]


def _retries(seen: Observation) -> str | None:
    """The same request, with the same credential, after a refusal that is permanent."""
    asked = Counter((e.body, e.credential, e.status) for e in _refused(seen))
    if not asked or max(asked.values()) < 2:
        return None
    (_, credential, status), times = asked.most_common(1)[0]
    sent = f"the same request {times} times with {credential or 'no credential'}"
    return f"{sent}, each refused with {status}"


def _never_gives_up(seen: Observation) -> str | None:
    """Still asking half a minute after a permanent refusal."""
    refused = _refused(seen)
    if not refused:
        return None
    last = max(exchange.at for exchange in _inference(seen)) - refused[0].at
    if last > LONG_AFTER:
        return f"still asking {last:.0f} s after a {refused[0].status}"
    return None


def _refreshes_twice(seen: Observation) -> str | None:
    """One refresh token sent again after it was exchanged."""
    refreshes = [e for e in seen.exchanges if e.path.endswith(TOKEN_PATH_SUFFIX) and e.credential]
    for token, group in itertools.groupby(
        sorted(refreshes, key=lambda e: (e.credential or "", e.at)), key=lambda e: e.credential
    ):
        statuses = [exchange.status for exchange in group]
        if 200 in statuses[:-1]:
            return f"{token} was sent {len(statuses)} times, and was good for one use"
    return None


def _hides_error(seen: Observation) -> str | None:
    """A refusal of which the user is told nothing, or that a process has ended."""
    asked = _inference(seen)
    last = asked[-1] if asked else None
    if last is None or (last.status or 0) < 400 or seen.outcome in _SILENT:
        return None
    if seen.message and not PROCESS_ENDED.fullmatch(seen.message.strip()):
        return None
    return f"the last answer was {last.status}, and the user was told: {seen.message or 'nothing'}"


_SILENT: Final = (Outcome.TIMED_OUT, Outcome.CRASHED, Outcome.UNAVAILABLE, Outcome.ACCEPTED)


def _claims_success(seen: Observation) -> str | None:
    """A refusal, or an answer with nothing in it, that the user is told of as a good one."""
    asked = _inference(seen)
    if seen.outcome is not Outcome.ACCEPTED or not asked:
        return None
    if (asked[-1].status or 0) >= 400:
        return f"the last answer was {asked[-1].status}"
    silent = seen.exit_code == 0 and not seen.message
    return "the answer was empty" if silent else None


def _crashes(seen: Observation) -> str | None:
    """The program ends without a word that was meant for its user."""
    return (seen.detail or "no reason was given") if seen.outcome is Outcome.CRASHED else None


def _loses_login(seen: Observation) -> str | None:
    """The stored login is worth nothing, though nobody has said that it is."""
    stored = seen.stored_login
    if stored is None or stored.state is LoginState.USABLE:
        return None
    refreshes = [e for e in seen.exchanges if e.path.endswith(TOKEN_PATH_SUFFIX)]
    exchanged = {exchange.credential for exchange in refreshes if exchange.status == 200}
    refused = {e.credential for e in refreshes if e.error_type == "invalid_grant"}
    if refused - exchanged:
        return None  # it was refused for good, and not because another session had used it
    if stored.state is LoginState.STALE and not exchanged:
        return None  # as it was before
    if not refreshes:
        return None
    last = refreshes[-1].status
    return f"it is {stored.state} after the token endpoint answered {last or 'nothing'}"


def _loses_session(seen: Observation) -> str | None:
    """A session that is refused although another has renewed the login which they share."""
    renewed = any(e.path.endswith(TOKEN_PATH_SUFFIX) and e.status == 200 for e in seen.exchanges)
    accepted = [session for session in seen.sessions if session.outcome is Outcome.ACCEPTED]
    lost = [session for session in seen.sessions if session.outcome in _LOST]
    if not (renewed and accepted and lost):
        return None
    return f"{len(lost)} of {len(seen.sessions)} sessions are out, though the login was renewed"


_LOST: Final = (Outcome.REJECTED, Outcome.TIMED_OUT)


def _leaks(seen: Observation) -> str | None:
    """A token in a file, or in what it prints, where none is meant to be."""
    return f"in {', '.join(seen.leaks)}" if seen.leaks else None


_LOOKS: Final[dict[str, Callable[[Observation], str | None]]] = {
    "leaks-token": _leaks,
    "loses-login": _loses_login,
    "loses-session": _loses_session,
    "claims-success": _claims_success,
    "crashes": _crashes,
    "hides-error": _hides_error,
    "never-gives-up": _never_gives_up,
    "refreshes-twice": _refreshes_twice,
    "retries-permanent-refusal": _retries,
}


def names() -> Iterator[tuple[str, str]]:
    """Every name of a finding, worst first, and what it stands for."""
    for name, look in _LOOKS.items():
        yield name, " ".join((look.__doc__ or "").split())
