"""Load of this machine, measured: idle processors and available memory."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.core.processors import own_groups, processor_quota, read_number

WINDOW: Final = 0.25
"""Seconds over which the load is measured: the kernel counts in hundredths."""


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """Resources that further programs can use."""

    idle: float
    """Processors that had nothing to do lately."""
    memory_bytes: int | None = None
    """None: unknown."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of all processors since some start: in all, and without work."""

    at: float
    idle: float


class LoadMeter:
    """Measurement of the load; each call of `read` is a sample, and ends the window of an older."""

    def __init__(self, read_times: "Callable[[], Times] | None" = None) -> None:
        self._read_times = read_times or read_times_of_machine
        self._samples: deque[Times] = deque()
        self._lock = threading.Lock()

    def read(self) -> MachineLoad:
        """Return the load of the last `WINDOW` seconds; until these are over, nothing is idle."""
        with self._lock:
            self._samples.append(now := self._read_times())
            while len(self._samples) > 1 and now.at - self._samples[1].at >= WINDOW:
                self._samples.popleft()
            since = self._samples[0]
        seconds = now.at - since.at
        idle = (now.idle - since.idle) / seconds if seconds >= WINDOW else 0.0
        return MachineLoad(max(0.0, idle), available_memory())


def read_times_of_machine() -> Times:
    """Return the times now: those of the control group if it limits the processors, else of all."""
    import psutil  # only here: a run that sends requests of its own needs no measurement

    now = time.monotonic()
    quota = processor_quota()
    if quota is not None and (used := _used_by_group()) is not None:
        return Times(now, now * quota - used)
    times = psutil.cpu_times()
    return Times(now, times.idle + getattr(times, "iowait", 0.0))


def _used_by_group() -> float | None:
    """Return the seconds that the outermost group with a limit of its own has used."""
    for group in own_groups():
        if (group / "cpu.max").is_file():
            used = read_number(group / "cpu.stat", "usage_usec")
            return None if used is None else used / 1e6
    return None


def available_memory() -> int:
    """Return the bytes that programs can still use, also within the limit of a control group."""
    import psutil

    free = [_free_of_group(group) for group in own_groups()]
    return min([int(psutil.virtual_memory().available), *(x for x in free if x is not None)])


def _free_of_group(group: Path) -> int | None:
    limit, used = read_number(group / "memory.max"), read_number(group / "memory.current")
    if limit is None or used is None:
        return None
    # Pages of files that nobody uses are given back before a program is refused memory.
    return max(0, limit - used + (read_number(group / "memory.stat", "inactive_file") or 0))
