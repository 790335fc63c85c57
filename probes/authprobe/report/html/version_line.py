"""What is known of a feature as a line: a segment for each value, each doubt and each gap."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from authprobe.compatibility.table import Feature
from authprobe.core.escaping import MAX_TEXT_LENGTH, one_line
from authprobe.report import versions as words
from authprobe.report.html.elements import safe
from authprobe.report.html.version_axis import Axis

_USUAL: Final = {"yes": 0, "no": 1, "none": 1}
_USUAL_COLOURS: Final = 2
_COLOURS: Final = 7
"""How many there are in versions.css."""
_THIN: Final = 1.5
"""Percent of the width: what is narrower is drawn above its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Versions, one after the other, of which the same is known."""

    kind: str
    """`value`, `doubt` or `gap`, as versions.css draws them."""
    first: int
    end: int
    """The place after the last."""
    label: str = ""
    """What is written in it where there is room."""
    words: str
    colours: tuple[int, ...] = ()


def line(feature: Feature, axis: Axis) -> str:
    """The line with its marks and ticks: one picture, told in words to those who do not see it."""
    each = dict.fromkeys(segment.words for segment in segments(feature, axis))
    told = "; ".join(each) or "nothing is known"
    name = safe(one_line(f"{feature.title}. {told}", MAX_TEXT_LENGTH))
    return f'<div class="v-line" role="img" aria-label="{name}">{_drawn(feature, axis)}</div>'


def small_line(feature: Feature, axis: Axis) -> str:
    """The same without words, beside a text that has them."""
    return f'<div class="v-line v-small" aria-hidden="true">{_drawn(feature, axis)}</div>'


def marks(axis: Axis) -> str:
    """The names of minor versions at their places, and of the newest one at the end."""
    drawn = "".join(
        f'<span class="v-mark" style="left:{mark.percent}%">{safe(mark.name)}</span>'
        for mark in axis.marks()
    )
    last = tuple(axis.places)[-1:]
    return f'{drawn}<span class="v-mark v-last">{safe("".join(last))}</span>'


def _drawn(feature: Feature, axis: Axis) -> str:
    probed = axis.ticks(known.version for known in feature.evidence)
    bar = "".join(_segment(segment, axis) for segment in segments(feature, axis))
    return (
        f'{marks(axis)}<div class="v-bar">{bar}</div>'
        f'<svg class="v-ticks" viewBox="0 0 {max(1, len(axis.places))} 1" '
        f'preserveAspectRatio="none" aria-hidden="true"><path d="{probed}"/></svg>'
    )


def _segment(segment: Segment, axis: Axis) -> str:
    thin = " v-thin" if axis.percent(segment.end - segment.first) < _THIN else ""
    colours = "".join(
        f";--{name}:var(--value-{number})"
        for name, number in zip(("v", "w"), segment.colours, strict=False)
    )
    label = f"<b>{safe(one_line(segment.label))}</b>" if segment.label else ""
    title = safe(one_line(segment.words, MAX_TEXT_LENGTH))
    return (
        f'<span class="v-{segment.kind}{thin}" title="{title}" '
        f'style="{axis.room(segment.first, segment.end)}{colours}">{label}</span>'
    )


def segments(feature: Feature, axis: Axis) -> Iterator[Segment]:
    """The values, what is in doubt between them, and the gaps, each the oldest first."""
    gaps = tuple(_gaps(feature, axis))
    for value in _values(feature, axis):
        yield from _around(value, gaps)
    yield from _doubts(feature, axis)
    yield from gaps


def _gaps(feature: Feature, axis: Axis) -> Iterator[Segment]:
    for gap in feature.gaps:
        yield Segment(
            kind="gap",
            first=axis.places[gap.versions[0]],
            end=axis.places[gap.versions[-1]] + 1,
            words=f"not known of {words.gap_words(gap)}",
        )


def _around(value: Segment, gaps: tuple[Segment, ...]) -> Iterator[Segment]:
    """The parts of a value that no gap covers, so that what is written in each can be read."""
    first = value.first
    for gap in gaps:
        if first < gap.first < value.end:
            yield replace(value, first=first, end=gap.first)
            first = gap.end
    yield replace(value, first=first)


def _values(feature: Feature, axis: Axis) -> Iterator[Segment]:
    known = colours(feature)
    for interval in feature.intervals:
        yield Segment(
            kind="value",
            first=axis.places[interval.added.by],
            end=axis.places[words.shown_in(feature, interval)[-1]] + 1,
            label=interval.value,
            words=f"{interval.value}: {words.interval_words(interval)}",
            colours=(known[interval.value],),
        )


def _doubts(feature: Feature, axis: Axis) -> Iterator[Segment]:
    known = colours(feature)
    for before, after in pairwise(feature.intervals):
        if not after.added.exact:
            yield Segment(
                kind="doubt",
                first=axis.places[words.shown_in(feature, before)[-1]] + 1,
                end=axis.places[after.added.by],
                words=words.change_words(before, after),
                colours=(known[before.value], known[after.value]),
            )


def colours(feature: Feature) -> Mapping[str, int]:
    """A colour for each value; that of `yes` and that of `no` are the same for all features."""
    values = dict.fromkeys(interval.value for interval in feature.intervals)
    others = (value for value in values if value not in _USUAL)
    further = _COLOURS - _USUAL_COLOURS
    return {value: _USUAL[value] for value in values if value in _USUAL} | {
        value: _USUAL_COLOURS + number % further for number, value in enumerate(others)
    }
