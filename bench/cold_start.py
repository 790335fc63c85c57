"""Benchmark of a start from nothing: `make report` in a new checkout, with an empty cache.

    python bench/cold_start.py [--suite NAME] [--folder DIRECTORY]

It copies the last commit, sets up a virtual environment, installs clients and probes, with a home
directory, a cache and caches of pip and npm that are empty; only the address of the registry is
the user's own. It prints the seconds to the first verdict and to the end, and the size of the
clients, as a Markdown table with their limits. Everything is removed at the end.
"""

import argparse
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for a start as a file

from authprobe.core.processors import available_processors
from authprobe.plan.suites import DEFAULT_SUITE, bundled_suites
from authprobe.settings import installer_environment

PROJECT: Final = Path(__file__).resolve().parent.parent
TIMEOUT: Final = 1800.0
"""Seconds after which a start is ended, with what it has printed."""
FIRST_LIMIT, WHOLE_LIMIT = 60.0, 180.0
"""Limits of the seconds to the first verdict and to the end."""
SIZE_LIMIT_BYTES: Final = 1_500_000_000
SET_UP: Final = re.compile(r"suite \S+: [\d,]+ cases?")
"""The first line of a run: the virtual environment is ready."""
VERDICTS: Final = re.compile(r"(\S+): [\d,]+ (?:passed|failed|skipped|error|observed)\b.* after ")
"""The line about a client whose cases have all been probed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Seconds and bytes of a start from nothing."""

    set_up: float
    """Seconds until the run began."""
    verdicts: dict[str, float]
    """Seconds until the verdicts of each client, in their order."""
    whole: float
    processor: float
    size_bytes: int
    code: int

    @property
    def first(self) -> float:
        """Seconds until the first verdict; those of the whole if there was none."""
        return next(iter(self.verdicts.values()), self.whole)


def start_from_nothing(folder: Path, suite: str) -> Start:
    """Return what a start costs in an empty folder."""
    tree, cache, home = (folder / name for name in ("tree", "cache", "home"))
    for path in (tree, home):
        path.mkdir()
    archive = subprocess.run(
        [program("git"), "archive", "HEAD"], cwd=PROJECT, capture_output=True, check=True
    )
    subprocess.run([program("tar"), "-x"], cwd=tree, input=archive.stdout, check=True)
    environment = installer_environment(home) | {
        "AUTHPROBE_CACHE": str(cache),
        "PIP_NO_CACHE_DIR": "1",
        "TMPDIR": str(home),
    }
    began = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    set_up, verdicts = 0.0, dict[str, float]()
    with subprocess.Popen(
        [program("make"), "report", f"RUN_OPTIONS=--suite {suite}"],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        timer = threading.Timer(TIMEOUT, os.killpg, (child.pid, signal.SIGTERM))
        timer.daemon = True
        timer.start()
        for line in child.stderr or ():
            seconds = time.monotonic() - began
            print(f"{seconds:6.1f} {line}", end="", file=sys.stderr)
            if SET_UP.match(line):
                set_up = seconds
            elif match := VERDICTS.match(line):
                verdicts[match[1]] = seconds
        code = child.wait()
        timer.cancel()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Start(
        set_up=set_up,
        verdicts=verdicts,
        whole=time.monotonic() - began,
        processor=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        size_bytes=size_bytes(cache),
        code=code,
    )


def program(name: str) -> str:
    """Return the path of a program, or end the benchmark."""
    return shutil.which(name) or sys.exit(f"{name} is missing")


def size_bytes(folder: Path) -> int:
    """Return the space that a folder takes on the disk; a file with several links counts once."""
    sizes: dict[tuple[int, int], int] = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = (Path(parent) / name).lstat()
            sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def table(start: Start, suite: str) -> Iterator[str]:
    """Yield the lines of the table."""
    is_standard = suite == DEFAULT_SUITE

    def row(what: str, value: float, limit: float | None, unit: str) -> str:
        words = "none" if limit is None else f"{limit:g} {unit}"
        mark = ", **exceeded**" if limit is not None and value > limit else ""
        return f"| {what} | {value:.1f} {unit} | {words}{mark} |"

    title = f"start from nothing, suite {suite}, {available_processors()} processors"
    yield f"| {title} | measured | limit |"
    yield "| --- | ---: | --- |"
    yield row("virtual environment", start.set_up, None, "s")
    yield row("first verdicts", start.first, FIRST_LIMIT, "s")
    yield row("the whole suite", start.whole, WHOLE_LIMIT if is_standard else None, "s")
    yield row("wall / (processor time / processors)", _idle_ratio(start), None, "")
    size, limit = start.size_bytes / 1e9, SIZE_LIMIT_BYTES / 1e9
    yield row("clients on the disk", size, limit if is_standard else None, "GB")
    yield f"| exit code | {start.code} | 0{'' if start.code == 0 else ', **exceeded**'} |"


def _idle_ratio(start: Start) -> float:
    return start.whole / (start.processor / available_processors())


def main() -> None:
    """Measure a start from nothing, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--suite", choices=list(bundled_suites()), default=DEFAULT_SUITE)
    parser.add_argument("--folder", type=Path, help="parent of the temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(
        prefix="authprobe-cold-", dir=options.folder, ignore_cleanup_errors=True
    ) as folder:
        start = start_from_nothing(Path(folder), options.suite)
    print("\n".join(table(start, options.suite)))


if __name__ == "__main__":
    main()
