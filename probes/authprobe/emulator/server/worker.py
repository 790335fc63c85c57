"""The emulated network in a worker process, so that it does not compete with the run for the GIL.

Over one socket, the run asks the worker to open and close cases; over another, it sends bound
sockets on which a case should listen as well. The worker ends when the run ends and its socket is
closed.
"""

import asyncio
import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import authprobe
from authprobe.core.ipc import LENGTH_PREFIX, pack, receive, send
from authprobe.errors import ClientError

if TYPE_CHECKING:
    from authprobe.emulator.case_backend import CaseBackend
    from authprobe.emulator.server.network import Listener, Network

WORKER_CODE: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from authprobe.emulator.server import worker; "
)
PACKAGE_PARENT: Final = Path(authprobe.__file__).parents[1]
REPLY_TIMEOUT: Final = 60.0
"""Seconds to wait for an answer of the worker process."""

_prestarted: list["_Process"] = []


@dataclass(frozen=True, slots=True)
class RemoteListener:
    """The proxy of one case, in the worker process."""

    port: int
    backend: "CaseBackend"

    @property
    def proxy_url(self) -> str:
        """URL for `HTTPS_PROXY`."""
        return f"http://127.0.0.1:{self.port}"


class RemoteNetwork:
    """A `Network` in another process. A backend's state is copied back when its case closes."""

    ca_file: Path

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process = _prestarted.pop() if _prestarted else _Process()

    def __enter__(self) -> Self:
        try:
            self.ca_file = Path(self._process.call("start", self._scratch))
        except (ClientError, OSError):
            self._process.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()

    def open(
        self, backend: "CaseBackend", *, bound_socket: socket.socket | None = None
    ) -> RemoteListener:
        """Open a proxy for a case, with a copy of its backend and the tokens issued so far.

        The network takes over `bound_socket` and serves the same on it.
        """
        return RemoteListener(self._process.call("open", backend, bound_socket), backend)

    def close(self, listener: RemoteListener) -> None:
        """Close a case; its backend receives the state of its copy in the worker process."""
        listener.backend.merge_from(self._process.call("close", listener.port))


def prestart() -> None:
    """Start the worker while this process is still importing; the next `RemoteNetwork` uses it."""
    _prestarted.append(_Process())


class _Process:
    """The worker process and the two sockets to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, worker_end = socket.socketpair()
        self._socket_channel, channel_end = socket.socketpair()
        self._socket.settimeout(REPLY_TIMEOUT)
        with worker_end, channel_end:
            descriptors = worker_end.fileno(), channel_end.fileno()
            self._child = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-c", f"{WORKER_CODE} worker.serve(*sys.argv[1:])"),
                    *(str(PACKAGE_PARENT), *map(str, descriptors)),
                ],
                env={"PATH": os.defpath},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def call(self, verb: str, value: object, bound_socket: socket.socket | None = None) -> Any:
        """Send a request, with the bound socket if any, and return the worker's reply.

        Raises:
            ClientError: the worker process has ended.
        """
        with self._lock, bound_socket or contextlib.nullcontext():
            with contextlib.suppress(ConnectionError):
                if bound_socket is not None:  # sent first, so that the worker need not wait for it
                    socket.send_fds(self._socket_channel, [b"!"], [bound_socket.fileno()])
                send(self._socket, (verb, value, bound_socket is not None))
            reply = receive(self._socket)
        if reply is None:
            raise ClientError("the emulator process has ended unexpectedly")
        return reply

    def end(self) -> None:
        """Kill the process; the state of closed cases has already been copied back."""
        self._socket.close()
        self._socket_channel.close()
        self._child.kill()
        self._child.wait()


def serve(_: str, descriptor: str, channel_descriptor: str) -> None:
    """Serve the run at the other end of the first socket until it disconnects."""
    from authprobe.emulator.server.network import Network

    with (
        socket.socket(fileno=int(descriptor)) as run,
        socket.socket(fileno=int(channel_descriptor)) as sockets,
    ):
        request = receive(run)
        if request is not None:
            with Network(request[1]) as network:
                send(run, str(network.ca_file))
                network.wait_for(_serve_cases(network, run, sockets))


async def _serve_cases(network: "Network", run: socket.socket, sockets: socket.socket) -> None:
    """Open and close cases on the loop that serves them; a second thread would slow the loop."""
    listeners: dict[int, Listener] = {}
    reader, writer = await asyncio.open_connection(sock=run)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            (size,) = LENGTH_PREFIX.unpack(await reader.readexactly(LENGTH_PREFIX.size))
            request = pickle.loads(await reader.readexactly(size))  # noqa: S301 - from our run
            verb, value, has_socket = request
            if verb == "open":
                bound_socket = _receive_socket(sockets) if has_socket else None
                listener = await network.open_on_loop(value, bound_socket=bound_socket)
                listeners[listener.port] = listener
                reply: object = listener.port
            else:
                listener = listeners.pop(value)
                await network.close_on_loop(listener)
                reply = listener.backend
            writer.write(pack(reply))


def _receive_socket(sockets: socket.socket) -> socket.socket:
    """Return the next socket from the run, which was sent before the request."""
    _, descriptors, _, _ = socket.recv_fds(sockets, 1, 1)
    return socket.socket(fileno=descriptors[0])
