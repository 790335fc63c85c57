"""The axis of a timeline: versions in order, each with the same width whenever it was published."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.core.version_ranges import version_key
from authprobe.report.html.elements import Html

MIN_WIDTH_PX: Final = 3
"""Smallest visible width: versions.css gives it to a single version on a phone."""
_CHARACTER_PERCENT: Final = 1.8
"""Width of one character of a label on a phone."""
_LAST_LABEL_PERCENT: Final = 15.0
"""Width of the label of the newest version on a phone, at the right end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisMark:
    """A labelled position on the axis, such as `2.1`."""

    percent: float
    name: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The position of each version, counted from 0."""

    positions: Mapping[str, int]

    def percent(self, position: float) -> float:
        """Return the distance of a position from the left, in percent of the width."""
        return round(100 * position / max(1, len(self.positions)), 3)

    def css(self, first: int, end: int) -> str:
        """Return the place of the versions from `first` up to but without `end`, as CSS.

        The last versions stay visible although they are narrower than a pixel.
        """
        left = f"min({self.percent(first)}%,100% - {MIN_WIDTH_PX}px)"
        return f"left:{left};width:{self.percent(end - first)}%"

    def marks(self) -> tuple[AxisMark, ...]:
        """Return labels where major and minor versions begin, as many as there is room for."""
        marks: list[AxisMark] = []
        for mark in (*self._beginnings(1), *self._beginnings(2)):
            in_reach = mark.percent <= 100 - _LAST_LABEL_PERCENT
            if in_reach and not any(_overlap(mark, other) for other in marks):
                marks.append(mark)
        return tuple(sorted(marks, key=lambda mark: mark.percent))

    def _beginnings(self, parts: int) -> Iterator[AxisMark]:
        """Yield the first version of each major line (one part) or minor line (two parts)."""
        before = None
        for version, position in self.positions.items():
            line = (*version_key(version).release, 0, 0)[:parts]
            if line != before:
                yield AxisMark(percent=self.percent(position), name=_minor(version))
            before = line

    def ticks(self, versions: Iterable[str]) -> Html:
        """Return the middle of each version as the path of an SVG as wide as the axis."""
        # Html, because text of this length would be truncated.
        return Html().join(f"M{self.positions[version] + 0.5} 0v1" for version in versions)


def make_axis(versions: Iterable[str]) -> Axis:
    """Return the axis of these versions."""
    ordered = sorted(set(versions), key=version_key)
    return Axis({version: position for position, version in enumerate(ordered)})


def _minor(version: str) -> str:
    return ".".join(map(str, (*version_key(version).release, 0, 0)[:2]))


def _overlap(one: AxisMark, other: AxisMark) -> bool:
    """Return whether the label of the left mark reaches the right mark."""
    left, right = sorted((one, other), key=lambda mark: mark.percent)
    return right.percent - left.percent < _CHARACTER_PERCENT * len(left.name)
