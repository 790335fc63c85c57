"""What counts as a change between two observations of a case, and how it is told."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from authprobe.core.claude_api import AUTHORIZE_PATH_SUFFIX, MESSAGES_PATH, TOKEN_PATH_SUFFIX
from authprobe.observation.model import Exchange, Observation, Outcome

NONE: Final = "none"
_VARIABLE: Final = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "[id]"),
    (re.compile(r"\b(?:req|msg|toolu|session|org)_[0-9A-Za-z]{6,}\b"), "[id]"),
    (re.compile(r"\bsdk-[0-9A-Za-z]{12,}\b"), "[id]"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{12,}\b", re.IGNORECASE), "[id]"),
    (
        re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"),
        "[time]",
    ),
    (re.compile(r"\b1[0-9]{9}(?:[0-9]{3})?\b"), "[time]"),
    (re.compile(r"\b\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?\b", re.IGNORECASE), "[time]"),
    (re.compile(r"\b(?<=resets )\d{1,2} ?[ap]m\b", re.IGNORECASE), "[time]"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:ms|milliseconds?|s|sec|seconds?)\b"), "[duration]"),
    (re.compile(r"\b(127\.0\.0\.1|localhost):\d+\b"), r"\1:[port]"),
    (re.compile(r"/tmp/[^\s'\"]+"), "[path]"),  # noqa: S108
)
"""What differs from one run to the next though nothing has changed, the longest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What two runs are compared by: no times, no ids, no order, no side requests."""

    outcome: str
    status: int | None = None
    error_type: str | None = None
    message: str | None = None
    exit_code: int | None = None
    sessions: tuple[str, ...] = ()
    """What came of each that was started at once, sorted; not where one was cut short by chance."""
    requests: tuple[str, ...] = ()
    """Each that concerns authentication as a line, sorted; with its number where that is stable."""


def fingerprint(seen: Observation) -> Fingerprint:
    """What of an observation counts as a change, if it is another the next time."""
    return Fingerprint(
        outcome=seen.outcome.value,
        status=seen.status,
        error_type=seen.error_type,
        message=None if seen.message is None else normalize_text(seen.message),
        exit_code=seen.exit_code,
        sessions=_sessions(seen),
        requests=tuple(sorted(_requests(seen))),
    )


def _sessions(seen: Observation) -> tuple[str, ...]:
    if seen.outcome is Outcome.TIMED_OUT:
        return ()
    return tuple(sorted(session.outcome.value for session in seen.sessions))


def normalize_text(text: str) -> str:
    """The text with a word in the place of each id, time, duration, port and temporary path."""
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A field whose value differs from the baseline."""

    field: str
    before: str
    after: str


def transitions(before: Fingerprint, now: Fingerprint) -> tuple[Transition, ...]:
    """Every field that has changed, in the order of the fields; requests one by one."""
    fields = ("outcome", "status", "error_type", "message", "exit_code")
    changed = [
        Transition(field=name, before=_shown(getattr(before, name)), after=_shown(value))
        for name in fields
        if (value := getattr(now, name)) != getattr(before, name)
    ]
    if now.sessions != before.sessions:
        changed.append(
            Transition(
                field="sessions", before=", ".join(before.sessions), after=", ".join(now.sessions)
            )
        )
    return (*changed, *_request_transitions(before.requests, now.requests))


def describe_transition(transition: Transition) -> str:
    """What it was and what it is, in one line."""
    return f"{transition.field}: {transition.before} → {transition.after}"


def credential_words(credential: str | None, header: str | None) -> str | None:
    """The slot of a credential and the header that it stands in; None: nothing is stated."""
    if NONE in (credential, header):
        return "no credential"
    if credential is None:
        return f"a credential in {header}" if header else None
    return f"{credential} in {header}" if header else credential


def _requests(seen: Observation) -> Iterator[str]:
    """The lines of all requests that concern authentication.

    A number is told for those to a model or a token endpoint only, and only of a client that came
    to an end by itself: how often the others are made, and how many retries fit into a time limit,
    is chance.
    """
    lines = Counter((_line(e), has_stable_count(e)) for e in seen.exchanges if is_auth_request(e))
    ended = seen.outcome is not Outcome.TIMED_OUT
    for (line, counted), times in lines.items():
        yield f"{line} ({times} times)" if counted and ended and times > 1 else line


def _line(exchange: Exchange) -> str:
    sent = credential_words(exchange.credential or NONE, exchange.credential_header)
    target = f"{exchange.method} {exchange.host}{exchange.path}"
    return f"{target}, {sent}, status {_shown(exchange.status)}"


def has_stable_count(exchange: Exchange) -> bool:
    """Whether a client makes it as often as it means to: to a model, or to a token endpoint."""
    return exchange.path == MESSAGES_PATH or exchange.path.endswith(TOKEN_PATH_SUFFIX)


def is_auth_request(exchange: Exchange) -> bool:
    """Whether a request is to a model, a token or an authorization endpoint, or another below
    `/v1/`.
    """
    return any(part in exchange.path for part in ("/v1/", TOKEN_PATH_SUFFIX, AUTHORIZE_PATH_SUFFIX))


_TIMES: Final = re.compile(r"(?P<line>.*?)(?: \((?P<times>\d+) times\))?", re.DOTALL)


def _request_transitions(before: tuple[str, ...], now: tuple[str, ...]) -> Iterator[Transition]:
    """A line for each request that is new, gone, or made another number of times."""
    old, new = dict(map(_read, before)), dict(map(_read, now))
    for line in sorted(old.keys() | new.keys()):
        was, now_is = old.get(line, 0), new.get(line, 0)
        if was != now_is:
            yield Transition(field=f"request {line}", before=_times(was), after=_times(now_is))


def _read(line: str) -> tuple[str, int]:
    found = _TIMES.fullmatch(line)
    assert found is not None  # noqa: S101 - it matches every text
    return found["line"], int(found["times"] or 1)


def _times(number: int) -> str:
    return "not made" if number == 0 else "once" if number == 1 else f"{number} times"


def _shown(value: object) -> str:
    return NONE if value is None else str(value)
