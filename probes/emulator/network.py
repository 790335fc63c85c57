"""Loopback listeners: one proxy per case, which is also the server of every emulated name.

A client keeps its real addresses. On CONNECT for an emulated name its proxy goes on as the TLS
server of that name, with a certificate from an authority made for this run; every other name is
refused and recorded. Whatever arrives at a proxy belongs to its case.
"""

import asyncio
import contextlib
import ssl
import tempfile
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import trustme
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from probes.emulator.backend import Application
from probes.emulator.case import CaseBackend
from probes.emulator.rules import HOSTS

LOOPBACK: Final = "127.0.0.1"
HEAD_LIMIT_BYTES: Final = 64 * 1024
BACKLOG: Final = 256

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listener:
    """The proxy of one case."""

    port: int
    server: asyncio.Server
    connections: set[asyncio.Transport]
    backend: CaseBackend

    @property
    def proxy_url(self) -> str:
        """What a client takes as `HTTPS_PROXY`."""
        return f"http://{LOOPBACK}:{self.port}"


class Network:
    """The emulated network, served by one thread; a context manager.

    `ca_file` is the certificate authority that a client must trust, in PEM; it is made in a folder
    below `scratch`.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emulator", daemon=True)
        self._folder = tempfile.TemporaryDirectory(prefix="ca-", dir=scratch)
        self._listeners: dict[int, Listener] = {}
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca_file = Path(self._folder.name, "ca.pem")

    def __enter__(self) -> Self:
        authority = trustme.CA(organization_name="authprobe, for this run only")
        authority.cert_pem.write_to_path(self.ca_file)
        authority.issue_cert(*HOSTS).configure_cert(self._tls)
        self._tls.num_tickets = 0  # no client comes back with a session of another case
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for listener in tuple(self._listeners.values()):
            self.close(listener)
        self.wait_for(self._settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self._folder.cleanup()

    def open(self, backend: CaseBackend) -> Listener:
        """A proxy of its own for a case, on a free port."""
        return self.wait_for(self.open_here(backend))

    def close(self, listener: Listener) -> None:
        """End a case: its delayed answers and its connections."""
        self.wait_for(self.close_here(listener))

    def wait_for(self, work: Coroutine[object, object, T]) -> T:
        """Do this on the loop, and wait for what comes of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def open_here(self, backend: CaseBackend) -> Listener:
        """`open`, for callers on the loop."""
        connections: set[asyncio.Transport] = set()
        speak_http = _http_server(backend)
        server = await self._loop.create_server(
            lambda: _ProxyConnection(self._tls, backend, connections, speak_http),
            LOOPBACK,
            0,
            backlog=BACKLOG,
        )
        port = server.sockets[0].getsockname()[1]
        self._listeners[port] = Listener(port, server, connections, backend)
        return self._listeners[port]

    async def close_here(self, listener: Listener) -> None:
        """`close`, for callers on the loop."""
        self._listeners.pop(listener.port, None)
        listener.backend.closed.set()
        listener.server.close()
        for transport in tuple(listener.connections):
            transport.abort()

    async def _settle(self) -> None:
        """Let what was cut off come to its end, so that nothing is left open with the loop."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            _, left = await asyncio.wait(left, timeout=1)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        for _ in range(10):  # a closed transport and its TLS one after another
            await asyncio.sleep(0)


def _http_server(backend: CaseBackend) -> Callable[[], HttpToolsProtocol]:
    """uvicorn's side of a connection that has been accepted already."""
    config = uvicorn.Config(
        Application(backend),
        access_log=False,
        http="httptools",
        lifespan="off",
        log_config=None,
        server_header=False,
        ws="none",
    )
    config.load()
    state = ServerState()
    return lambda: HttpToolsProtocol(config, state, {})


class _Early(asyncio.Protocol):
    """Keeps what a client sends right behind its part of the TLS handshake."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data


class _ProxyConnection(asyncio.Protocol):
    """From a client to its proxy: CONNECT (RFC 9110, 9.3.6), or a request in absolute form."""

    transport: asyncio.Transport

    def __init__(
        self,
        tls: ssl.SSLContext,
        backend: CaseBackend,
        connections: set[asyncio.Transport],
        speak_http: Callable[[], HttpToolsProtocol],
    ) -> None:
        self.backend = backend
        self._tls = tls
        self._connections = connections
        self._speak_http = speak_http
        self._head = bytearray()
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport
        self._connections.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._connecting is None and b"\r\n\r\n" in self._head:
            self._begin()
        elif len(self._head) > HEAD_LIMIT_BYTES:
            self._refuse("431 Request Header Fields Too Large")

    def _begin(self) -> None:
        head, _, rest = bytes(self._head).partition(b"\r\n\r\n")
        method, _, after = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        target = after.partition(" ")[0]
        if method == "CONNECT":
            host = target.rsplit(":", 1)[0].lower()
        else:
            host = target.partition("://")[2].partition("/")[0].partition(":")[0].lower()
        if host not in HOSTS:
            if host:
                self.backend.refuse_egress(host)
            self._refuse(f"502 Name not found: {host or 'no host'} is not emulated")
        elif method != "CONNECT":
            self._go_on(self.transport, bytes(self._head))
        elif rest:
            self._refuse("400 Early data")  # nothing can be said before the tunnel stands
        else:
            self._connecting = asyncio.get_running_loop().create_task(self._go_on_in_tls())

    async def _go_on_in_tls(self) -> None:
        self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        early = _Early()
        with contextlib.suppress(OSError):  # the client has gone, or does not trust us
            tls = await asyncio.get_running_loop().start_tls(
                self.transport, early, self._tls, server_side=True
            )
            if tls is not None:
                self._go_on(tls, bytes(early.data))

    def _go_on(self, transport: asyncio.Transport, early: bytes) -> None:
        server = self._speak_http()
        transport.set_protocol(server)
        server.connection_made(transport)
        if early:
            server.data_received(early)

    def _refuse(self, status: str) -> None:
        with contextlib.suppress(OSError):
            self.transport.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode(
                    "latin-1", "replace"
                )
            )
        self.transport.close()
