"""The history beside a run: looked at while it probes, added to when its reports are written.

A process of its own keeps it. SQLAlchemy takes longer to import than two hundred requests take to
be made, and the run has better to do.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import authprobe
from authprobe.core.ipc import receive, send
from authprobe.plan.case import Case
from authprobe.run.history.model import NONE, Point
from authprobe.run.model import Run
from authprobe.settings import database_environment

START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from authprobe.run.history import worker; "
)
NICE: Final = 10
"""How much it gives way to the run, which is waited for."""
PACKAGE_FOLDER: Final = Path(authprobe.__file__).parents[1]


class HistoryWorker:
    """What is known of earlier runs; trouble with it is kept as one line, and never raised."""

    def __init__(self, place: str, keep: int) -> None:
        self.trouble: str | None = None
        self._place = place
        self._keep = keep
        self._keeper: _WorkerProcess | None = None
        self._points: dict[str, tuple[Point, ...]] | None = None

    def look(self, cases: Sequence[Case]) -> None:
        """Begin to read, while the run waits for answers."""
        if self._place != NONE:
            self._keeper = _WorkerProcess()
            wanted = [(case.id, case.formerly) for case in cases]
            self._keeper.ask("last_points", self._place, wanted)

    def points(self) -> dict[str, tuple[Point, ...]]:
        """The last points of each case, before this run; none if they cannot be had."""
        if self._points is None:
            self._points = self._answer() if self._keeper else {}
        return self._points

    def append(self, run: Run) -> None:
        """Add the run, unless nothing could be read; nothing more can be asked afterwards."""
        self.points()
        if self._keeper and not self.trouble:
            self._keeper.ask("append", self._place, run, self._keep)
            self._answer()
        self.close()

    def close(self) -> None:
        """End what has been begun."""
        if self._keeper:
            self._keeper.end()
        self._keeper = None

    def _answer(self) -> Any:
        """What was asked for last, or nothing and the trouble with it."""
        answer = self._keeper.answer() if self._keeper else None
        found, trouble = answer or ({}, "its process has ended")
        if trouble:
            self.trouble = f"the history is not kept: {trouble}"
        return found


class _WorkerProcess:
    """The process that has the history open."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-c", f"{START} worker.serve(int(sys.argv[2]))"),
                    *(str(PACKAGE_FOLDER), str(theirs.fileno())),
                ],
                env=database_environment(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def ask(self, *words: object) -> None:
        """Ask for something; one answer belongs to each."""
        with contextlib.suppress(ConnectionError):
            send(self._socket, words)

    def answer(self) -> Any:
        """The next answer; None: it has gone."""
        return receive(self._socket)

    def end(self) -> None:
        """End it at once: what it was asked for is done when its answer is there."""
        self._socket.close()
        self._child.kill()
        self._child.wait()


def serve(descriptor: int) -> None:
    """Answer the run at the other end of this socket until it goes away."""
    from authprobe.errors import HistoryError
    from authprobe.run.history import database

    with socket.socket(fileno=descriptor) as run:
        os.nice(NICE)
        database.warm_up()
        while asked := receive(run):
            verb, *values = asked
            found, trouble = {}, None
            try:
                found = getattr(database, verb)(*values)
            except HistoryError as error:
                trouble = str(error)
            with contextlib.suppress(ConnectionError):
                send(run, (found, trouble))
