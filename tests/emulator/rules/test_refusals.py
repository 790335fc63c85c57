"""Tests that every known refusal has a rule, or a reason why the emulator does not produce it."""

import pytest

from authprobe.emulator.rules.routes import NOT_PRODUCED, RULES
from tests.support.rule_examples import RULE_EXAMPLES

ROWS = (
    *(f"A{number:02}" for number in range(1, 44)),
    *(f"B{number:02}" for number in range(1, 29)),
    "B01b",
)
"""Ids of refusals: of the API (A), and of the login and its tokens (B)."""


@pytest.mark.parametrize("row", ROWS)
def test_a_refusal_has_a_rule_or_a_reason_for_its_absence(row: str) -> None:
    produced = row in RULES and row in {example.rule for example in RULE_EXAMPLES}
    assert produced is not bool(NOT_PRODUCED.get(row, "").strip())
    assert (row in RULES) is not (row in NOT_PRODUCED)


def test_reasons_are_given_only_for_known_refusals() -> None:
    assert set(ROWS) >= set(NOT_PRODUCED)
