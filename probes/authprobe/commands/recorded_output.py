"""The output of a command that is recorded while it is shown: each stream keeps being a terminal
or none, as it was.
"""

import contextlib
import os
import termios
import threading
import tty
from collections.abc import Sequence
from typing import Final, Self

STREAMS: Final = ("stdout", "stderr")
PART_BYTES: Final = 2 * 1024 * 1024
"""Bytes at the beginning and at the end of a stream that are kept."""
COPY_BYTES: Final = 64 * 1024
END_TIMEOUT: Final = 2.0
"""Seconds in which the rest of the output is read: a process may hold the stream open."""


class _Stream:
    """One stream: what the command writes goes to ours, and is kept."""

    def __init__(self, shown: int) -> None:
        self._shown = shown
        self.is_terminal = os.isatty(shown)
        if self.is_terminal:
            self._source, self.command_end = os.openpty()
            tty.setraw(self.command_end)  # ours does what a terminal does to output
            self.resize()
        else:
            self._source, self.command_end = os.pipe()
        self._head, self._tail = bytearray(), bytearray()
        self.is_truncated = False
        self.thread = threading.Thread(target=self._copy, daemon=True)

    def resize(self) -> None:
        """Give the command's terminal the size of ours."""
        if self.is_terminal:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetwinsize(self.command_end, termios.tcgetwinsize(self._shown))

    def _copy(self) -> None:
        """Copy until no process of the command can write, or nobody reads ours any more."""
        try:
            while data := self._read():
                self._keep(data)
                _write_all(self._shown, data)
        except OSError:
            pass
        finally:
            os.close(self._source)  # the command gets the error that it would get from ours

    def _read(self) -> bytes:
        try:
            return os.read(self._source, COPY_BYTES)
        except OSError:  # on Linux: no process has the terminal open
            return b""

    def _keep(self, data: bytes) -> None:
        room = PART_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * PART_BYTES:
            del self._tail[:-PART_BYTES]
            self.is_truncated = True

    @property
    def text(self) -> str:
        """The output that is kept, decoded."""
        between = b"\n" if self.is_truncated else b""
        return (bytes(self._head) + between + bytes(self._tail)).decode("utf-8", "replace")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


class OutputRecorder:
    """Streams for a command, which are shown as they are written; a context manager."""

    def __init__(self) -> None:
        self._streams = tuple(map(_Stream, (1, 2)))
        self._is_open = True

    def __enter__(self) -> Self:
        for stream in self._streams:
            stream.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    @property
    def descriptors(self) -> Sequence[int]:
        """The command's ends of stdout and stderr."""
        return tuple(stream.command_end for stream in self._streams)

    def resize(self) -> None:
        """Give the command's terminals the size of ours, which has changed."""
        if self._is_open:
            for stream in self._streams:
                stream.resize()

    def finish(self) -> None:
        """Read what is left after the command's end."""
        if not self._is_open:
            return
        self._is_open = False
        for stream in self._streams:
            os.close(stream.command_end)
        for stream in self._streams:
            stream.thread.join(END_TIMEOUT)

    @property
    def output(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a stream and its text, which is not redacted."""
        pairs = zip(STREAMS, self._streams, strict=True)
        return tuple((name, stream.text) for name, stream in pairs)

    @property
    def is_truncated(self) -> bool:
        """True if the middle of a long stream was not kept."""
        return any(stream.is_truncated for stream in self._streams)
