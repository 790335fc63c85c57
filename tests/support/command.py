"""The command as a user starts it: clean environment, empty home, private folder."""

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
    """The exit code and output of a command."""

    code: int
    out: str
    err: str


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Return an environment with the registry and the client cache, and no variable of the user."""
    home.mkdir(exist_ok=True)
    return installer_environment(home) | {"AUTHPROBE_CACHE": str(cache_folder()), **changes}


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of `authprobe` with this Python."""
    return [sys.executable, "-m", "authprobe", *map(str, arguments)]


def run(*arguments: str | Path, cwd: Path, argv: list[str] | None = None, **env: str) -> Ended:
    """Run `authprobe` with these arguments, or another program, until it ends."""
    process = subprocess.run(
        argv or command(*arguments),
        cwd=cwd,
        env=environment(cwd / "home", **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)


def results(folder: Path) -> dict[str, Any]:
    """Return the content of `results.json` in this folder."""
    document: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return document


def verdicts(folder: Path) -> dict[str, str]:
    """Return the statuses in `results.json`, by case id."""
    return {case["id"]: case["verdict"]["status"] for case in results(folder)["cases"]}


def write_scenario(folder: Path, text: str, name: str = "example.yaml") -> Path:
    """Write a scenario file to this folder and return its path."""
    path = folder / name
    path.write_text(text)
    return path
