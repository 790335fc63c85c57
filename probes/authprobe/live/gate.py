"""The gate: the only way out of the container of a live case.

It is an HTTP proxy that knows CONNECT only (RFC 9110, 9.3.6) and ends no TLS: it sees the names of
hosts, connections, bytes and times, and nothing of a request. It refuses every host that is not one
of the case's, and every port but 443. The client has a network with nothing but loopback, in which
the gate's socket is bound; so what the gate refuses does not leave.

It cannot see which host a client names inside TLS (SNI, and Host behind it): a client may ask the
server of an allowed host for another one that is served there as well.
"""

import asyncio
import base64
import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from authprobe.core.claude_api import CONSOLE, PLATFORM
from authprobe.core.directions import DIRECT, Directions
from authprobe.core.host_names import LOOPBACK_ADDRESSES, is_this_machine
from authprobe.live.gate_count import HostCount, HostCounts
from authprobe.live.servers import Handler
from authprobe.observation.model import GateCount
from authprobe.service.outbound import tls_context

HTTPS_PORT: Final = 443
NEXT_ADDRESS_DELAY: Final = 0.25
"""Seconds after which the next address of a host is tried as well (RFC 8305, 5)."""
HEAD_LIMIT_BYTES: Final = 16 * 1024
"""Size of the head of a CONNECT request, and of a proxy's answer to ours."""
CONNECT_LINE: Final = re.compile(
    rb"CONNECT (?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(?P<port>[0-9]{1,5}) HTTP/1\.[01]"
)
HOST_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]")
UNREADABLE_HOST: Final = "(not a host name)"
NO_TUNNEL: Final = "(no CONNECT)"
"""Stands for the host of a request in plain HTTP, which is not read."""
ANSWER_STATUS: Final = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9][ \r]")
ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
ALWAYS_COUNTED: Final = frozenset({PLATFORM, CONSOLE, NO_TUNNEL})
"""Hosts beside those of the case that have a count of their own: those of the token endpoint."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Coroutine[Any, Any, Streams]]
ProxyFor = Callable[[str], str | None]
"""Returns the URL of the user's proxy for a host, with its password; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """Limits on what one client can make the gate hold, and let through."""

    open_connections: int = 64
    tunnels: int = 12
    """Connections of a case to its host, in all. Versions of `claude` make 2 to 5 of them, one for
    each request (measured with 2.1.62 to 2.1.332); but if the host redirects them to itself, 145.
    """
    head_seconds: float = 10.0
    connect_seconds: float = 15.0
    tunnel_seconds: float = 600.0
    total_bytes: int = 64 * 1024 * 1024
    """Bytes of all connections of a case, in both directions; a question takes some kilobytes."""
    named_hosts: int = 50


class _RefusedError(Exception):
    """A request that the gate answers itself."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class ConnectGate:
    """The gate of one case; `handle` serves a connection."""

    hosts: frozenset[str]
    directions: Directions = DIRECT
    proxy_for: ProxyFor = field(default=lambda host: None, repr=False)
    limits: GateLimits = GateLimits()
    _open: int = 0
    _tunnels: int = 0
    _bytes: int = 0
    _counts: HostCounts = field(init=False)

    def __post_init__(self) -> None:
        # A host of the case always has its name, however many others the client names first.
        self._counts = HostCounts({*self.hosts, *ALWAYS_COUNTED}, self.limits.named_hosts)

    @property
    def counts(self) -> tuple[GateCount, ...]:
        """Counts of all hosts that the client named, sorted by host."""
        return self._counts.records()

    def door(self, host: str, port: int) -> Handler:
        """Return a handler that passes every connection on to a port of this machine's loopback.

        It is for a gateway of the user there, which the container's network does not have.
        """
        name = f"{host}:{port}"
        self._counts.known.add(name)

        async def connect(_: asyncio.StreamReader) -> tuple[str, Connect]:
            return name, lambda: _open_door(host, port)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._handle(reader, writer, connect, greeting=b"")

        return handle

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the client, and raise nothing."""
        await self._handle(reader, writer, self._read_target, greeting=ESTABLISHED)

    async def _handle(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        find_target: Callable[[asyncio.StreamReader], Coroutine[Any, Any, tuple[str, Connect]]],
        *,
        greeting: bytes,
    ) -> None:
        self._open += 1
        try:
            if self._open > self.limits.open_connections:
                raise _RefusedError("503 Service Unavailable", "too many connections")
            host, connect = await find_target(reader)
            count = self._counts.of(host)
            self._take_tunnel(count)
            server = await self._open_server(connect, count)
            count.begin()
            writer.write(greeting)
            await self._relay((reader, writer), server, count)
        except _RefusedError as refusal:
            with contextlib.suppress(OSError, TimeoutError):
                writer.write(_answer(refusal.status, refusal.reason))
                await asyncio.wait_for(writer.drain(), self.limits.head_seconds)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client has gone, or waited too long
        except asyncio.CancelledError:  # the case has ended; asyncio would log the cancelled task
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()

    def _take_tunnel(self, count: HostCount) -> None:
        """Take one of the connections that a case may make.

        Raises:
            _RefusedError: there is none left.
        """
        if self._tunnels >= self.limits.tunnels:
            count.failure = "more connections than a case may make"
            raise _RefusedError("503 Service Unavailable", count.failure)
        self._tunnels += 1

    async def _open_server(self, connect: Connect, count: HostCount) -> Streams:
        """Return the connection to the server; a failure is counted.

        Raises:
            _RefusedError: it cannot be made.
        """
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                return await connect()
        except (OSError, TimeoutError, ValueError) as error:
            self._tunnels -= 1
            count.failure = failure_reason(error)
            raise _RefusedError("502 Bad Gateway", count.failure) from None

    async def _read_target(self, reader: asyncio.StreamReader) -> tuple[str, Connect]:
        """Return the host of a CONNECT request, and how to connect to it.

        Raises:
            _RefusedError: it is another request, or one for a host or port that is not the case's.
        """
        try:
            async with asyncio.timeout(self.limits.head_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise _RefusedError(
                "431 Request Header Fields Too Large", "the head is too long"
            ) from None
        except TimeoutError:
            raise _RefusedError("408 Request Timeout", "the head did not arrive in time") from None
        line = head.partition(b"\r\n")[0]
        match = CONNECT_LINE.fullmatch(line)
        if match is None:
            self._counts.of(NO_TUNNEL).refused += 1
            raise _RefusedError("405 Method Not Allowed", "only CONNECT HOST:443 goes through")
        name, port = match["host"].decode("latin-1").lower().rstrip("."), int(match["port"])
        host = name if HOST_NAME.fullmatch(name) else UNREADABLE_HOST
        if host not in self.hosts or port != HTTPS_PORT:
            self._counts.of(host).refused += 1
            reason = "this host and port are not among those of the case"
            raise _RefusedError("403 Forbidden", reason)
        return host, lambda: self._connect(host)

    async def _connect(self, host: str) -> Streams:
        """Connect to a host of the case: directly, or through the user's own proxy."""
        if proxy := self.proxy_for(host):
            return await _connect_through(urlsplit(proxy), host)
        address = self.directions.address(host, HTTPS_PORT)
        return await asyncio.open_connection(*address, happy_eyeballs_delay=NEXT_ADDRESS_DELAY)

    async def _relay(
        self,
        client: Streams,
        server: Streams,
        count: HostCount,
    ) -> None:
        """Pass on what both sides send, until both have ended, or a limit is reached."""
        up = asyncio.create_task(self._pass_on(client[0], server[1], count, is_sent=True))
        down = asyncio.create_task(self._pass_on(server[0], client[1], count, is_sent=False))
        has_ended = False
        try:
            async with asyncio.timeout(self.limits.tunnel_seconds):
                await asyncio.gather(up, down)
            has_ended = True
        finally:
            for task in (up, down):
                task.cancel()
            if has_ended:
                server[1].close()
            else:
                server[1].transport.abort()
            count.end()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pass_on(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        count: HostCount,
        *,
        is_sent: bool,
    ) -> None:
        while data := await source.read(64 * 1024):
            self._bytes += len(data)
            if self._bytes > self.limits.total_bytes:
                count.failure = "more bytes than a case may send and receive"
                raise ConnectionAbortedError
            if is_sent:
                count.sent += len(data)
            else:
                count.received += len(data)
            target.write(data)
            await target.drain()
        if not target.can_write_eof():  # TLS of a proxy: its one end is that of both directions
            raise ConnectionAbortedError
        with contextlib.suppress(OSError):
            target.write_eof()


async def _open_door(host: str, port: int) -> Streams:
    """Return a connection to a port of this machine, by whichever name or address.

    Raises:
        OSError: nothing listens there.
    """
    if not is_this_machine(host):
        return await asyncio.open_connection(host, port)
    first, last = LOOPBACK_ADDRESSES  # a resolver could answer with another machine's
    with contextlib.suppress(OSError):
        return await asyncio.open_connection(first, port)
    return await asyncio.open_connection(last, port)


async def _connect_through(proxy: SplitResult, host: str) -> Streams:
    """Return a tunnel through the user's own proxy, which gets the password that its URL has.

    Raises:
        OSError: the proxy cannot be reached, or refuses.
    """
    is_tls = proxy.scheme == "https"
    port = proxy.port or (HTTPS_PORT if is_tls else 80)
    reader, writer = await asyncio.open_connection(
        proxy.hostname, port, ssl=tls_context() if is_tls else None, limit=HEAD_LIMIT_BYTES
    )
    lines = [f"CONNECT {host}:{HTTPS_PORT} HTTP/1.1", f"Host: {host}:{HTTPS_PORT}"]
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        writer.close()
        raise _ProxyError from None
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
    if not ANSWER_STATUS.match(head):
        writer.close()
        raise _ProxyError
    return reader, writer


class _ProxyError(OSError):
    """The user's own proxy refused, or answered nothing that can be read."""


def failure_reason(error: BaseException) -> str:
    """Return the reason why a connection could not be made, without an address in it."""
    match error:
        case socket.gaierror() | UnicodeError():
            return "name not found"
        case _ProxyError():
            return "refused by the proxy of HTTPS_PROXY"
        case ssl.SSLError():
            return "TLS of the proxy failed"
        case ValueError():
            return str(error)  # of `Proxies`, with the name of the variable and not its value
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError():
            return "no connection in time"
        case _:
            return "no connection"


def _answer(status: str, reason: str) -> bytes:
    body = f"authprobe's gate: {reason}\n"
    fields = f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n{body}".encode()
