"""The page of a compatibility table: the newest values, and a timeline for each feature."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from authprobe.compatibility.table import CompatibilityTable, Feature, Interval, Provenance
from authprobe.report import versions as words
from authprobe.report.html import elements
from authprobe.report.html.document import document
from authprobe.report.html.elements import Html, code, source
from authprobe.report.html.rendering import render
from authprobe.report.html.version_axis import Axis, make_axis
from authprobe.report.html.version_line import colours, line, marks, small_line, style
from authprobe.report.model.phrases import plural, scenario_anchor

MAX_VERSIONS_LISTED: Final = 4
"""Versions listed in one cell; a longer list is folded."""


def versions_page(table: CompatibilityTable, *, data: str | None = None) -> Html:
    """Return the whole page; `data` is the name of the JSON file beside it."""
    axis = make_axis((*table.published, *table.probed))
    body = render(
        "versions.html",
        headline=words.headline(table),
        provenance=_provenance(table.made),
        commands=_commands(table.made) if len(table.made) > 1 else None,
        data=data,
        features=table.features,
        anchor=scenario_anchor,
        marks=marks(axis),
        versions=_reach(axis),
        newest=partial(_newest, last=table.probed[-1] if table.probed else None),
        small_line=partial(small_line, axis=axis),
        line=partial(line, axis=axis) if axis.positions else lambda _: Html(),
        intervals=_intervals,
        gaps=_gaps,
        evidence=_evidence,
    )
    return document(
        f"Behaviour of {table.client} by version",
        body,
        style="versions.css",
        has_style_attributes=True,
    )


def _provenance(commands: tuple[Provenance, ...]) -> tuple[tuple[str, str], ...]:
    """Return how the table was made, by one command or by all of them together."""
    if not commands:
        return ()
    last = commands[-1]
    command = plural(len(commands), "command") if len(commands) > 1 else code(last.command)
    return (
        ("Made with", command),
        ("Finished", words.ended_words(last)),
        ("Effort", words.effort_words(_total(commands))),
    )


def _total(commands: Sequence[Provenance]) -> Provenance:
    """Return the last command with the effort of all commands."""
    return replace(
        commands[-1],
        elapsed=sum(each.elapsed for each in commands),
        probes=sum(each.probes for each in commands),
        installs=sum(each.installs for each in commands),
        disk_peak_bytes=max(each.disk_peak_bytes for each in commands),
    )


def _commands(commands: Sequence[Provenance]) -> Html:
    rows = (
        (words.ended_words(each), code(each.command), words.effort_words(each))
        for each in reversed(commands)
    )
    return elements.table("Commands", ("Finished", "Command", "Effort"), rows)


def _reach(axis: Axis) -> str:
    """Return how many versions are on the axis, and which are the first and the last."""
    versions = tuple(axis.positions)
    ends = f", {versions[0]} to {versions[-1]}" if versions else ""
    return f"{plural(len(versions), 'published version')}{ends}"


def _newest(feature: Feature, *, last: str | None) -> Html:
    """Return the newest value and where it begins; and where it was read, if not in `last`."""
    interval = feature.newest
    if interval is None:
        return Html("<p>{}</p>").format(words.NO_VALUE)
    note = words.since(interval.added)
    version = words.versions_in(feature, interval)[-1]
    if version != last:
        note += f"; last read in {version}"
    return Html("<p>{} <small>{}</small></p>").format(_value(feature, interval), note)


def _value(feature: Feature, interval: Interval) -> Html:
    """Return the value beside its colour."""
    key = Html('<i class="v-key" style="{}"></i>').format(style(colours(feature)[interval.value]))
    return Html("{} <strong>{}</strong>").format(key, interval.value)


def _intervals(feature: Feature) -> Html:
    """Return each value with its first and last version, the newest first."""
    if not feature.intervals:
        return Html("<p>{}</p>").format(words.NO_VALUE)
    rows = (
        (
            _value(feature, interval),
            words.since(interval.added),
            words.end_words(feature, interval),
            _versions(words.versions_in(feature, interval)),
        )
        for interval in reversed(feature.intervals)
    )
    heads = ("Value", "Begins", "Ends", "Probed versions")
    return elements.table(f"Values: {feature.title}", heads, rows, kind="ap-words v-values")


def _gaps(feature: Feature) -> Html:
    return elements.bullets(words.gap_words(gap) for gap in feature.gaps)


def _versions(versions: tuple[str, ...]) -> Html:
    """Return the versions, folded if they are many."""
    listed = Html(", ").join(versions)
    if len(versions) <= MAX_VERSIONS_LISTED:
        return listed
    return Html("<details><summary>{}, {} to {}</summary>{}</details>").format(
        len(versions), versions[0], versions[-1], listed
    )


def _evidence(feature: Feature) -> Iterator[tuple[str, str]]:
    """Yield the case, the field, the number of probes, and the sources of a feature."""
    yield "Case", code(feature.case)
    contains = (
        Html("; whether its values contain {}").format(code(feature.contains))
        if feature.contains
        else Html()
    )
    yield "Field", code(feature.field) + contains
    if feature.evidence:
        probes = sum(each.looks for each in feature.evidence)
        last = max(each.seen_at for each in feature.evidence)
        versions = plural(len(feature.evidence), "version")
        yield "Probed", f"{versions}, {plural(probes, 'probe')} in total, last on {last}"
    if feature.sources:
        yield "Sources", elements.lines(map(source, feature.sources))
