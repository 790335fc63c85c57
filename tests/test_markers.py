"""The tables of markers in conftest.py name files and folders that exist."""

import pytest

from tests.conftest import CLIENTS, SLOW, TESTS


@pytest.mark.parametrize("place", sorted({*SLOW, *CLIENTS}))
def test_marked_place_exists(place: str) -> None:
    assert (TESTS / place).exists()
