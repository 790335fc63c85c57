"""Ctrl-C while the command starts, before it can be caught where a command runs."""

import os
import signal
from types import FrameType

from authprobe.errors import ExitCode


def quit_on_interrupt() -> None:
    """Let Ctrl-C end the process at once, until `raise_on_interrupt`; it holds nothing yet."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored
        signal.signal(signal.SIGINT, _quit)


def raise_on_interrupt() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _quit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _quit(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, b"interrupted\n")
    finally:  # standard error may be closed
        os._exit(ExitCode.INTERRUPTED)
