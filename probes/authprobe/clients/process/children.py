"""Child processes of a run: isolated, limited in time, and ended with their process groups.

Where the kernel allows it, clients run in a network namespace that has only loopback. The run is
outside of it and connects to them through sockets that the launcher opens inside.
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
from authprobe.clients.process.child import Child, CompletedChild, Stdin, open_pipes, open_terminal
from authprobe.errors import ClientError
from authprobe.observation.model import ChildNetwork


class Children:
    """Child processes of one run; all end when it is closed or when this process dies.

    In the latter case the folder `scratch` is removed as well. `isolated` children run in a network
    namespace of their own, if the system allows it; `network` holds the result.
    """

    def __init__(self, scratch: Path | None = None, *, isolated: bool = False) -> None:
        self._scratch = scratch
        self._isolated = isolated
        self.network: ChildNetwork | None = None
        """The children's network; None: not determined yet."""
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._launcher: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all running children and refuse to start more."""
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
        """Start a program, and wait for its end or for `limit` seconds.

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
        """Start a program with exactly these environment variables.

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
        ends, streams = open_terminal() if stdin is Stdin.TERMINAL else open_pipes(stdin)
        try:
            self._send(request, [theirs.fileno(), *streams])
        except (OSError, ClientError):
            ours.close()
            ends.close()
            raise
        finally:
            theirs.close()
            for descriptor in set(streams):
                os.close(descriptor)
        return Child(ours, ends)

    def bind(self) -> socket.socket:
        """Return a socket bound to a free loopback port in the children's network, not listening.

        Raises:
            OSError: no port is free.
            ClientError: the run is shutting down.
        """
        if self._find_network() is ChildNetwork.MACHINE:
            return launcher.bind_free_port()
        return self._fetch({"do": "bind"})

    def free_port(self) -> int:
        """Return a port that was free a moment ago, for a program that does not accept port 0.

        Raises:
            OSError: no port is free.
            ClientError: the run is shutting down.
        """
        with self.bind() as port_socket:
            port: int = port_socket.getsockname()[1]
            return port

    def connect(self, port: int) -> socket.socket:
        """Connect to a port on which a child listens.

        Raises:
            OSError: the connection was refused.
            ClientError: the run is shutting down.
        """
        if self._find_network() is ChildNetwork.MACHINE:
            return launcher.connect(port)
        return self._fetch({"do": "connect", "port": port})

    def _find_network(self) -> ChildNetwork:
        if self.network is None:
            if self._isolated:
                answer, _ = self._ask({"do": "network"})
                self.network = ChildNetwork(str(answer.get("network")))
            else:
                self.network = ChildNetwork.MACHINE
        return self.network

    def _fetch(self, request: Mapping[str, object]) -> socket.socket:
        answer, descriptors = self._ask(request)
        if "error" in answer:
            raise OSError(answer.get("errno"), answer["error"])
        return socket.socket(fileno=descriptors[0])

    def _ask(self, request: Mapping[str, object]) -> tuple[dict[str, Any], list[int]]:
        """Send a request; return the launcher's answer and the descriptors attached to it."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(request, [theirs.fileno()])
            line, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
        if not line:
            raise ClientError("the run is shutting down")
        return json.loads(line), descriptors

    def _send(self, request: Mapping[str, object], descriptors: list[int]) -> None:
        data = json.dumps(request).encode()
        with self._lock:
            if self._closed:
                raise ClientError("the run is shutting down")
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
                *("loopback" if self._isolated else "machine", *scratch),
            ],
            pass_fds=[theirs.fileno()],
            env={},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        return ours
