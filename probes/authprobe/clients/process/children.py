"""The children of a run: sealed in, bounded in time, ended with their whole process groups.

Where the kernel lets them, clients have a network of their own with nothing but loopback. The run
is not in it, and meets them through sockets that the launcher makes there.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from authprobe.clients.process import launcher
from authprobe.clients.process.child import Child, CompletedChild, Stdin, pipes, terminal
from authprobe.errors import ClientError
from authprobe.observation.model import ChildNetwork


class Children:
    """The children of one run; all are ended when it is closed, or when this process dies.

    In the latter case the folder `scratch` is removed as well. With `apart` they have no network
    but loopback, and one of their own, if the system allows that: `network` tells.
    """

    def __init__(self, scratch: Path | None = None, *, apart: bool = False) -> None:
        self._scratch = scratch
        self._apart = apart
        self.network: ChildNetwork | None = None
        """Which one they have; None: nobody has asked yet."""
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
    ) -> CompletedChild:
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
            "do": "start",
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

    def bind(self) -> socket.socket:
        """A free loopback port in the network of the children, at which nobody listens yet.

        Raises:
            ClientError: there is none.
        """
        if self._find_network() is ChildNetwork.MACHINE:
            return launcher.bound()
        return self._fetch({"do": "bind"})

    def free_port(self) -> int:
        """A port that was free a moment ago, for a program that takes a number and not 0.

        Raises:
            ClientError: there is none.
        """
        with self.bind() as bound:
            port: int = bound.getsockname()[1]
            return port

    def connect(self, port: int) -> socket.socket:
        """A connection to a port at which a child listens.

        Raises:
            OSError: nobody does.
            ClientError: the run is over.
        """
        if self._find_network() is ChildNetwork.MACHINE:
            return launcher.connected(port)
        return self._fetch({"do": "connect", "port": port})

    def _find_network(self) -> ChildNetwork:
        if self.network is None:
            if self._apart:
                told, _ = self._ask({"do": "tell"})
                self.network = ChildNetwork(str(told.get("network")))
            else:
                self.network = ChildNetwork.MACHINE
        return self.network

    def _fetch(self, request: Mapping[str, object]) -> socket.socket:
        told, descriptors = self._ask(request)
        if "error" in told:
            raise OSError(told.get("errno"), told["error"])
        return socket.socket(fileno=descriptors[0])

    def _ask(self, request: Mapping[str, object]) -> tuple[dict[str, Any], list[int]]:
        """The launcher's answer, and the socket that comes with it."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(request, [theirs.fileno()])
            line, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
        if not line:
            raise ClientError("the run is over")
        return json.loads(line), descriptors

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
            [
                *(sys.executable, "-I", "-S", launcher.__file__, str(theirs.fileno())),
                *("loopback" if self._apart else "machine", *scratch),
            ],
            pass_fds=[theirs.fileno()],
            env={},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        return ours
