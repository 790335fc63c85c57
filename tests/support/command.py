"""The command as a user starts it: clean environment, empty home, private folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from authprobe.core.history_location import NO_HISTORY
from authprobe.settings import cache_folder, installer_environment

LIMIT: Final = 600.0
WITHOUT_HISTORY: Final = {"AUTHPROBE_HISTORY": NO_HISTORY}
PROJECT: Final = Path(__file__).parents[2]
TIMES: Final = frozenset({"elapsed", "started_at", "at"})


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


def command(*arguments: str | Path, module: str = "authprobe") -> list[str]:
    """Return the command line of `authprobe`, or of another module, with this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def run(
    *arguments: str | Path,
    cwd: Path,
    module: str = "authprobe",
    argv: list[str] | None = None,
    **env: str,
) -> Ended:
    """Run `authprobe` or another module with these arguments, or a program, until it ends.

    It keeps no history unless a variable asks for one (`AUTHPROBE_HISTORY=""`: beside the reports),
    as that takes a further process.
    """
    variables = environment(cwd / "home", **WITHOUT_HISTORY | env)
    # What Python reads from the environment when it starts cannot be changed in a fork.
    if argv is None and not any(name.startswith(("PYTHON", "LANG", "LC_")) for name in env):
        return command_server().run(module, arguments, cwd, variables)
    process = subprocess.run(
        argv or command(*arguments, module=module),
        cwd=cwd,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return Ended(process.returncode, process.stdout, process.stderr)


class CommandServer:
    """The program that has imported `authprobe` and forks itself for each command."""

    def __init__(self) -> None:
        self._requests, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sending = threading.Lock()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.command_server"],
                cwd=PROJECT,
                env=installer_environment(PROJECT),
                stdin=its.fileno(),
                # Pipes, as its forks will have: Python looks only once at what it writes to.
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )

    def run(
        self,
        module: str,
        arguments: Sequence[str | Path],
        folder: Path,
        variables: dict[str, str],
        *,
        limit: float = LIMIT,
        memory_bytes: int | None = None,
    ) -> Ended:
        """Run a module with these arguments as a program, until it ends."""
        own, its = socket.socketpair()
        readers, writers = zip(os.pipe(), os.pipe(), strict=True)
        request = {
            "argv": [module, *map(str, arguments)],
            "cwd": str(folder),
            "env": variables,
            "memory": memory_bytes,
        }
        with its, self._sending:
            message = json.dumps(request).encode()
            socket.send_fds(self._requests, [message], [*writers, its.fileno()])
        for writer in writers:
            os.close(writer)
        own.settimeout(limit)
        with own, own.makefile() as answers, ThreadPoolExecutor(2) as pool:
            texts = [pool.submit(read_to_end, reader) for reader in readers]
            process = int(answers.readline())
            try:
                code = int(answers.readline())
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise
            return Ended(code, *(text.result() for text in texts))


command_server: Final = cache(CommandServer)
"""The server of this process, started for its first command."""


def read_to_end(descriptor: int) -> str:
    """Return the rest of the text in a pipe."""
    with open(descriptor) as file:
        return file.read()


def results(folder: Path) -> dict[str, Any]:
    """Return the content of `results.json` in this folder."""
    document: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return document


def lasting_results(folder: Path) -> Any:
    """Return the results of a run in a folder, but for its id and its times."""
    return without_times({**results(folder), "id": None})


def without_times(value: Any) -> Any:
    """Return a value of JSON without the times that differ from one run to the next."""
    if isinstance(value, dict):
        return {name: without_times(each) for name, each in value.items() if name not in TIMES}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def verdicts(folder: Path) -> dict[str, str]:
    """Return the statuses in `results.json`, by case id."""
    return {case["id"]: case["verdict"]["status"] for case in results(folder)["cases"]}


def write_scenario(folder: Path, text: str, name: str = "example.yaml") -> Path:
    """Write a scenario file to this folder and return its path."""
    path = folder / name
    path.write_text(text)
    return path
