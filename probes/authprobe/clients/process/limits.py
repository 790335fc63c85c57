"""Limits on the resources of a case's processes; standard library only, for the launcher.

The kernel enforces the limits of a single process and of the file system. The launcher counts the
processes and the memory of all, because the kernel has no such limit for root without a cgroup.
"""

import contextlib
import os
import resource
from pathlib import Path

MAX_PROCESSES = 256
"""Processes of one case at a time; clients have fewer than 30."""
MAX_PROCESS_IDS = 4096
"""Processes and threads: those of Node.js have about a dozen threads each."""
MAX_MEMORY_BYTES = 2 * 1024**3
"""Memory of all processes of a case, without what they share with files."""
MAX_HOME_BYTES = 256 * 1024**2
"""Size of all files of a case, in its home and its temporary folder."""
MAX_HOME_FILES = 65_536
MAX_SHARED_MEMORY_BYTES = 64 * 1024**2
CHECK_INTERVAL = 0.25
"""Seconds between two checks of the processes of a case."""

PAGE_BYTES = resource.getpagesize()


def process_limits(file_bytes: int = MAX_HOME_BYTES) -> tuple[tuple[int, int], ...]:
    """Return the limits of each process (getrlimit(2)); `file_bytes` is the size of a file."""
    return (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NPROC, MAX_PROCESS_IDS),
    )


def exceeded_limit(proc: Path = Path("/proc")) -> str | None:
    """Return the limit that the processes in this PID namespace exceed together, or None."""
    processes = [entry for entry in proc.iterdir() if entry.name.isdigit()]
    if len(processes) - 1 > MAX_PROCESSES:  # without the launcher itself
        return f"more than {MAX_PROCESSES} processes"
    if sum(map(_private_pages, processes)) * PAGE_BYTES > MAX_MEMORY_BYTES:
        return f"more than {MAX_MEMORY_BYTES // 1024**3} GiB of memory"
    return None


def full_file_system(folder: int) -> str | None:
    """Return the limit that the files of a case have reached, or None."""
    state = os.fstatvfs(folder)
    if state.f_bavail == 0:
        return f"files of more than {MAX_HOME_BYTES // 1024**2} MiB"
    if state.f_favail == 0:
        return f"more than {MAX_HOME_FILES:,} files"
    return None


def _private_pages(process: Path) -> int:
    """Return the pages of a process that it shares with no file (proc_pid_statm(5)); 0: ended."""
    with contextlib.suppress(OSError, ValueError):
        _, resident, shared, *_ = (process / "statm").read_text().split()
        return int(resident) - int(shared)
    return 0
