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
from authprobe.report.html.version_line import colours, line, marks, small_line
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
        line=partial(line, axis=axis) if axis.places else lambda _: Html(),
        intervals=_intervals,
        gaps=_gaps,
        evidence=_evidence,
    )
    return document(f"What {table.client} does, by version", body, style="versions.css")


def _provenance(made: tuple[Provenance, ...]) -> tuple[tuple[str, str], ...]:
    """Return how the table was made, by one command or by all of them together."""
    if not made:
        return ()
    last = made[-1]
    command = code(last.command) if len(made) == 1 else plural(len(made), "command")
    return (
        ("Made with", command),
        ("Ended", words.made_where(last)),
        ("It took", words.made_words(_total(made))),
    )


def _total(made: Sequence[Provenance]) -> Provenance:
    """Return the last command with the effort of all commands."""
    return replace(
        made[-1],
        elapsed=sum(each.elapsed for each in made),
        probes=sum(each.probes for each in made),
        installs=sum(each.installs for each in made),
        disk_peak_bytes=max(each.disk_peak_bytes for each in made),
    )


def _commands(made: Sequence[Provenance]) -> Html:
    rows = (
        (words.made_where(each), code(each.command), words.made_words(each))
        for each in reversed(made)
    )
    return elements.table("Commands", ("Ended", "Command", "It took"), rows)


def _reach(axis: Axis) -> str:
    """Return how many versions are on the axis, and which are the first and the last."""
    versions = tuple(axis.places)
    ends = f", {versions[0]} to {versions[-1]}" if versions else ""
    return f"{plural(len(versions), 'published version')}{ends}"


def _newest(feature: Feature, *, last: str | None) -> Html:
    """Return the newest value and where it begins; and where it was read, if not in `last`."""
    interval = feature.newest
    if interval is None:
        return Html("<p>nothing is known</p>")
    note = words.since(interval.added)
    version = words.shown_in(feature, interval)[-1]
    if version != last:
        note += f"; last read in {version}"
    return Html("<p>{} <small>{}</small></p>").format(_value(feature, interval), note)


def _value(feature: Feature, interval: Interval) -> Html:
    """Return the value beside its colour."""
    return Html('<i class="v-key" style="--v:var(--value-{})"></i> <strong>{}</strong>').format(
        colours(feature)[interval.value], interval.value
    )


def _intervals(feature: Feature) -> Html:
    """Return each value with its first and last version, the newest first."""
    if not feature.intervals:
        return Html("<p>nothing is known</p>")
    rows = (
        (
            _value(feature, interval),
            words.since(interval.added),
            words.end_words(feature, interval),
            _versions(words.shown_in(feature, interval)),
        )
        for interval in reversed(feature.intervals)
    )
    heads = ("Value", "Begins", "Ends", "Versions probed in it")
    return elements.table(f"Values: {feature.title}", heads, rows, kind="ap-words v-values")


def _gaps(feature: Feature) -> Html:
    return elements.bullets(f"not known of {words.gap_words(gap)}" for gap in feature.gaps)


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
        Html(", whether one of its values is {}").format(code(feature.contains))
        if feature.contains
        else Html()
    )
    yield "Field", code(feature.field) + contains
    if feature.evidence:
        looks = sum(known.looks for known in feature.evidence)
        last = max(known.seen_at for known in feature.evidence)
        versions = plural(len(feature.evidence), "version")
        yield "Probed", f"{versions}, {plural(looks, 'time')} in all, last on {last}"
    if feature.sources:
        yield "Sources", elements.lines(map(source, feature.sources))
