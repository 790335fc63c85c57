"""Versions on a line, the oldest left: each takes the same room, whenever it was published."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.core.version_ranges import version_key
from authprobe.report.html.elements import Html

LEAST_PX: Final = 3
"""The least width that is seen: what versions.css gives to one version on a phone."""
_CHARACTER: Final = 1.8
"""What a character of a name takes on a phone, in percent of the width."""
_END: Final = 15.0
"""What the name of the newest version takes there, at the right end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisMark:
    """A place on the line that has a name: `2.1`."""

    percent: float
    name: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The place of each version, from 0."""

    places: Mapping[str, int]

    def percent(self, place: float) -> float:
        """How far from the left a place begins."""
        return round(100 * place / max(1, len(self.places)), 3)

    def room(self, first: int, end: int) -> str:
        """Where the versions from `first` to before `end` stand, as CSS; at the end in sight."""
        left = f"min({self.percent(first)}%,100% - {LEAST_PX}px)"
        return f"left:{left};width:{self.percent(end - first)}%"

    def marks(self) -> tuple[AxisMark, ...]:
        """Where major and minor versions begin, as far as there is room for their names."""
        kept: list[AxisMark] = []
        for mark in (*self._beginnings(1), *self._beginnings(2)):
            if mark.percent <= 100 - _END and all(_apart(mark, other) for other in kept):
                kept.append(mark)
        return tuple(sorted(kept, key=lambda mark: mark.percent))

    def _beginnings(self, parts: int) -> Iterator[AxisMark]:
        """The first version of each release line: of each major one by one part, minor by two."""
        before = None
        for version, place in self.places.items():
            line = (*version_key(version).release, 0, 0)[:parts]
            if line != before:
                yield AxisMark(percent=self.percent(place), name=_minor(version))
            before = line

    def ticks(self, versions: Iterable[str]) -> Html:
        """Return the middle of each of these versions as the path of an SVG as wide as the line."""
        # HTML, as it is no text: a long one would be truncated.
        return Html().join(f"M{self.places[version] + 0.5} 0v1" for version in versions)


def make_axis(versions: Iterable[str]) -> Axis:
    """The line of these versions."""
    ordered = sorted(set(versions), key=version_key)
    return Axis({version: place for place, version in enumerate(ordered)})


def _minor(version: str) -> str:
    return ".".join(map(str, (*version_key(version).release, 0, 0)[:2]))


def _apart(one: AxisMark, other: AxisMark) -> bool:
    """Whether the left name ends before the right one begins."""
    left, right = sorted((one, other), key=lambda mark: mark.percent)
    return right.percent - left.percent >= _CHARACTER * len(left.name)
