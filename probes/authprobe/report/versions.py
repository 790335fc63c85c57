"""A compatibility table as text and as Markdown."""

from collections.abc import Iterator
from typing import Final

from authprobe.compatibility.table import (
    CompatibilityTable,
    Feature,
    Gap,
    Interval,
    Provenance,
    VersionBound,
)
from authprobe.core.byte_sizes import format_size
from authprobe.core.escaping import MAX_TEXT_LENGTH, one_line
from authprobe.core.version_ranges import version_key
from authprobe.report.markdown.summary import escaped
from authprobe.report.model.phrases import plural

NO_VALUE: Final = "no value known"
"""Text for a feature that no version has shown."""


def headline(table: CompatibilityTable) -> str:
    """Return the client and the numbers of features and versions, in one line."""
    probed = table.probed
    about = f"{table.client}: {plural(len(table.features), 'feature')}"
    if not probed:
        return f"{about}; no version was probed"
    releases = plural(len(table.published), "published version")
    return f"{about} in {len(probed):,} of {releases}, {probed[0]} to {probed[-1]}"


def since(bound: VersionBound) -> str:
    """Describe the beginning of an interval."""
    if bound.exact:
        return f"since {bound.by}" if bound.after else f"since {bound.by}, the first"
    if bound.after is None:
        return f"since {bound.by} or earlier"
    return f"since {bound.by} or earlier, after {bound.after}"


def until(bound: VersionBound) -> str:
    """Describe the end of an interval, at which the next value begins."""
    if bound.exact:
        return f"until {bound.after}"
    return f"until {bound.after} or later, before {bound.by}"


def interval_words(interval: Interval) -> str:
    """Describe the first and last version of an interval."""
    end = "" if interval.removed is None else f", {until(interval.removed)}"
    return f"{since(interval.added)}{end}"


def versions_in(feature: Feature, interval: Interval) -> tuple[str, ...]:
    """Return the probed versions in an interval, the oldest first."""
    low = version_key(interval.added.by)
    high = version_key(interval.removed.by) if interval.removed else None
    return tuple(
        each.version
        for each in feature.evidence
        if each.value is not None
        and low <= version_key(each.version)
        and (high is None or version_key(each.version) < high)
    )


def end_words(feature: Feature, interval: Interval) -> str:
    """Describe the end of an interval, or the last version of one that has not ended."""
    if interval.removed:
        return until(interval.removed)
    return f"still in {versions_in(feature, interval)[-1]}"


def change_words(before: Interval, after: Interval) -> str:
    """Describe a change between two versions with others in between that were not read."""
    between = f"between {after.added.after} and {after.added.by}"
    return f"changes from {before.value} to {after.value} {between}"


def gap_words(gap: Gap) -> str:
    """Describe the versions in which the field could not be read, and why."""
    versions = gap.versions
    names = versions[0]
    if len(versions) > 1:
        names = f"{plural(len(versions), 'version')}, {versions[0]} to {versions[-1]}"
    return one_line(
        f"not readable in {names}: {'; '.join(filter(None, gap.reasons))}", MAX_TEXT_LENGTH
    )


def effort_words(command: Provenance) -> str:
    """Describe the probes, time, installations and disk space of a command."""
    minutes, seconds = divmod(round(command.elapsed), 60)
    return (
        f"{plural(command.probes, 'probe')} in {minutes} min {seconds} s, "
        f"{plural(command.installs, 'client')} installed, "
        f"at most {format_size(command.disk_peak_bytes)} at a time"
    )


def ended_words(command: Provenance) -> str:
    """Describe when a command ended, with its version and platform."""
    return f"{command.at:%Y-%m-%d %H:%M} UTC, authprobe {command.tool}, {command.platform}"


def text(table: CompatibilityTable) -> Iterator[str]:
    """Yield the table for a terminal, line by line."""
    yield headline(table)
    for feature in table.features:
        yield ""
        yield one_line(f"{feature.title} ({feature.id})", MAX_TEXT_LENGTH)
        yield from (f"  {line}" for line in _lines(feature))


def _lines(feature: Feature) -> Iterator[str]:
    for interval in feature.intervals:
        yield one_line(f"{interval.value}: {interval_words(interval)}", MAX_TEXT_LENGTH)
    for gap in feature.gaps:
        yield gap_words(gap)
    if not feature.evidence:
        yield NO_VALUE


def markdown(table: CompatibilityTable) -> Iterator[str]:
    """Yield the table for an issue or a wiki, line by line."""
    yield f"**{escaped(headline(table))}**"
    yield from ("", "| feature | value | versions |", "| --- | --- | --- |")
    for feature in table.features:
        for interval in feature.intervals:
            words = (feature.title, interval.value, interval_words(interval))
            yield f"| {' | '.join(map(escaped, words))} |"
        for gap in feature.gaps:
            yield f"| {escaped(feature.title)} | | {escaped(gap_words(gap))} |"
