import datetime
import json
from collections.abc import Mapping
from itertools import groupby, pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.compatibility.table import (
    CompatibilityTable,
    Feature,
    Gap,
    Interval,
    Provenance,
    VersionBound,
    VersionEvidence,
    between,
    dump_table,
    gaps,
    intervals,
    next_versions,
    read_table,
    sample_evenly,
)
from authprobe.errors import RecordError

DAY = datetime.date(2026, 11, 24)
PUBLISHED = tuple(f"1.0.{n}" for n in range(24))
VALUES = st.sampled_from(["yes", "no", "none", None])


def known(version: str, value: str | None, looks: int = 2) -> VersionEvidence:
    reason = None if value else "crashed"
    return VersionEvidence(
        version=version, value=value, reason=reason, looks=looks, seen_at=DAY, under="it"
    )


def evidence(**values: str | None) -> tuple[VersionEvidence, ...]:
    """`v3="yes"` is what 1.0.3 has shown."""
    return tuple(known(f"1.0.{name[1:]}", value) for name, value in values.items())


def make_table(**changes: object) -> CompatibilityTable:
    found = evidence(v0="no", v3="yes", v4=None)
    feature = Feature(
        id="it",
        title="It",
        case="example/claude-code@latest/default/none",
        field="outcome",
        intervals=intervals(PUBLISHED, found),
        gaps=gaps(found),
        evidence=found,
    )
    values: dict[str, object] = {
        "client": "claude-code",
        "published": PUBLISHED,
        "features": (feature,),
        "made": (),
    }
    return CompatibilityTable(**values | changes)  # type: ignore[arg-type]


def test_a_change_between_neighbours_is_known_exactly() -> None:
    assert intervals(PUBLISHED, evidence(v0="no", v7="no", v8="yes", v23="yes")) == (
        Interval(
            value="no",
            added=VersionBound(after=None, by="1.0.0", exact=True),
            removed=VersionBound(after="1.0.7", by="1.0.8", exact=True),
        ),
        Interval(
            value="yes", added=VersionBound(after="1.0.7", by="1.0.8", exact=True), removed=None
        ),
    )


def test_a_change_between_others_has_two_bounds() -> None:
    first, second = intervals(PUBLISHED, evidence(v3="no", v9="yes"))
    assert first.added == VersionBound(after=None, by="1.0.3", exact=False)
    assert first.removed == second.added == VersionBound(after="1.0.3", by="1.0.9", exact=False)


def test_what_cannot_be_read_changes_nothing_and_is_a_gap() -> None:
    found = evidence(v1="no", v2=None, v3=None, v4="no", v5="yes", v6=None)
    assert [interval.value for interval in intervals(PUBLISHED, found)] == ["no", "yes"]
    assert gaps(found) == (
        Gap(versions=("1.0.2", "1.0.3"), after="1.0.1", before="1.0.4", reasons=("crashed",)),
        Gap(versions=("1.0.6",), after="1.0.5", before=None, reasons=("crashed",)),
    )


def test_nothing_is_known_of_nothing() -> None:
    assert intervals(PUBLISHED, ()) == ()
    assert gaps(()) == ()
    assert intervals(PUBLISHED, evidence(v1=None)) == ()


histories = st.lists(VALUES, min_size=1, max_size=len(PUBLISHED)).map(
    lambda values: tuple(known(v, x) for v, x in zip(PUBLISHED, values, strict=False))
)


@given(histories, st.randoms())
def test_intervals_say_of_each_version_what_was_read(
    found: tuple[VersionEvidence, ...], random: Random
) -> None:
    some = [each for each in found if random.random() < 0.6]
    told = intervals(PUBLISHED, random.sample(some, len(some)))
    read = [each for each in some if each.value is not None]
    place = {version: number for number, version in enumerate(PUBLISHED)}
    for each in read:
        holding = [
            interval
            for interval in told
            if place[interval.added.by] <= place[each.version]
            and (interval.removed is None or place[each.version] < place[interval.removed.by])
        ]
        assert [interval.value for interval in holding] == [each.value]
    assert [x.value for x in told] == [value for value, _ in groupby(x.value for x in read)]
    for before, after in pairwise(told):
        assert before.removed == after.added
    for interval in told:
        exact = not between(PUBLISHED, interval.added.after, interval.added.by)
        assert interval.added.exact is exact
    unread = [version for gap in gaps(some) for version in gap.versions]
    assert unread == [each.version for each in some if each.value is None]


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=8),
    st.sets(st.sampled_from(PUBLISHED)),
    st.integers(2, 6),
)
def test_asking_what_is_undecided_finds_every_change_that_is_seen(
    lengths: list[int], unreadable: set[str], count: int
) -> None:
    values = [value for n, length in enumerate(lengths) for value in [f"value {n}"] * length]
    truth = dict(zip(PUBLISHED, values + [values[-1]] * len(PUBLISHED), strict=False))
    found: dict[str, VersionEvidence] = {}
    probes = 0

    def probe(version: str) -> None:
        nonlocal probes
        probes += 1
        looks = found[version].looks + 1 if version in found else 1
        found[version] = known(version, None if version in unreadable else truth[version], looks)

    for version in sample_evenly(PUBLISHED, count):
        probe(version)
    while wanted := next_versions(PUBLISHED, found, looks=2):
        assert list(wanted) == sorted(wanted, key=PUBLISHED.index, reverse=True)
        for version in wanted:
            probe(version)
    told = intervals(PUBLISHED, found.values())
    for before, after in pairwise(told):
        assert before.removed is not None
        assert before.removed.after is not None
        assert set(between(PUBLISHED, before.removed.after, after.added.by)) <= unreadable
        assert found[before.removed.after].looks >= 2 or not before.removed.exact
        assert found[after.added.by].looks >= 2 or not after.added.exact
    assert probes <= 3 * len(PUBLISHED)
    assert agrees(told, truth, found)


def agrees(
    told: tuple[Interval, ...], truth: Mapping[str, str], found: Mapping[str, VersionEvidence]
) -> bool:
    """Whether each version that was read is in an interval of its true value."""
    read = [version for version in PUBLISHED if version in found and found[version].value]
    return [x.value for x in told] == [value for value, _ in groupby(truth[v] for v in read)]


def test_where_values_are_the_same_nothing_is_undecided() -> None:
    found = {each.version: each for each in evidence(v0="no", v23="no")}
    assert next_versions(PUBLISHED, found, looks=2) == ()


def test_versions_beside_a_change_are_looked_at_again() -> None:
    found = {x.version: x for x in (known("1.0.3", "no", 1), known("1.0.4", "yes", 1))}
    assert next_versions(PUBLISHED, found, looks=1) == ()
    assert next_versions(PUBLISHED, found, looks=2) == ("1.0.4", "1.0.3")


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(1, [23]), (2, [0, 23]), (3, [0, 11, 23]), (4, [0, 11, 17, 23]), (99, list(range(24)))],
)
def test_versions_are_spread_evenly(count: int, chosen: list[int]) -> None:
    assert sample_evenly(PUBLISHED, count) == tuple(f"1.0.{n}" for n in chosen)


@given(st.integers(1, 30), st.integers(1, 24), st.integers(1, 24))
def test_what_was_chosen_stays_when_more_is_published(count: int, before: int, now: int) -> None:
    before, now = sorted((before, now))
    old = sample_evenly(PUBLISHED[:before], count)
    new = sample_evenly(PUBLISHED[:now], count, old)
    assert set(old) <= set(new)
    assert PUBLISHED[now - 1] in new
    assert len(new) <= max(count, len(old) + 1)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = Provenance(
        at=datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC),
        tool="0.1.0",
        platform="Linux x86_64",
        command="authprobe versions",
        elapsed=12.5,
        probes=3,
        installs=2,
        disk_peak_bytes=10,
    )
    table = make_table(made=(made,))
    path = tmp_path / "table.json"
    path.write_text(dump_table(table))
    assert read_table(path) == table
    assert table.probed == ("1.0.0", "1.0.3", "1.0.4")
    newest = table.features[0].newest
    assert newest is not None
    assert newest.value == "yes"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file: Invalid JSON"),
        ("[]", "the file: Input should be an object"),
        ('{"schema_version": 2}', "schema_version: Input should be 1"),
        ('{"schema_version": 1}', "client: Field required"),
        ('{"client": "a", "published": ["next"]}', "published.0: Value error, next is"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(RecordError) as caught:
        read_table(path)
    assert f"{path}: this is no table of versions ({told}" in str(caught.value)
    assert "--data" in str(caught.value)


def test_a_table_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="Is a directory"):
        read_table(tmp_path)


def test_nothing_is_hidden_in_a_table() -> None:
    told = dump_table(make_table(client="claude\u202e\x7f"))
    assert "\u202e" not in told
    assert "\x7f" not in told
    assert json.loads(told)["client"] == "claude\u202e\x7f"
