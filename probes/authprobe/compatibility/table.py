"""Compatibility table: the values of features by version, as intervals and as a JSON file."""

import datetime
import functools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, ConfigDict, TypeAdapter

from authprobe.core.escaping import for_json
from authprobe.core.json_schema import published
from authprobe.core.serialization import to_json
from authprobe.core.version_ranges import version_key
from authprobe.run import json_file

SCHEMA_VERSION: Final = 1


def _check_version(version: str) -> str:
    version_key(version)  # raises ValueError
    return version


Version = Annotated[str, AfterValidator(_check_version)]
"""A version that can be ordered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEvidence:
    """Value of a feature in one version, with its evidence."""

    version: Version
    value: str | None
    """None: it could not be measured."""
    reason: str | None = None
    """Reason that there is no value."""
    looks: int = 1
    """Number of probes with this value; 0: the client could not be started."""
    seen_at: datetime.date
    """Date of the last probe."""
    under: str
    """Hash of the question: the case, the field, and the value that is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionBound:
    """Version in which a value begins, as closely as it is known: after `after`, by `by`."""

    after: str | None
    """Last version with a different value; None: none is known, and the change may be older."""
    by: str
    """First version with the value."""
    exact: bool
    """True if no published version lies between the two: the value begins in `by`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Consecutive measured versions with the same value."""

    value: str
    added: VersionBound
    removed: VersionBound | None
    """None: the newest measured version has the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Consecutive probed versions without a value."""

    versions: tuple[str, ...]
    after: str | None
    """Measured version before them; None: there is none."""
    before: str | None
    """Measured version after them; None: there is none."""
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature with its values by version."""

    id: str
    title: str
    case: str
    """Id of the case that it is measured with, with the version that its scenario names."""
    field: str
    """Field of an observation, as in `bisect --when`."""
    contains: str | None = None
    """If given, the feature is `yes` or `no`: whether this is one of the field's values."""
    sources: tuple[str, ...] = ()
    intervals: tuple[Interval, ...]
    """Oldest first."""
    gaps: tuple[Gap, ...]
    evidence: tuple[VersionEvidence, ...]
    """Oldest version first."""

    @property
    def newest(self) -> Interval | None:
        """Interval of the newest measured version; None: no version was measured."""
        return self.intervals[-1] if self.intervals else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Provenance of a table: a command that added to it, its platform and its cost."""

    at: datetime.datetime
    tool: str
    """Version of authprobe."""
    platform: str
    command: str
    elapsed: float
    """Seconds."""
    probes: int
    installs: int
    disk_peak_bytes: int
    """Peak disk usage of the clients that the command installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompatibilityTable:
    """Features of one client, by version."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    schema_version: Literal[1] = SCHEMA_VERSION
    client: str
    published: tuple[Version, ...]
    """Every published release of the client, oldest first, without prereleases."""
    features: tuple[Feature, ...]
    made: tuple[Provenance, ...]
    """Commands that added to it, oldest first."""

    @property
    def probed(self) -> tuple[str, ...]:
        """Versions with evidence, oldest first."""
        versions = {each.version for feature in self.features for each in feature.evidence}
        return tuple(sorted(versions, key=version_key))


def intervals(
    published: Sequence[str], evidence: Iterable[VersionEvidence]
) -> tuple[Interval, ...]:
    """Return the intervals of equal values, oldest first; versions without a value are skipped."""
    runs = [tuple(run) for _, run in groupby(_measured(evidence), key=lambda each: each.value)]
    bounds = [
        _bound(published, before[-1].version if before else None, run[0].version)
        for before, run in pairwise([(), *runs])
    ]
    return tuple(
        Interval(value=run[0].value or "", added=added, removed=removed)
        for run, added, removed in zip(runs, bounds, [*bounds[1:], None], strict=False)
    )


def gaps(evidence: Iterable[VersionEvidence]) -> tuple[Gap, ...]:
    """Return the gaps of versions without a value, oldest first."""
    runs = [
        (is_measured, tuple(run))
        for is_measured, run in groupby(_ordered(evidence), key=lambda each: each.value is not None)
    ]
    return tuple(_gaps(runs))


def _gaps(runs: Sequence[tuple[bool, tuple[VersionEvidence, ...]]]) -> Iterator[Gap]:
    for index, (is_measured, run) in enumerate(runs):
        if not is_measured:
            yield Gap(
                versions=tuple(each.version for each in run),
                after=runs[index - 1][1][-1].version if index else None,
                before=runs[index + 1][1][0].version if index + 1 < len(runs) else None,
                reasons=tuple(dict.fromkeys(each.reason or "" for each in run)),
            )


def _ordered(evidence: Iterable[VersionEvidence]) -> list[VersionEvidence]:
    return sorted(evidence, key=lambda each: version_key(each.version))


def _measured(evidence: Iterable[VersionEvidence]) -> list[VersionEvidence]:
    return [each for each in _ordered(evidence) if each.value is not None]


def _bound(published: Sequence[str], after: str | None, by: str) -> VersionBound:
    return VersionBound(after=after, by=by, exact=not between(published, after, by))


def between(published: Sequence[str], after: str | None, before: str) -> tuple[str, ...]:
    """Return the published versions between two, exclusively; `after` None: no lower bound."""
    low, high = version_key(after) if after else None, version_key(before)
    return tuple(
        v for v in published if (low is None or low < version_key(v)) and version_key(v) < high
    )


def next_versions(
    published: Sequence[str], evidence: Mapping[str, VersionEvidence], *, looks: int
) -> tuple[str, ...]:
    """Return the versions to probe next to find the exact version of each change, newest first.

    They are the middle of each interval with a change, and then the versions on both sides of it,
    until each has `looks` probes.
    """
    versions: dict[str, None] = {}
    for before, after in pairwise(_measured(evidence.values())):
        if before.value == after.value:
            continue
        unprobed = [
            version
            for version in between(published, before.version, after.version)
            if version not in evidence
        ]
        if unprobed:
            versions[unprobed[len(unprobed) // 2]] = None
        else:
            versions |= {each.version: None for each in (before, after) if each.looks < looks}
    return tuple(sorted(versions, key=version_key, reverse=True))


def sample_evenly(
    versions: Sequence[str], count: int, measured: Container[str] = ()
) -> tuple[str, ...]:
    """Return `count` of the versions, oldest first: measured ones, both ends, then bisected gaps.

    The widest gap is bisected first, the newer one of two equal gaps. Starting from the measured
    versions keeps the sample stable when a version is published; all of them are returned, even if
    they are more than `count`.
    """
    last = len(versions) - 1
    indices = {index for index, version in enumerate(versions) if version in measured} | {last}
    if count > 1:
        indices.add(0)
    while len(indices) < min(count, len(versions)):
        width, low = max((high - low, low) for low, high in pairwise(sorted(indices)))
        indices.add(low + width // 2)
    return tuple(versions[index] for index in sorted(indices))


def read_table(path: Path) -> CompatibilityTable:
    """Return the table in a file.

    Raises:
        RecordError: the file cannot be read, or has another format.
    """
    remedy = "give another file with --data"
    content = json_file.read_content(path, remedy)
    return json_file.validate(path, content, _reader(), "a table of versions", remedy)


def dump_schema() -> str:
    """Return the JSON Schema (2020-12) of a table, as text."""
    schema = _reader().json_schema(mode="serialization")
    document = published(schema, file="docs/versions/schema.json", title="authprobe versions")
    return to_json(document, indent=2).decode() + "\n"


def dump_table(table: CompatibilityTable) -> str:
    """Return a table as JSON."""
    return for_json(to_json(table, indent=1).decode()) + "\n"


@functools.cache
def _reader() -> TypeAdapter[CompatibilityTable]:
    return TypeAdapter(CompatibilityTable)
