import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from authprobe.core.version_ranges import (
    EXACT,
    Range,
    is_prerelease,
    newest,
    read_range,
    version_key,
)

SEMVER = "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 "
SEMVER += "1.0.0-rc.1 1.0.0 1.0.1 1.1.0 1.10.0 2.0.0"
"""The example of semver.org section 11, and more."""

_number = st.integers(0, 12)
_plain = st.lists(_number, min_size=3, max_size=3).map(lambda x: ".".join(map(str, x)))
_suffix = st.one_of(
    st.just(""),
    st.builds("{}{}".format, st.sampled_from(["a", "b", "rc"]), _number),
)
_pep440 = st.builds(
    "".join,
    st.tuples(
        st.lists(_number, min_size=1, max_size=4).map(lambda x: ".".join(map(str, x))),
        _suffix,
        st.one_of(st.just(""), _number.map(".post{}".format)),
        st.one_of(st.just(""), _number.map(".dev{}".format)),
    ),
)
_semver = st.builds(
    "{}{}".format,
    _plain,
    st.one_of(st.just(""), st.sampled_from(["-alpha", "-beta.2", "-beta.11", "-next.0", "-0"])),
)


def make_range(text: str) -> Range:
    """Return the range with this spelling."""
    version_range = read_range(text)
    assert version_range is not None
    return version_range


def test_semver_is_ordered_as_its_specification_says() -> None:
    versions = SEMVER.split()
    for one, other in itertools.pairwise(versions):
        assert version_key(one) < version_key(other)


@given(_pep440, _pep440)
def test_pep_440_is_ordered_as_packaging_does(one: str, other: str) -> None:
    assert (version_key(one) < version_key(other)) is (Version(one) < Version(other))
    assert (version_key(one) == version_key(other)) is (Version(one) == Version(other))
    assert is_prerelease(one) is Version(one).is_prerelease


@given(st.lists(_semver))
def test_any_two_versions_of_a_package_have_an_order(versions: list[str]) -> None:
    ordered = sorted(versions, key=version_key)
    assert all(version_key(a) <= version_key(b) for a, b in itertools.pairwise(ordered))


@pytest.mark.parametrize("text", ["", "latest", "v1.0.0", "1.0.0-", "1..0", "1.0.0+build", "../1"])
def test_a_text_that_is_not_a_version_has_no_sort_key(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version"):
        version_key(text)


@pytest.mark.parametrize(
    "text", ["latest", "installed", "2.1.31", "2.1.0-beta.1", "next", "..", ""]
)
def test_a_single_version_or_a_word_is_not_a_range(text: str) -> None:
    assert read_range(text) is None


PUBLISHED = "0.2.9 1.0.0 1.0.30 1.0.128 2.0.0-beta.1 2.0.0 2.0.76 2.1.0 2.1.6 2.1.7 2.2.0-next.1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=2.1.0 <2.2", "2.1.0 2.1.6 2.1.7"),
        (">=2.1.0<2.2", "2.1.0 2.1.6 2.1.7"),
        (">= 2.1.0   < 2.2", "2.1.0 2.1.6 2.1.7"),
        ("2.1.x", "2.1.0 2.1.6 2.1.7"),
        ("2.1.*", "2.1.0 2.1.6 2.1.7"),
        ("1.x", "1.0.0 1.0.30 1.0.128"),
        (">1.0.30 <=2.0.0", "1.0.128 2.0.0"),
        ("=2.1", "2.1.0"),
        ("2.1.x !=2.1.6", "2.1.0 2.1.7"),
        ("*", "0.2.9 1.0.0 1.0.30 1.0.128 2.0.0 2.0.76 2.1.0 2.1.6 2.1.7"),
        ("each minor", "0.2.9 1.0.128 2.0.76 2.1.7"),
        ("each major", "0.2.9 1.0.128 2.1.7"),
        ("each minor >=2", "2.0.76 2.1.7"),
        ("each minor 1.x", "1.0.128"),
        (">=2.0.0-beta.1 <2.1", "2.0.0-beta.1 2.0.0 2.0.76"),
        (">=9", ""),
    ],
)
def test_a_range_selects_the_versions_within_it(text: str, expected: str) -> None:
    assert " ".join(make_range(text).select(PUBLISHED.split())) == expected


@pytest.mark.parametrize(
    "text",
    [">=", "each day", "each minor of", ">=two", "2.x.1", ">=2.1.x", "<>2", "2.1 <3"],
)
def test_an_invalid_range_is_rejected_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match=rf"^'{re.escape(text)}' is not a version range; write "):
        read_range(text)


def test_a_range_has_one_spelling() -> None:
    assert str(make_range(" >=  2.1.0   <2.2 ")) == ">=2.1.0 <2.2"


_bounds = st.lists(
    st.builds("{}{}".format, st.sampled_from([">=", "<=", "<", ">", "!=", "="]), _plain), min_size=1
).map(" ".join)


@given(_bounds, st.lists(_semver))
def test_a_range_selects_what_it_contains_in_order(text: str, versions: list[str]) -> None:
    version_range = make_range(text)
    selected = version_range.select(versions)
    assert set(selected) == {version for version in versions if version_range.contains(version)}
    assert list(selected) == sorted(selected, key=version_key)
    assert version_range.select(selected) == selected
    assert read_range(str(version_range)) == version_range


@given(_bounds, st.lists(_plain))
def test_each_minor_has_one_version_and_it_is_the_newest(text: str, versions: list[str]) -> None:
    every, each = (
        make_range(text).select(versions),
        make_range(f"each minor {text}").select(versions),
    )
    minors = [version_key(f"{version}.1").release[:2] for version in each]
    assert len(set(minors)) == len(minors)
    for version in every:
        own = version_key(f"{version}.1").release[:2]
        assert version_key(each[minors.index(own)]) >= version_key(version)


def test_the_newest_is_a_release_if_there_is_one() -> None:
    assert newest(PUBLISHED.split()) == "2.1.7"
    assert newest(["1.0.0-beta.1", "1.0.0-beta.2", "latest"]) == "1.0.0-beta.2"
    assert newest([]) is None


@pytest.mark.parametrize("version", ["1." + "9" * 5000, "1.0rc" + "9" * 5000, "1.0-" + "9" * 5000])
def test_a_number_that_is_too_long_is_not_a_version(version: str) -> None:
    assert EXACT.fullmatch(version) is None
    with pytest.raises(ValueError, match="is not a version"):
        version_key(version)
