"""The backend's clock, which a test can advance."""

import datetime
from typing import Final

from authprobe.errors import SettingsError

NOON: Final = datetime.time(12)
CENTURY: Final = datetime.timedelta(days=36525)


class Clock:
    """Clock that shows noon of a set day, or the real time, plus the time it was advanced by."""

    def __init__(self, day: datetime.date | None = None) -> None:
        self._day = day
        self._moved = datetime.timedelta()

    @property
    def now(self) -> datetime.datetime:
        """The backend's time, in UTC. A set day stands still at noon."""
        if self._day is None:
            return datetime.datetime.now(datetime.UTC) + self._moved
        return datetime.datetime.combine(self._day, NOON, datetime.UTC) + self._moved

    @property
    def wall(self) -> datetime.datetime:
        """Time for the `Date` header: the real time plus the time the clock was advanced by."""
        return datetime.datetime.now(datetime.UTC) + self._moved

    def advance(self, seconds: float) -> None:
        """Advance the clock. It never goes back, because expired tokens would become valid again.

        Raises:
            SettingsError: the number is negative, or the time would be outside the calendar.
        """
        if seconds < 0:
            raise SettingsError(f"cannot advance the clock by {seconds} s: it only moves forward")
        try:
            step = datetime.timedelta(seconds=seconds)
            self.now + step + CENTURY  # the longest lifetime of a token
        except (OverflowError, ValueError):  # too large, or NaN
            raise SettingsError(
                f"cannot advance the clock by {str(seconds)[:20]} s: the time would be outside the "
                "calendar; use fewer seconds"
            ) from None
        self._moved += step
