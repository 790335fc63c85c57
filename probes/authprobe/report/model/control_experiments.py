"""Control experiments: cases of the same run that differ from a case in a single axis (pure)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from authprobe.report.model.case_facts import deciding_exchange, hides_requests
from authprobe.report.model.matrix import natural
from authprobe.report.model.phrases import DEFAULT_FLOWS, was_probed
from authprobe.run.model import CaseRecord, Run

MAX_CONTROLS: Final = 6
"""Control experiments shown for one case."""
AXES: Final = (
    "client",
    "credential",
    "endpoint",
    "headers",
    "backend",
    "environment",
    "flow",
    "target",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlExperiment:
    """A case that differs from another in one axis, and whether its result differs."""

    axis: str
    record: CaseRecord
    same: bool
    """True if the result is the same: then this axis does not matter."""


def controls(run: Run, record: CaseRecord) -> tuple[ControlExperiment, ...]:
    """Return the cases of the same scenario that differ in exactly one axis, the nearest first.

    Cases of other scenarios are left out: names of axis values are defined per scenario.
    """
    by_axis: dict[str, list[ControlExperiment]] = {}
    for other in run.cases:
        if other.scenario == record.scenario and was_probed(other):
            differing = [axis for axis in AXES if _value(other, axis) != _value(record, axis)]
            if len(differing) == 1:
                control = ControlExperiment(
                    axis=differing[0], record=other, same=_same(other, record, differing[0])
                )
                by_axis.setdefault(control.axis, []).append(control)
    ranked = [_nearest_first(record, by_axis[axis]) for axis in AXES if axis in by_axis]
    return tuple(c for rank in zip_longest(*ranked) for c in _differing_first(rank))


def _value(record: CaseRecord, axis: str) -> str:
    """Return the value of a case on an axis; the default flow of a client counts as none."""
    value = str(getattr(record, axis))
    return "" if axis == "flow" and value in DEFAULT_FLOWS else value


def _same(one: CaseRecord, other: CaseRecord, axis: str) -> bool:
    """Return whether both have the same result, and used the same credential if they had to."""
    a, b = one.observation, other.observation
    if (a.outcome, a.status, a.error_type) != (b.outcome, b.status, b.error_type):
        return False
    is_hidden = hides_requests(one) or hides_requests(other)
    return axis == "credential" or is_hidden or _used_credential(one) == _used_credential(other)


def _used_credential(record: CaseRecord) -> tuple[str | None, str | None]:
    exchange = deciding_exchange(record)
    return (exchange.credential, exchange.credential_header) if exchange else (None, None)


def _differing_first(rank: Iterable[ControlExperiment | None]) -> Iterator[ControlExperiment]:
    yield from sorted((c for c in rank if c), key=lambda control: control.same)


def _nearest_first(record: CaseRecord, items: list[ControlExperiment]) -> list[ControlExperiment]:
    """Return different results first, then close versions and similar credentials."""
    versions = {r.client_version or "" for r in (record, *(item.record for item in items))}
    index = {version: n for n, version in enumerate(sorted(versions, key=natural))}
    own = index[record.client_version or ""]

    def distance(control: ControlExperiment) -> tuple[bool, bool, int, str]:
        other = control.record
        steps = abs(index[other.client_version or ""] - own)
        differing = len({*other.credentials} ^ {*record.credentials})
        return _kind(other) != _kind(record), control.same, steps + differing, other.id

    return sorted(items, key=distance)


def _kind(record: CaseRecord) -> str:
    return record.client.partition("@")[0]
