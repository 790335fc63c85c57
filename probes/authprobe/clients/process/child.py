"""One child: its streams, its end, and what is left of it."""

import contextlib
import enum
import json
import os
import selectors
import socket
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from authprobe.errors import ClientError

OUTPUT_LIMIT_BYTES: Final = 4 * 1024 * 1024
GRACE: Final = 2.0
"""Seconds in which a killed child must be gone."""
ROWS: Final = 80
COLUMNS: Final = 500
"""Of a terminal: so wide that no address and no token is wrapped."""


class Stdin(enum.StrEnum):
    """What a child has to read."""

    NOTHING = "nothing"
    PIPE = "pipe"
    """What is written to it, until `end_input`."""
    TERMINAL = "terminal"
    """What is typed: all three of its streams are one terminal, which controls its session."""


class ExitReason(enum.StrEnum):
    """Why a child is no longer running."""

    ITSELF = "itself"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedChild:
    """What is left of a child."""

    exit_code: int
    """Negative: the signal that ended it."""
    stdout: str
    stderr: str
    ended: ExitReason
    elapsed: float
    truncated: bool


@dataclass(slots=True)
class Ends:
    """Our ends of a child's streams."""

    stdin: int | None
    stdout: int
    stderr: int | None

    def close(self) -> None:
        for descriptor in {self.stdin, self.stdout, self.stderr}:
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def pipes(stdin: Stdin) -> tuple[Ends, tuple[int, ...]]:
    """Our ends, and those of the child: its standard streams, in order."""
    if stdin is Stdin.PIPE:
        in_read, in_write = os.pipe()
    else:
        in_read, in_write = os.open(os.devnull, os.O_RDONLY), None
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    return Ends(in_write, out_read, err_read), (in_read, out_write, err_write)


def terminal() -> tuple[Ends, tuple[int, ...]]:
    """The same for a terminal, which has one end on each side."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    return Ends(ours, ours, None), (theirs, theirs, theirs)


class Child:
    """A started program; a context manager that ends it."""

    def __init__(self, channel: socket.socket, ends: Ends) -> None:
        self._channel = channel
        self._ends = ends
        self._began = time.monotonic()
        self._output = {
            stream: bytearray() for stream in (ends.stdout, ends.stderr) if stream is not None
        }
        self._truncated = False
        self._events = b""
        self._exit_code: int | None = None
        started = self._next_event()
        if "error" in started:
            self._close()
            raise ClientError(f"cannot be started: {started['error']}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def wait(self, limit: float) -> CompletedChild:
        """Gather its output until it ends; after `limit` seconds, end it and what it started."""
        ended, deadline = ExitReason.ITSELF, time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while (exit_code := self._exit_code) is None:
                self._gather(selector, deadline - time.monotonic())
                if self._exit_code is None and time.monotonic() >= deadline:
                    if ended is ExitReason.LIMIT:
                        raise ClientError("does not end, not even when killed")
                    ended, deadline = ExitReason.LIMIT, time.monotonic() + GRACE
                    with contextlib.suppress(OSError):  # it may have ended at this moment
                        self._channel.sendall(b"end\n")
            self._drain()
        return CompletedChild(
            exit_code=exit_code,
            stdout=self.stdout,
            stderr=self.stderr,
            ended=ended,
            elapsed=time.monotonic() - self._began,
            truncated=self._truncated,
        )

    def read_line_with(self, marker: str, limit: float) -> str | None:
        """The first line on its stdout that holds the marker; None: it ended, or took too long."""

        def found() -> str | None:
            return next((line for line in self.stdout.splitlines() if marker in line), None)

        self.read_until(lambda: found() is not None, limit)
        return found()

    def read_until(self, enough: Callable[[], bool], limit: float) -> bool:
        """Gather its output until it is enough; False: it ended before, or took too long."""
        deadline = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while not enough():
                left = deadline - time.monotonic()
                if left <= 0 or self._exit_code is not None:
                    return False
                self._gather(selector, left)
        return True

    def write(self, data: bytes) -> None:
        """Give it something to read; one that reads no more is let be."""
        if self._ends.stdin is not None:
            with contextlib.suppress(OSError):
                os.write(self._ends.stdin, data)

    def end_input(self) -> None:
        """Let it read the end of its stdin; a terminal has none."""
        if self._ends.stdin is not None and self._ends.stdin != self._ends.stdout:
            os.close(self._ends.stdin)
            self._ends.stdin = None

    @property
    def ended(self) -> bool:
        """Whether it is known to have ended by itself."""
        return self._exit_code is not None

    @property
    def output(self) -> bytes:
        """What it wrote to its stdout, or to its terminal, so far."""
        return bytes(self._output[self._ends.stdout])

    @property
    def stdout(self) -> str:
        """The same as text."""
        return self._text(self._ends.stdout)

    @property
    def stderr(self) -> str:
        """What it wrote to its stderr so far."""
        return self._text(self._ends.stderr)

    def _register(self, selector: selectors.BaseSelector) -> None:
        selector.register(self._channel, selectors.EVENT_READ)
        for descriptor in self._output:
            selector.register(descriptor, selectors.EVENT_READ)

    def _gather(self, selector: selectors.BaseSelector, timeout: float) -> None:
        """Read what is there to read; also the exit code, once it is there."""
        for key, _ in selector.select(max(timeout, 0.0)):
            if key.fileobj is self._channel:
                code = self._next_event().get("exit_code", -9)
                self._exit_code = code if isinstance(code, int) else -9
                self._drain()
                return
            if not self._read(key.fd):
                selector.unregister(key.fd)

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # nothing to read now; or, on Linux, nobody has the terminal any more
            return False
        room = OUTPUT_LIMIT_BYTES - len(self._output[descriptor])
        self._output[descriptor] += data[:room]
        self._truncated |= len(data) > room
        return bool(data)

    def _drain(self) -> None:
        """Take what is left in the pipes; a process that still holds one is not waited for."""
        for descriptor in self._output:
            os.set_blocking(descriptor, False)
            while self._read(descriptor):
                pass

    def _next_event(self) -> dict[str, object]:
        while b"\n" not in self._events:
            data = self._channel.recv(4096)
            if not data:
                return {"error": "the run is over", "exit_code": -9}
            self._events += data
        line, _, self._events = self._events.partition(b"\n")
        event = json.loads(line)
        return event if isinstance(event, dict) else {}

    def _text(self, descriptor: int | None) -> str:
        return "" if descriptor is None else self._output[descriptor].decode("utf-8", "replace")

    def _close(self) -> None:
        self._channel.close()
        self._ends.close()
