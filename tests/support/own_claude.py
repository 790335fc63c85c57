"""The user's own `claude` on PATH: a script that records its environment and runs the real one.

In a sealed container it can do neither, so it is for runs with `--isolation network`.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from authprobe.settings import cache_folder, search_path
from tests.support.command import run

VERSION = "2.1.31"
SCRIPT = """#!/bin/sh
if [ "$1" != --version ]; then
    tr '\\0' '\\n' < /proc/$$/environ > "{folder}/new.$$"
    mv "{folder}/new.$$" "{folder}/started.$$"
    until [ -e "{gate}" ]; do sleep 0.05; done
fi
exec {real} "$@"
"""


@dataclass(frozen=True)
class OwnClaude:
    """Folder of the program, to put on PATH; a started program waits until `gate` exists."""

    folder: Path
    gate: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        program = self.folder / "claude"
        real = cache_folder() / "claude-code" / VERSION / "node_modules" / ".bin" / "claude"
        program.write_text(SCRIPT.format(folder=self.folder, gate=self.gate, real=real))
        program.chmod(0o755)

    @property
    def path(self) -> str:
        """`PATH` with this program."""
        return f"{self.folder}:{search_path()}"

    @property
    def started(self) -> list[dict[str, str]]:
        """Environment of each start, except version queries."""
        texts = [path.read_text() for path in sorted(self.folder.glob("started.*"))]
        return [dict(line.split("=", 1) for line in t.splitlines() if "=" in line) for t in texts]


def install_real(folder: Path) -> None:
    """Install the real client in the user's cache; skip if the registry is unreachable."""
    result = run("clients", "install", f"claude-code@{VERSION}", cwd=folder)
    if "registry cannot be reached" in result.err:
        pytest.skip(f"NO PACKAGE REGISTRY: claude-code@{VERSION} could not be installed or tested")
    assert result.code == 0, result.err
