"""Comparison of two observations of a case: outcome, requests, stored login and leaks."""

import dataclasses
import enum
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.observation.fingerprint import (
    NONE,
    describe_credential,
    find_outcome_transitions,
    fingerprint,
    has_stable_count,
    is_auth_request,
    normalize_text,
    value_text,
)
from authprobe.observation.model import Exchange, Observation, Outcome, StoredLogin
from authprobe.observation.selectors import KEEPS_RETRYING, keeps_retrying

REQUESTED, NOT_REQUESTED = "made", "not made"
SENT, NOT_SENT = "sent", "not sent"
NO_FILE: Final = "no file"
MAX_VALUES_SHOWN: Final = 3
"""Values of one subject that a change lists; the rest is a number."""
MAX_COMPARED_OBSERVATIONS: Final = 8
"""Observations of each side that are compared to tell changes from noise."""


class Aspect(enum.StrEnum):
    """Aspect in which two observations differ."""

    VERDICT = "verdict"
    FINDING = "finding"
    OUTCOME = "outcome"
    """Outcome, exit code and message to the user."""
    REQUEST = "request"
    HOST = "host"
    """Host of the same request."""
    CREDENTIAL = "credential"
    """Credential that is sent, and its header."""
    BETAS = "betas"
    """One flag in `anthropic-beta`."""
    HEADER = "header"
    SCOPES = "scopes"
    """Scopes that an authorization request asks for."""
    ANSWER = "answer"
    """Status of the response."""
    TIMES = "times"
    """Number of different requests, without repetitions."""
    RETRIES = "retries"
    """Number of repetitions of the same request."""
    ORDER = "order"
    LOGIN = "login"
    """Credentials file after the client has exited."""
    LEAKS = "leaks"
    """Places of leaked tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A difference in one aspect of one subject."""

    aspect: Aspect
    subject: str
    """Field or request that differs."""
    before: str
    after: str


COMPARED_HEADERS: Final = ("anthropic-version", "content-type")
"""Request headers that are compared. Credentials are compared by slot instead, and the user-agent
differs in every version."""

RequestKey = tuple[str, str]
"""Method and normalised path of a request; the host of a refused connection."""


def stable_changes(
    before: Sequence[Observation], after: Sequence[Observation]
) -> tuple[Change, ...]:
    """Return the changes that are present in every before/after pair; all others are noise.

    A subject that varies on both sides is noise too, such as an id. If only one side varies, it is
    a change unless one of its values equals the other side's. Only the first observations of each
    side are compared.
    """
    pairs = [
        {(change.aspect, change.subject): change for change in compare_observations(one, other)}
        for one in before[:MAX_COMPARED_OBSERVATIONS]
        for other in after[:MAX_COMPARED_OBSERVATIONS]
    ]
    common = [key for key in pairs[0] if all(key in changes for changes in pairs)]
    stable = (_stable_change([changes[key] for changes in pairs]) for key in common)
    return tuple(change for change in stable if change)


def _stable_change(changes: Sequence[Change]) -> Change | None:
    """Merge the changes of one subject into one; None: they are noise."""
    old, new = (tuple(dict.fromkeys(texts)) for texts in zip(*map(_sides, changes), strict=True))
    if len(old) > 1 < len(new) or set(old) & set(new):
        return None
    return dataclasses.replace(
        changes[0], before=_join_alternatives(old), after=_join_alternatives(new)
    )


def _sides(change: Change) -> tuple[str, str]:
    return change.before, change.after


def _join_alternatives(texts: Sequence[str]) -> str:
    more = [f"{len(texts) - MAX_VALUES_SHOWN} others"] if len(texts) > MAX_VALUES_SHOWN else []
    return ", or ".join([*texts[:MAX_VALUES_SHOWN], *more])


def compare_observations(before: Observation, after: Observation) -> tuple[Change, ...]:
    """Return all differences in the order of `Aspect`, ignoring ids and times."""
    changes = (
        *_outcome_changes(before, after),
        *_request_changes(before, after),
        *_residue_changes(before, after),
    )
    return tuple(sort_changes(changes))


def sort_changes(changes: Iterable[Change]) -> list[Change]:
    """Return the changes in the order of `Aspect`."""
    return sorted(changes, key=lambda change: list(Aspect).index(change.aspect))


def _outcome_changes(before: Observation, after: Observation) -> Iterator[Change]:
    for transition in find_outcome_transitions(fingerprint(before), fingerprint(after)):
        yield Change(
            aspect=Aspect.OUTCOME,
            subject=transition.field,
            before=transition.before,
            after=transition.after,
        )
    yield from _value_changes(
        Aspect.OUTCOME, "reported status", (before.reported_status,), (after.reported_status,)
    )


def _request_changes(before: Observation, after: Observation) -> Iterator[Change]:
    old, new = _exchanges_by_request(before), _exchanges_by_request(after)
    sides = [(old, before, keeps_retrying(before)), (new, after, keeps_retrying(after))]
    for request in sorted(old.keys() | new.keys()):
        if request in old and request in new:
            yield from _exchange_changes(request, old[request], new[request])
            if has_stable_count(old[request][0]):
                counts = (
                    _count_requests(side[request], observation, is_retried=is_retried)
                    for side, observation, is_retried in sides
                )
                is_cut = Outcome.TIMED_OUT in (before.outcome, after.outcome)
                yield from _count_changes(
                    _request_label(request, new[request]), *counts, is_cut=is_cut
                )
        else:
            is_new = request in new
            yield Change(
                aspect=Aspect.REQUEST,
                subject=_request_label(request, (new if is_new else old)[request]),
                before=NOT_REQUESTED if is_new else REQUESTED,
                after=REQUESTED if is_new else NOT_REQUESTED,
            )
    common = old.keys() & new.keys()
    yield from _value_changes(
        Aspect.ORDER, "requests", _auth_order(old, common), _auth_order(new, common)
    )


def started_late(observation: Observation) -> bool:
    """Return True for a timeout that says more about the machine than about the client."""
    if observation.outcome is not Outcome.TIMED_OUT:
        return False
    first = min((exchange.at for exchange in observation.exchanges), default=observation.elapsed)
    return first > observation.elapsed / 2


def request_labels(observation: Observation) -> frozenset[str]:
    """Return the requests that were made, as changes name them."""
    return frozenset(
        _request_label(request, exchanges)
        for request, exchanges in _exchanges_by_request(observation).items()
    )


def _exchanges_by_request(observation: Observation) -> dict[RequestKey, list[Exchange]]:
    """Return the exchanges by request, in the order of first occurrence."""
    exchanges: dict[RequestKey, list[Exchange]] = {}
    for exchange in observation.exchanges:
        exchanges.setdefault(_request_key(exchange), []).append(exchange)
    return exchanges


def _request_key(exchange: Exchange) -> RequestKey:
    return exchange.method, normalize_text(exchange.path) or exchange.host


def _request_label(request: RequestKey, exchanges: Iterable[Exchange]) -> str:
    """Return method, hosts and path of a request."""
    method, path = request
    hosts = tuple(dict.fromkeys(exchange.host for exchange in exchanges))
    return f"{method} {path}" if path in hosts else f"{method} {' and '.join(hosts)}{path}"


def _exchange_changes(
    request: RequestKey, before: Sequence[Exchange], after: Sequence[Exchange]
) -> Iterator[Change]:
    """Yield the changes in a request that both sides sent."""

    def values(
        value_of: Callable[[Exchange], object],
    ) -> tuple[tuple[object, ...], tuple[object, ...]]:
        return tuple(map(value_of, before)), tuple(map(value_of, after))

    label = _request_label(request, after)
    yield from _value_changes(Aspect.HOST, " ".join(request), *values(lambda e: e.host))
    yield from _value_changes(Aspect.CREDENTIAL, label, *values(_credential_text))
    yield from _beta_changes(label, before, after)
    for name in COMPARED_HEADERS:
        header_values = values(lambda e, name=name: e.headers.get(name))  # type: ignore[misc]
        yield from _value_changes(Aspect.HEADER, f"{name} of {label}", *header_values)
    scopes = values(lambda e: " ".join(sorted(e.scopes)) or None)
    yield from _value_changes(Aspect.SCOPES, label, *scopes)
    if is_auth_request(before[0]):
        yield from _value_changes(Aspect.ANSWER, label, *values(lambda e: e.status))


def _credential_text(exchange: Exchange) -> str | None:
    return describe_credential(exchange.credential or NONE, exchange.credential_header)


def _beta_changes(
    label: str, before: Iterable[Exchange], after: Iterable[Exchange]
) -> Iterator[Change]:
    old, new = ({beta for e in exchanges for beta in e.betas} for exchanges in (before, after))
    for flag in sorted(old ^ new):
        yield Change(
            aspect=Aspect.BETAS,
            subject=f"{flag} in {label}",
            before=SENT if flag in old else NOT_SENT,
            after=SENT if flag in new else NOT_SENT,
        )


_Count = tuple[int, str | None]
"""Number of different requests and of repetitions; None: that is noise."""


def _count_changes(label: str, before: _Count, after: _Count, *, is_cut: bool) -> Iterator[Change]:
    """Yield the changes in the number of requests; after a timeout the number is noise."""
    (old, old_retries), (new, new_retries) = before, after
    if not is_cut:
        yield from _value_changes(Aspect.TIMES, label, (old,), (new,))
    if None not in (old_retries, new_retries):
        yield from _value_changes(Aspect.RETRIES, label, (old_retries,), (new_retries,))


def _count_requests(
    exchanges: Iterable[Exchange], observation: Observation, *, is_retried: bool
) -> _Count:
    """Return how often the same request was made in an observation."""
    bodies = [exchange.body for exchange in exchanges]
    if None in bodies:  # token requests have no body hash, and each counts as different
        return len(bodies), "0"
    different = len(Counter(bodies))
    if is_retried:
        return different, KEEPS_RETRYING
    repetitions = str(len(bodies) - different)
    return different, None if observation.outcome is Outcome.TIMED_OUT else repetitions


def _auth_order(
    requests: dict[RequestKey, list[Exchange]], common: Iterable[RequestKey]
) -> tuple[object, ...]:
    """Return the authentication requests that both sides sent, in order of first occurrence."""
    return tuple(
        " ".join(request)
        for request, exchanges in requests.items()
        if request in common and is_auth_request(exchanges[0])
    )


def _residue_changes(before: Observation, after: Observation) -> Iterator[Change]:
    """Yield the changes in the stored login, and in leaked tokens."""
    old, new = before.stored_login, after.stored_login
    for field in dataclasses.fields(StoredLogin)[: None if old and new else 1]:
        values = ((getattr(login, field.name) if login else NO_FILE,) for login in (old, new))
        yield from _value_changes(Aspect.LOGIN, field.name, *values)
    yield from _value_changes(Aspect.LEAKS, "tokens", before.leaks, after.leaks)


def _value_changes(
    aspect: Aspect, subject: str, before: Iterable[object], after: Iterable[object]
) -> Iterator[Change]:
    """Yield a change if the different values, in order of first occurrence, are not the same."""
    old, new = (tuple(dict.fromkeys(values)) for values in (before, after))
    if old != new:
        common = common_prefix_length(old, new)
        skipped = common - 1 if common >= MAX_VALUES_SHOWN else 0
        yield Change(
            aspect=aspect,
            subject=subject,
            before=_join_values(old, skipped),
            after=_join_values(new, skipped),
        )


def common_prefix_length(old: Sequence[object], new: Sequence[object]) -> int:
    """Return the number of leading values that are equal."""
    pairs = zip(old, new, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _join_values(values: Sequence[object], skipped: int) -> str:
    """Join values in order, without the first `skipped`, which both sides have in common."""
    texts = list(map(value_text, values[skipped:]))
    common = [f"{skipped} equal"] if skipped else []
    count = len(texts) - MAX_VALUES_SHOWN
    more = [f"{count} more"] if count > 0 else []
    return ", then ".join([*common, *texts[:MAX_VALUES_SHOWN], *more]) or NONE
