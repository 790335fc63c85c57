"""The history beside a run: looked at while it probes, added to when its reports are written."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from probes.errors import HistoryError
from probes.history import NONE, History, Point, last_points
from probes.plan import Case
from probes.run import Run


class Past:
    """What is known of earlier runs; trouble with it is kept as one line, and never raised."""

    def __init__(self, place: str, keep: int) -> None:
        self.trouble: str | None = None
        self._place = place
        self._keep = keep
        self._reading: Future[dict[str, tuple[Point, ...]]] | None = None
        self._points: dict[str, tuple[Point, ...]] | None = None

    def look(self, cases: Sequence[Case]) -> None:
        """Begin to read, in a thread: a run waits for answers most of the time."""
        if self._place == NONE:
            return
        wanted = [(case.id, case.formerly) for case in cases]
        pool = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._reading = pool.submit(last_points, self._place, wanted)
        pool.shutdown(wait=False)

    def points(self) -> dict[str, tuple[Point, ...]]:
        """The last points of each case, before this run; none if they cannot be had."""
        if self._points is None:
            self._points = {}
            try:
                if self._reading:
                    self._points = self._reading.result()
            except HistoryError as error:
                self.trouble = f"the history is not kept: {error}"
        return self._points

    def append(self, run: Run) -> None:
        """Add the run, unless nothing could be read."""
        self.points()
        if self._place == NONE or self.trouble:
            return
        try:
            with History(self._place) as history:
                history.append(run, keep=self._keep)
        except HistoryError as error:
            self.trouble = f"the history is not kept: {error}"
