"""The emulated network in a worker process, so that it does not compete with the run for the GIL.

Over one socket, the run asks the worker to open and close cases; over another, it sends bound
sockets on which a case should listen as well. The worker ends when the run ends and its socket is
closed. If it ends before, the cases that are open at that moment have an error, and the next case
gets a new worker.
"""

import asyncio
import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import authprobe
from authprobe.core.ipc import LENGTH_PREFIX, pack, receive, send
from authprobe.errors import ClientError

if TYPE_CHECKING:
    from authprobe.emulator.case_backend import CaseBackend
    from authprobe.emulator.server.network import Listener, Network
    from authprobe.observation.model import Exchange

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
    process: "_Process" = field(repr=False)

    @property
    def proxy_url(self) -> str:
        """URL for `HTTPS_PROXY`."""
        return f"http://127.0.0.1:{self.port}"


class RemoteNetwork:
    """A `Network` in another process. A backend's state is copied back when its case closes."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._lock = threading.Lock()
        self._process = _prestarted.pop() if _prestarted else _Process()
        self._ca_file: Path | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        with self._lock:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Break off what is not answered yet, and answer nothing any more."""
        with self._lock:
            self._is_closed = True
            self._process.end()

    def open(
        self, backend: "CaseBackend", *, bound_socket: socket.socket | None = None
    ) -> RemoteListener:
        """Open a proxy for a case, with a copy of its backend and the tokens issued so far.

        The network takes over `bound_socket` and serves the same on it.
        """
        process, _ = self._running()
        return RemoteListener(process.call("open", backend, bound_socket), backend, process)

    def close(self, listener: RemoteListener) -> None:
        """Close a case; its backend receives the state of its copy in the worker process.

        Raises:
            ClientError: the process of this case has ended.
        """
        listener.backend.merge_from(listener.process.call("close", listener.port))

    def exchanges(self, listener: RemoteListener) -> tuple["Exchange", ...]:
        """Return what the open case has recorded so far.

        Raises:
            ClientError: the process of this case has ended.
        """
        exchanges: tuple[Exchange, ...] = listener.process.call("read", listener.port)
        return exchanges

    @property
    def ca_file(self) -> Path:
        """Certificate authority that clients must trust, in PEM; a new worker has a new one.

        Raises:
            ClientError: no worker process can be started.
        """
        return self._running()[1]

    def _running(self) -> tuple["_Process", Path]:
        """Return the worker and its authority; start a new worker if it has ended."""
        with self._lock:
            if self._is_closed:
                raise ClientError("the emulator has been stopped, because the run ends")
            if self._ca_file is None or self._process.has_ended:
                self._process.end()
                self._process = _Process()
                self._start()
            assert self._ca_file is not None  # noqa: S101 - for the type checker
            return self._process, self._ca_file

    def _start(self) -> None:
        try:
            self._ca_file = Path(self._process.call("start", self._scratch))
        except BaseException:  # an interruption too: nothing else would end it
            self._process.end()
            raise


def prestart() -> None:
    """Start the worker while this process is still importing; the next `RemoteNetwork` uses it."""
    _prestarted.append(_Process())


class _Process:
    """The worker process and the two sockets to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.has_ended = False
        """True once a request was not answered."""
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
            ClientError: the worker process has ended or hangs, or could not do it.
        """
        with self._lock, bound_socket or contextlib.nullcontext():
            reply = None if self.has_ended else self._exchange((verb, value), bound_socket)
        if reply is None:
            raise ClientError("the emulator process has ended unexpectedly")
        result, problem = reply
        if problem is not None:
            what = verb if verb == "start" else f"{verb} the case"
            raise ClientError(f"the emulator could not {what}: {problem}")
        return result

    def _exchange(
        self, request: tuple[str, object], bound_socket: socket.socket | None
    ) -> tuple[Any, str | None] | None:
        """Send a request and return the reply; None: there is none, and the process is ended."""
        reply: tuple[Any, str | None] | None = None
        with contextlib.suppress(ConnectionError, TimeoutError):
            if bound_socket is not None:  # sent first, so that the worker need not wait for it
                socket.send_fds(self._socket_channel, [b"!"], [bound_socket.fileno()])
            send(self._socket, (*request, bound_socket is not None))
            reply = receive(self._socket)
        if reply is None:  # a later reply would be taken for that of another request
            self.has_ended = True
            self._child.kill()
        return reply

    def end(self) -> None:
        """Kill the process; the state of closed cases has already been copied back."""
        self.has_ended = True
        self._socket.close()
        self._socket_channel.close()
        self._child.kill()
        self._child.wait()


def serve(_: str, descriptor: str, channel_descriptor: str) -> None:
    """Serve the run at the other end of the first socket until it disconnects."""
    from authprobe.emulator.server.network import Network

    with (
        contextlib.suppress(ConnectionError),  # the run has ended
        socket.socket(fileno=int(descriptor)) as run,
        socket.socket(fileno=int(channel_descriptor)) as sockets,
    ):
        request = receive(run)
        if request is None:
            return
        with contextlib.ExitStack() as stack:
            try:
                network = stack.enter_context(Network(request[1]))
            except OSError as error:  # such as that the run has ended, and its folder is gone
                send(run, (None, f"{type(error).__name__}: {error}"))
                return
            send(run, (str(network.ca_file), None))
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
            bound_socket = _receive_socket(sockets) if has_socket else None
            try:
                if verb == "open":
                    listener = await network.open_on_loop(value, bound_socket=bound_socket)
                    listeners[listener.port] = listener
                    reply = pack((listener.port, None))
                elif verb == "read":
                    reply = pack((listeners[value].backend.log.exchanges, None))
                else:
                    listener = listeners.pop(value)
                    await network.close_on_loop(listener)
                    reply = pack((listener.backend, None))
            except Exception as error:  # noqa: BLE001 - an error of one case, not of the others
                if bound_socket is not None:
                    bound_socket.close()
                reply = pack((None, f"{type(error).__name__}: {error}"))
            writer.write(reply)


def _receive_socket(sockets: socket.socket) -> socket.socket:
    """Return the next socket from the run, which was sent before the request."""
    _, descriptors, _, _ = socket.recv_fds(sockets, 1, 1)
    return socket.socket(fileno=descriptors[0])
