"""Loopback listeners: one proxy per case, all of them in front of one TLS server.

A client keeps its real addresses. Its proxy tunnels each CONNECT for an emulated name to the TLS
server, whose certificate for these names comes from an authority made for this run; every other
name is refused and recorded. The source port of the tunnel tells the server whose case it is.
"""

import asyncio
import contextlib
import socket
import tempfile
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import trustme
import uvicorn

from probes.emulator.backend import Application, CaseBackend
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
        self._owners: dict[int, CaseBackend] = {}
        self._listeners: dict[int, Listener] = {}
        self._servers: list[uvicorn.Server] = []
        self._serving: list[Future[None]] = []
        self._tls_port = 0
        self._plain_port = 0
        self.ca_file = Path(self._folder.name, "ca.pem")

    def __enter__(self) -> Self:
        server_file = self._make_certificates()
        self._thread.start()
        application = Application(self._owners.get)
        self._tls_port = self._serve(application, server_file)
        self._plain_port = self._serve(application, None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for listener in tuple(self._listeners.values()):
            self.close(listener)
        for server in self._servers:
            server.should_exit = True
            server.force_exit = True
        for serving in self._serving:
            serving.result(timeout=10)
        self._run(self._settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self._folder.cleanup()

    def open(self, backend: CaseBackend) -> Listener:
        """A proxy of its own for a case, on a free port."""
        return self._run(self._open(backend))

    def close(self, listener: Listener) -> None:
        """End a case: its delayed answers and its connections."""
        self._run(self._close(listener))

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def _make_certificates(self) -> Path:
        authority = trustme.CA(organization_name="authprobe, for this run only")
        authority.cert_pem.write_to_path(self.ca_file)
        server_file = Path(self._folder.name, "server.pem")
        server_file.touch(mode=0o600)
        authority.issue_cert(*HOSTS).private_key_and_cert_chain_pem.write_to_path(server_file)
        return server_file

    def _serve(self, application: Application, certificate: Path | None) -> int:
        listening = socket.create_server((LOOPBACK, 0), backlog=BACKLOG)
        port: int = listening.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                access_log=False,
                http="httptools",
                lifespan="off",
                log_config=None,
                server_header=False,
                ssl_certfile=certificate,
                ws="none",
            )
        )
        self._servers.append(server)
        work = server.serve(sockets=[listening])
        self._serving.append(asyncio.run_coroutine_threadsafe(work, self._loop))
        return port

    async def _open(self, backend: CaseBackend) -> Listener:
        connections: set[asyncio.Transport] = set()
        server = await self._loop.create_server(
            lambda: _ProxyConnection(self, backend, connections), LOOPBACK, 0, backlog=BACKLOG
        )
        port = server.sockets[0].getsockname()[1]
        self._listeners[port] = Listener(port, server, connections, backend)
        return self._listeners[port]

    async def _close(self, listener: Listener) -> None:
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
        for _ in range(10):  # a closed transport, its tunnel and its server part one after another
            await asyncio.sleep(0)

    async def connect_tunnel(self, downstream: "_ProxyConnection", *, tls: bool) -> "_Tunnel":
        """The server side of a client's connection."""
        _, tunnel = await self._loop.create_connection(
            lambda: _Tunnel(downstream, self._owners),
            LOOPBACK,
            self._tls_port if tls else self._plain_port,
        )
        return tunnel


class _Relay(asyncio.Protocol):
    """One side of a tunnel; what arrives is written to the other side."""

    transport: asyncio.Transport | None = None
    peer: "_Relay | None" = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.write(data)

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.close()


class _Tunnel(_Relay):
    """From the proxy to the server; its source port is known as its case's."""

    def __init__(self, downstream: "_ProxyConnection", owners: dict[int, CaseBackend]) -> None:
        self.peer = downstream
        self._owners = owners
        self._backend = downstream.backend
        self._port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._port = transport.get_extra_info("sockname")[1]
        self._owners[self._port] = self._backend

    def connection_lost(self, error: Exception | None) -> None:
        self._owners.pop(self._port, None)
        super().connection_lost(error)


class _ProxyConnection(_Relay):
    """From a client to its proxy: CONNECT (RFC 9110, 9.3.6), or a request in absolute form."""

    def __init__(
        self, network: Network, backend: CaseBackend, connections: set[asyncio.Transport]
    ) -> None:
        self.backend = backend
        self._network = network
        self._connections = connections
        self._head = bytearray()
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None  # noqa: S101 - set by the line above
        self._connections.add(self.transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport:
            self._connections.discard(self.transport)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self.peer:
            super().data_received(data)
            return
        self._head += data
        if self._connecting is None and b"\r\n\r\n" in self._head:
            self._begin()
        elif len(self._head) > HEAD_LIMIT_BYTES:
            self._refuse("431 Request Header Fields Too Large")

    def _begin(self) -> None:
        request_line = bytes(self._head).split(b"\r\n", 1)[0].decode("latin-1")
        method, _, rest = request_line.partition(" ")
        target = rest.partition(" ")[0]
        if method == "CONNECT":
            host = target.rsplit(":", 1)[0].lower()
        else:
            host = target.partition("://")[2].partition("/")[0].partition(":")[0].lower()
        if host not in HOSTS:
            if host:
                self.backend.refuse_egress(host)
            self._refuse(f"502 Name not found: {host or 'no host'} is not emulated")
            return
        if self.transport:
            self.transport.pause_reading()  # a long body waits in the socket for its tunnel
        self._connecting = asyncio.get_running_loop().create_task(
            self._connect(tls=method == "CONNECT")
        )

    async def _connect(self, *, tls: bool) -> None:
        try:
            tunnel = await self._network.connect_tunnel(self, tls=tls)
        except OSError as error:
            self._refuse(f"502 {error.strerror or 'No connection'}")
            return
        if self.transport is None or self.transport.is_closing():
            if tunnel.transport:
                tunnel.transport.close()
            return
        head, _, rest = bytes(self._head).partition(b"\r\n\r\n")
        self.peer = tunnel
        if tls:
            self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            early = rest
        else:
            early = head + b"\r\n\r\n" + rest
        if early and tunnel.transport:
            tunnel.transport.write(early)
        self.transport.resume_reading()

    def _refuse(self, status: str) -> None:
        if self.transport is None:
            return
        with contextlib.suppress(OSError):
            self.transport.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode(
                    "latin-1", "replace"
                )
            )
        self.transport.close()
