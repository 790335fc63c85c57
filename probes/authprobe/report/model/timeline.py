"""The earlier results of a case as text: its last change and its last runs."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from authprobe.observation.fingerprint import fingerprint, is_same
from authprobe.report.model.phrases import SYMBOLS, Facts, plural
from authprobe.run.history.model import TIMELINE_RUNS, Point
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

CHANGE: Final = "|"
"""Mark between two runs with different observations."""


def earlier_points(run: Run, points: Sequence[Point]) -> Sequence[Point]:
    """Return the points before this run; the history may hold this run and later ones."""
    own = next((n for n, point in enumerate(points) if point.run_id == run.id), len(points))
    return points[:own]


def timeline_facts(record: CaseRecord, past: Sequence[Point]) -> Facts:
    """Return the last change and the last runs of a case, or nothing if it is new."""
    if not past:
        return ()
    runs = past[-(TIMELINE_RUNS - 1) :]
    return (
        ("Last changed", last_changed(record, runs)),
        (f"Last {plural(len(runs) + 1, 'run')}", timeline(record, runs)),
    )


def last_changed(record: CaseRecord, past: Sequence[Point]) -> str:
    """Return the time since which the observation of the case is the current one."""
    last = past[-1]
    if is_same(last.fingerprint, fingerprint(record.observation)):
        return f"{last.since:%Y-%m-%d %H:%M} UTC"
    return f"in this run; before that {last.since:%Y-%m-%d %H:%M} UTC"


def timeline(record: CaseRecord, past: Sequence[Point]) -> str:
    """Return a symbol for each run, the oldest first and this run last: `✓✓ | ✗✗`."""
    return "".join(_symbols(record, past))


def _symbols(record: CaseRecord, past: Sequence[Point]) -> Iterator[str]:
    prints = [*(point.fingerprint for point in past), fingerprint(record.observation)]
    statuses = [*(Status(point.status) for point in past), record.verdict.status]
    pairs = itertools.pairwise((prints[0], *prints))
    for (before, after), status in zip(pairs, statuses, strict=True):
        if not is_same(before, after):
            yield f" {CHANGE} "
        yield SYMBOLS[status]
