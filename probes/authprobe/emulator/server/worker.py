"""The emulated network in a process of its own: it does not share a processor with the clients.

The run asks over a channel for a case to be opened or closed. Over another one it sends bound
sockets, at which a case is to listen as well. The process ends when the run does, as its socket is
then closed.
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

START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from authprobe.emulator.server import worker; "
)
PACKAGE_FOLDER: Final = Path(authprobe.__file__).parents[1]
LIMIT: Final = 60.0
"""Seconds to wait for an answer of the worker process."""

_early: list["_Process"] = []


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
    """A `Network` in another process: the same methods; a backend's state returns when its case
    closes.
    """

    ca_file: Path

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process = _early.pop() if _early else _Process()

    def __enter__(self) -> Self:
        try:
            self.ca_file = Path(self._process.ask("start", self._scratch))
        except (ClientError, OSError):
            self._process.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.end()

    def open(
        self, backend: "CaseBackend", *, further: socket.socket | None = None
    ) -> RemoteListener:
        """Open a proxy for a case; its backend is sent along with the tokens it has by now.
        `further` is a bound socket that the network takes over, whose port serves the same.

        `further` is a bound socket, the network's from now on, whose port serves the same.
        """
        return RemoteListener(self._process.ask("open", backend, further), backend)

    def close(self, listener: RemoteListener) -> None:
        """Close a case; its backend receives the state of its copy in the worker process."""
        listener.backend.merge_from(self._process.ask("close", listener.port))


def prestart() -> None:
    """Start the process while this one is still importing; the next `RemoteNetwork` uses it."""
    _early.append(_Process())


class _Process:
    """The worker process and the socket to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._further, further = socket.socketpair()
        self._socket.settimeout(LIMIT)
        with theirs, further:
            descriptors = theirs.fileno(), further.fileno()
            self._child = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-c", f"{START} worker.serve(*sys.argv[1:])"),
                    *(str(PACKAGE_FOLDER), *map(str, descriptors)),
                ],
                env={"PATH": os.defpath},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def ask(self, verb: str, value: object, further: socket.socket | None = None) -> Any:
        """Return the answer of the worker process, which also receives the bound socket.

        Raises:
            ClientError: it is not there any more.
        """
        with self._lock, further or contextlib.nullcontext():
            with contextlib.suppress(ConnectionError):
                if further is not None:  # before it is asked for, so that nobody waits for it
                    socket.send_fds(self._further, [b"!"], [further.fileno()])
                send(self._socket, (verb, value, further is not None))
            answer = receive(self._socket)
        if answer is None:
            raise ClientError("the emulator has gone")
        return answer

    def end(self) -> None:
        """Kill the process; everything it knew has come back with the cases."""
        self._socket.close()
        self._further.close()
        self._child.kill()
        self._child.wait()


def serve(_: str, descriptor: str, further: str) -> None:
    """Serve the run at the other end of the first socket until it disconnects."""
    from authprobe.emulator.server.network import Network

    with socket.socket(fileno=int(descriptor)) as run, socket.socket(fileno=int(further)) as sent:
        request = receive(run)
        if request is not None:
            with Network(request[1]) as network:
                send(run, str(network.ca_file))
                network.wait_for(_serve_cases(network, run, sent))


async def _serve_cases(network: "Network", run: socket.socket, sent: socket.socket) -> None:
    """Open and close cases on the loop that serves them; a second thread would slow it down."""
    listeners: dict[int, Listener] = {}
    reader, writer = await asyncio.open_connection(sock=run)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            (size,) = LENGTH_PREFIX.unpack(await reader.readexactly(LENGTH_PREFIX.size))
            verb, value, more = pickle.loads(await reader.readexactly(size))  # noqa: S301 - our own
            if verb == "open":
                further = _bound(sent) if more else None
                listener = await network.open_here(value, further=further)
                listeners[listener.port] = listener
                answer: object = listener.port
            else:
                listener = listeners.pop(value)
                await network.close_here(listener)
                answer = listener.backend
            writer.write(pack(answer))


def _bound(sent: socket.socket) -> socket.socket:
    """Return the next socket that was sent, which has arrived by now."""
    _, descriptors, _, _ = socket.recv_fds(sent, 1, 1)
    return socket.socket(fileno=descriptors[0])
