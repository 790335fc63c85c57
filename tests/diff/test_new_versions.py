"""New versions among the published ones, and the versions to compare them with."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.version_ranges import version_key
from authprobe.diff.new_versions import NewVersions, find_new_versions

AT = datetime.datetime(2026, 11, 27, 2, 17, tzinfo=datetime.UTC)
numbers = st.integers(0, 12)
versions = st.sets(st.builds("{}.{}.{}".format, numbers, numbers, numbers), min_size=1)


def find(*published: str, known: tuple[str, ...] = (), first: bool = False) -> NewVersions:
    found = find_new_versions(published, known, None if first else AT)
    assert found
    return found


def test_at_the_first_check_only_the_newest_release_is_new() -> None:
    found = find("1.0.0", "1.0.10", "1.0.9", "2.0.0-rc.1", first=True)
    assert (found.is_first, found.new) == (True, ("1.0.10",))
    assert found.known == {"1.0.0", "1.0.9", "2.0.0-rc.1"}
    assert found.prereleases == found.withdrawn == ()


def test_versions_are_ordered_as_versions_whatever_the_order_of_the_registry() -> None:
    found = find("1.0.10", "1.0.2", "1.0.9", known=("1.0.2",))
    assert found.new == ("1.0.9", "1.0.10")
    assert found.select(1) == ("1.0.10",)
    assert found.select(5) == found.new


def test_texts_that_are_no_versions_are_ignored() -> None:
    assert find("1.0.0", "latest", "1.0.0; id", "", known=("0.9",)).new == ("1.0.0",)
    assert find_new_versions(["latest"], (), AT) is None
    assert find_new_versions(["2.0.0-rc.1"], (), None) is None


def test_the_version_before_is_the_nearest_that_can_be_compared_with() -> None:
    found = find("1.0.0", "1.0.1", "1.0.2", "2.0.0", known=("1.0.0", "2.0.0"))
    assert found.version_before("1.0.2", ()) == "1.0.1"
    assert found.version_before("1.0.2", {"1.0.1"}) == "1.0.0"
    assert found.version_before("1.0.0", ()) is None
    assert found.between("1.0.0", "1.0.2") == ("1.0.1",)


def test_a_version_that_was_withdrawn_is_reported_once_and_stays_known() -> None:
    found = find("1.0.0", "1.0.2", known=("1.0.0", "1.0.1"))
    assert (found.withdrawn, found.new) == (("1.0.1",), ("1.0.2",))
    assert found.known == {"1.0.0"}
    assert found.version_before("1.0.2", found.new) == "1.0.0"
    again = find_new_versions(["1.0.0", "1.0.2"], ("1.0.0", "1.0.1", "1.0.2"), AT, ("1.0.1",))
    assert again
    assert again.known_withdrawn == {"1.0.1"}
    assert again.withdrawn == again.new == ()


def test_spellings_of_one_version_have_a_fixed_order() -> None:
    same = ["1" + ".0" * n for n in range(40)]
    for published in (same, same[::-1]):
        assert find(*published, known=("0.9",)).new == tuple(sorted(same))


@pytest.mark.parametrize("count", [1, 2, 5])
@given(published=versions, known=versions)
def test_a_comparison_starts_at_the_nearest_version_that_was_dealt_with(
    count: int, published: set[str], known: set[str]
) -> None:
    """Miss nothing: between both sides there are only versions that the comparison covers."""
    found = find(*published, known=tuple(known))
    dealt_with = set(found.known)
    for version in found.select(count):
        before = found.version_before(version, set(found.new) - dealt_with)
        older = [v for v in dealt_with if version_key(v) < version_key(version)]
        assert before == max(older, key=version_key, default=None)
        if before:
            low, high = version_key(before), version_key(version)
            inside = {v for v in found.published if low < version_key(v) < high}
            assert inside == set(found.between(before, version))
        dealt_with.add(version)
    assert not found.new or found.new[-1] in dealt_with
