"""Connections of a case up to the first HTTP request: proxy, tunnel and TLS."""

import asyncio
import contextlib
import socket
import ssl
import struct
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from authprobe.emulator import faults
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.exchange_recorder import PROXY_REFUSAL_STATUS
from authprobe.emulator.rules.denial import deny_host
from authprobe.emulator.server.access import (
    CHALLENGE,
    LOCAL,
    AccessGuard,
    Exposure,
    has_proxy_token,
    headers_of,
)
from authprobe.emulator.server.asgi import Application, host_of
from authprobe.emulator.server.authority import Authority
from authprobe.emulator.server.http_server import (
    HEAD_LIMIT_BYTES,
    HEAD_TIMEOUT,
    MAX_CONNECTIONS,
    HttpServer,
)
from authprobe.emulator.server.peer import PeerCheck
from authprobe.emulator.server.reply import pause

MAX_TOTAL_CONNECTIONS: Final = 768
"""Open connections of all cases; below the usual limit of 1024 descriptors per process."""
MAX_LARGE_BODIES: Final = 2
"""Large bodies of one case that are received at a time; meanwhile the others are not read."""
MAX_TOTAL_LARGE_BODIES: Final = 8
"""Large bodies of all cases that are received at a time."""
LOOPBACK: Final = "127.0.0.1"
_REFUSAL_REASONS: Final = {
    faults.NAME_NOT_FOUND: "Name not found",
    faults.CONNECTION_REFUSED: "Connection refused",
}
NO_LINGER: Final = struct.pack("ii", 1, 0)
"""Value of SO_LINGER with which closing a socket sends a reset (socket(7))."""


class Load:
    """Connections and bodies of all cases of a network, which share one process."""

    def __init__(self) -> None:
        self.sites: set[Site] = set()
        self.large_bodies = asyncio.Semaphore(MAX_TOTAL_LARGE_BODIES)

    @property
    def connections(self) -> int:
        """Number of open connections of all cases."""
        return sum(site.connections for site in self.sites)


@dataclass(slots=True, eq=False)
class Site:
    """State shared by all connections of a case."""

    backend: CaseBackend
    authority: Authority
    host: str
    """Address on which the listener is bound."""
    load: Load = field(default_factory=Load)
    peer_check: PeerCheck | None = None
    """Check that refuses other users of this machine; None: they are answered as well."""
    exposure: Exposure = LOCAL
    """Who can reach the emulator, and with which token."""
    head_timeout: float = HEAD_TIMEOUT
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the case ends, so that delayed answers do not outlive it."""
    on_refusal: Callable[[str], None] | None = None
    """Callback for the reason of each connection that is refused without being recorded."""
    waiting: dict[asyncio.Transport, None] = field(default_factory=dict)
    """Connections that do not speak HTTP yet, the oldest first."""
    _http: HttpServer = field(init=False)

    def __post_init__(self) -> None:
        self.load.sites.add(self)
        # The slot of the case first: its waiting bodies must not occupy those of the other cases.
        bodies = asyncio.Semaphore(MAX_LARGE_BODIES), self.load.large_bodies
        application: Application | AccessGuard = Application(self.backend, self.closed, bodies)
        if token := self.exposure.access_token:
            application = AccessGuard(application, token, self._report)
        self._http = HttpServer(application, head_timeout=self.head_timeout)

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self.waiting) + self._http.connections

    def refusal(self, transport: asyncio.Transport, *, is_private: bool) -> str | None:
        """Return the reason why a new connection is refused; None: it is accepted.

        `is_private` is True if it arrived in a network that only the case's processes are in.
        """
        reason = None
        if self.connections >= MAX_CONNECTIONS and not self._drop_idle():
            reason = f"503 More than {MAX_CONNECTIONS} connections at a time"
        elif self.load.connections >= MAX_TOTAL_CONNECTIONS and not self._drop_idle():
            reason = f"503 More than {MAX_TOTAL_CONNECTIONS} connections at a time"
        elif not (is_private or self._is_own_user(transport)):
            reason = "403 The client belongs to another user of this machine"
        if reason is not None:
            self._report(reason)
        return reason

    def _drop_idle(self) -> bool:
        """Make room by ending the oldest connection that is idle; return False if none is.

        So connections that send nothing cannot keep out those that do.
        """
        if not self.waiting:
            return self._http.drop_idle()
        oldest = next(iter(self.waiting))
        del self.waiting[oldest]
        oldest.abort()
        return True

    def _report(self, reason: str) -> None:
        if self.on_refusal is not None:
            self.on_refusal(reason)

    def admits_tunnel(self, head: bytes) -> bool:
        """Return whether a request for a tunnel has the access token, if one is needed."""
        token = self.exposure.access_token
        if token is None or has_proxy_token(headers_of(head), token):
            return True
        self._report("407 The request has no access token, or another one")
        return False

    def _is_own_user(self, transport: asyncio.Transport) -> bool:
        return self.peer_check is None or self.peer_check.accepts_transport(transport)

    def speak_http(
        self, transport: asyncio.Transport, early: bytes = b"", *, is_admitted: bool = False
    ) -> None:
        """Hand the connection and the bytes read so far to uvicorn.

        `is_admitted` is True if its requests need no access token, as that of the tunnel had it.
        """
        state = {"reset": lambda: _reset(transport), "is_admitted": is_admitted}
        server = self._http.protocol(state, has_head=b"\r\n\r\n" in early)
        self.waiting.pop(transport, None)
        transport.set_protocol(server)
        server.connection_made(transport)
        if early:
            server.data_received(early)

    async def speak_tls(
        self,
        transport: asyncio.Transport,
        host: str,
        active_faults: tuple[Fault, ...],
        *,
        is_admitted: bool = False,
    ) -> None:
        """Do the TLS handshake as this host, with these faults, and continue in HTTP."""
        if wait := sum(
            faults.duration(fault) for fault in active_faults if fault.name == faults.SLOW_TLS
        ):
            await pause(self.closed, wait)
        context = self.authority.context(
            frozenset(fault.name for fault in active_faults), self._names(host)
        )
        early = _Early()
        if tls := await _handshake(transport, early, context):
            self.speak_http(tls, bytes(early.data), is_admitted=is_admitted)
        elif not self.closed.is_set():
            self.backend.recorder.add_lost_connection(host, active_faults)
        self.waiting.pop(transport, None)

    def _names(self, host: str) -> tuple[str, ...]:
        """Return the hosts of a certificate beside those that are always in it."""
        own = self.backend.setup.hosts  # at a TLS port, nothing but the certificate names them
        return tuple(filter(None, (self.host, self.exposure.public_name, host, *own)))

    def end(self) -> None:
        """Abort every connection."""
        self.load.sites.discard(self)
        for transport in tuple(self.waiting):
            transport.abort()
        self._http.end()


def _reset(transport: asyncio.Transport) -> None:
    channel: socket.socket | None = transport.get_extra_info("socket")
    if channel is not None:
        with contextlib.suppress(OSError):
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


async def _handshake(
    transport: asyncio.Transport, early: asyncio.Protocol, context: ssl.SSLContext
) -> asyncio.Transport | None:
    """Do the TLS handshake; return None if the client disconnects or does not trust us.

    The error is the same in both cases.
    """
    if transport.is_closing():  # asyncio would wait for an answer until its time limit
        return None
    loop = asyncio.get_running_loop()
    try:
        return await loop.start_tls(transport, early, context, server_side=True)
    except OSError as error:
        # The error refers to the handshake, and that to the error: 256 KiB that Python frees only
        # when it next looks for cycles, and it does not do that for their size.
        traceback.clear_frames(error.__traceback__)
        return None


class _Early(asyncio.Protocol):
    """Buffer for bytes that a client sends directly after its part of the TLS handshake."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes) -> None:
        self.data += data


class _Connection(asyncio.Protocol):
    """A connection of a case until it switches to HTTP."""

    transport: asyncio.Transport

    def __init__(self, site: Site, *, is_private: bool = False) -> None:
        self.site = site
        self.task: asyncio.Task[None] | None = None
        self._is_private = is_private
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.transport = transport
        reason = self.site.refusal(transport, is_private=self._is_private)
        if reason is not None:
            self.turn_away(reason)
            return
        self.site.waiting[transport] = None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.site.head_timeout, transport.abort)
        self.begin()

    def connection_lost(self, error: Exception | None) -> None:
        self.stop_timer()
        self.site.waiting.pop(self.transport, None)

    def begin(self) -> None:
        """Continue after the connection was accepted."""

    def turn_away(self, reason: str) -> None:
        """Refuse the connection."""
        self.transport.abort()

    def stop_timer(self) -> None:
        """End the time limit for the first bytes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def continue_in_tls(
        self, host: str, active_faults: tuple[Fault, ...], *, is_admitted: bool = False
    ) -> None:
        """Do the TLS handshake as this host; `is_admitted` as for `Site.speak_http`."""
        self.stop_timer()  # the handshake has a time limit of its own
        self.transport.pause_reading()  # the next bytes belong to the TLS handshake
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(
            self.site.speak_tls(self.transport, host, active_faults, is_admitted=is_admitted)
        )


class TlsConnection(_Connection):
    """A connection that uses TLS from the first byte."""

    def begin(self) -> None:
        self.continue_in_tls(LOOPBACK, self.site.backend.faults.for_connection(LOOPBACK))


class PlainConnection(_Connection):
    """A connection to a proxy (CONNECT, RFC 9110, 9.3.6, or a request in absolute form) or to a
    server.
    """

    def __init__(self, site: Site, *, is_private: bool = False) -> None:
        super().__init__(site, is_private=is_private)
        self._head = bytearray()

    def turn_away(self, reason: str) -> None:
        self._refuse(reason)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
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
            self.stop_timer()
            self.site.speak_http(self.transport, bytes(self._head))
            return
        if not self.site.admits_tunnel(head):
            self._refuse("407 Proxy Authentication Required", f"Proxy-Authenticate: {CHALLENGE}")
            return
        authority = target
        if method != "CONNECT":
            authority = target.partition("://")[2].partition("/")[0]
        self._tunnel(method, host_of(authority), rest)

    def _tunnel(self, method: str, host: str, rest: bytes) -> None:
        """Continue as the host in the request line, or refuse it."""
        backend = self.site.backend
        is_emulated = backend.emulates(host)
        active_faults = backend.faults.for_connection(host) if is_emulated else ()
        refusals = [
            _REFUSAL_REASONS[fault.name]
            for fault in active_faults
            if fault.name in _REFUSAL_REASONS
        ]
        if not host:
            self._refuse(f"{PROXY_REFUSAL_STATUS} Name not found: the request names no host")
        elif not is_emulated:
            backend.recorder.add_refused_connection(method, host)
            hint = "it serves nothing" if host in backend.setup.hosts else deny_host(host)
            text = f"{host} is not emulated ({hint})"
            self._refuse(f"{PROXY_REFUSAL_STATUS} Name not found: {text}")
        elif refusals:
            backend.recorder.add_refused_connection(method, host, active_faults)
            self._refuse(f"{PROXY_REFUSAL_STATUS} {refusals[0]}: {host}")
        elif method != "CONNECT":
            self.stop_timer()
            self.site.speak_http(self.transport, bytes(self._head))
        elif rest:
            self._refuse("400 Early data")  # the client must wait until the tunnel is open
        else:
            self.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.continue_in_tls(host, active_faults, is_admitted=True)

    def _refuse(self, status: str, *fields: str) -> None:
        with contextlib.suppress(OSError):
            self.transport.write(
                "\r\n".join(
                    (
                        f"HTTP/1.1 {status}",
                        *fields,
                        "Content-Length: 0",
                        "Connection: close",
                        "\r\n",
                    )
                ).encode("latin-1", "replace")
            )
        self.transport.close()
