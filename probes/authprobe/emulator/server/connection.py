"""A connection of a case up to its first HTTP request: proxy, tunnel, TLS."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from authprobe.emulator import faults
from authprobe.emulator.case_backend import PROXY_REFUSES, CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.rules.denial import deny_host
from authprobe.emulator.rules.routes import HOSTS
from authprobe.emulator.server.asgi import Application, host_of, pause
from authprobe.emulator.server.authority import Authority

HEAD_LIMIT_BYTES: Final = 64 * 1024
LOOPBACK: Final = "127.0.0.1"
_REFUSALS: Final = {
    faults.NAME_NOT_FOUND: "Name not found",
    faults.CONNECTION_REFUSED: "Connection refused",
}
NO_LINGER: Final = struct.pack("ii", 1, 0)
"""Socket option with which closing sends a reset (socket(7), SO_LINGER)."""


class HttpServer:
    """uvicorn without its listener, for connections accepted elsewhere."""

    def __init__(self, application: object) -> None:
        self._config = uvicorn.Config(
            application,  # type: ignore[arg-type]
            access_log=False,
            date_header=False,
            http="httptools",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            ws="none",
        )
        self._config.load()
        self._state = ServerState()

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._state.connections)

    def protocol(self, state: dict[str, object] | None = None) -> HttpToolsProtocol:
        """Return the server's protocol for a new connection; the application finds `state` in its
        scope.
        """
        return HttpToolsProtocol(self._config, self._state, state or {})

    def end(self) -> None:
        """Abort every connection."""
        for server in tuple(self._state.connections):
            server.transport.abort()


@dataclass(slots=True)
class Site:
    """State shared by all connections of a case."""

    backend: CaseBackend
    authority: Authority
    host: str
    """The address of the listener."""
    waiting: set[asyncio.Transport] = field(default_factory=set)
    """Connections that do not speak HTTP yet."""
    _http: HttpServer = field(init=False)

    def __post_init__(self) -> None:
        self._http = HttpServer(Application(self.backend))

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self.waiting) + self._http.connections

    def speak_http(self, transport: asyncio.Transport, early: bytes = b"") -> None:
        """Hand the connection and the bytes read so far to uvicorn."""
        server = self._http.protocol({"reset": lambda: _reset(transport)})
        self.waiting.discard(transport)
        transport.set_protocol(server)
        server.connection_made(transport)
        if early:
            server.data_received(early)

    async def speak_tls(
        self, transport: asyncio.Transport, host: str, met: tuple[Fault, ...]
    ) -> None:
        """Continue as the TLS server of a host, with these faults, and then in HTTP."""
        if wait := sum(faults.seconds(fault) for fault in met if fault.name == faults.SLOW_TLS):
            await pause(self.backend, wait)
        context = self.authority.context(frozenset(fault.name for fault in met), self.host)
        early = _Early()
        try:
            tls = await asyncio.get_running_loop().start_tls(
                transport, early, context, server_side=True
            )
        except OSError:  # the client has gone, or does not trust us: it is told alike
            if not self.backend.closed.is_set():
                self.backend.lose_connection(host, met)
        else:
            if tls is not None:
                self.speak_http(tls, bytes(early.data))
        self.waiting.discard(transport)

    def end(self) -> None:
        """Abort every connection."""
        for transport in tuple(self.waiting):
            transport.abort()
        self._http.end()


def _reset(transport: asyncio.Transport) -> None:
    channel: socket.socket | None = transport.get_extra_info("socket")
    if channel is not None:
        with contextlib.suppress(OSError):
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


class _Early(asyncio.Protocol):
    """Buffer for bytes that a client sends right behind its part of the TLS handshake."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data


class _Connection(asyncio.Protocol):
    """A connection of a case until it switches to HTTP."""

    transport: asyncio.Transport

    def __init__(self, site: Site) -> None:
        self.site = site
        self.task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport
        self.site.waiting.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.site.waiting.discard(self.transport)

    def go_on_in_tls(self, host: str, met: tuple[Fault, ...]) -> None:
        self.transport.pause_reading()  # what comes now is TLS's to read
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(self.site.speak_tls(self.transport, host, met))


class TlsConnection(_Connection):
    """A connection with TLS from the first byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.go_on_in_tls(LOOPBACK, self.site.backend.faults.met_at(LOOPBACK))


class PlainConnection(_Connection):
    """A connection to a proxy (CONNECT, RFC 9110, 9.3.6, or a request in absolute form) or to a
    server.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._head = bytearray()

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self.task is None and b"\r\n\r\n" in self._head:
            self._begin()
        elif len(self._head) > HEAD_LIMIT_BYTES:
            self._refuse("431 Request Header Fields Too Large")

    def _begin(self) -> None:
        head, _, rest = bytes(self._head).partition(b"\r\n\r\n")
        method, _, after = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        target = after.partition(" ")[0]
        if method != "CONNECT" and target.startswith("/"):
            self.site.speak_http(self.transport, bytes(self._head))
            return
        authority = target
        if method != "CONNECT":
            authority = target.partition("://")[2].partition("/")[0]
        self._tunnel(method, host_of(authority), rest)

    def _tunnel(self, method: str, host: str, rest: bytes) -> None:
        """Continue as the host named in the first line."""
        backend = self.site.backend
        met = backend.faults.met_at(host) if host in HOSTS else ()
        refusals = [_REFUSALS[fault.name] for fault in met if fault.name in _REFUSALS]
        if not host:
            self._refuse(f"{PROXY_REFUSES} Name not found: there is no host")
        elif host not in HOSTS:
            backend.refuse_connection(method, host)
            text = f"{host} is not emulated ({deny_host(host)})"
            self._refuse(f"{PROXY_REFUSES} Name not found: {text}")
        elif refusals:
            backend.refuse_connection(method, host, met)
            self._refuse(f"{PROXY_REFUSES} {refusals[0]}: {host}")
        elif method != "CONNECT":
            self.site.speak_http(self.transport, bytes(self._head))
        elif rest:
            self._refuse("400 Early data")  # nothing can be said before the tunnel stands
        else:
            self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.go_on_in_tls(host, met)

    def _refuse(self, status: str) -> None:
        with contextlib.suppress(OSError):
            self.transport.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode(
                    "latin-1", "replace"
                )
            )
        self.transport.close()
