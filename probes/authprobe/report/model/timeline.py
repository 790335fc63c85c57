"""The earlier results of a case as text: its last change and its last runs."""

from collections.abc import Iterator, Sequence
from typing import Final

from authprobe.core.escaping import one_line
from authprobe.observation.fingerprint import (
    CLIENT,
    Transition,
    describe_transition,
    fingerprint,
    is_same,
)
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
    versions = version_words(last.client_version, record.client_version)
    now = f"in this run, with {versions}" if versions else "in this run"
    return f"{now}; before that {last.since:%Y-%m-%d %H:%M} UTC"


def version_words(before: str | None, now: str | None) -> str | None:
    """Return `client 2.1.112 → 2.1.332` for two different versions that are both known."""
    if not before or not now or before == now:
        return None
    return one_line(describe_transition(Transition(field=CLIENT, before=before, after=now)))


def timeline(record: CaseRecord, past: Sequence[Point]) -> str:
    """Return a symbol for each run, the oldest first and this run last.

    A change is marked, and so is another version of the client:
    `✓✓ (client 2.1.112 → 2.1.332) | ✗✗`.
    """
    return "".join(_symbols(record, past))


def _symbols(record: CaseRecord, past: Sequence[Point]) -> Iterator[str]:
    prints = [*(point.fingerprint for point in past), fingerprint(record.observation)]
    versions = [*(point.client_version for point in past), record.client_version]
    statuses = [*(Status(point.status) for point in past), record.verdict.status]
    yield SYMBOLS[statuses[0]]
    for n in range(1, len(prints)):
        words = version_words(versions[n - 1], versions[n])
        mark = "" if is_same(prints[n - 1], prints[n]) else CHANGE
        if marks := " ".join(filter(None, (words and f"({words})", mark))):
            yield f" {marks} "
        yield SYMBOLS[statuses[n]]
