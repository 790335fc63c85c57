"""The children of a run: sealed in, bounded in time, ended with their whole process groups."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from probes.clients import launcher
from probes.clients.child import Child, Finished, Stdin, pipes, terminal
from probes.errors import ClientError


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
    ) -> Child:
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
        kept, given = terminal() if stdin is Stdin.TERMINAL else pipes(stdin)
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
