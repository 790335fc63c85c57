"""Questions that a person answers with yes or no at the terminal."""

import sys
from typing import Final

from authprobe.commands.printing import print_error

YES: Final = frozenset({"y", "yes"})


def agrees(question: str) -> bool:
    """Ask on stderr, as stdout is for results only; return True if the answer is yes.

    An answer that cannot be read is none.
    """
    print_error(f"{question} [y/N] ", end="", flush=True)
    try:
        return sys.stdin.readline().strip().lower() in YES
    except (OSError, UnicodeDecodeError):
        return False
