"""Measurements: pairs of calls, authprobe and a reference, and the cost of a program."""

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROGRAM_TIMEOUT: Final = 300.0
"""Seconds after which a measured program is killed, which ends the benchmark."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall-clock seconds, and processor seconds if they can be measured."""

    wall: float
    processor: float | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """Both sides of a pair, which can be called repeatedly."""

    ours: Callable[[], Cost]
    reference: Callable[[], Cost]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Titles, limits and preparation of a comparison."""

    ours: str
    reference: str
    rounds: int
    limit_ratio: float | None = None
    limit: float | None = None
    """Limit of authprobe's side, in seconds."""
    prepare: Callable[[], AbstractContextManager[Calls]]


def timed(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = PROGRAM_TIMEOUT,
) -> tuple[Cost, str]:
    """Run a program to its end; return its cost and its standard output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            output, errors = child.communicate(stdin, timeout=timeout)
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise SystemExit(f"{argv[0]} exited with {child.returncode}:\n{output}\n{errors}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, processor), output


def own_environment() -> dict[str, str]:
    """Return the environment of this process without pytest's variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """Yield a temporary folder, with a path without symbolic links."""
    with tempfile.TemporaryDirectory(prefix="authprobe-bench-") as folder:
        yield Path(folder).resolve()
