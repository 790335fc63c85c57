"""Control experiments: cases of the same run that differ from one in a single axis (pure)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from authprobe.report.model.case_facts import deciding_exchange
from authprobe.report.model.matrix import natural
from authprobe.report.model.phrases import USUAL_FLOWS, was_probed
from authprobe.run.model import CaseRecord, Run

SHOWN: Final = 6
AXES: Final = ("client", "credential", "endpoint", "headers", "backend", "environment", "flow")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlExperiment:
    """A case that is like another but for one thing, and what came of that."""

    axis: str
    record: CaseRecord
    same: bool
    """Whether it came out the same: then this one thing does not matter."""


def controls(run: Run, record: CaseRecord) -> tuple[ControlExperiment, ...]:
    """The cases of the same scenario that differ in exactly one axis.

    The nearest of each axis come first. Names mean the same within one scenario only.
    """
    found: dict[str, list[ControlExperiment]] = {}
    for other in run.cases:
        if other.scenario == record.scenario and was_probed(other):
            differing = [axis for axis in AXES if _value(other, axis) != _value(record, axis)]
            if len(differing) == 1:
                control = ControlExperiment(
                    axis=differing[0], record=other, same=_same(other, record, differing[0])
                )
                found.setdefault(control.axis, []).append(control)
    by_axis = [_nearest(record, found[axis]) for axis in AXES if axis in found]
    return tuple(c for rank in zip_longest(*by_axis) for c in _others_first(rank))


def _value(record: CaseRecord, axis: str) -> str:
    """What a case has on an axis; the flow that a client has anyway is none."""
    value = str(getattr(record, axis))
    return "" if axis == "flow" and value in USUAL_FLOWS else value


def _same(one: CaseRecord, other: CaseRecord, axis: str) -> bool:
    """Whether the same came of both; with the same credentials also whether the same one won."""
    a, b = one.observation, other.observation
    if (a.outcome, a.status, a.error_type) != (b.outcome, b.status, b.error_type):
        return False
    return axis == "credential" or _won(one) == _won(other)


def _won(record: CaseRecord) -> tuple[str | None, str | None]:
    exchange = deciding_exchange(record)
    return (exchange.credential, exchange.credential_header) if exchange else (None, None)


def _others_first(rank: Iterable[ControlExperiment | None]) -> Iterator[ControlExperiment]:
    yield from sorted((c for c in rank if c), key=lambda control: control.same)


def _nearest(record: CaseRecord, found: list[ControlExperiment]) -> list[ControlExperiment]:
    """Those that came out otherwise first, then the next versions, and those with the most
    credentials in common.
    """
    ran = {r.client_version or "" for r in (record, *(control.record for control in found))}
    places = {version: place for place, version in enumerate(sorted(ran, key=natural))}
    own = places[record.client_version or ""]

    def distance(control: ControlExperiment) -> tuple[bool, bool, int, str]:
        other = control.record
        steps = abs(places[other.client_version or ""] - own)
        given = len({*other.credentials} ^ {*record.credentials})
        return _kind(other) != _kind(record), control.same, steps + given, other.id

    return sorted(found, key=distance)


def _kind(record: CaseRecord) -> str:
    return record.client.partition("@")[0]
