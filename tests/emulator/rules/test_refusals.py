"""The table of refusals, row by row: each is produced, or it is said why not."""

import pytest

from authprobe.emulator.rules.routes import NOT_PRODUCED, RULES
from tests.support.rule_examples import TRIALS

ROWS = (
    *(f"A{number:02}" for number in range(1, 44)),
    *(f"B{number:02}" for number in range(1, 29)),
    "B01b",
)
"""Refusals of the API (A), and of the login and its tokens (B)."""


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_produced_or_it_is_said_why_not(row: str) -> None:
    produced = row in RULES and row in {trial.rule for trial in TRIALS}
    assert produced is not bool(NOT_PRODUCED.get(row, "").strip())
    assert (row in RULES) is not (row in NOT_PRODUCED)


def test_nothing_else_is_left_out() -> None:
    assert set(ROWS) >= set(NOT_PRODUCED)
