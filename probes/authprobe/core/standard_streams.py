"""The standard streams of this process."""

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OUTPUT_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors of writing to a full disk or a closed terminal."""
STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_missing_streams() -> None:
    """Open the null device for each standard stream that is closed.

    Otherwise the next file or socket takes its number: what is printed goes there, and a client
    that inherits the standard streams gets it.
    """
    for number, (name, mode) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115 - of a descriptor, until the end


def discard_output() -> None:
    """Discard what is still buffered: Python would try to write it once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _LossyFile(io.FileIO):
    """A file that drops what cannot be written, as it has nowhere to report that."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in OUTPUT_ERRORS:
                raise
            return memoryview(data).nbytes


def drop_lost_messages() -> None:
    """Let a command go on if standard error is on a full disk, without the messages."""
    stream = sys.stderr
    if stream is not sys.__stderr__ or not isinstance(stream, io.TextIOWrapper):
        return  # a stream of the program that calls the command
    stream.flush()
    file = io.BufferedWriter(_LossyFile(stream.fileno(), "w", closefd=False))
    sys.stderr = io.TextIOWrapper(
        file, encoding=stream.encoding, errors=stream.errors, line_buffering=True
    )
