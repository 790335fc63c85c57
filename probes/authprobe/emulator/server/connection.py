"""Connections of a case up to the first HTTP request: proxy, tunnel and TLS."""

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
from authprobe.emulator.case_backend import PROXY_REFUSAL_STATUS, CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.rules.denial import deny_host
from authprobe.emulator.rules.routes import HOSTS
from authprobe.emulator.server.asgi import Application, host_of, pause
from authprobe.emulator.server.authority import Authority

HEAD_LIMIT_BYTES: Final = 64 * 1024
LOOPBACK: Final = "127.0.0.1"
_REFUSAL_REASONS: Final = {
    faults.NAME_NOT_FOUND: "Name not found",
    faults.CONNECTION_REFUSED: "Connection refused",
}
NO_LINGER: Final = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with which closing a socket sends a reset (socket(7))."""


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
        """Return uvicorn's protocol for a new connection; `state` becomes `scope["state"]`."""
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
    """Address on which the listener is bound."""
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
        self, transport: asyncio.Transport, host: str, active_faults: tuple[Fault, ...]
    ) -> None:
        """Do the TLS handshake as this host, with these faults, and continue in HTTP."""
        if wait := sum(
            faults.duration(fault) for fault in active_faults if fault.name == faults.SLOW_TLS
        ):
            await pause(self.backend, wait)
        context = self.authority.context(
            frozenset(fault.name for fault in active_faults), self.host
        )
        early = _Early()
        try:
            tls = await asyncio.get_running_loop().start_tls(
                transport, early, context, server_side=True
            )
        except OSError:  # the client has disconnected or does not trust us: the error is the same
            if not self.backend.closed.is_set():
                self.backend.record_lost_connection(host, active_faults)
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
    """Buffer for bytes that a client sends directly after its part of the TLS handshake."""

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

    def continue_in_tls(self, host: str, active_faults: tuple[Fault, ...]) -> None:
        self.transport.pause_reading()  # the next bytes belong to the TLS handshake
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(self.site.speak_tls(self.transport, host, active_faults))


class TlsConnection(_Connection):
    """A connection that uses TLS from the first byte."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.continue_in_tls(LOOPBACK, self.site.backend.faults.for_connection(LOOPBACK))


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
        """Continue as the host in the request line, or refuse it."""
        backend = self.site.backend
        active_faults = backend.faults.for_connection(host) if host in HOSTS else ()
        refusals = [
            _REFUSAL_REASONS[fault.name]
            for fault in active_faults
            if fault.name in _REFUSAL_REASONS
        ]
        if not host:
            self._refuse(f"{PROXY_REFUSAL_STATUS} Name not found: the request names no host")
        elif host not in HOSTS:
            backend.record_refused_connection(method, host)
            text = f"{host} is not emulated ({deny_host(host)})"
            self._refuse(f"{PROXY_REFUSAL_STATUS} Name not found: {text}")
        elif refusals:
            backend.record_refused_connection(method, host, active_faults)
            self._refuse(f"{PROXY_REFUSAL_STATUS} {refusals[0]}: {host}")
        elif method != "CONNECT":
            self.site.speak_http(self.transport, bytes(self._head))
        elif rest:
            self._refuse("400 Early data")  # the client must wait until the tunnel is open
        else:
            self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.continue_in_tls(host, active_faults)

    def _refuse(self, status: str) -> None:
        with contextlib.suppress(OSError):
            self.transport.write(
                f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode(
                    "latin-1", "replace"
                )
            )
        self.transport.close()
