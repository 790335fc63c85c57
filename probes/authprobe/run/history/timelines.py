"""Points of a question over the versions of its client: of a pin that was changed, for example."""

from collections.abc import Iterable, Sequence

from authprobe.plan.case_ids import client_version_of, nearest_version
from authprobe.run.history.model import Point


def follow(points: Sequence[Point], ids: Sequence[str]) -> tuple[Point, ...]:
    """Return the points of a case, and before its first one those of the case that it replaced.

    `points` are those of its question, the oldest first; `ids` are its id and its former ones. The
    case that it replaced is the one at the nearest version, as for the baseline.
    """
    followed: list[Point] = []
    remaining, version = list(points), client_version_of(ids[0])
    while remaining:
        if own := [point for point in remaining if point.case_id in ids]:
            followed[:0] = own
            remaining, version = _before(remaining, own[0]), _version(own[0])
        if replaced := nearest_version(remaining, _version, version):
            ids = (replaced.case_id,)
    return tuple(followed)


def follow_all(points: Sequence[Point]) -> tuple[tuple[Point, ...], ...]:
    """Return the timelines of a question, those that continue longest first."""
    timelines: list[tuple[Point, ...]] = []
    seen: set[str] = set()
    for id in dict.fromkeys(point.case_id for point in reversed(points)):
        if id not in seen:
            timeline = follow(points, (id,))
            timelines.append(timeline)
            seen |= {point.case_id for point in timeline}
    return tuple(timelines)


def _before(points: Iterable[Point], first: Point) -> list[Point]:
    """Return the points of the runs before that of `first`."""
    before: list[Point] = []
    for point in points:
        if point.run_id == first.run_id:
            break
        before.append(point)
    return before


def _version(point: Point) -> str:
    return point.client_version or client_version_of(point.case_id)
