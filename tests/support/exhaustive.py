"""Parameters that only `make test-all` gives to a test."""

from collections.abc import Container, Iterable
from typing import Final

import pytest

EXHAUSTIVE: Final = pytest.mark.exhaustive


def exhaustive_but(every_time: Container[object], values: Iterable[object]) -> list[object]:
    """Return values as parameters of a test; all but those of `every_time` are exhaustive."""
    return [
        pytest.param(value, marks=() if value in every_time else EXHAUSTIVE) for value in values
    ]
