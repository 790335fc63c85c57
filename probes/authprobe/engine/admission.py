"""Admission of programs: whether another client may start, by what runs and what is measured."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from authprobe.core.processors import available_processors
from authprobe.engine.load import LoadMeter, MachineLoad

MEMORY_PER_CLIENT: Final = 512 * 1024 * 1024
"""Bytes that must be available for each client that starts beside others."""
STARTING: Final = 0.3
"""Seconds in which a client that has started is not seen yet in the measured load."""
SPARE: Final = 0.25
"""Idle processors for which another client starts beside those that wait."""
QUIET_SPARE: Final = 0.6
"""The same if the result of one of them depends on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Counts of the programs and installations that run now."""

    programs: int
    starting: int = 0
    """Of the programs, those that the measured load does not show yet."""
    installs: int = 0
    timed: int = 0
    """Cases of which the result depends on time: of the programs, and the one that is to start."""


def admits(jobs: int, processors: int, activity: Activity, load: MachineLoad) -> bool:
    """Return True if another client may start: at most `jobs` run at a time.

    One always may; as many as there are processors, if there is memory for them; and more while
    processors are idle because clients wait.
    """
    if activity.programs >= jobs:
        return False
    if not activity.programs:
        return True
    needed_bytes = MEMORY_PER_CLIENT * (1 + activity.starting)
    if load.memory_bytes is not None and load.memory_bytes < needed_bytes:
        return False
    if activity.programs + activity.installs < processors:
        return True
    return load.idle - activity.starting >= (QUIET_SPARE if activity.timed else SPARE)


@dataclass(slots=True)
class AdmissionGate:
    """Admission of the clients of a run, with the measurement that it needs."""

    jobs: int
    """Upper bound of the clients at a time."""
    processors: int = field(default_factory=available_processors)
    read_load: Callable[[], MachineLoad] = field(default_factory=lambda: LoadMeter().read)
    clock: Callable[[], float] = time.monotonic
    _starts: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, programs: int, *, installs: int = 0, timed: int = 0) -> bool:
        """Return True, and count one more start, if a client may start beside `programs`."""
        with self._lock:
            now = self.clock()
            while self._starts and now - self._starts[0] >= STARTING:
                self._starts.popleft()
            activity = Activity(
                programs=programs,
                starting=min(programs, len(self._starts)),
                installs=installs,
                timed=timed,
            )
            if programs >= self.jobs:
                return False  # without a measurement
            if not admits(self.jobs, self.processors, activity, self.read_load()):
                return False
            self._starts.append(now)
            return True
