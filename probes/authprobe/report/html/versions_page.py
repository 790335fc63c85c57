"""The versions table as a page: what is so in the newest version, and a line for each feature."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from authprobe.compatibility.table import CompatibilityTable, Feature, Interval, Provenance
from authprobe.report import versions as words
from authprobe.report.html import elements
from authprobe.report.html.document import asset, page
from authprobe.report.html.elements import code, safe, source
from authprobe.report.html.version_axis import Axis, make_axis
from authprobe.report.html.version_line import colours, line, marks, small_line
from authprobe.report.model.phrases import plural, scenario_anchor

_LISTED: Final = 4
"""So many versions are told at once; more are folded."""

_LEGEND: Final = (
    ('<i class="v-key" style="--v:var(--value-0)"></i>', "a value, named in the line or below it"),
    (
        '<i class="v-key v-doubt" style="--v:var(--value-0);--w:var(--value-1)"></i>',
        "the value changes within these versions",
    ),
    ('<i class="v-key v-gap"></i>', "cannot be read; this is no change"),
    ('<i class="v-key v-none"></i>', "not probed"),
    ('<i class="v-key v-tick"></i>', "below a line: a version that was probed"),
)


def versions_page(table: CompatibilityTable, *, data: str | None = None) -> str:
    """The whole page; `data` is the name of the file with the table, beside it."""
    axis = make_axis((*table.published, *table.probed))
    body = (
        f'<p class="ap-verdict">{safe(words.headline(table))}</p>'
        + _made(table.made)
        + _data(data)
        + _overview(table, axis)
        + _lines(table, axis)
    )
    return page(f"What {table.client} does, by version", body, style=asset("versions.css"))


def _data(name: str | None) -> str:
    if name is None:
        return ""
    return f'<p>The table for programs: <a href="{safe(quote(name))}">{safe(name)}</a></p>'


def _made(made: tuple[Provenance, ...]) -> str:
    """How the table was made: by the only command, or by all of them together, and each folded."""
    if not made:
        return ""
    last, several = made[-1], len(made) > 1
    told = (
        ("Made with", plural(len(made), "command") if several else code(last.command)),
        ("Ended", safe(words.made_where(last))),
        ("It took", safe(words.made_words(_together(made)))),
    )
    return _facts(told) + (_each(made) if several else "")


def _together(made: Sequence[Provenance]) -> Provenance:
    """What all commands took."""
    return replace(
        made[-1],
        elapsed=sum(each.elapsed for each in made),
        probes=sum(each.probes for each in made),
        installs=sum(each.installs for each in made),
        disk_peak_bytes=max(each.disk_peak_bytes for each in made),
    )


def _each(made: Sequence[Provenance]) -> str:
    rows = (
        (safe(words.made_where(each)), code(each.command), safe(words.made_words(each)))
        for each in reversed(made)
    )
    drawn = elements.table("Commands", ("Ended", "Command", "It took"), rows)
    return f"<details><summary>Each of them</summary>{drawn}</details>"


def _facts(told: tuple[tuple[str, str], ...]) -> str:
    """Labels and values, which are HTML already."""
    drawn = "".join(f"<dt>{safe(label)}</dt><dd>{value}</dd>" for label, value in told)
    return f'<dl class="ap-facts">{drawn}</dl>'


def _overview(table: CompatibilityTable, axis: Axis) -> str:
    """What is so in the newest version, a line for each feature."""
    if not table.features:
        return "<p>There are no features.</p>"
    last = table.probed[-1] if table.probed else None
    items = "".join(
        f'<li><div><a href="#{scenario_anchor(feature.id)}">{safe(feature.title)}</a>'
        f"{_newest(feature, last)}</div>{small_line(feature, axis)}</li>"
        for feature in table.features
    )
    head = f'<div></div><div class="v-line">{marks(axis)}</div>'
    return (
        '<h2>What is so in the newest version</h2><ul class="v-all">'
        f'<li class="v-head" aria-hidden="true">{head}</li>{items}</ul>'
    )


def _newest(feature: Feature, last: str | None) -> str:
    """The newest value, since when, and in which version it was read if that is not the last."""
    interval = feature.newest
    if interval is None:
        return "<p>nothing is known</p>"
    told = words.since(interval.added)
    read = words.shown_in(feature, interval)[-1]
    if read != last:
        told += f"; last read in {read}"
    return f"<p>{_value(feature, interval)} <small>{safe(told)}</small></p>"


def _value(feature: Feature, interval: Interval) -> str:
    """The value beside its colour."""
    colour = f'<i class="v-key" style="--v:var(--value-{colours(feature)[interval.value]})"></i>'
    return f"{colour} <strong>{safe(interval.value)}</strong>"


def _lines(table: CompatibilityTable, axis: Axis) -> str:
    if not table.features:
        return ""
    return (
        f"<h2>Feature by feature</h2>{_legend(axis)}"
        f"{''.join(_feature(feature, axis) for feature in table.features)}"
    )


def _legend(axis: Axis) -> str:
    """How a line is read."""
    versions = tuple(axis.places)
    reach = f", {versions[0]} to {versions[-1]}" if versions else ""
    items = "".join(f"<li>{key} {meaning}</li>" for key, meaning in _LEGEND)
    return (
        f"<p>Each version takes the same room in a line, in the order of the "
        f"{plural(len(versions), 'published version')}{safe(reach)}. Those between two that show "
        f'the same are taken to show it too.</p><ul class="v-legend">{items}</ul>'
    )


def _feature(feature: Feature, axis: Axis) -> str:
    drawn = line(feature, axis) if axis.places else ""
    return (
        f'<section class="v-feature"><h3 id="{scenario_anchor(feature.id)}">'
        f"{safe(feature.title)}</h3>{drawn}{_intervals(feature)}"
        f"{elements.bullets(f'not known of {words.gap_words(gap)}' for gap in feature.gaps)}"
        f"{_facts(tuple(_read(feature)))}</section>"
    )


def _intervals(feature: Feature) -> str:
    """Each value, from when to when, the newest first."""
    if not feature.intervals:
        return "<p>nothing is known</p>"
    rows = (
        (
            _value(feature, interval),
            safe(words.since(interval.added)),
            safe(words.end_words(feature, interval)),
            _probed(words.shown_in(feature, interval)),
        )
        for interval in reversed(feature.intervals)
    )
    labels = ("Value", "Begins", "Ends", "Versions probed in it")
    return elements.table(f"Values: {feature.title}", labels, rows, kind="ap-words v-values")


def _probed(versions: tuple[str, ...]) -> str:
    """The versions, folded if they are many."""
    listed = ", ".join(map(safe, versions))
    if len(versions) <= _LISTED:
        return listed
    reach = safe(f"{len(versions)}, {versions[0]} to {versions[-1]}")
    return f"<details><summary>{reach}</summary>{listed}</details>"


def _read(feature: Feature) -> Iterator[tuple[str, str]]:
    """What was probed and read, and who says more."""
    yield "Case", code(feature.case)
    contains = (
        f", whether one of its values is {code(feature.contains)}" if feature.contains else ""
    )
    yield "Field", code(feature.field) + contains
    if feature.evidence:
        looks = sum(known.looks for known in feature.evidence)
        last = max(known.seen_at for known in feature.evidence)
        versions = plural(len(feature.evidence), "version")
        yield "Probed", f"{versions}, {plural(looks, 'time')} in all, last on {last}"
    if feature.sources:
        yield "Sources", "<br>".join(map(source, feature.sources))
