"""The order of versions, and ranges of them: npm's and PyPI's ways to number, in one."""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = "[0-9]{1,18}"
_IDENTIFIER: Final = "[0-9A-Za-z-]{1,100}"
EXACT: Final = re.compile(
    rf"(?P<release>{_NUMBER}(?:\.{_NUMBER})*)"
    rf"(?:-(?P<identifiers>{_IDENTIFIER}(?:\.{_IDENTIFIER})*)"
    rf"|(?:(?P<stage>a|b|rc)(?P<number>{_NUMBER}))?"
    rf"(?:\.post(?P<post>{_NUMBER}))?(?:\.dev(?P<dev>{_NUMBER}))?)"
)
"""`1.2.3`, `1.2.3-beta.1` (semver.org) and `1.2.3rc1`, `1.2.3.post1`, `1.2.3.dev1` (PEP 440). No
number of them is longer than Python reads."""

_EACH: Final = re.compile(r"each (?P<part>minor|major)(?: |$)")
_BOUND: Final = re.compile(r"(?P<sign>>=|<=|!=|<|>|=)(?P<version>[^<>=! ]+)")
_FAMILY: Final = re.compile(rf"(?:(?P<release>{_NUMBER}(?:\.{_NUMBER})*)\.)?[x*]")
_RANGE: Final = re.compile(r"[<>=!*\s]|(?:^|\.)x\b")
_DEVELOPMENT, _BEFORE, _FINAL = range(3)
_KEPT: Final = {"minor": 2, "major": 1}

Identifier = tuple[int, int, str]


@dataclass(frozen=True, slots=True, order=True)
class Order:
    """What a version is compared by: semver.org section 11, and PEP 440."""

    release: tuple[int, ...]
    """Without zeros at the end."""
    stage: int
    identifiers: tuple[Identifier, ...]
    post: int
    dev: tuple[int, int]


@functools.lru_cache(maxsize=4096)  # the same few hundred are compared over and over
def version_key(version: str) -> Order:
    """The place of a version among those of its package.

    Raises:
        ValueError: this is not a version.
    """
    found = EXACT.fullmatch(version)
    if found is None:
        raise ValueError(f"{version} is not a version")
    release = [int(part) for part in found["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    before: list[str] = []
    if found["identifiers"]:
        before = found["identifiers"].split(".")
    elif found["stage"]:
        before = [found["stage"], found["number"]]
    only_development = found["dev"] and not found["post"]
    return Order(
        tuple(release),
        _BEFORE if before else _DEVELOPMENT if only_development else _FINAL,
        tuple(map(_identifier, before)),
        int(found["post"]) if found["post"] else -1,
        (0, int(found["dev"])) if found["dev"] else (1, 0),
    )


def _identifier(text: str) -> Identifier:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def is_prerelease(version: str) -> bool:
    """Whether it comes before a release, as `2.0.0-beta.1` and `2.0rc1` do."""
    place = version_key(version)
    return place.stage != _FINAL or place.dev != (1, 0)


def newest(versions: Iterable[str]) -> str | None:
    """The last of them, a release if there is one; what is no version is left out."""
    known = [version for version in versions if EXACT.fullmatch(version)]
    releases = [version for version in known if not is_prerelease(version)]
    return max(releases or known, key=version_key, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One condition on a version: `>=2.1.0`."""

    sign: str
    version: str

    def __str__(self) -> str:
        return f"{self.sign}{self.version}"

    def allows(self, version: str) -> bool:
        """Whether a version meets it."""
        place, own = version_key(version), version_key(self.version)
        match self.sign:
            case ">=":
                return place >= own
            case ">":
                return place > own
            case "<=":
                return place <= own
            case "<":
                return place < own
            case "!=":
                return place != own
            case _:
                return place == own


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Versions that meet every bound; with `each`, the newest for each minor or major version."""

    bounds: tuple[Bound, ...] = ()
    each: str | None = None
    spelled: str

    def __str__(self) -> str:
        return self.spelled

    def contains(self, version: str) -> bool:
        """Whether a version meets every bound; false for what is no version.

        A prerelease does only where a bound names one of the same release, as in npm.
        """
        if not EXACT.fullmatch(version):
            return False
        if is_prerelease(version):
            release = version_key(version).release
            named = [bound.version for bound in self.bounds if is_prerelease(bound.version)]
            if not any(version_key(name).release == release for name in named):
                return False
        return all(bound.allows(version) for bound in self.bounds)

    def select(self, published: Iterable[str]) -> tuple[str, ...]:
        """The published versions that it means, the oldest first."""
        held = sorted({version for version in published if self.contains(version)}, key=version_key)
        if self.each is None:
            return tuple(held)
        kept = _KEPT[self.each]
        return tuple({_leading(version, kept): version for version in held}.values())


def _leading(version: str, parts: int) -> tuple[int, ...]:
    release = version_key(version).release
    return (release + (0,) * parts)[:parts]


def read_range(text: str) -> Range | None:
    """The range that a text means; None: it is one version, or a word such as `latest`.

    Raises:
        ValueError: it looks like a range, and is none.
    """
    if not _RANGE.search(text):
        return None
    spelled = re.sub(r"([<>=!])\s+(?=[=\d])", r"\1", " ".join(text.split()))
    each = _EACH.match(spelled)
    rest = spelled[each.end() :] if each else spelled
    try:
        bounds = tuple(bound for part in rest.split() for bound in _bounds(part))
    except ValueError:
        raise ValueError(
            f"'{spelled}' is no range; write >=2.1.0 <2.2, 2.1.x, or each minor"
        ) from None
    return Range(bounds=bounds, each=each["part"] if each else None, spelled=spelled)


def _bounds(text: str) -> Iterator[Bound]:
    """What one word of a range asks for: `>=2.1.0`, `>=2<3`, or a family such as `2.1.x`."""
    if family := _FAMILY.fullmatch(text):
        if family["release"]:
            *leading, last = family["release"].split(".")
            yield Bound(sign=">=", version=family["release"])
            yield Bound(sign="<", version=".".join([*leading, str(int(last) + 1)]))
        return
    found = list(_BOUND.finditer(text))
    if not found or "".join(match[0] for match in found) != text:
        raise ValueError(text)
    for match in found:
        version_key(match["version"])
        yield Bound(sign=match["sign"], version=match["version"])
