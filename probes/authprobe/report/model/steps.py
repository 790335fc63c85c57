"""Steps of a sequence (pure): requests that do not differ are one step, and loops one round."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from authprobe.observation.model import Exchange

MAX_LOOP: Final = 4
"""Steps of a loop."""
MIN_ROUNDS: Final = 3
"""Rounds from which repeated steps are a loop."""


@dataclass(frozen=True, slots=True)
class Participant:
    """A program or host that sends or receives requests."""

    role: str
    name: str
    """Version of a program, or name of a host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request with its response, or a run of requests that do not differ."""

    source: Participant
    target: Participant
    exchange: Exchange
    """The first of the run."""
    count: int = 1
    last_at: float = 0.0
    bodies: frozenset[str] = frozenset()
    """The different bodies of a run, as far as they are recorded."""
    betas: tuple[tuple[str, ...], ...] = ()
    """The different sets of beta flags of a run."""
    loop: int = 0
    """Number of steps, beginning with this one, that were repeated together."""
    rounds: int = 1
    """Number of rounds of that loop."""
    decides: bool = False
    """True: it decides the outcome of the case."""

    @property
    def is_answered(self) -> bool:
        """True if a server has answered."""
        return self.exchange.status is not None and not self.is_connection

    @property
    def is_connection(self) -> bool:
        """True for a connection that failed: a successful one is not recorded."""
        return self.exchange.method == "CONNECT"


def _key(step: Step) -> tuple[object, ...]:
    e = step.exchange
    sent = (e.method, e.host, e.path, e.credential, e.credential_header, e.scopes)
    got = (e.status, e.error_type, e.message, e.rule, e.faults, e.gateway, e.complete)
    return step.source, step.target, sent, got


def _merged(steps: Iterable[Step]) -> Step:
    """Return one step for several, in time that does not grow faster than their number."""
    first, *others = steps = tuple(steps)
    if not others:
        return first
    return replace(
        first,
        count=sum(step.count for step in steps),
        last_at=max(step.last_at for step in steps),
        bodies=frozenset().union(*(step.bodies for step in steps)),
        betas=tuple(dict.fromkeys(flag for step in steps for flag in step.betas)),
        decides=any(step.decides for step in steps),
    )


def _runs(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield a step for each run of requests that do not differ but in their bodies and flags."""
    for _, run in itertools.groupby(steps, key=_key):
        yield _merged(run)


def fold(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield a step for each run of requests that do not differ, and one round for each loop.

    A loop is what a client does that refreshes and retries without end.
    """
    runs = tuple(_runs(steps))
    keys = [_key(step) for step in runs]
    start = 0
    while start < len(runs):
        length, rounds = _loop_at(keys, start)
        end = start + length * rounds
        if length == 1:
            yield runs[start]
        else:
            first, *rest = (_merged(runs[start + n : end : length]) for n in range(length))
            yield replace(first, loop=length, rounds=rounds)
            yield from rest
        start = end


def _loop_at(keys: Sequence[object], start: int) -> tuple[int, int]:
    """Return the length and the rounds of the loop that begins here; 1 and 1 without one."""
    for length in range(2, MAX_LOOP + 1):
        block, rounds = keys[start : start + length], 1
        while keys[start + length * rounds : start + length * (rounds + 1)] == block:
            rounds += 1
        if rounds >= MIN_ROUNDS and len(block) == length:
            return length, rounds
    return 1, 1


def group(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return a step for all requests that do not differ, wherever they are."""
    groups: dict[tuple[object, ...], list[Step]] = {}
    for step in steps:
        groups.setdefault(_key(step), []).append(step)
    return tuple(map(_merged, groups.values()))
