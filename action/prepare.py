"""Step `prepare` of the action: install authprobe, and name what decides about its client cache."""

import contextlib
import datetime
import hashlib
import itertools
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from runner import (
    is_on,
    read_file,
    read_input,
    read_lines,
    refuse,
    run_step,
    runner_path,
    write_output,
)

CHECKOUT: Final = Path(__file__).resolve().parents[1]
VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.!+]*")
"""A version of PEP 440; nothing else can be meant, such as an option of pip or an address."""
MAX_FILES: Final = 1000
"""Scenario files whose content decides about the cache."""
MAX_FOLDERS: Final = 10_000
"""Folders that are searched for them."""
MAX_BYTES: Final = 1_048_576
"""Size of a file that authprobe reads."""
TIMEOUT_SECONDS: Final = 120


def main() -> None:
    """Install authprobe, and set the outputs that name it and its client cache."""
    for name in ("cache", "comment"):
        is_on(name)  # before anything is installed
    version = read_input("version")
    if version and not VERSION.fullmatch(version):
        refuse(f"version: {version!r} is no version of authprobe, such as 1.2.0; leave it empty")
    command = install(version)
    write_output("command", str(command))
    write_output("cache-folder", str(cache_folder()))
    head = f"authprobe-{platform.system()}-{platform.machine()}-{platform.python_version()}"
    write_output("cache-head", f"{head}-")
    content = f"{head}-{installed_version(command)}-{content_hash()}"
    write_output("cache-content", f"{content}-")
    # After a week the clients of `latest` are others: a new key keeps them, and drops the old ones.
    write_output("cache-key", f"{content}-{datetime.datetime.now(datetime.UTC):%G-W%V}")
    write_output("state-folder", str(runner_path("RUNNER_TEMP") / "authprobe-watch"))
    write_output("state-head", f"{state_head()}-")
    run = (os.environ.get(name, "") for name in ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"))
    write_output("state-key", "-".join((state_head(), *run)))


def install(version: str) -> Path:
    """Install a version of authprobe, or this checkout, and return its command.

    An environment of its own keeps the Python of the user's job as it was. A second step of the
    same job finds it there.
    """
    folder = runner_path("RUNNER_TEMP") / f"authprobe-{version or 'checkout'}"
    command = folder / "bin" / "authprobe"
    if command.exists():
        return command
    pinned = ["--constraint", str(CHECKOUT / "constraints.txt"), str(CHECKOUT)]
    what = [f"authprobe=={version}"] if version else pinned
    # Isolated (-I), as the working directory is the user's: it may have a module named pip.
    python = [sys.executable, "-I", "-m"]
    pip = [*python, "pip", "--python", str(folder), "--disable-pip-version-check", "--no-input"]
    steps = [*python, "venv", "--without-pip", str(folder)], [*pip, "install", "--quiet", *what]
    if any(subprocess.run(argv, check=False).returncode for argv in steps):
        name = f"authprobe {version}" if version else "authprobe from the action's checkout"
        refuse(f"{name} cannot be installed: the log says why")
    return command


def installed_version(command: Path) -> str:
    """Return the version that the command prints."""
    done = subprocess.run(
        [str(command), "--version"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    version = done.stdout.rpartition(" ")[2].strip()
    if not VERSION.fullmatch(version):
        refuse(f"{command} --version: prints {done.stdout[:80]!r}, no version")
    return version


def cache_folder() -> Path:
    """Return the client cache: the one of the user's variables, or the default."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("AUTHPROBE_CACHE") or Path(caches) / "authprobe").absolute()


def state_head() -> str:
    """Return the beginning of the key of the state of `watch`, which each job has for itself."""
    names = "\0".join(os.environ.get(name, "") for name in ("GITHUB_WORKFLOW", "GITHUB_JOB"))
    return f"authprobe-watch-{hashlib.sha256(os.fsencode(names)).hexdigest()[:16]}"


def content_hash() -> str:
    """Return a hash of everything that decides which clients a run needs."""
    digest = hashlib.sha256()
    for name in ("command", "suite", "args", "scenarios"):
        digest.update(f"{name}={read_input(name)}\0".encode())
    for path in (*option_files(), *scenario_files()):
        digest.update(os.fsencode(f"{path}\0"))
        # What is wrong with a file, such as its size, is said by `authprobe run`.
        with contextlib.suppress(OSError):
            digest.update(hashlib.sha256(read_file(path, MAX_BYTES)).digest())
    return digest.hexdigest()[:16]


def option_files() -> Iterator[Path]:
    """Yield the files that can set options of authprobe, in the working directory and above it."""
    folder = Path.cwd()
    for each in (folder, *folder.parents):
        yield from (each / name for name in ("authprobe.toml", "pyproject.toml"))


def scenario_files() -> Iterator[Path]:
    """Yield the files of the input `scenarios`, those of a folder sorted; at most MAX_FILES."""
    room = MAX_FILES
    for path in map(Path, read_lines("scenarios")):
        files = sorted(itertools.islice(found_in(path), room))
        yield from files
        room -= len(files)


def found_in(path: Path) -> Iterator[Path]:
    """Yield the scenario files of a folder that can be looked into, or the path itself."""
    if not os.path.isdir(path):  # noqa: PTH112 (False for what cannot be looked at)
        yield path
    for folder, _, names in itertools.islice(os.walk(path), MAX_FOLDERS):
        yield from (Path(folder, name) for name in names if name.endswith((".yaml", ".yml")))


if __name__ == "__main__":
    sys.exit(run_step(main))
