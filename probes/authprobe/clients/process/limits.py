"""Limits on the resources of a case's processes; standard library only, for the launcher.

The kernel enforces the limits of a single process and of the file system. The launcher counts the
processes and the memory of all, because the kernel has no such limit for root without a cgroup.
"""

import contextlib
import os
import re
import resource
from pathlib import Path

MAX_PROCESSES = 256
"""Processes of one case at a time; clients have fewer than 30."""
MAX_PROCESS_IDS = 4096
"""Processes and threads: those of Node.js have about a dozen threads each."""
MAX_MEMORY_BYTES = 2 * 1024**3
"""Memory of all processes of a case, without that of files on a disk."""
MAX_HOME_BYTES = 256 * 1024**2
"""Size of all files of a case, in its home and its temporary folder."""
MAX_HOME_FILES = 65_536
MAX_SHARED_MEMORY_BYTES = 64 * 1024**2
MAX_OPEN_FILES = 4096
"""Open files, sockets and pipes of one process, each with up to 160 KiB of the kernel's memory."""
MAX_OPEN_FILES_OF_ALL = 16_384
CHECK_INTERVAL = 0.25
"""Seconds between two checks of the processes of a case."""

FIRST_TO_END = "1000"
"""Value of `oom_score_adj` (proc_pid_oom_score_adj(5)): if the machine is out of memory, the kernel
ends the processes of a case, and nothing of the user's."""
PAGE_BYTES = resource.getpagesize()
SHARED_MEMORY = re.compile(r"^Pss_Shmem: +(\d+) kB$", re.MULTILINE)
SEGMENTS = Path("/proc/sysvipc/shm")


def process_limits(file_bytes: int = MAX_HOME_BYTES) -> tuple[tuple[int, int], ...]:
    """Return the limits of each process (getrlimit(2)); `file_bytes` is the size of a file.

    A core dump of 0 bytes would still start the machine's program for crashes, which keeps the dump
    where the user's are. For 1 byte the kernel neither starts it nor writes a file
    (fs/coredump.c).
    """
    return (
        (resource.RLIMIT_CORE, 1),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, MAX_PROCESS_IDS),
    )


def exceeded_limit(proc: Path = Path("/proc")) -> str | None:
    """Return the limit that the processes in this PID namespace exceed together, or None."""
    processes = [entry for entry in proc.iterdir() if entry.name.isdigit()]
    if len(processes) - 1 > MAX_PROCESSES:  # without the launcher itself
        return f"more than {MAX_PROCESSES} processes"
    if sum(map(_open_files, processes)) > MAX_OPEN_FILES_OF_ALL:
        return f"more than {MAX_OPEN_FILES_OF_ALL:,} open files"
    if _memory_bytes(processes) > MAX_MEMORY_BYTES:
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


def prefer_as_victim() -> None:
    """Let the kernel end this process and all that it starts first if memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_END)


def _open_files(process: Path) -> int:
    """Return the number of open files of a process; 0 before Linux 6.2, which does not say it."""
    with contextlib.suppress(OSError):
        return (process / "fd").stat().st_size
    return 0


def _memory_bytes(processes: list[Path]) -> int:
    """Return the memory of processes, and of System V segments, which need none."""
    usage = [_pages(process) for process in processes]
    memory = sum(resident - shared for resident, shared in usage) * PAGE_BYTES + _segment_bytes()
    if sum(resident for resident, _ in usage) * PAGE_BYTES > MAX_MEMORY_BYTES:
        # Only now, as it takes longer: what they share may be memory too, not files on a disk.
        memory += sum(map(_shared_memory_bytes, processes))
    return memory


def _pages(process: Path) -> tuple[int, int]:
    """Return the pages of a process, and how many of them are shared (proc_pid_statm(5))."""
    with contextlib.suppress(OSError, ValueError):
        _, resident, shared, *_ = (process / "statm").read_text().split()
        return int(resident), int(shared)
    return 0, 0  # it has ended


def _shared_memory_bytes(process: Path) -> int:
    """Return a process's part of the shared memory that it has mapped (proc_pid_smaps(5))."""
    try:
        match = SHARED_MEMORY.search((process / "smaps_rollup").read_text())
        return int(match[1]) * 1024 if match else 0
    except PermissionError:  # a program that cannot be read: assume the worst
        return _pages(process)[1] * PAGE_BYTES
    except OSError:
        return 0


def _segment_bytes() -> int:
    """Return the memory of the System V segments of this container (proc_sysvipc(5))."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        names, *lines = SEGMENTS.read_text().splitlines()
        column = names.split().index("rss")
        return sum(int(line.split()[column]) for line in lines)
    return 0
