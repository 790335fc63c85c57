"""When a case has last changed, and how it went in the last runs, in text."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from authprobe.observation.fingerprint import fingerprint
from authprobe.report.model.phrases import SYMBOLS, Facts, plural
from authprobe.run.history.model import TIMELINE_RUNS, Point
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

CHANGE: Final = "|"
"""Between two runs that saw something else."""


def earlier_points(run: Run, points: Sequence[Point]) -> Sequence[Point]:
    """Return the points before this run, which the history may hold as well as later ones."""
    own = next((n for n, point in enumerate(points) if point.run_id == run.id), len(points))
    return points[:own]


def timeline_facts(record: CaseRecord, past: Sequence[Point]) -> Facts:
    """What the report tells of the past of a case; nothing where there is none."""
    if not past:
        return ()
    runs = past[-(TIMELINE_RUNS - 1) :]
    return (
        ("Last changed", last_changed(record, runs)),
        (f"Last {plural(len(runs) + 1, 'run')}", timeline(record, runs)),
    )


def last_changed(record: CaseRecord, past: Sequence[Point]) -> str:
    """The day since which the case has been seen as it is now."""
    last = past[-1]
    if last.fingerprint == fingerprint(record.observation):
        return f"{last.since:%Y-%m-%d %H:%M} UTC"
    return f"in this run; before that {last.since:%Y-%m-%d %H:%M} UTC"


def timeline(record: CaseRecord, past: Sequence[Point]) -> str:
    """A mark for each run, the oldest first, and this one last: `✓✓ | ✗✗`."""
    return "".join(_marks(record, past))


def _marks(record: CaseRecord, past: Sequence[Point]) -> Iterator[str]:
    seen = [*(point.fingerprint for point in past), fingerprint(record.observation)]
    statuses = [*(Status(point.status) for point in past), record.verdict.status]
    for (before, now), status in zip(itertools.pairwise((seen[0], *seen)), statuses, strict=True):
        if before != now:
            yield f" {CHANGE} "
        yield SYMBOLS[status]
