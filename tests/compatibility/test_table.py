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


def make_evidence(version: str, value: str | None, looks: int = 2) -> VersionEvidence:
    """Return the evidence of one version."""
    reason = None if value else "crashed"
    return VersionEvidence(
        version=version, value=value, reason=reason, looks=looks, seen_at=DAY, under="it"
    )


def evidence(**values: str | None) -> tuple[VersionEvidence, ...]:
    """Return evidence by version: `v3="yes"` is the value of 1.0.3."""
    return tuple(make_evidence(f"1.0.{name[1:]}", value) for name, value in values.items())


def make_table(**changes: object) -> CompatibilityTable:
    """Return a table with one feature."""
    entries = evidence(v0="no", v3="yes", v4=None)
    feature = Feature(
        id="it",
        title="It",
        case="example/claude-code@latest/default/none",
        field="outcome",
        intervals=intervals(PUBLISHED, entries),
        gaps=gaps(entries),
        evidence=entries,
    )
    values: dict[str, object] = {
        "client": "claude-code",
        "published": PUBLISHED,
        "features": (feature,),
        "made": (),
    }
    return CompatibilityTable(**values | changes)  # type: ignore[arg-type]


def test_a_change_between_neighbours_is_exact() -> None:
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


def test_a_change_between_distant_versions_has_two_bounds() -> None:
    first, second = intervals(PUBLISHED, evidence(v3="no", v9="yes"))
    assert first.added == VersionBound(after=None, by="1.0.3", exact=False)
    assert first.removed == second.added == VersionBound(after="1.0.3", by="1.0.9", exact=False)


def test_versions_without_a_value_are_gaps_and_not_changes() -> None:
    entries = evidence(v1="no", v2=None, v3=None, v4="no", v5="yes", v6=None)
    assert [interval.value for interval in intervals(PUBLISHED, entries)] == ["no", "yes"]
    assert gaps(entries) == (
        Gap(versions=("1.0.2", "1.0.3"), after="1.0.1", before="1.0.4", reasons=("crashed",)),
        Gap(versions=("1.0.6",), after="1.0.5", before=None, reasons=("crashed",)),
    )


def test_without_evidence_there_are_no_intervals_and_gaps() -> None:
    assert intervals(PUBLISHED, ()) == ()
    assert gaps(()) == ()
    assert intervals(PUBLISHED, evidence(v1=None)) == ()


histories = st.lists(VALUES, min_size=1, max_size=len(PUBLISHED)).map(
    lambda values: tuple(make_evidence(v, x) for v, x in zip(PUBLISHED, values, strict=False))
)


@given(histories, st.randoms())
def test_each_measured_version_is_in_the_interval_of_its_value(
    history: tuple[VersionEvidence, ...], random: Random
) -> None:
    some = [each for each in history if random.random() < 0.6]
    result = intervals(PUBLISHED, random.sample(some, len(some)))
    measured = [each for each in some if each.value is not None]
    place = {version: number for number, version in enumerate(PUBLISHED)}
    for each in measured:
        holding = [
            interval
            for interval in result
            if place[interval.added.by] <= place[each.version]
            and (interval.removed is None or place[each.version] < place[interval.removed.by])
        ]
        assert [interval.value for interval in holding] == [each.value]
    assert [x.value for x in result] == [value for value, _ in groupby(x.value for x in measured)]
    for before, after in pairwise(result):
        assert before.removed == after.added
    for interval in result:
        exact = not between(PUBLISHED, interval.added.after, interval.added.by)
        assert interval.added.exact is exact
    unread = [version for gap in gaps(some) for version in gap.versions]
    assert unread == [each.version for each in some if each.value is None]


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=8),
    st.sets(st.sampled_from(PUBLISHED)),
    st.integers(2, 6),
)
def test_probing_the_next_versions_finds_every_change(
    lengths: list[int], unreadable: set[str], count: int
) -> None:
    values = [value for n, length in enumerate(lengths) for value in [f"value {n}"] * length]
    truth = dict(zip(PUBLISHED, values + [values[-1]] * len(PUBLISHED), strict=False))
    entries: dict[str, VersionEvidence] = {}
    probes = 0

    def probe(version: str) -> None:
        nonlocal probes
        probes += 1
        looks = entries[version].looks + 1 if version in entries else 1
        entries[version] = make_evidence(
            version, None if version in unreadable else truth[version], looks
        )

    for version in sample_evenly(PUBLISHED, count):
        probe(version)
    while versions := next_versions(PUBLISHED, entries, looks=2):
        assert list(versions) == sorted(versions, key=PUBLISHED.index, reverse=True)
        for version in versions:
            probe(version)
    result = intervals(PUBLISHED, entries.values())
    for before, after in pairwise(result):
        assert before.removed is not None
        assert before.removed.after is not None
        assert set(between(PUBLISHED, before.removed.after, after.added.by)) <= unreadable
        assert entries[before.removed.after].looks >= 2 or not before.removed.exact
        assert entries[after.added.by].looks >= 2 or not after.added.exact
    assert probes <= 3 * len(PUBLISHED)
    assert agrees(result, truth, entries)


def agrees(
    result: tuple[Interval, ...], truth: Mapping[str, str], entries: Mapping[str, VersionEvidence]
) -> bool:
    """Return True if the intervals have the true values of the measured versions, in order."""
    measured = [version for version in PUBLISHED if version in entries and entries[version].value]
    return [x.value for x in result] == [value for value, _ in groupby(truth[v] for v in measured)]


def test_without_a_change_no_version_is_probed() -> None:
    entries = {each.version: each for each in evidence(v0="no", v23="no")}
    assert next_versions(PUBLISHED, entries, looks=2) == ()


def test_versions_beside_a_change_are_probed_again() -> None:
    entries = {
        x.version: x for x in (make_evidence("1.0.3", "no", 1), make_evidence("1.0.4", "yes", 1))
    }
    assert next_versions(PUBLISHED, entries, looks=1) == ()
    assert next_versions(PUBLISHED, entries, looks=2) == ("1.0.4", "1.0.3")


@pytest.mark.parametrize(
    ("count", "indices"),
    [(1, [23]), (2, [0, 23]), (3, [0, 11, 23]), (4, [0, 11, 17, 23]), (99, list(range(24)))],
)
def test_a_sample_is_even(count: int, indices: list[int]) -> None:
    assert sample_evenly(PUBLISHED, count) == tuple(f"1.0.{n}" for n in indices)


@given(st.integers(1, 30), st.integers(1, 24), st.integers(1, 24))
def test_a_sample_is_stable_when_versions_are_published(count: int, before: int, now: int) -> None:
    before, now = sorted((before, now))
    old = sample_evenly(PUBLISHED[:before], count)
    new = sample_evenly(PUBLISHED[:now], count, old)
    assert set(old) <= set(new)
    assert PUBLISHED[now - 1] in new
    assert len(new) <= max(count, len(old) + 1)


def test_a_table_survives_writing_and_reading(tmp_path: Path) -> None:
    provenance = Provenance(
        at=datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC),
        tool="0.1.0",
        platform="Linux x86_64",
        command="authprobe versions",
        elapsed=12.5,
        probes=3,
        installs=2,
        disk_peak_bytes=10,
    )
    table = make_table(made=(provenance,))
    path = tmp_path / "table.json"
    path.write_text(dump_table(table))
    assert read_table(path) == table
    assert table.probed == ("1.0.0", "1.0.3", "1.0.4")
    newest = table.features[0].newest
    assert newest is not None
    assert newest.value == "yes"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid JSON at line 1, column 0: EOF"),
        ("[]", "the file must be an object"),
        ('{"schema_version": 2}', "schema_version must be 1"),
        ('{"schema_version": 1}', "client is missing"),
        (
            '{"client": "a", "published": [], "features": [], "made": [{"at": '
            '"2026-11-01T00:00:00Z", "tool": "", "platform": "", "command": "", "elapsed": NaN}]}',
            "made.0.elapsed must be a finite number",
        ),
        ('{"client": "a", "published": ["next"]}', "published.0 is not valid: next is"),
    ],
)
def test_an_invalid_table_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(RecordError) as error:
        read_table(path)
    assert f"{path}: not a table of versions: {message}" in str(error.value)
    assert "--data" in str(error.value)


def test_an_unreadable_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="a directory, not a regular file; give another"):
        read_table(tmp_path)


def test_a_table_has_no_invisible_characters() -> None:
    result = dump_table(make_table(client="claude\u202e\x7f"))
    assert "\u202e" not in result
    assert "\x7f" not in result
    assert json.loads(result)["client"] == "claude\u202e\x7f"
