"""Starts the command as a user would: clean environment, empty home, a folder of its own."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from authprobe.settings import cache_folder, installer_environment

LIMIT: Final = 600.0
PROJECT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


def environment(home: Path, **changes: str) -> dict[str, str]:
    """The way to the registry and the cache of clients, and nothing of the user's."""
    home.mkdir(exist_ok=True)
    return installer_environment(home) | {"AUTHPROBE_CACHE": str(cache_folder()), **changes}


def command(*arguments: str | Path) -> list[str]:
    """The command line of `authprobe`, run by this Python."""
    return [sys.executable, "-m", "authprobe", *map(str, arguments)]


def run(*arguments: str | Path, cwd: Path, argv: list[str] | None = None, **env: str) -> Ended:
    """`authprobe` with these arguments, or another program, to its end."""
    done = subprocess.run(
        argv or command(*arguments),
        cwd=cwd,
        env=environment(cwd / "home", **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def results(folder: Path) -> dict[str, Any]:
    """What `results.json` in this folder holds."""
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def verdicts(folder: Path) -> dict[str, str]:
    """Status by case id, as `results.json` has it."""
    return {case["id"]: case["verdict"]["status"] for case in results(folder)["cases"]}


def write_scenario(folder: Path, text: str, name: str = "example.yaml") -> Path:
    """A scenario file in this folder."""
    path = folder / name
    path.write_text(text)
    return path
