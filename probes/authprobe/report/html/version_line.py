"""The timeline of a feature: a segment for each value, each uncertain range and each gap."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from authprobe.compatibility.table import Feature
from authprobe.core.escaping import MAX_TEXT_LENGTH, one_line
from authprobe.report import versions as words
from authprobe.report.html.elements import Html
from authprobe.report.html.rendering import render
from authprobe.report.html.version_axis import Axis

_USUAL: Final = {"yes": 0, "no": 1, "none": 1}
_USUAL_COLOURS: Final = 2
_COLOURS: Final = 7
"""Colours that versions.css defines."""
_THIN_PERCENT: Final = 1.5
"""Width below which a segment is drawn above its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Consecutive versions with the same value, or without one."""

    kind: str
    """`value`, `doubt` or `gap`, as versions.css draws them."""
    first: int
    end: int
    """The index after the last version."""
    label: str = ""
    """Text inside the segment where there is room."""
    words: str
    colours: tuple[int, ...] = ()


def line(feature: Feature, axis: Axis) -> Html:
    """Return the timeline with its labels and ticks, as one image with a text alternative."""
    texts = dict.fromkeys(segment.words for segment in segments(feature, axis))
    summary = "; ".join(texts) or words.NO_VALUE
    name = one_line(f"{feature.title}. {summary}", MAX_TEXT_LENGTH)
    return Html('<div class="v-line" role="img" aria-label="{}">{}</div>').format(
        name, _bar(feature, axis)
    )


def small_line(feature: Feature, axis: Axis) -> Html:
    """Return the timeline without labels, beside a text that says the same."""
    return Html('<div class="v-line v-small" aria-hidden="true">{}</div>').format(
        _bar(feature, axis)
    )


def marks(axis: Axis) -> Html:
    """Return the names of minor versions where they begin, and the newest version at the end."""
    names = Html().join(
        Html('<span class="v-mark" style="left:{}%">{}</span>').format(mark.percent, mark.name)
        for mark in axis.marks()
    )
    last = "".join(tuple(axis.positions)[-1:])
    return names + Html('<span class="v-mark v-last">{}</span>').format(last)


def _bar(feature: Feature, axis: Axis) -> Html:
    return render(
        "version_line.html",
        marks=marks(axis),
        segments=[_segment(segment, axis) for segment in segments(feature, axis)],
        width=max(1, len(axis.positions)),
        ticks=axis.ticks(each.version for each in feature.evidence),
    )


def _segment(segment: Segment, axis: Axis) -> Html:
    width = axis.percent(segment.end - segment.first)
    colours = "".join(
        f";--{name}:var(--value-{number})"
        for name, number in zip(("v", "w"), segment.colours, strict=False)
    )
    label = Html("<b>{}</b>").format(one_line(segment.label)) if segment.label else Html()
    return Html('<span class="v-{}" title="{}" style="{}{}">{}</span>').format(
        f"{segment.kind} v-thin" if width < _THIN_PERCENT else segment.kind,
        one_line(segment.words, MAX_TEXT_LENGTH),
        axis.css(segment.first, segment.end),
        colours,
        label,
    )


def segments(feature: Feature, axis: Axis) -> Iterator[Segment]:
    """Yield the values, then the uncertain ranges, then the gaps, each the oldest first."""
    gaps = tuple(_gaps(feature, axis))
    for value in _values(feature, axis):
        yield from _around(value, gaps)
    yield from _doubts(feature, axis)
    yield from gaps


def _gaps(feature: Feature, axis: Axis) -> Iterator[Segment]:
    for gap in feature.gaps:
        yield Segment(
            kind="gap",
            first=axis.positions[gap.versions[0]],
            end=axis.positions[gap.versions[-1]] + 1,
            words=words.gap_words(gap),
        )


def _around(value: Segment, gaps: tuple[Segment, ...]) -> Iterator[Segment]:
    """Yield the parts of a value that no gap covers, so that the label of each can be read."""
    first = value.first
    for gap in gaps:
        if first < gap.first < value.end:
            yield replace(value, first=first, end=gap.first)
            first = gap.end
    yield replace(value, first=first)


def _values(feature: Feature, axis: Axis) -> Iterator[Segment]:
    colour_of = colours(feature)
    for interval in feature.intervals:
        yield Segment(
            kind="value",
            first=axis.positions[interval.added.by],
            end=axis.positions[words.versions_in(feature, interval)[-1]] + 1,
            label=interval.value,
            words=f"{interval.value}: {words.interval_words(interval)}",
            colours=(colour_of[interval.value],),
        )


def _doubts(feature: Feature, axis: Axis) -> Iterator[Segment]:
    colour_of = colours(feature)
    for before, after in pairwise(feature.intervals):
        if not after.added.exact:
            yield Segment(
                kind="doubt",
                first=axis.positions[words.versions_in(feature, before)[-1]] + 1,
                end=axis.positions[after.added.by],
                words=words.change_words(before, after),
                colours=(colour_of[before.value], colour_of[after.value]),
            )


def colours(feature: Feature) -> Mapping[str, int]:
    """Return a colour for each value; `yes` and `no` have the same colour in every feature."""
    values = dict.fromkeys(interval.value for interval in feature.intervals)
    others = (value for value in values if value not in _USUAL)
    further = _COLOURS - _USUAL_COLOURS
    return {value: _USUAL[value] for value in values if value in _USUAL} | {
        value: _USUAL_COLOURS + number % further for number, value in enumerate(others)
    }
