"""What changed between two observations of a case: on the wire, and in what is left on disk."""

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
    find_transitions,
    fingerprint,
    has_stable_count,
    is_auth_request,
    normalize_text,
)
from authprobe.observation.model import Exchange, Observation, Outcome, StoredLogin
from authprobe.observation.selectors import KEEPS_RETRYING, keeps_retrying

MADE, NOT_MADE = "made", "not made"
SENT, NOT_SENT = "sent", "not sent"
NO_FILE: Final = "no file"
MAX_VALUES_SHOWN: Final = 3
"""Values of one thing that are told, as one request after the other has another."""
LOOKED_AT: Final = 8
"""Observations of each side by which chance is told from change."""


class Aspect(enum.StrEnum):
    """In what two observations differ."""

    VERDICT = "verdict"
    OUTCOME = "outcome"
    """How it ended, and what the user was told."""
    REQUEST = "request"
    HOST = "host"
    """The same request goes to another one."""
    CREDENTIAL = "credential"
    """Which one is sent, and in which header."""
    BETAS = "betas"
    """One flag of `anthropic-beta`."""
    HEADER = "header"
    ANSWER = "answer"
    TIMES = "times"
    """How often it is made, repetitions aside."""
    RETRIES = "retries"
    """How often the same request is made again."""
    ORDER = "order"
    LOGIN = "login"
    """The credentials file in the end."""
    LEAKS = "leaks"
    """Where a token was left that is not meant to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is not as it was."""

    aspect: Aspect
    subject: str
    """The field, or the request."""
    before: str
    after: str


HEADERS: Final = ("anthropic-version", "content-type")
"""Request headers that are compared: credentials are told by their names, and who the client says
it is differs from version to version."""

Request = tuple[str, str]
"""Method and path, without ids; of a connection that was refused, the host."""


def stable_changes(
    before: Sequence[Observation], after: Sequence[Observation]
) -> tuple[Change, ...]:
    """What differs between every observation of the one and every one of the other: the rest is
    chance.

    So is what is another thing each time on both sides, as an id; where one side is always the
    same, the other may be now so and now so, and never as the first. Of very many observations the
    first are looked at.
    """
    found = [
        {(each.aspect, each.subject): each for each in compare_observations(one, other)}
        for one in before[:LOOKED_AT]
        for other in after[:LOOKED_AT]
    ]
    named = [key for key in found[0] if all(key in others for others in found)]
    changes = (_steady([each[key] for each in found]) for key in named)
    return tuple(change for change in changes if change)


def _steady(changes: Sequence[Change]) -> Change | None:
    """What the differences in one thing come to; None: they are chance."""
    old, new = (tuple(dict.fromkeys(texts)) for texts in zip(*map(_sides, changes), strict=True))
    if len(old) > 1 < len(new) or set(old) & set(new):
        return None
    return dataclasses.replace(changes[0], before=_any_of(old), after=_any_of(new))


def _sides(change: Change) -> tuple[str, str]:
    return change.before, change.after


def _any_of(texts: Sequence[str]) -> str:
    more = [f"{len(texts) - MAX_VALUES_SHOWN} others"] if len(texts) > MAX_VALUES_SHOWN else []
    return ", or ".join([*texts[:MAX_VALUES_SHOWN], *more])


def compare_observations(before: Observation, after: Observation) -> tuple[Change, ...]:
    """Everything that differs, in the order of `Aspect`; nothing that is another each time."""
    found = (*_outcome(before, after), *_wire(before, after), *_residue_changes(before, after))
    return tuple(in_order(found))


def in_order(changes: Iterable[Change]) -> list[Change]:
    """These changes in the order of `Aspect`."""
    return sorted(changes, key=lambda change: list(Aspect).index(change.aspect))


def _outcome(before: Observation, after: Observation) -> Iterator[Change]:
    old, new = (dataclasses.replace(fingerprint(seen), requests=()) for seen in (before, after))
    for each in find_transitions(old, new):
        yield Change(
            aspect=Aspect.OUTCOME, subject=each.field, before=each.before, after=each.after
        )
    yield from _differing(
        Aspect.OUTCOME, "reported status", (before.reported_status,), (after.reported_status,)
    )


def _wire(before: Observation, after: Observation) -> Iterator[Change]:
    old, new = _requests(before), _requests(after)
    for request in sorted(old.keys() | new.keys()):
        if request in old and request in new:
            yield from _of_one(request, old[request], new[request])
            if has_stable_count(old[request][0]):
                yield from _counts(_where(request, new[request]), request, before, after)
        else:
            there = request in new
            yield Change(
                aspect=Aspect.REQUEST,
                subject=_where(request, (new if there else old)[request]),
                before=NOT_MADE if there else MADE,
                after=MADE if there else NOT_MADE,
            )
    common = old.keys() & new.keys()
    yield from _differing(Aspect.ORDER, "requests", _order(old, common), _order(new, common))


def _requests(seen: Observation) -> dict[Request, list[Exchange]]:
    """The exchanges by request, in the order in which each was first made."""
    found: dict[Request, list[Exchange]] = {}
    for exchange in seen.exchanges:
        found.setdefault(_request(exchange), []).append(exchange)
    return found


def _request(exchange: Exchange) -> Request:
    return exchange.method, normalize_text(exchange.path) or exchange.host


def _where(request: Request, exchanges: Iterable[Exchange]) -> str:
    """The request with its host, or its hosts."""
    method, path = request
    hosts = tuple(dict.fromkeys(exchange.host for exchange in exchanges))
    return f"{method} {path}" if path in hosts else f"{method} {' and '.join(hosts)}{path}"


def _of_one(
    request: Request, before: Sequence[Exchange], after: Sequence[Exchange]
) -> Iterator[Change]:
    """What differs in a request that is made by both."""

    def values(read: Callable[[Exchange], object]) -> tuple[tuple[object, ...], tuple[object, ...]]:
        return tuple(map(read, before)), tuple(map(read, after))

    where = _where(request, after)
    yield from _differing(Aspect.HOST, " ".join(request), *values(lambda e: e.host))
    yield from _differing(Aspect.CREDENTIAL, where, *values(_credential))
    yield from _betas(where, before, after)
    for name in HEADERS:
        told = values(lambda e, name=name: e.headers.get(name))  # type: ignore[misc]
        yield from _differing(Aspect.HEADER, f"{name} of {where}", *told)
    if is_auth_request(before[0]):
        yield from _differing(Aspect.ANSWER, where, *values(lambda e: e.status))


def _credential(exchange: Exchange) -> str | None:
    return describe_credential(exchange.credential or NONE, exchange.credential_header)


def _betas(where: str, before: Iterable[Exchange], after: Iterable[Exchange]) -> Iterator[Change]:
    old, new = ({beta for e in exchanges for beta in e.betas} for exchanges in (before, after))
    for flag in sorted(old ^ new):
        yield Change(
            aspect=Aspect.BETAS,
            subject=f"{flag} in {where}",
            before=SENT if flag in old else NOT_SENT,
            after=SENT if flag in new else NOT_SENT,
        )


def _counts(
    where: str, request: Request, before: Observation, after: Observation
) -> Iterator[Change]:
    """How often a request is made: of a client that was ended at its limit that is chance."""
    (old, old_retries), (new, new_retries) = _number(request, before), _number(request, after)
    if Outcome.TIMED_OUT not in (before.outcome, after.outcome):
        yield from _differing(Aspect.TIMES, where, (old,), (new,))
    if None not in (old_retries, new_retries):
        yield from _differing(Aspect.RETRIES, where, (old_retries,), (new_retries,))


def _number(request: Request, seen: Observation) -> tuple[int, str | None]:
    """How many different requests these are, and how many are repetitions; None: chance."""
    bodies = [e.body for e in seen.exchanges if _request(e) == request]
    if None in bodies:  # a request for a token, each of which counts
        return len(bodies), "0"
    different = len(Counter(bodies))
    if keeps_retrying(seen):
        return different, KEEPS_RETRYING
    repeated = str(len(bodies) - different)
    return different, None if seen.outcome is Outcome.TIMED_OUT else repeated


def _order(
    requests: dict[Request, list[Exchange]], common: Iterable[Request]
) -> tuple[object, ...]:
    """What concerns authentication and both have made, in the order in which it first was."""
    return tuple(
        " ".join(request)
        for request, exchanges in requests.items()
        if request in common and is_auth_request(exchanges[0])
    )


def _residue_changes(before: Observation, after: Observation) -> Iterator[Change]:
    """What there is on disk, and in the output, when it has ended."""
    old, new = before.stored_login, after.stored_login
    for field in dataclasses.fields(StoredLogin)[: None if old and new else 1]:
        told = ((getattr(x, field.name) if x else NO_FILE,) for x in (old, new))
        yield from _differing(Aspect.LOGIN, field.name, *told)
    yield from _differing(Aspect.LEAKS, "tokens", before.leaks, after.leaks)


def _differing(
    aspect: Aspect, subject: str, before: Iterable[object], after: Iterable[object]
) -> Iterator[Change]:
    """A change, if the values differ: each once, in the order in which they first came."""
    old, new = (tuple(dict.fromkeys(values)) for values in (before, after))
    if old != new:
        same = alike(old, new)
        skipped = same - 1 if same >= MAX_VALUES_SHOWN else 0
        yield Change(
            aspect=aspect, subject=subject, before=_told(old, skipped), after=_told(new, skipped)
        )


def alike(old: Sequence[object], new: Sequence[object]) -> int:
    """How many values both begin with."""
    both = zip(old, new, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda values: values[0] == values[1], both))


def _told(values: Sequence[object], skipped: int) -> str:
    """The first values after those that are left out, as both sides begin with them."""
    told = [NONE if value is None else str(value) for value in values[skipped:]]
    first = [f"{skipped} alike"] if skipped else []
    more = [f"{len(told) - MAX_VALUES_SHOWN} more"] if len(told) > MAX_VALUES_SHOWN else []
    return ", then ".join([*first, *told[:MAX_VALUES_SHOWN], *more]) or NONE
