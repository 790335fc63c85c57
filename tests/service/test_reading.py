"""Dates of responses, from which the difference of two clocks is computed."""

import datetime
import email.utils

import pytest

from authprobe.service.reading import read_answer


def offset(date: str) -> float | None:
    return read_answer(401, [(b"Date", date.encode())], b"{}", lambda text, limit: text).date_offset


@pytest.mark.parametrize("days", [-3000, -1, 0, 1, 3000])
def test_clock_that_is_off(days: int) -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    found = offset(email.utils.format_datetime(moment, usegmt=True))
    assert found == pytest.approx(days * 86_400, abs=60)


@pytest.mark.parametrize(
    "date",
    [
        *("", "x", "-", "\0", "\x1b[31m", "0 0 0", "Mon, 99 Jan 2026 25:61:61 GMT"),
        *("Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
        *("Fri, 31 Dec 9999 23:59:59 -2359", "Sat, 01 Jan 0001 00:00:00 +2359"),
        *("1 Jan 99999999999999 0:0:0 GMT", "1" * 60_000),
    ],
)
def test_date_that_shows_no_clock(date: str) -> None:
    assert offset(date) is None
