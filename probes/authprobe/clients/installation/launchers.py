"""Launchers of Python programs that still work when their folder is moved.

pip and uv write the path of the interpreter into the first line of each program, which is that of
the staging directory. pip has no option for it; `uv venv --relocatable` writes the same lines as
this module, but pip must do where uv cannot be used.
"""

import re
from pathlib import Path
from typing import Final

MAX_LAUNCHER_BYTES: Final = 1_000_000
RELOCATABLE: Final = """#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python'%s "$0" "$@"
' '''
"""
"""A program of the shell, and to Python a string: it starts the interpreter beside itself."""


def make_relocatable(environment: Path) -> None:
    """Make the programs of a virtual environment find the interpreter that is beside them."""
    folder = environment / "bin"
    shebang = _shebang(folder)
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_LAUNCHER_BYTES:
            continue
        content = path.read_bytes()
        if match := shebang.match(content):
            arguments = (match["arguments"] or match["exec_arguments"] or b"").decode().rstrip()
            path.write_bytes((RELOCATABLE % arguments).encode() + content[match.end() :])


def _shebang(folder: Path) -> re.Pattern[bytes]:
    """Return the beginning of the programs in this folder, as distlib and uv write it.

    The second form is for paths that are too long, or have a space; uv puts these in single quotes.
    """
    python = re.escape(str(folder).encode()) + rb"/python[\d.]*"
    plain = rb"#!" + python + rb"(?P<arguments>[^\n]*)\n"
    by_shell = (
        rb"#!/bin/sh\n'''exec' [\"']?" + python + rb"[\"']?(?P<exec_arguments>[^\n]*?)"
        rb" \"\$0\" \"\$@\"\n' '''\n"
    )
    return re.compile(rb"\A(?:" + plain + rb"|" + by_shell + rb")")
