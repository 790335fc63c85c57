"""Real, interactive shells in a terminal, which complete what is typed."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.command import environment
from tests.support.waiting import wait_until

SHELLS: Final = ("bash", "zsh", "fish")
PROGRAM: Final = """\
#!/bin/sh
[ "$1" = completion ] && exec "{python}" -m authprobe "$@"
printf '%s\\0' "$@" > "{arguments}.new" && mv "{arguments}.new" "{arguments}"
"""
"""The program `authprobe` of the shell, which completes; else it only writes its arguments."""
START: Final = {
    "bash": """
        bind 'set enable-bracketed-paste off'
        eval "$(authprobe completion bash)"
        touch "{ready}"
    """,
    "zsh": """
        bindkey -e
        autoload -Uz compinit && compinit -u -D
        eval "$(authprobe completion zsh)"
        touch "{ready}"
    """,
    "fish": """
        authprobe completion fish | source
        touch "{ready}"
    """,
}


class Shell:
    """An interactive shell, in which Tab completes `authprobe`."""

    def __init__(self, terminal: int, arguments: Path) -> None:
        self._terminal = terminal
        self._arguments = arguments

    def run_completed(self, typed: str) -> list[str]:
        """Type this text, Tab and Enter; return the arguments that `authprobe` then gets."""
        os.write(self._terminal, f"{typed}\t\r".encode())
        wait_until(self._arguments.exists)
        *arguments, _ = self._arguments.read_text().split("\0")
        self._arguments.unlink()
        return arguments


@contextlib.contextmanager
def started_shell(name: str, folder: Path, cwd: Path) -> Iterator[Shell]:
    """Start a shell in this working directory; its own files are in `folder`."""
    program, ready, arguments = folder / "bin" / "authprobe", folder / "ready", folder / "arguments"
    program.parent.mkdir(parents=True)
    program.write_text(PROGRAM.format(python=sys.executable, arguments=arguments))
    program.chmod(0o755)
    start = folder / ".zshrc"
    start.write_text(START[name].format(ready=ready))
    options = {
        "bash": ["--noprofile", "--rcfile", str(start)],
        "zsh": ["-i"],
        "fish": ["--no-config", "-C", f"source {start}"],
    }
    variables = environment(folder / "home", ZDOTDIR=str(folder), TERM="dumb")
    own, its = pty.openpty()
    process = subprocess.Popen(
        # fish needs a terminal of its own, which a new session alone does not get.
        ["setsid", "--ctty", shutil.which(name) or name, *options[name]],
        cwd=cwd,
        env=variables | {"PATH": f"{program.parent}:{variables['PATH']}"},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    reader = threading.Thread(target=_discard, args=(own,))
    reader.start()
    try:
        wait_until(ready.exists)
        yield Shell(own, arguments)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()
        os.close(own)


def _discard(terminal: int) -> None:
    """Read what the shell prints, so that it never waits, until the last program has ended."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 4096):
            pass
