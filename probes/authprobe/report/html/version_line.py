"""The timeline of a feature: a segment for each value, each uncertain range and each gap."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from authprobe.compatibility.table import Feature
from authprobe.core.escaping import MAX_TEXT_LENGTH, one_line
from authprobe.observation.model import Outcome
from authprobe.report import versions as words
from authprobe.report.html.elements import Html
from authprobe.report.html.rendering import render
from authprobe.report.html.version_axis import Axis
from authprobe.report.model.heat_map import LETTERS

_USUAL: Final = {"yes": LETTERS[Outcome.ACCEPTED], "no": "U", "none": "U"}
"""Colours that these values have in every feature; an outcome has that of the heat map."""
_OTHERS: Final = "RLSNO"
"""Colours of the other values, in the order in which these appear."""
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
    colours: str = ""
    """Letters of the colours in report.css; of the values before and after a change."""


def line(feature: Feature, axis: Axis) -> Html:
    """Return the timeline with its labels and ticks, as one image with a text alternative."""
    texts = dict.fromkeys(segment.words for segment in segments(feature, axis))
    summary = "; ".join(texts) or words.NO_VALUE
    name = one_line(f"{feature.title}. {summary}", MAX_TEXT_LENGTH)
    return Html('<div class="v-line" role="img" aria-label="{}">{}</div>').format(
        name, _bar(feature, axis)
    )


def small_line(feature: Feature, axis: Axis) -> Html:
    """Return the timeline for an overview; the text beside it and its section say the same."""
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
    names = zip(_VARIABLES, segment.colours, strict=False)
    colours = "".join(f";{style(letter, *pair)}" for pair, letter in names)
    label = Html("<b>{}</b>").format(one_line(segment.label)) if segment.label else Html()
    return Html('<span class="v-{}" title="{}" style="{}{}">{}</span>').format(
        f"{segment.kind} v-thin" if width < _THIN_PERCENT else segment.kind,
        one_line(segment.words, MAX_TEXT_LENGTH),
        axis.css(segment.first, segment.end),
        colours,
        label,
    )


def style(letter: str, fill: str = "v", ink: str = "i") -> str:
    """Return CSS that sets the fill and the ink of an element to a colour of the heat map."""
    return f"--{fill}:var(--{letter});--{ink}:var(--{letter.lower()})"


_VARIABLES: Final = (("v", "i"), ("w", "j"))
"""Variables of versions.css for the colours of a segment."""


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
            colours=colour_of[interval.value],
        )


def _doubts(feature: Feature, axis: Axis) -> Iterator[Segment]:
    colour_of = colours(feature)
    for before, after in itertools.pairwise(feature.intervals):
        if not after.added.exact:
            yield Segment(
                kind="doubt",
                first=axis.positions[words.versions_in(feature, before)[-1]] + 1,
                end=axis.positions[after.added.by],
                words=words.change_words(before, after),
                colours=colour_of[before.value] + colour_of[after.value],
            )


def colours(feature: Feature) -> Mapping[str, str]:
    """Return the letter of a colour for each value, a different one as long as there are some."""
    values = dict.fromkeys(interval.value for interval in feature.intervals)
    found: dict[str, str] = {}
    for value in values:
        letter = _USUAL.get(value) or _OUTCOMES.get(value.partition(" ")[0])
        if letter and letter not in found.values():
            found[value] = letter
    free = [letter for letter in _OTHERS if letter not in found.values()] or [*_OTHERS]
    others = (value for value in values if value not in found)
    return found | dict(zip(others, itertools.cycle(free), strict=False))


_OUTCOMES: Final[Mapping[str, str]] = {outcome.value: letter for outcome, letter in LETTERS.items()}
