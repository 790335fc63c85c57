"""The command line with another way to the real service, which no option and no variable gives.

As a program: `python -m tests.support.live_command DIRECTIONS ARGUMENTS...`.
"""

import dataclasses
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import authprobe.settings
from authprobe.cli import main
from authprobe.core.directions import Directions
from authprobe.live import laboratory
from authprobe.options import OptionTexts
from authprobe.settings import Settings
from tests.support.command import (
    LIMIT,
    PROJECT,
    WITHOUT_HISTORY,
    Ended,
    command_server,
    environment,
)

MODULE: Final = "tests.support.live_command"


def run_live(
    *arguments: str | Path, directions: Directions, cwd: Path, answer: str | None = None, **env: str
) -> Ended:
    """Run `authprobe` against a second emulator until it ends.

    `answer` is typed at a terminal; without one there is no terminal.
    """
    if answer is not None:
        return _at_terminal(_argv(directions, arguments), answer, cwd=cwd, env=env)
    words = (_document(directions), *arguments)
    return command_server().run(MODULE, words, cwd, _environment(cwd, env))


def live_process(
    *arguments: str | Path, directions: Directions, cwd: Path, **env: str
) -> subprocess.Popen[str]:
    """Start `authprobe` against a second emulator, and do not wait for it."""
    return subprocess.Popen(
        _argv(directions, arguments),
        cwd=cwd,
        env=_environment(cwd, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _at_terminal(argv: list[str], answer: str, *, cwd: Path, env: Mapping[str, str]) -> Ended:
    controller, terminal = pty.openpty()
    with os.fdopen(controller, "wb", buffering=0) as typed:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=_environment(cwd, env),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(terminal)
        typed.write(f"{answer}\n".encode())
        out, err = process.communicate(timeout=LIMIT)
    return Ended(process.returncode, out, err)


def _document(directions: Directions) -> str:
    return json.dumps(
        {
            "addresses": [[*key, *value] for key, value in directions.addresses.items()],
            "authority": str(directions.authority),
        }
    )


def _argv(directions: Directions, arguments: tuple[str | Path, ...]) -> list[str]:
    return [sys.executable, "-m", MODULE, _document(directions), *map(str, arguments)]


def _environment(cwd: Path, env: Mapping[str, str]) -> dict[str, str]:
    return environment(cwd / "home", PYTHONPATH=str(PROJECT), **{**WITHOUT_HISTORY, **env})


def start(text: str, arguments: list[str]) -> None:
    """Start the command line with these directions."""
    document = json.loads(text)
    addresses = {(a, b): (c, d) for a, b, c, d in document["addresses"]}
    directions = Directions(addresses=addresses, authority=Path(document["authority"]))
    parse = authprobe.settings.parse_settings

    def parse_with_directions(texts: OptionTexts) -> Settings:
        return dataclasses.replace(parse(texts), directions=directions)

    authprobe.settings.parse_settings = parse_with_directions
    laboratory.PAUSE_SECONDS = 0.0  # type: ignore[misc]
    main(arguments)


if __name__ == "__main__":
    start(sys.argv[1], sys.argv[2:])
