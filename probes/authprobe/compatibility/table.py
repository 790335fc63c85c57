"""Compatibility data: since which version, and until which, a client does something."""

import datetime
import functools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import to_json

from authprobe.core.escaping import for_json
from authprobe.core.version_ranges import version_key
from authprobe.errors import RecordError

SCHEMA_VERSION: Final = 1


def _checked(version: str) -> str:
    version_key(version)  # raises ValueError
    return version


Version = Annotated[str, AfterValidator(_checked)]
"""One that has a place among the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEvidence:
    """What one version has shown of a feature."""

    version: Version
    value: str | None
    """None: nothing can be read."""
    reason: str | None = None
    """Why not."""
    looks: int = 1
    """How many times it was probed, and showed the same; 0: it could not even be started."""
    seen_at: datetime.date
    """The day of the last look."""
    under: str
    """A hash of the question: what was handed over, and what is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionBound:
    """A version in which something begins, as closely as it is known: after `after`, by `by`."""

    after: str | None
    """The last version known to be otherwise; None: none is known, and it may be older."""
    by: str
    """The first version known to be so."""
    exact: bool
    """Nothing that is published lies between the two, so that `by` is the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Versions, one after the other, that show the same value, as far as they were read."""

    value: str
    added: VersionBound
    removed: VersionBound | None
    """None: it is so in the newest version that was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Versions, one after the other, of which nothing can be read."""

    versions: tuple[str, ...]
    after: str | None
    """The version read before them; None: there is none."""
    before: str | None
    """The version read after them; None: there is none."""
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One thing that a client does or does not do, with what is known of each version."""

    id: str
    title: str
    case: str
    """The id of the case that shows it, with the version that its scenario names."""
    field: str
    """The field of an observation that is read, as `bisect --when` names it."""
    contains: str | None = None
    """A whole value that is looked for among those of the field: then it is `yes` or `no`."""
    sources: tuple[str, ...] = ()
    intervals: tuple[Interval, ...]
    """The oldest first."""
    gaps: tuple[Gap, ...]
    evidence: tuple[VersionEvidence, ...]
    """The oldest version first."""

    @property
    def newest(self) -> Interval | None:
        """What is so in the newest version that was read; None: none was."""
        return self.intervals[-1] if self.intervals else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """When a table was made, on what, and what it took; of the last command that added to it."""

    at: datetime.datetime
    tool: str
    """The version of authprobe."""
    platform: str
    command: str
    elapsed: float
    """Seconds."""
    probes: int
    installs: int
    disk_peak_bytes: int
    """The most that clients which the command installed have taken at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompatibilityTable:
    """The file: one client, every feature, every version that was probed."""

    schema_version: Literal[1] = SCHEMA_VERSION
    client: str
    published: tuple[Version, ...]
    """Every release of the client that was published, the oldest first; no prereleases."""
    features: tuple[Feature, ...]
    made: tuple[Provenance, ...]
    """Each command that added to it, the oldest first."""

    @property
    def probed(self) -> tuple[str, ...]:
        """Every version that there is evidence of, the oldest first."""
        found = {known.version for feature in self.features for known in feature.evidence}
        return tuple(sorted(found, key=version_key))


def intervals(
    published: Sequence[str], evidence: Iterable[VersionEvidence]
) -> tuple[Interval, ...]:
    """Where the value changes, the oldest first; what cannot be read is passed over."""
    read = [known for known in _ordered(evidence) if known.value is not None]
    runs = [tuple(run) for _, run in groupby(read, key=lambda known: known.value)]
    bounds = [
        _bound(published, before[-1].version if before else None, run[0].version)
        for before, run in pairwise([(), *runs])
    ]
    return tuple(
        Interval(value=run[0].value or "", added=added, removed=removed)
        for run, added, removed in zip(runs, bounds, [*bounds[1:], None], strict=False)
    )


def gaps(evidence: Iterable[VersionEvidence]) -> tuple[Gap, ...]:
    """Which versions cannot be read, the oldest first."""
    runs = [
        (is_read, tuple(run))
        for is_read, run in groupby(_ordered(evidence), key=lambda known: known.value is not None)
    ]
    return tuple(_gaps(runs))


def _gaps(runs: Sequence[tuple[bool, tuple[VersionEvidence, ...]]]) -> Iterator[Gap]:
    for place, (is_read, run) in enumerate(runs):
        if not is_read:
            yield Gap(
                versions=tuple(known.version for known in run),
                after=runs[place - 1][1][-1].version if place else None,
                before=runs[place + 1][1][0].version if place + 1 < len(runs) else None,
                reasons=tuple(dict.fromkeys(known.reason or "" for known in run)),
            )


def _ordered(evidence: Iterable[VersionEvidence]) -> list[VersionEvidence]:
    return sorted(evidence, key=lambda known: version_key(known.version))


def _bound(published: Sequence[str], after: str | None, by: str) -> VersionBound:
    return VersionBound(after=after, by=by, exact=not between(published, after, by))


def between(published: Sequence[str], after: str | None, before: str) -> tuple[str, ...]:
    """The published versions between two; before the second, where the first is None."""
    low, high = version_key(after) if after else None, version_key(before)
    return tuple(
        v for v in published if (low is None or low < version_key(v)) and version_key(v) < high
    )


def next_versions(
    published: Sequence[str], evidence: Mapping[str, VersionEvidence], *, looks: int
) -> tuple[str, ...]:
    """The versions to ask next so that every change is known exactly, the newest first.

    In the middle between two versions with different values, what was not asked; and again those
    at both sides of a change that have been looked at less than `looks` times.
    """
    read = [known for known in _ordered(evidence.values()) if known.value is not None]
    wanted: dict[str, None] = {}
    for before, after in pairwise(read):
        if before.value == after.value:
            continue
        unasked = [
            v for v in between(published, before.version, after.version) if v not in evidence
        ]
        if unasked:
            wanted[unasked[len(unasked) // 2]] = None
        else:
            wanted |= {known.version: None for known in (before, after) if known.looks < looks}
    return tuple(sorted(wanted, key=version_key, reverse=True))


def sample_evenly(
    versions: Sequence[str], count: int, known: Container[str] = ()
) -> tuple[str, ...]:
    """So many of these, the oldest first: what is known of, the last, the first, and then the
    middle of the widest gap, the newer one where two are as wide.

    So those of yesterday stay when a version is published. If more are known, all of them stay.
    """
    last = len(versions) - 1
    places = {place for place, version in enumerate(versions) if version in known} | {last}
    if count > 1:
        places.add(0)
    while len(places) < min(count, len(versions)):
        ordered = sorted(places)
        wide, low = max((high - low, low) for low, high in pairwise(ordered))
        places.add(low + wide // 2)
    return tuple(versions[place] for place in sorted(places))


def read_table(path: Path) -> CompatibilityTable:
    """The table in a file.

    Raises:
        RecordError: it cannot be read, or is no table.
    """
    try:
        return _reader().validate_json(path.read_bytes())
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the file"
        raise RecordError(
            f"{path}: this is no table of versions ({where}: {error.errors()[0]['msg']}); "
            "name another file with --data"
        ) from None


def dump_schema() -> str:
    """The JSON Schema (2020-12) of a table, as text."""
    schema = _reader().json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return to_json(head | schema | {"title": "authprobe versions"}, indent=2).decode() + "\n"


def dump_table(table: CompatibilityTable) -> str:
    """The table as JSON, which `read_table` reads."""
    return for_json(to_json(table, indent=1).decode()) + "\n"


@functools.cache
def _reader() -> TypeAdapter[CompatibilityTable]:
    return TypeAdapter(CompatibilityTable)
