"""Ages of rules, and what can renew them."""

import datetime

import pytest

from authprobe.drift.observation_index import RuleSightings
from authprobe.drift.rows import ROWS
from authprobe.drift.rule_ages import age_days, last_seen, older_rows, renewed_by
from authprobe.emulator.rules.routes import RULES

TODAY = datetime.date(2026, 11, 28)


@pytest.mark.parametrize(
    ("date", "age"),
    [("2026-11-28", 0), ("2026-11-27", 1), ("2026-11", 27), ("2026-10", 58), ("2026-12-24", 0)],
)
def test_a_month_is_as_old_as_its_first_day(date: str, age: int) -> None:
    assert age_days(date, TODAY) == age


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("A02", "drift (L03, L05), observation"),
        ("A03", "drift (L04), observation"),
        ("models", "drift with a key (L20, L23), observation"),
        ("A24", "report only"),
    ],
)
def test_renewed_by(rule: str, words: str) -> None:
    assert renewed_by(rule) == words


def test_every_row_with_a_rule_renews_it() -> None:
    assert all(row.id in renewed_by(row.rules[0]) for row in ROWS.values() if row.rules)


def test_date_of_observations_counts_only_if_it_is_later() -> None:
    rule = "B01"
    own = RULES[rule].last_seen
    assert last_seen(rule, {}) == own
    assert last_seen(rule, {rule: RuleSightings(first_contradiction="2027-01-01")}) == own
    assert last_seen(rule, {rule: RuleSightings(last_seen="2020-01-01")}) == own
    assert last_seen(rule, {rule: RuleSightings(last_seen="2027-01-01")}) == "2027-01-01"


def test_day_within_the_month_of_a_source_is_not_later() -> None:
    rule, month = "A02", RULES["A02"].last_seen
    assert len(month) == len("2026-03")
    assert last_seen(rule, {rule: RuleSightings(last_seen=f"{month}-15")}) == month


def test_older_rows_are_those_whose_rule_is_older() -> None:
    rows = tuple(ROWS.values())
    age = age_days(RULES["B01"].last_seen, TODAY)
    assert "L09" in {row.id for row in older_rows(rows, age - 1, TODAY, {})}
    assert "L09" not in {row.id for row in older_rows(rows, age, TODAY, {})}
    index = {"B01": RuleSightings(last_seen="2026-11-27")}
    assert "L09" not in {row.id for row in older_rows(rows, 1, TODAY, index)}
    assert older_rows(rows, 99_999, TODAY, {}) == ()
    assert not any(row.is_connection for row in older_rows(rows, 0, TODAY, {}))
