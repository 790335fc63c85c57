"""Fingerprint: the fields of an observation that baseline and history compare and store."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypedDict

from authprobe.core.claude_api import AUTHORIZE_PATH_SUFFIX, TOKEN_PATH_SUFFIX, is_inference_path
from authprobe.core.escaping import changed_parts
from authprobe.observation.findings import find_findings
from authprobe.observation.model import Exchange, Observation, Outcome, StoredLogin

NONE: Final = "none"
_STATUS_NONE: Final = ", status none"
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
    (
        re.compile(
            r"\b((?:\w*(?:Ms|_ms|[Mm]illis|[Ss]econds|[Ee]lapsed|[Dd]uration)|ms)[\"']?[=:] ?)"
            r"\d+(?:\.\d+)?\b"
        ),
        r"\1[duration]",
    ),
    (re.compile(r"\b(127\.0\.0\.1|localhost):\d+\b"), r"\1:[port]"),
    (re.compile(r"/tmp/[^\s'\"]+"), "[path]"),  # noqa: S108
)
"""Text that differs in every run, the longest patterns first, and its placeholders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Comparable fields of an observation, without times, ids, order and side requests.

    A field after `requests` that is None is unknown, as in the fingerprints of authprobe 0.1, or
    has no meaning. It is not compared, so never a change.
    """

    outcome: str
    status: int | None = None
    error_type: str | None = None
    message: str | None = None
    exit_code: int | None = None
    sessions: tuple[str, ...] = ()
    """Outcomes of parallel sessions, sorted; empty after a timeout, when they depend on chance."""
    requests: tuple[str, ...] = ()
    """One line per different authentication request, sorted, with its count if that is stable."""
    findings: tuple[str, ...] | None = None
    stored_login: str | None = None
    """State of the stored login; `none` without one."""
    stored_access: str | None = None
    stored_refresh: str | None = None
    stored_expiry: str | None = None
    stored_subscription: str | None = None
    stored_mode: str | None = None
    leaks: tuple[str, ...] | None = None
    headers: tuple[str, ...] | None = None
    """Headers of the requests to a model, without the values of credentials."""
    betas: tuple[str, ...] | None = None
    """Beta flags of all requests to a model: which of them is the last one depends on chance."""
    scopes: tuple[str, ...] | None = None
    """Scopes of all authorization requests."""
    refused_hosts: tuple[str, ...] | None = None
    """None for parallel sessions, where they depend on chance."""


def fingerprint(observation: Observation) -> Fingerprint:
    """Return the fingerprint of an observation."""
    hosts = None if observation.sessions else _sorted(observation.egress_refused)
    return Fingerprint(
        outcome=observation.outcome.value,
        status=observation.status,
        error_type=observation.error_type,
        message=None if observation.message is None else normalize_text(observation.message),
        exit_code=observation.exit_code,
        sessions=_session_outcomes(observation),
        requests=tuple(sorted(_request_lines(observation))),
        findings=_sorted(finding.name for finding in find_findings(observation)),
        leaks=_sorted(map(normalize_text, observation.leaks)),
        refused_hosts=hosts,
        headers=_header_texts(observation),
        betas=_betas(observation),
        scopes=_sorted(scope for each in observation.exchanges for scope in each.scopes),
        **_login_fields(observation.stored_login),
    )


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _session_outcomes(observation: Observation) -> tuple[str, ...]:
    if observation.outcome is Outcome.TIMED_OUT:
        return ()
    return tuple(sorted(session.outcome.value for session in observation.sessions))


class _LoginFields(TypedDict, total=False):
    """Fields of a fingerprint about the stored login."""

    stored_login: str
    stored_access: str
    stored_refresh: str
    stored_expiry: str
    stored_subscription: str
    stored_mode: str


def _login_fields(login: StoredLogin | None) -> _LoginFields:
    if login is None:
        return {"stored_login": NONE}
    return {
        "stored_login": login.state.value,
        "stored_access": value_text(login.access),
        "stored_refresh": value_text(login.refresh),
        "stored_expiry": value_text(login.expiry),
        "stored_subscription": value_text(login.subscription),
        "stored_mode": value_text(login.mode),
    }


def _model_requests(observation: Observation) -> list[Exchange]:
    return [exchange for exchange in observation.exchanges if is_inference_path(exchange.path)]


def _header_texts(observation: Observation) -> tuple[str, ...] | None:
    """Return the headers of the requests to a model; None without one, which has its own line."""
    requests = _model_requests(observation)
    headers = (item for request in requests for item in request.headers.items())
    texts = _sorted(_header_text(*item) for item in headers if item[0] != "user-agent")
    return texts if requests else None


def _header_text(name: str, value: str) -> str:
    return f"{name} {value}" if name == "anthropic-version" else name


def _betas(observation: Observation) -> tuple[str, ...] | None:
    requests = _model_requests(observation)
    return _sorted(flag for each in requests for flag in each.betas) if requests else None


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
    """Return a transition for each changed field, in reading order, and each changed request."""
    return (
        *find_outcome_transitions(before, now),
        *_set_transitions(before, now, "findings"),
        *_value_transitions(before, now, _LoginFields.__annotations__),
        *_set_transitions(before, now, "leaks"),
        *_request_transitions(before, now),
        *_set_transitions(before, now, "headers"),
        *_set_transitions(before, now, "betas"),
        *_set_transitions(before, now, "scopes"),
        *_set_transitions(before, now, "refused_hosts"),
    )


def is_same(before: Fingerprint, now: Fingerprint) -> bool:
    """Return True if no field that both have differs."""
    return before == now or not find_transitions(before, now)


def find_outcome_transitions(before: Fingerprint, now: Fingerprint) -> tuple[Transition, ...]:
    """Return the transitions in what a user of the client sees."""
    changed = [
        Transition(field=name, before=value_text(getattr(before, name)), after=value_text(value))
        for name in ("outcome", "status", "error_type", "message", "exit_code")
        if (value := getattr(now, name)) != getattr(before, name)
    ]
    if now.sessions != before.sessions and Outcome.TIMED_OUT not in (before.outcome, now.outcome):
        texts = [", ".join(each.sessions) or NONE for each in (before, now)]
        changed.append(Transition(field="sessions", before=texts[0], after=texts[1]))
    return tuple(changed)


class _Set(NamedTuple):
    """Words for the members of a field that is a set."""

    noun: str
    plural: str
    without: str
    present: str


_SETS: Final = {
    "findings": _Set("finding", "findings", "no", "yes"),
    "leaks": _Set("token left in", "tokens left in", "no", "yes"),
    "headers": _Set("header", "headers", "not sent", "sent"),
    "betas": _Set("beta flag", "beta flags", "not sent", "sent"),
    "scopes": _Set("scope", "scopes", "not requested", "requested"),
    "refused_hosts": _Set("refused host", "refused hosts", "not contacted", "contacted"),
}


def _value_transitions(
    before: Fingerprint, now: Fingerprint, fields: Iterable[str]
) -> Iterator[Transition]:
    for name in fields:
        old, new = getattr(before, name), getattr(now, name)
        if None not in (old, new) and old != new:
            yield Transition(field=name, before=old, after=new)


def _set_transitions(before: Fingerprint, now: Fingerprint, name: str) -> Iterator[Transition]:
    """Yield a transition for each member that only one side has."""
    old, new = getattr(before, name), getattr(now, name)
    if old is None or new is None:
        return
    words = _SETS[name]
    for member in sorted({*old} ^ {*new}):
        was, is_now = (words.without, words.present)[:: 1 if member in new else -1]
        yield Transition(field=f"{words.noun} {member}", before=was, after=is_now)


CLIENT: Final = "client"
"""Field of the transition between two versions of the client."""


def describe_transition(transition: Transition) -> str:
    """Return the field and its two values on one line."""
    colon = "" if transition.field == CLIENT else ":"
    before, after = changed_parts(transition.before, transition.after)
    return f"{transition.field}{colon} {_answered(before)} → {_answered(after)}"


def _answered(text: str) -> str:
    """Return a value of a transition, whose request has its status as baselines store it."""
    return text.replace(_STATUS_NONE, ", no response")


def describe_transitions(transitions: Iterable[Transition]) -> tuple[str, ...]:
    """Return a line for each transition, and one for all members of a set that changed alike."""
    return tuple(map(describe_transition, _merged(transitions)))


def _merged(transitions: Iterable[Transition]) -> Iterator[Transition]:
    """Yield the transitions, with one for `beta flag a` and `beta flag b` that are both new."""
    plurals = {f"{words.noun} ": f"{words.plural} " for words in _SETS.values()}
    kinds: dict[tuple[str, str, str], list[Transition]] = {}
    for each in transitions:
        noun = next(filter(each.field.startswith, plurals), each.field)
        kinds.setdefault((noun, each.before, each.after), []).append(each)
    for (noun, _, _), alike in kinds.items():
        if len(alike) == 1 or noun not in plurals:
            yield from alike
        else:
            members = ", ".join(each.field.removeprefix(noun) for each in alike)
            yield replace(alike[0], field=f"{plurals[noun]}{members}")


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
    return _is_counted(exchange.path)


def _is_counted(path: str) -> bool:
    return is_inference_path(path) or path.endswith(TOKEN_PATH_SUFFIX)


def is_auth_request(exchange: Exchange) -> bool:
    """Return True for requests below `/v1/`, and to token and authorization endpoints."""
    return is_auth_path(exchange.path)


def is_auth_path(path: str) -> bool:
    """Return True for a path of a request that concerns authentication."""
    parts = "/v1/", TOKEN_PATH_SUFFIX, AUTHORIZE_PATH_SUFFIX
    return any(part in path for part in parts) or is_inference_path(path)


_REQUEST_LINE: Final = re.compile(
    r"(?P<line>\S* ?[^/,]*(?P<path>[^,]*).*?)(?: \((?P<count>\d+) times\))?", re.DOTALL
)


def _request_transitions(before: Fingerprint, now: Fingerprint) -> Iterator[Transition]:
    """Yield a transition for each request that is new, missing or differs in its known count."""
    old, new = _request_counts(before), _request_counts(now)
    for line in sorted(old.keys() | new.keys()):
        counts = old.get(line, 0), new.get(line, 0)
        if counts[0] != counts[1] and (None not in counts or 0 in counts):
            was, is_now = map(_count_text, counts)
            yield Transition(field=f"request {line}", before=was, after=is_now)


def _request_counts(seen: Fingerprint) -> dict[str, int | None]:
    """Return the number of each request; None: made, but the number is chance."""
    counts: dict[str, int | None] = {}
    for text in seen.requests:
        match = _REQUEST_LINE.fullmatch(text)
        assert match is not None  # noqa: S101 - the pattern matches every text
        is_known = seen.outcome != Outcome.TIMED_OUT and _is_counted(match["path"])
        counts[match["line"]] = int(match["count"] or 1) if is_known else None
    return counts


def _count_text(count: int | None) -> str:
    words = {None: "made", 0: "not made", 1: "once"}
    return words.get(count, f"{count} times")


def value_text(value: object) -> str:
    """Return a value as text; `none` for None."""
    return NONE if value is None else str(value)
