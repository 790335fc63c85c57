"""One child process: sealed in, bounded in time and output, ended with its whole process group."""

import contextlib
import enum
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from probes.clients import launcher
from probes.errors import ClientError

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


class Ended(enum.StrEnum):
    """Why a child is no longer running."""

    ITSELF = "itself"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What is left of a child."""

    exit_code: int
    """Negative: the signal that ended it."""
    stdout: str
    stderr: str
    ended: Ended
    elapsed: float
    truncated: bool


class Children:
    """The children of one run; all are ended when it is closed, or when this process dies.

    In the latter case the folder `scratch` is removed as well.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._scratch = scratch
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._launcher: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every child that is still running; none can be started afterwards."""
        with self._lock:
            self._closed = True
            if self._control is None or self._launcher is None:
                return
            self._control.close()
            self._control = None
            self._launcher.wait(timeout=30)

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        limit: float,
    ) -> Finished:
        """Run a program to its end, or to the limit in seconds.

        Raises:
            ClientError: the program cannot be started.
        """
        with self.start(argv, env=env, cwd=cwd) as child:
            return child.wait(limit)

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: Stdin = Stdin.NOTHING,
    ) -> "Child":
        """Start a program with these variables and no others.

        Raises:
            ClientError: the program cannot be started.
        """
        request = {
            "argv": [str(part) for part in argv],
            "env": dict(env),
            "cwd": str(cwd),
            "terminal": stdin is Stdin.TERMINAL,
        }
        ours, theirs = socket.socketpair()
        kept, given = _terminal() if stdin is Stdin.TERMINAL else _pipes(stdin)
        try:
            self._send(request, [theirs.fileno(), *given])
        except (OSError, ClientError):
            ours.close()
            kept.close()
            raise
        finally:
            theirs.close()
            for descriptor in set(given):
                os.close(descriptor)
        return Child(ours, kept)

    def _send(self, request: Mapping[str, object], descriptors: list[int]) -> None:
        data = json.dumps(request).encode()
        with self._lock:
            if self._closed:
                raise ClientError("the run is over")
            if self._control is None:
                self._control = self._start_launcher()
            socket.send_fds(self._control, [struct.pack("!I", len(data))], descriptors)
            self._control.sendall(data)

    def _start_launcher(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        scratch = [str(self._scratch)] if self._scratch else []
        self._launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", launcher.__file__, str(theirs.fileno()), *scratch],
            pass_fds=[theirs.fileno()],
            env={},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        return ours


@dataclass(slots=True)
class _Ends:
    """Our ends of a child's streams."""

    stdin: int | None
    stdout: int
    stderr: int | None

    def close(self) -> None:
        for descriptor in {self.stdin, self.stdout, self.stderr}:
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def _pipes(stdin: Stdin) -> tuple[_Ends, tuple[int, ...]]:
    """Our ends, and those of the child: its standard streams, in order."""
    if stdin is Stdin.PIPE:
        in_read, in_write = os.pipe()
    else:
        in_read, in_write = os.open(os.devnull, os.O_RDONLY), None
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    return _Ends(in_write, out_read, err_read), (in_read, out_write, err_write)


def _terminal() -> tuple[_Ends, tuple[int, ...]]:
    """The same for a terminal, which has one end on each side."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    return _Ends(ours, ours, None), (theirs, theirs, theirs)


class Child:
    """A started program; a context manager that ends it."""

    def __init__(self, channel: socket.socket, ends: _Ends) -> None:
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

    def wait(self, limit: float) -> Finished:
        """Gather its output until it ends; after `limit` seconds, end it and what it started."""
        ended, deadline = Ended.ITSELF, time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while (exit_code := self._exit_code) is None:
                self._gather(selector, deadline - time.monotonic())
                if self._exit_code is None and time.monotonic() >= deadline:
                    if ended is Ended.LIMIT:
                        raise ClientError("does not end, not even when killed")
                    ended, deadline = Ended.LIMIT, time.monotonic() + GRACE
                    with contextlib.suppress(OSError):  # it may have ended at this moment
                        self._channel.sendall(b"end\n")
            self._drain()
        return Finished(
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
