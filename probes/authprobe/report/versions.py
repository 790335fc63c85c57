"""The versions table for people: as text, and as Markdown."""

from collections.abc import Iterator

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


def headline(table: CompatibilityTable) -> str:
    """What the table is about, in one line."""
    probed = table.probed
    about = f"{table.client}: {plural(len(table.features), 'feature')}"
    if not probed:
        return f"{about}; no version was probed"
    releases = plural(len(table.published), "published version")
    return f"{about} in {len(probed):,} of {releases}, {probed[0]} to {probed[-1]}"


def since(bound: VersionBound) -> str:
    """Where an interval begins, in words."""
    if bound.exact:
        return f"since {bound.by}" if bound.after else f"since {bound.by}, the first"
    if bound.after is None:
        return f"since {bound.by} or earlier"
    return f"since {bound.by} or earlier, after {bound.after}"


def until(bound: VersionBound) -> str:
    """Where an interval ends, in words: the next value begins there."""
    if bound.exact:
        return f"until {bound.after}"
    return f"until {bound.after} or later, before {bound.by}"


def interval_words(interval: Interval) -> str:
    """From when to when, in words."""
    ended = "" if interval.removed is None else f", {until(interval.removed)}"
    return f"{since(interval.added)}{ended}"


def shown_in(feature: Feature, interval: Interval) -> tuple[str, ...]:
    """The versions that were probed and have shown it, the oldest first."""
    low = version_key(interval.added.by)
    high = version_key(interval.removed.by) if interval.removed else None
    return tuple(
        known.version
        for known in feature.evidence
        if known.value is not None
        and low <= version_key(known.version)
        and (high is None or version_key(known.version) < high)
    )


def end_words(feature: Feature, interval: Interval) -> str:
    """Where an interval ends, in words, or that it has not ended yet."""
    if interval.removed:
        return until(interval.removed)
    return f"still so in {shown_in(feature, interval)[-1]}"


def change_words(before: Interval, after: Interval) -> str:
    """Between which versions one value gives way to the next, where that is not known exactly."""
    where = f"after {after.added.after}, before {after.added.by}"
    return f"{before.value} or {after.value}, not known which: {where}"


def gap_words(gap: Gap) -> str:
    """What cannot be read, and why, in words."""
    versions = gap.versions
    spoken = (
        versions[0] if len(versions) == 1 else f"{len(versions)}, {versions[0]} to {versions[-1]}"
    )
    return one_line(f"{spoken}: {'; '.join(filter(None, gap.reasons))}", MAX_TEXT_LENGTH)


def made_words(made: Provenance) -> str:
    """What a command took, in words."""
    minutes, seconds = divmod(round(made.elapsed), 60)
    return (
        f"{plural(made.probes, 'probe')} in {minutes} min {seconds} s, "
        f"{plural(made.installs, 'client')} installed, "
        f"at most {format_size(made.disk_peak_bytes)} at a time"
    )


def made_where(made: Provenance) -> str:
    """When a command has ended, and on what it ran, in words."""
    return f"{made.at:%Y-%m-%d %H:%M} UTC, authprobe {made.tool}, {made.platform}"


def text(table: CompatibilityTable) -> Iterator[str]:
    """The table for a terminal, line by line."""
    yield headline(table)
    for feature in table.features:
        yield ""
        yield one_line(f"{feature.title} ({feature.id})", MAX_TEXT_LENGTH)
        yield from (f"  {line}" for line in _lines(feature))


def _lines(feature: Feature) -> Iterator[str]:
    for interval in feature.intervals:
        yield one_line(f"{interval.value}: {interval_words(interval)}", MAX_TEXT_LENGTH)
    for gap in feature.gaps:
        yield f"not known of {gap_words(gap)}"
    if not feature.evidence:
        yield "nothing is known"


def markdown(table: CompatibilityTable) -> Iterator[str]:
    """The table for an issue or a wiki, line by line."""
    yield f"**{escaped(headline(table))}**"
    yield from ("", "| feature | value | versions |", "| --- | --- | --- |")
    for feature in table.features:
        for interval in feature.intervals:
            words = (feature.title, interval.value, interval_words(interval))
            yield f"| {' | '.join(map(escaped, words))} |"
        for gap in feature.gaps:
            yield f"| {escaped(feature.title)} | not known | {escaped(gap_words(gap))} |"
