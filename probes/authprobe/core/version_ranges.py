"""Version order and version ranges, for the numbering of both npm (semver) and PyPI (PEP 440)."""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

LATEST: Final = "latest"
"""The newest version that is published."""
INSTALLED: Final = "installed"
"""The version that the user has installed."""
_NUMBER: Final = "[0-9]{1,18}"
_IDENTIFIER: Final = "[0-9A-Za-z-]{1,100}"
EXACT: Final = re.compile(
    rf"(?P<release>{_NUMBER}(?:\.{_NUMBER})*)"
    rf"(?:-(?P<identifiers>{_IDENTIFIER}(?:\.{_IDENTIFIER})*)"
    rf"|(?:(?P<stage>a|b|rc)(?P<number>{_NUMBER}))?"
    rf"(?:\.post(?P<post>{_NUMBER}))?(?:\.dev(?P<dev>{_NUMBER}))?)"
)
"""An exact version: `1.2.3`, `1.2.3-beta.1` (semver.org) and `1.2.3rc1`, `1.2.3.post1`,
`1.2.3.dev1` (PEP 440). Numbers are limited to what Python converts quickly."""

_EACH: Final = re.compile(r"each (?P<part>minor|major)(?: |$)")
_BOUND: Final = re.compile(r"(?P<operator>>=|<=|!=|<|>|=)(?P<version>[^<>=! ]+)")
_FAMILY: Final = re.compile(rf"(?:(?P<release>{_NUMBER}(?:\.{_NUMBER})*)\.)?[x*]")
_LOOKS_LIKE_RANGE: Final = re.compile(r"[<>=!*\s]|(?:^|\.)x\b")
_DEVELOPMENT, _PRERELEASE, _FINAL = range(3)
_GROUP_LENGTH: Final = {"minor": 2, "major": 1}
"""Leading numbers that the versions of one minor or major version share."""

Identifier = tuple[int, int, str]


@dataclass(frozen=True, slots=True, order=True)
class Order:
    """Sort key of a version, by semver.org section 11 and PEP 440."""

    release: tuple[int, ...]
    """Without trailing zeros."""
    stage: int
    identifiers: tuple[Identifier, ...]
    post: int
    dev: tuple[int, int]


@functools.lru_cache(maxsize=4096)  # the same few hundred versions are compared repeatedly
def version_key(version: str) -> Order:
    """Return the sort key of a version among those of its package.

    Raises:
        ValueError: the text is not a version.
    """
    match = EXACT.fullmatch(version)
    if match is None:
        raise ValueError(f"{version} is not a version")
    release = [int(part) for part in match["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    identifiers: list[str] = []
    if match["identifiers"]:
        identifiers = match["identifiers"].split(".")
    elif match["stage"]:
        identifiers = [match["stage"], match["number"]]
    is_development = match["dev"] and not match["post"]
    return Order(
        tuple(release),
        _PRERELEASE if identifiers else _DEVELOPMENT if is_development else _FINAL,
        tuple(map(_identifier_key, identifiers)),
        int(match["post"]) if match["post"] else -1,
        (0, int(match["dev"])) if match["dev"] else (1, 0),
    )


def _identifier_key(text: str) -> Identifier:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def version_order(text: str) -> tuple[object, ...]:
    """Return the sort key of a client's version, or of those of a chain, `1.2+claude-code@2.1`.

    A version that is no number, such as `latest`, is the newest.
    """
    parts = (part.rpartition("@")[2] for part in text.split("+"))
    return tuple((0, version_key(part)) if EXACT.fullmatch(part) else (1, part) for part in parts)


def in_order(versions: Iterable[str]) -> tuple[str, ...]:
    """Return each version once, the oldest first, whatever the order of the argument.

    Spellings of one version, such as 1.0 and 1.0.0, are ordered as texts.

    Raises:
        ValueError: one of the texts is not a version.
    """
    return tuple(sorted(set(versions), key=lambda version: (version_key(version), version)))


def is_prerelease(version: str) -> bool:
    """Return True for a version before a release, such as `2.0.0-beta.1` or `2.0rc1`."""
    key = version_key(version)
    return key.stage != _FINAL or key.dev != (1, 0)


def releases(versions: Iterable[str]) -> tuple[str, ...]:
    """Return the releases, each once, the oldest first.

    Prereleases and texts that are not versions are left out.
    """
    return in_order(v for v in versions if EXACT.fullmatch(v) and not is_prerelease(v))


def newest(versions: Iterable[str]) -> str | None:
    """Return the newest release, else the newest prerelease; None without a version.

    Texts that are not versions are ignored.
    """
    exact = [version for version in versions if EXACT.fullmatch(version)]
    releases = [version for version in exact if not is_prerelease(version)]
    return max(releases or exact, key=version_key, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A condition on a version, such as `>=2.1.0`."""

    operator: str
    version: str

    def __str__(self) -> str:
        return f"{self.operator}{self.version}"

    def allows(self, version: str) -> bool:
        """Return True if a version meets the condition."""
        key, limit = version_key(version), version_key(self.version)
        match self.operator:
            case ">=":
                return key >= limit
            case ">":
                return key > limit
            case "<=":
                return key <= limit
            case "<":
                return key < limit
            case "!=":
                return key != limit
            case _:
                return key == limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Versions within every bound; with `each`, the newest of each minor or major version."""

    bounds: tuple[Bound, ...] = ()
    each: str | None = None
    text: str
    """Normalised spelling."""

    def __str__(self) -> str:
        return self.text

    def contains(self, version: str) -> bool:
        """Return True if a version is within every bound; False for any other text.

        As in npm, a prerelease is included only if a bound names one of the same release.
        """
        if not EXACT.fullmatch(version):
            return False
        if is_prerelease(version):
            release = version_key(version).release
            prereleases = [bound.version for bound in self.bounds if is_prerelease(bound.version)]
            if not any(version_key(other).release == release for other in prereleases):
                return False
        return all(bound.allows(version) for bound in self.bounds)

    def select(self, published: Iterable[str]) -> tuple[str, ...]:
        """Return the published versions in the range, the oldest first."""
        matches = in_order(v for v in published if self.contains(v))
        if self.each is None:
            return matches
        length = _GROUP_LENGTH[self.each]
        newest_by_group = {_leading_numbers(version, length): version for version in matches}
        return tuple(newest_by_group.values())


def _leading_numbers(version: str, length: int) -> tuple[int, ...]:
    release = version_key(version).release
    return (release + (0,) * length)[:length]


def read_range(text: str) -> Range | None:
    """Return the range with this spelling; None for one version or a word such as `latest`.

    Raises:
        ValueError: the text looks like a range but is not one.
    """
    if not _LOOKS_LIKE_RANGE.search(text):
        return None
    normalised = re.sub(r"([<>=!])\s+(?=[=\d])", r"\1", " ".join(text.split()))
    each = _EACH.match(normalised)
    rest = normalised[each.end() :] if each else normalised
    try:
        bounds = tuple(bound for part in rest.split() for bound in _read_bounds(part))
    except ValueError:
        raise ValueError(
            f"'{normalised}' is not a version range; write >=2.1.0 <2.2, 2.1.x, or each minor"
        ) from None
    return Range(bounds=bounds, each=each["part"] if each else None, text=normalised)


def _read_bounds(text: str) -> Iterator[Bound]:
    """Yield the bounds in one word of a range: `>=2.1.0`, `>=2<3`, or a family such as `2.1.x`."""
    if family := _FAMILY.fullmatch(text):
        if family["release"]:
            *leading, last = family["release"].split(".")
            yield Bound(operator=">=", version=family["release"])
            yield Bound(operator="<", version=".".join([*leading, str(int(last) + 1)]))
        return
    matches = list(_BOUND.finditer(text))
    if not matches or "".join(match[0] for match in matches) != text:
        raise ValueError(text)
    for match in matches:
        version_key(match["version"])  # raises if it is not a version
        yield Bound(operator=match["operator"], version=match["version"])
