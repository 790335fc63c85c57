"""Access to the history during a run, in a worker process.

The worker reads while the run probes, and appends the run at its end. It is a separate process
because importing SQLAlchemy takes longer than probing two hundred raw HTTP cases.
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
from authprobe.core.history_location import NO_HISTORY
from authprobe.core.ipc import receive, send
from authprobe.plan.case import Case
from authprobe.run.history.model import Point
from authprobe.run.model import CaseRecord, Run
from authprobe.settings import database_environment

START_CODE: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from authprobe.run.history import worker; "
)
NICENESS: Final = 10
"""Niceness of the worker, so that it does not slow down the run."""
PACKAGE_FOLDER: Final = Path(authprobe.__file__).parents[1]


class HistoryWorker:
    """Earlier results, read in a worker process; errors are stored in `trouble`, never raised."""

    def __init__(self, location: str, max_runs: int) -> None:
        self.trouble: str | None = None
        self._location = location
        self._max_runs = max_runs
        self._process: _WorkerProcess | None = None
        self._points: dict[str, tuple[Point, ...]] | None = None

    def prefetch(self, cases: Sequence[Case | CaseRecord]) -> None:
        """Start to read the last points of these cases, without waiting for them."""
        if self._location != NO_HISTORY:
            self._process = _WorkerProcess()
            ids = [(case.id, case.formerly) for case in cases]
            self._process.send("last_points", self._location, ids)

    def points(self) -> dict[str, tuple[Point, ...]]:
        """Block until the points are read, and return them by case; empty after an error."""
        if self._points is None:
            self._points = self._receive() if self._process else {}
        return self._points

    def append(self, run: Run) -> None:
        """Append the run, unless reading failed, and stop the worker."""
        self.points()
        if self._process and not self.trouble:
            self._process.send("append", self._location, run, self._max_runs)
            self._receive()
        self.close()

    def close(self) -> None:
        """Stop the worker."""
        if self._process:
            self._process.kill()
        self._process = None

    def _receive(self) -> Any:
        """Return the result of the last request; after an error, set `trouble` and return {}."""
        response = self._process.receive() if self._process else None
        result, trouble = response or ({}, "its worker process has ended")
        if trouble:
            self.trouble = f"the history is not recorded: {trouble}"
        return result


class _WorkerProcess:
    """Child process that runs `serve`, and the socket to it."""

    def __init__(self) -> None:
        self._socket, remote = socket.socketpair()
        with remote:
            self._child = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-c", f"{START_CODE} worker.serve(int(sys.argv[2]))"),
                    *(str(PACKAGE_FOLDER), str(remote.fileno())),
                ],
                env=database_environment(),
                pass_fds=[remote.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def send(self, function: str, *arguments: object) -> None:
        """Request a call of a function of `database`; each request has one response."""
        with contextlib.suppress(ConnectionError):
            send(self._socket, (function, *arguments))

    def receive(self) -> Any:
        """Block until the next response, and return it; None: the process has ended."""
        return receive(self._socket)

    def kill(self) -> None:
        """Kill the worker; every acknowledged request is already committed."""
        self._socket.close()
        self._child.kill()
        self._child.wait()


def serve(descriptor: int) -> None:
    """Serve the run at the other end of this socket until it closes."""
    from authprobe.errors import HistoryError
    from authprobe.run.history import database

    with socket.socket(fileno=descriptor) as run:
        os.nice(NICENESS)
        database.warm_up()
        while request := receive(run):
            function, *arguments = request
            result, trouble = {}, None
            try:
                result = getattr(database, function)(*arguments)
            except HistoryError as error:
                trouble = str(error)
            with contextlib.suppress(ConnectionError):
                send(run, (result, trouble))
