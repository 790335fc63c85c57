"""Shards of a plan: its cases, cut into parts that take equally long, by client version."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from authprobe.core.shards import Shard
from authprobe.plan.case import Case
from authprobe.plan.case_ids import without_version

PROGRAM_MS: Final = 1000
"""Time of a case that starts a program, if no run has measured it."""
REQUEST_MS: Final = 10
"""Time of a case that is only a request, likewise."""
DIGEST_LENGTH: Final = 16
"""Hexadecimal digits."""

Weights = Mapping[str, int]
"""Milliseconds that a case took, by its id with and without versions."""


def make_weights(elapsed: Mapping[str, float]) -> Weights:
    """Return the weights of cases that took so many seconds.

    Those of a question are the mean of its versions, for versions that were not in that run.
    """
    weights = {case_id: _milliseconds(seconds) for case_id, seconds in elapsed.items()}
    by_question: dict[str, list[int]] = {}
    for case_id, weight in weights.items():
        by_question.setdefault(without_version(case_id), []).append(weight)
    means = {question: sum(each) // len(each) for question, each in by_question.items()}
    return {**means, **weights}


def cut(cases: Sequence[Case], shard: Shard, weights: Weights) -> tuple[Case, ...]:
    """Return the cases of a shard; each case is in exactly one, and no shard is empty.

    The cases are lined up by client version, and the line is cut into parts that take equally long
    (McNaughton 1959): so at most `count - 1` versions have to be installed twice.

    Raises:
        ValueError: there are fewer cases than shards.
    """
    if len(cases) < shard.count:
        number = f"{len(cases)} case{'' if len(cases) == 1 else 's'}"
        raise ValueError(f"the run has only {number}; use no more shards than cases")
    line = sorted(cases, key=lambda case: (str(case.client), case.id))
    times = [_weight(case, weights) for case in line]
    total, before, current = sum(times), 0, 1
    chosen = set[str]()
    for place, (case, time) in enumerate(zip(line, times, strict=True)):
        # The shard in which the middle of the case lies, in whole numbers: equal on all machines.
        wanted = (2 * before + time) * shard.count // (2 * total) + 1
        least = shard.count - (len(line) - place) + 1  # a case is left for each later shard
        current = max(min(wanted, current + (place > 0)), least, current)
        before += time
        if current == shard.index:
            chosen.add(case.id)
    return tuple(case for case in cases if case.id in chosen)


def digest_ids(ids: Iterable[str]) -> str:
    """Return a hash of the ids of cases: equal if two machines plan the same run."""
    return _digest(sorted(ids))


def digest_weights(cases: Sequence[Case], weights: Weights) -> str:
    """Return a hash of the weights of cases: with it, equal shards are cut from equal cases."""
    return _digest([(case.id, _weight(case, weights)) for case in sorted(cases, key=_id)])


def _weight(case: Case, weights: Weights) -> int:
    default = REQUEST_MS if case.client.is_authprobe else PROGRAM_MS
    return weights.get(case.id) or weights.get(without_version(case.id)) or default


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


def _id(case: Case) -> str:
    return case.id


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:DIGEST_LENGTH]
