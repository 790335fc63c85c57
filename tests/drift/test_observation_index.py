"""A date of a rule moves only if two accounts agree, and nothing hides a contradiction."""

import datetime
from pathlib import Path
from typing import Any

import pytest

from authprobe.drift.model import Kind
from authprobe.drift.observation_file import ObservedRow, SharedObservation
from authprobe.drift.observation_index import (
    RuleSightings,
    Sighting,
    dump_index,
    fold,
    read_index,
)
from authprobe.drift.rows import ROWS
from authprobe.errors import RecordError
from authprobe.service.answer import Envelope, RequestId

SOURCES = {"A02": datetime.date(2026, 3, 31), "B14": datetime.date(2026, 7, 16)}
DAYS = ("2026-11-01", "2026-11-20", "2026-12-15", "2027-03-01")


def sighting(account: str, day: str, **kinds: Kind) -> Sighting:
    """Return an observation of rows by id, each with its kind."""
    rows = (observed(row, kind) for row, kind in (kinds or {"L03": Kind.SAME}).items())
    observation = SharedObservation(
        schema="authprobe-observation/1", authprobe="0.1.0", day=day, rows=tuple(rows)
    )
    return Sighting(account=account, observation=observation)


def observed(row: str, kind: Kind, **changes: Any) -> ObservedRow:
    fields: dict[str, Any] = {
        "row": row,
        "rule": ROWS[row].rules[0],
        "kind": kind,
        "status": 401,
        "envelope": Envelope.API,
        "type": "authentication_error",
        "code": None,
        "message": "invalid x-api-key",
        "request_id": RequestId.PRESENT,
        "headers": (),
        "content_type": "application/json",
    }
    return ObservedRow(**fields | changes)


def test_one_account_moves_no_date() -> None:
    assert fold([sighting("a", day) for day in DAYS], SOURCES) == {}


def test_two_accounts_move_the_date_to_the_earlier_of_both_days() -> None:
    sightings = [sighting("a", "2026-11-01"), sighting("b", "2026-11-20")]
    expected = {"A02": RuleSightings(last_seen="2026-11-01", observers=2)}
    assert fold(sightings, SOURCES) == expected
    assert fold(reversed(sightings), SOURCES) == expected


@pytest.mark.parametrize(("day", "agrees"), [("2026-12-01", True), ("2026-12-02", False)])
def test_two_accounts_agree_within_thirty_days(day: str, agrees: bool) -> None:
    result = fold([sighting("a", "2026-11-01"), sighting("b", day)], SOURCES)
    assert bool(result) is agrees


def test_last_agreement_counts_with_everybody_in_it() -> None:
    sightings = [
        *(sighting(account, "2026-11-01") for account in "abcd"),
        *(sighting(account, "2026-12-15") for account in "ab"),
        sighting("a", "2027-03-01"),
    ]
    assert fold(sightings, SOURCES)["A02"].last_seen == "2026-12-15"
    assert fold(sightings, SOURCES)["A02"].observers == 2


def test_two_files_of_one_account_are_one_observer() -> None:
    sightings = [sighting("a", "2026-11-01"), sighting("a", "2026-11-02")]
    assert fold([*sightings, sighting("b", "2026-11-03")], SOURCES)["A02"].observers == 2


def test_contradiction_is_an_entry_beside_the_date_and_stays() -> None:
    sightings = [sighting("a", "2026-11-20"), sighting("b", "2026-11-21")]
    contradiction = sighting("c", "2026-11-10", L03=Kind.CHANGED)
    later = sighting("d", "2026-12-10", L03=Kind.CHANGED)
    result = fold([*sightings, later, contradiction], SOURCES)["A02"]
    assert (result.last_seen, result.observers) == ("2026-11-20", 2)
    assert result.first_contradiction == "2026-11-10"


def test_newer_source_of_the_rule_settles_what_was_observed_before() -> None:
    sightings = [sighting(each, "2026-11-10", L03=Kind.CHANGED) for each in "ab"]
    assert fold(sightings, SOURCES) != {}
    assert fold(sightings, {"A02": datetime.date(2026, 11, 10)}) == {}
    assert fold(sightings, {}) == {}


@pytest.mark.parametrize(
    ("kinds", "agrees"),
    [
        ({"L03": Kind.SAME, "L05": Kind.NOTICED}, True),
        ({"L03": Kind.SAME, "L05": Kind.REWORDED}, False),
        ({"L03": Kind.REWORDED}, False),
    ],
)
def test_every_row_of_a_rule_has_to_agree(kinds: dict[str, Kind], agrees: bool) -> None:
    result = fold([sighting(each, "2026-11-10", **kinds) for each in "ab"], SOURCES)
    assert bool(result) is agrees


def test_any_row_of_a_rule_can_contradict() -> None:
    kinds = {"L03": Kind.SAME, "L05": Kind.CHANGED}
    result = fold([sighting(each, "2026-11-10", **kinds) for each in "ab"], SOURCES)["A02"]
    assert result == RuleSightings(first_contradiction="2026-11-10")


@pytest.mark.parametrize(("kind", "agrees"), [(Kind.SAME, True), (Kind.NOTICED, False)])
def test_another_page_does_not_show_the_rule_of_a_page(kind: Kind, agrees: bool) -> None:
    result = fold([sighting(each, "2026-11-10", L12=kind) for each in "ab"], SOURCES)
    assert bool(result) is agrees


def test_index_is_read_as_it_was_written_and_names_nobody(tmp_path: Path) -> None:
    sightings = [sighting(f"{each}@example.org", "2026-11-20") for each in "ab"]
    contradiction = sighting("c@example.org", "2026-11-21", L12=Kind.CHANGED)
    index = fold([*sightings, contradiction], SOURCES)
    path = tmp_path / "index.json"
    path.write_text(dump_index(index))
    assert path.read_text() == (
        '{\n "A02": {"last_seen": "2026-11-20", "observers": 2},\n'
        ' "B14": {"first_contradiction": "2026-11-21"}\n}\n'
    )
    assert read_index(path) == index
    assert read_index(tmp_path / "none.json") == {}
    assert dump_index({}) == "{}\n"


@pytest.mark.parametrize("content", ["", "[]", '{"A02": {"last_seen": "soon"}}', "[" * 10_000])
def test_file_that_is_no_index(content: str, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(RecordError, match="run: make observations"):
        read_index(tmp_path / "index.json")
