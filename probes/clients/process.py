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
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from probes.clients import launcher
from probes.errors import ClientError

OUTPUT_LIMIT_BYTES: Final = 4 * 1024 * 1024
GRACE: Final = 2.0
"""Seconds in which a killed child must be gone."""


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

    def start(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path) -> "Child":
        """Start a program with these variables and no others, and nothing to read on its stdin.

        Raises:
            ClientError: the program cannot be started.
        """
        request = {"argv": [str(part) for part in argv], "env": dict(env), "cwd": str(cwd)}
        ours, theirs = socket.socketpair()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            self._send(request, [theirs.fileno(), null, out_write, err_write])
        except (OSError, ClientError):
            ours.close()
            os.close(out_read)
            os.close(err_read)
            raise
        finally:
            theirs.close()
            for descriptor in (null, out_write, err_write):
                os.close(descriptor)
        return Child(ours, out_read, err_read)

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


class Child:
    """A started program; a context manager that ends it."""

    def __init__(self, channel: socket.socket, out_read: int, err_read: int) -> None:
        self._channel = channel
        self._began = time.monotonic()
        self._output = {out_read: bytearray(), err_read: bytearray()}
        self._out_read, self._err_read = out_read, err_read
        self._truncated = False
        self._events = b""
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
            exit_code: int | None = None
            while exit_code is None:
                exit_code = self._gather(selector, deadline - time.monotonic())
                if exit_code is None and time.monotonic() >= deadline:
                    if ended is Ended.LIMIT:
                        raise ClientError("does not end, not even when killed")
                    ended, deadline = Ended.LIMIT, time.monotonic() + GRACE
                    with contextlib.suppress(OSError):  # it may have ended at this moment
                        self._channel.sendall(b"end\n")
            self._drain()
        return Finished(
            exit_code=exit_code,
            stdout=self._text(self._out_read),
            stderr=self._text(self._err_read),
            ended=ended,
            elapsed=time.monotonic() - self._began,
            truncated=self._truncated,
        )

    def read_line_with(self, marker: str, limit: float) -> str | None:
        """The first line on its stdout that holds the marker; None: it ended, or took too long."""
        deadline = time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while (left := deadline - time.monotonic()) > 0:
                exit_code = self._gather(selector, left)
                for line in self._text(self._out_read).splitlines():
                    if marker in line:
                        return line
                if exit_code is not None:
                    self._drain()
                    return None
        return None

    @property
    def stderr(self) -> str:
        """What it wrote to its stderr so far."""
        return self._text(self._err_read)

    def _register(self, selector: selectors.BaseSelector) -> None:
        selector.register(self._channel, selectors.EVENT_READ)
        for descriptor in self._output:
            selector.register(descriptor, selectors.EVENT_READ)

    def _gather(self, selector: selectors.BaseSelector, timeout: float) -> int | None:
        """Read what is there to read; the exit code, once it is known."""
        for key, _ in selector.select(max(timeout, 0.0)):
            if key.fileobj is self._channel:
                event = self._next_event()
                code = event.get("exit_code", -9)
                return code if isinstance(code, int) else -9
            if not self._read(key.fd):
                selector.unregister(key.fd)
        return None

    def _read(self, descriptor: int) -> bool:
        data = os.read(descriptor, 65536)
        room = OUTPUT_LIMIT_BYTES - len(self._output[descriptor])
        self._output[descriptor] += data[:room]
        self._truncated |= len(data) > room
        return bool(data)

    def _drain(self) -> None:
        """Take what is left in the pipes; a process that still holds one is not waited for."""
        for descriptor in self._output:
            os.set_blocking(descriptor, False)
            with contextlib.suppress(BlockingIOError):
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

    def _text(self, descriptor: int) -> str:
        return self._output[descriptor].decode("utf-8", "replace")

    def _close(self) -> None:
        self._channel.close()
        for descriptor in self._output:
            with contextlib.suppress(OSError):
                os.close(descriptor)
