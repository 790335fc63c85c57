"""Printing of the commands, with escapes; only `emulator` prints what shells read by itself."""

import sys
from collections.abc import Iterable

from authprobe.core.escaping import escape_nonprintable, for_json, for_log


def print_text(text: str, *, end: str = "\n", flush: bool = False) -> None:
    """Print text on stdout, without terminal sequences and CI commands."""
    print(for_log(text), end=end, flush=flush)


def print_error(text: str, *, end: str = "\n", flush: bool = False) -> None:
    """Print text on stderr, without terminal sequences and CI commands."""
    print(for_log(text), file=sys.stderr, end=end, flush=flush)


def print_json(text: str) -> None:
    """Print a JSON text on stdout, with escapes for what is invisible."""
    print(for_json(text))


def print_annotations(lines: Iterable[str]) -> None:
    """Print authprobe's own CI commands on stdout, each on one line."""
    for line in lines:
        print(escape_nonprintable(line))
