"""Fingerprint: the fields of an observation that baseline and history compare and store."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from authprobe.core.claude_api import AUTHORIZE_PATH_SUFFIX, MESSAGES_PATH, TOKEN_PATH_SUFFIX
from authprobe.observation.model import Exchange, Observation, Outcome

NONE: Final = "none"
_VOLATILE_TEXT: Final = (
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
"""Text that differs in every run, the longest patterns first, and its placeholders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Comparable fields of an observation, without times, ids, order and side requests."""

    outcome: str
    status: int | None = None
    error_type: str | None = None
    message: str | None = None
    exit_code: int | None = None
    sessions: tuple[str, ...] = ()
    """Outcomes of parallel sessions, sorted; empty after a timeout, when they depend on chance."""
    requests: tuple[str, ...] = ()
    """One line per different authentication request, sorted, with its count if that is stable."""


def fingerprint(observation: Observation) -> Fingerprint:
    """Return the fingerprint of an observation."""
    return Fingerprint(
        outcome=observation.outcome.value,
        status=observation.status,
        error_type=observation.error_type,
        message=None if observation.message is None else normalize_text(observation.message),
        exit_code=observation.exit_code,
        sessions=_session_outcomes(observation),
        requests=tuple(sorted(_request_lines(observation))),
    )


def _session_outcomes(observation: Observation) -> tuple[str, ...]:
    if observation.outcome is Outcome.TIMED_OUT:
        return ()
    return tuple(sorted(session.outcome.value for session in observation.sessions))


def normalize_text(text: str) -> str:
    """Return the text with placeholders for ids, times, durations, ports and temporary paths."""
    for pattern, placeholder in _VOLATILE_TEXT:
        text = pattern.sub(placeholder, text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A field whose value differs from the baseline."""

    field: str
    before: str
    after: str


def find_transitions(before: Fingerprint, now: Fingerprint) -> tuple[Transition, ...]:
    """Return a transition for each changed field, in field order, and each changed request."""
    fields = ("outcome", "status", "error_type", "message", "exit_code")
    changed = [
        Transition(field=name, before=value_text(getattr(before, name)), after=value_text(value))
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
    """Return the field and its two values on one line."""
    return f"{transition.field}: {transition.before} → {transition.after}"


def describe_credential(credential: str | None, header: str | None) -> str | None:
    """Return a phrase for a credential's slot and header; None: neither is stated."""
    if NONE in (credential, header):
        return "no credential"
    if credential is None:
        return f"a credential in {header}" if header else None
    return f"{credential} in {header}" if header else credential


def _request_lines(observation: Observation) -> Iterator[str]:
    """Yield a line for each different authentication request.

    Only requests to a model or a token endpoint have a count, and only if the client exited by
    itself: how often it makes others, or how many retries fit into a time limit, is chance.
    """
    requests = [exchange for exchange in observation.exchanges if is_auth_request(exchange)]
    lines = Counter((_request_line(request), has_stable_count(request)) for request in requests)
    exited = observation.outcome is not Outcome.TIMED_OUT
    for (line, is_stable), count in lines.items():
        yield f"{line} ({count} times)" if is_stable and exited and count > 1 else line


def _request_line(exchange: Exchange) -> str:
    credential = describe_credential(exchange.credential or NONE, exchange.credential_header)
    target = f"{exchange.method} {exchange.host}{exchange.path}"
    return f"{target}, {credential}, status {value_text(exchange.status)}"


def has_stable_count(exchange: Exchange) -> bool:
    """Return True for requests whose number a client controls: to a model or token endpoint."""
    return exchange.path == MESSAGES_PATH or exchange.path.endswith(TOKEN_PATH_SUFFIX)


def is_auth_request(exchange: Exchange) -> bool:
    """Return True for requests below `/v1/`, and to token and authorization endpoints."""
    return any(part in exchange.path for part in ("/v1/", TOKEN_PATH_SUFFIX, AUTHORIZE_PATH_SUFFIX))


_REQUEST_LINE: Final = re.compile(r"(?P<line>.*?)(?: \((?P<count>\d+) times\))?", re.DOTALL)


def _request_transitions(before: tuple[str, ...], now: tuple[str, ...]) -> Iterator[Transition]:
    """Yield a transition for each request that is new, missing or differs in its count."""
    old, new = dict(map(_parse_request_line, before)), dict(map(_parse_request_line, now))
    for line in sorted(old.keys() | new.keys()):
        counts = old.get(line, 0), new.get(line, 0)
        if counts[0] != counts[1]:
            was, is_now = map(_count_text, counts)
            yield Transition(field=f"request {line}", before=was, after=is_now)


def _parse_request_line(line: str) -> tuple[str, int]:
    match = _REQUEST_LINE.fullmatch(line)
    assert match is not None  # noqa: S101 - the pattern matches every text
    return match["line"], int(match["count"] or 1)


def _count_text(count: int) -> str:
    return "not made" if count == 0 else "once" if count == 1 else f"{count} times"


def value_text(value: object) -> str:
    """Return a value as text; `none` for None."""
    return NONE if value is None else str(value)
