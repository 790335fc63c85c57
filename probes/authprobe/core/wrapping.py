"""Lines for a terminal: broken at spaces only, so that names, paths and commands stay whole."""

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final, TextIO

_INDENT: Final = 4
"""Spaces before the rest of a line, beside its own."""
_COMMAND: Final = re.compile(r"`[^`]{1,100}`")
COMMAND_PROMPT: Final = "$ "
_JOINT: Final = "\0"
"""Stands for a space at which no line is broken."""


def wrap_line(line: str, width: int | None) -> str:
    """Return the line in several of at most `width` characters; None: it is not wrapped.

    A command in backticks and a path stay whole, to be copied.
    """
    if width is None or len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + _INDENT)
    joined = _COMMAND.sub(lambda match: match[0].replace(" ", _JOINT), line)
    wrapped = textwrap.fill(
        joined,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped.replace(_JOINT, " ")


def wrap_lines(lines: Iterable[str], width: int | None) -> Iterator[str]:
    """Yield lines of at most `width` characters; those with a command (`$ ...`) stay whole."""
    for line in lines:
        yield line if line.lstrip().startswith(COMMAND_PROMPT) else wrap_line(line, width)


def terminal_width(stream: TextIO) -> int | None:
    """Return the width of the terminal that a stream writes to; None: it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None
