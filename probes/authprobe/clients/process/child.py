"""One child process: its streams, its output and its exit."""

import contextlib
import enum
import json
import os
import selectors
import signal
import socket
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from authprobe.errors import ClientError

OUTPUT_LIMIT_BYTES: Final = 4 * 1024 * 1024
KILL_TIMEOUT: Final = 2.0
"""Seconds that a killed child has to exit."""
LOOK_PERIOD: Final = 0.2
"""Seconds between two looks at a condition that ends a child."""
ROWS: Final = 80
COLUMNS: Final = 500
"""Width of a terminal: large enough that no URL and no token wraps."""


class Stdin(enum.StrEnum):
    """Kind of a child's standard input."""

    NOTHING = "nothing"
    PIPE = "pipe"
    """A pipe, open until `end_input`."""
    TERMINAL = "terminal"
    """A terminal, which is all three standard streams and controls the child's session."""


class ExitReason(enum.StrEnum):
    """Reason for a child's end."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedChild:
    """Result of a child that has ended."""

    exit_code: int
    """Negative: the signal that ended it."""
    stdout: str
    stderr: str
    exit_reason: ExitReason
    elapsed: float
    truncated: bool
    """True: a stream exceeded `OUTPUT_LIMIT_BYTES`."""


@dataclass(slots=True)
class StreamEnds:
    """Our ends of a child's streams."""

    stdin: int | None
    stdout: int
    stderr: int | None

    def close(self) -> None:
        """Close all of them, ignoring those already closed."""
        for descriptor in {self.stdin, self.stdout, self.stderr}:
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def open_pipes(stdin: Stdin) -> tuple[StreamEnds, tuple[int, ...]]:
    """Return our ends, and the child's: its standard streams in order."""
    if stdin is Stdin.PIPE:
        in_read, in_write = os.pipe()
    else:
        in_read, in_write = os.open(os.devnull, os.O_RDONLY), None
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    return StreamEnds(in_write, out_read, err_read), (in_read, out_write, err_write)


def open_terminal() -> tuple[StreamEnds, tuple[int, ...]]:
    """Return our end of a new terminal, and the child's three times: its standard streams."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    return StreamEnds(ours, ours, None), (theirs, theirs, theirs)


class AttachedChild:
    """A running program that has the standard streams of this process; a context manager."""

    def __init__(self, channel: socket.socket) -> None:
        self._events = EventReader(channel)
        self._channel = channel
        raise_start_error(self._events.next())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def send_signal(self, number: int) -> None:
        """Send a signal to the process group of the program; ignored if it has ended."""
        with contextlib.suppress(OSError):
            self._channel.sendall(bytes([number]))

    def wait(self) -> int:
        """Return the exit code; negative: the signal that ended it."""
        return exit_code_of(self._events.next())


class EventReader:
    """Events of a child, one line of JSON each."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._data = b""

    def next(self) -> dict[str, object]:
        """Return the next event, or a substitute if the launcher has ended."""
        while b"\n" not in self._data:
            data = self._channel.recv(4096)
            if not data:
                return {"error": "the run is shutting down", "exit_code": -signal.SIGKILL}
            self._data += data
        line, _, self._data = self._data.partition(b"\n")
        event = json.loads(line)
        return event if isinstance(event, dict) else {}


def raise_start_error(event: dict[str, object]) -> None:
    """Raise if the first event of a child is an error.

    Raises:
        ClientError: the program cannot be started.
    """
    if "error" in event:
        raise ClientError(f"cannot be started: {event['error']}")


def exit_code_of(event: dict[str, object]) -> int:
    """Return the exit code in the last event of a child."""
    code = event.get("exit_code")
    return code if isinstance(code, int) else -signal.SIGKILL


class Child:
    """A running program; a context manager that ends it."""

    def __init__(self, channel: socket.socket, ends: StreamEnds) -> None:
        self._channel = channel
        self._ends = ends
        self._began = time.monotonic()
        self._output = {
            stream: bytearray() for stream in (ends.stdout, ends.stderr) if stream is not None
        }
        self._truncated = False
        self._events = EventReader(channel)
        self._exit_code: int | None = None
        try:
            raise_start_error(self._events.next())
        except ClientError:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def wait(self, limit: float, enough: Callable[[], bool] | None = None) -> CompletedChild:
        """Read output until the child exits; end its process group after `limit` seconds, or before
        if `enough()` is true.

        Raises:
            ClientError: the child survived SIGKILL.
        """
        exit_reason, deadline = ExitReason.EXITED, time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while (exit_code := self._exit_code) is None:
                self._gather(selector, _next_look(deadline - time.monotonic(), enough))
                is_over = time.monotonic() >= deadline or (enough is not None and enough())
                if self._exit_code is None and is_over:
                    if exit_reason is ExitReason.TIMED_OUT:
                        raise ClientError(f"still running {KILL_TIMEOUT:g} s after SIGKILL")
                    exit_reason, deadline = ExitReason.TIMED_OUT, time.monotonic() + KILL_TIMEOUT
                    enough = None
                    with contextlib.suppress(OSError):  # the child may have exited just now
                        self._channel.sendall(bytes([signal.SIGKILL]))
            self._drain()
        return CompletedChild(
            exit_code=exit_code,
            stdout=self.stdout,
            stderr=self.stderr,
            exit_reason=exit_reason,
            elapsed=time.monotonic() - self._began,
            truncated=self._truncated,
        )

    def read_line_with(self, marker: str, limit: float) -> str | None:
        """Return the first stdout line that contains the marker; None on exit or timeout."""

        def find_line() -> str | None:
            return next((line for line in self.stdout.splitlines() if marker in line), None)

        self.read_until(lambda: find_line() is not None, limit)
        return find_line()

    def read_until(
        self,
        complete: Callable[[], bool],
        limit: float,
        enough: Callable[[], bool] | None = None,
    ) -> bool:
        """Read output until it is `complete()`; return False on exit, on timeout, or if without
        that `enough()` is true.
        """
        deadline = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while not complete():
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._exit_code is not None:
                    return False
                if enough is not None and enough():
                    return False
                self._gather(selector, _next_look(remaining, enough))
        return True

    def write(self, data: bytes) -> None:
        """Write to the child's stdin; a closed pipe is ignored."""
        if self._ends.stdin is not None:
            with contextlib.suppress(OSError):
                os.write(self._ends.stdin, data)

    def end_input(self) -> None:
        """Close the child's stdin; a terminal stays open, as its output would close as well."""
        if self._ends.stdin is not None and self._ends.stdin != self._ends.stdout:
            os.close(self._ends.stdin)
            self._ends.stdin = None

    @property
    def has_exited(self) -> bool:
        """True if an exit code has been received."""
        return self._exit_code is not None

    @property
    def output(self) -> bytes:
        """Bytes written so far to stdout, or to the terminal."""
        return bytes(self._output[self._ends.stdout])

    @property
    def stdout(self) -> str:
        """Text written so far to stdout, or to the terminal."""
        return self._text(self._ends.stdout)

    @property
    def stderr(self) -> str:
        """Text written so far to stderr."""
        return self._text(self._ends.stderr)

    def _register(self, selector: selectors.BaseSelector) -> None:
        selector.register(self._channel, selectors.EVENT_READ)
        for descriptor in self._output:
            selector.register(descriptor, selectors.EVENT_READ)

    def _gather(self, selector: selectors.BaseSelector, timeout: float) -> None:
        """Read available output, and the exit code as soon as it arrives."""
        for key, _ in selector.select(max(timeout, 0.0)):
            if key.fileobj is self._channel:
                self._exit_code = exit_code_of(self._events.next())
                self._drain()
                return
            if not self._read(key.fd):
                selector.unregister(key.fd)

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # nothing to read now; or, on Linux, no process has the terminal open
            return False
        room = OUTPUT_LIMIT_BYTES - len(self._output[descriptor])
        self._output[descriptor] += data[:room]
        self._truncated |= len(data) > room
        return bool(data)

    def _drain(self) -> None:
        """Read the rest of the pipes without waiting for processes that still hold them open.

        One of these may write for ever, so no more is read than is kept.
        """
        for descriptor, output in self._output.items():
            os.set_blocking(descriptor, False)
            while self._read(descriptor) and len(output) < OUTPUT_LIMIT_BYTES:
                pass

    def _text(self, descriptor: int | None) -> str:
        return "" if descriptor is None else self._output[descriptor].decode("utf-8", "replace")

    def _close(self) -> None:
        self._channel.close()
        self._ends.close()


def _next_look(remaining: float, enough: Callable[[], bool] | None) -> float:
    """Return the seconds to wait for output: no output says that a condition has come true."""
    return remaining if enough is None else min(remaining, LOOK_PERIOD)
