"""What a measurement is: two calls, ours and the reference, each of which returns what it cost."""

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

LIMIT: Final = 300.0
"""Seconds after which a measured program is ended, and the benchmark with it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the wall, and of processors where they can be told."""

    wall: float
    processor: float | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """The two sides, ready to be measured again and again."""

    ours: Callable[[], Cost]
    reference: Callable[[], Cost]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A comparison, and what it should not exceed."""

    ours: str
    reference: str
    rounds: int
    limit_ratio: float | None = None
    limit: float | None = None
    """Seconds, where ours has a limit by itself."""
    prepare: Callable[[], AbstractContextManager[Calls]]


def timed(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> tuple[Cost, str]:
    """Run a program to its end, with its output read; what it cost, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
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
            printed, errors = child.communicate(stdin, timeout=LIMIT)
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode:
        raise SystemExit(f"{argv[0]} ended with {child.returncode}:\n{printed}\n{errors}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, used), printed


def own_environment() -> dict[str, str]:
    """Ours, without what would change how pytest works."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """An empty folder, without symbolic links in its name."""
    with tempfile.TemporaryDirectory(prefix="authprobe-sandbox-") as folder:
        yield Path(folder).resolve()
