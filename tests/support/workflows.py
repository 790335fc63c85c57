"""Checks of workflows and actions by programs that know their form and their holes."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(sys.executable).parent


def check_with(schema: str, paths: Sequence[Path]) -> str:
    """Return what files have that their schema forbids; empty if it is nothing."""
    argv = [str(PROGRAMS / "check-jsonschema"), "--builtin-schema", schema, *map(str, paths)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def problems_of(*paths: Path, pedantic: bool = True) -> str:
    """Return what an attacker could use in workflows and actions; empty if it is nothing.

    Unless it is pedantic, what is only untidy is left out.
    """
    argv = [str(PROGRAMS / "zizmor"), "--offline", "--no-progress", "--quiet"]
    argv += ["--pedantic"] if pedantic else []
    done = subprocess.run([*argv, *map(str, paths)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""
