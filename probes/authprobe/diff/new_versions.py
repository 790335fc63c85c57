"""Versions of a client that were published since the last check, and what to compare them with."""

import datetime
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from authprobe.core.version_ranges import EXACT, in_order, is_prerelease, releases, version_key


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersions:
    """Published versions of a client, told apart by what the last check has dealt with."""

    checked_at: datetime.datetime | None
    """Time of the last check; None: this is the first."""
    published: tuple[str, ...]
    """All releases, the oldest first."""
    known: frozenset[str]
    """Versions that need no comparison any more, without those that were withdrawn."""
    new: tuple[str, ...]
    """Releases that were not dealt with, the oldest first; at the first check, only the newest."""
    prereleases: tuple[str, ...]
    """Those published since the last check, which are not compared."""
    withdrawn: tuple[str, ...]
    """Versions that were published at the last check and are not any more."""
    known_withdrawn: frozenset[str]
    """All known versions that are not published now; a registry that answers with only a part of
    its versions must not make the others new again."""

    @property
    def is_first(self) -> bool:
        """True if there was no check before."""
        return self.checked_at is None

    def select(self, count: int) -> tuple[str, ...]:
        """Return the newest of the new versions, at most `count`, the oldest first."""
        return self.new[-count:]

    def version_before(self, version: str, excluded: Collection[str]) -> str | None:
        """Return the newest release that is older, without the excluded; None: there is none."""
        key = version_key(version)
        older = (v for v in self.published if version_key(v) < key and v not in excluded)
        return max(older, key=version_key, default=None)

    def between(self, before: str, after: str) -> tuple[str, ...]:
        """Return the new versions between two others, which their comparison spans."""
        low, high = version_key(before), version_key(after)
        return tuple(version for version in self.new if low < version_key(version) < high)


def find_new_versions(
    published: Iterable[str],
    known: Iterable[str],
    checked_at: datetime.datetime | None,
    withdrawn: Iterable[str] = (),
) -> NewVersions | None:
    """Return what is new among the published versions; None: no release is published.

    A version may be published out of order, such as a fix of an older release: it is new although
    it is not the newest. At the first check all but the newest release count as known. Versions
    that were `withdrawn` before are not reported as such again.
    """
    exact = frozenset(version for version in published if EXACT.fullmatch(version))
    ordered = releases(exact)
    if not ordered:
        return None
    is_first = checked_at is None
    still_known = exact - {ordered[-1]} if is_first else exact.intersection(known)
    unknown = in_order(exact - still_known)
    known_withdrawn = frozenset() if is_first else frozenset(known) - exact
    return NewVersions(
        checked_at=checked_at,
        published=ordered,
        known=still_known,
        new=tuple(version for version in ordered if version not in still_known),
        prereleases=tuple(version for version in unknown if is_prerelease(version)),
        withdrawn=in_order(known_withdrawn.difference(withdrawn)),
        known_withdrawn=known_withdrawn,
    )
