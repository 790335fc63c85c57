"""The connection of one request: its deadline, its phases, and what failed.

`httpcore` speaks HTTP and TLS; unlike `httpx`, which is built on it, it takes the network as an
argument, and only there can a name be resolved otherwise and a deadline hold for every read.
"""

import datetime
import queue
import socket
import ssl
import threading
import time
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import httpcore

from authprobe.core.directions import Directions
from authprobe.core.host_names import LOOPBACK_ADDRESSES, is_this_machine
from authprobe.service.answer import NotAsked, PhaseSeconds, Tls


class ExchangeError(Exception):
    """The end of an exchange before a response; the text says what failed.

    The reason is None if only the connection was wanted, and it was made.
    """

    def __init__(self, reason: NotAsked | None, problem: str = "") -> None:
        super().__init__(problem)
        self.reason = reason


@dataclass(slots=True, eq=False, kw_only=True)
class Wire(httpcore.NetworkBackend):
    """The network as one request sees it."""

    host: str
    """Host of the request, to tell its TLS connection from that of a proxy."""
    deadline: float
    """Time of `time.monotonic` at which every wait ends."""
    directions: Directions
    connect_only: bool = False
    """True: nothing is sent after the TLS handshake with the host."""
    through_proxy: bool = False
    is_at_host: bool = False
    """True: whatever fails from now on is no fault of a proxy that refused a tunnel."""
    seconds: PhaseSeconds = field(default_factory=PhaseSeconds)
    tls: Tls | None = None
    ready_at: float = 0.0
    """Time at which the connection to the host could be written to."""
    _streams: list[httpcore.NetworkStream] = field(default_factory=list)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[typing.Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve the name and connect to one of its addresses."""
        begin = time.monotonic()
        addresses = self._resolve(*self.directions.address(host, port))
        found = time.monotonic()
        self.seconds = replace(self.seconds, name=found - begin)
        stream = self._connect(addresses)
        self.ready_at = time.monotonic()
        self.seconds = replace(self.seconds, connect=self.ready_at - found)
        return self.wrap(stream)

    def _resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        """Return the addresses of a host; the resolver of the system has no timeout of its own.

        It is not asked for a name of this machine: it could answer with another (RFC 6761, 6.3).
        """
        if is_this_machine(host):
            return [(address, port) for address in LOOPBACK_ADDRESSES]
        results: queue.Queue[list[tuple[str, int]] | Exception] = queue.Queue()

        def resolve() -> None:
            try:
                infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                results.put([(str(info[4][0]), int(info[4][1])) for info in infos])
            except (OSError, UnicodeError) as error:
                results.put(error)

        threading.Thread(target=resolve, daemon=True).start()
        try:
            result = results.get(timeout=self.remaining())
        except queue.Empty:
            raise self.failure(NotAsked.TIMEOUT, "the name was not resolved in time") from None
        if isinstance(result, Exception):
            raise self.failure(NotAsked.NAME, _words(result)) from None
        return list(dict.fromkeys(result))

    def _connect(self, addresses: list[tuple[str, int]]) -> httpcore.NetworkStream:
        failure = self.failure(NotAsked.CONNECTION, "the name has no address")
        for index, (host, port) in enumerate(addresses):
            timeout = self.remaining() / (len(addresses) - index)  # one may be silent, as of IPv6
            try:
                return httpcore.SyncBackend().connect_tcp(host, port, timeout)
            except httpcore.ConnectTimeout:
                failure = self.failure(NotAsked.TIMEOUT, "no connection in time")
            except httpcore.ConnectError as error:
                failure = self.failure(NotAsked.CONNECTION, _words(error))
        raise failure

    def remaining(self) -> float:
        """Return the seconds before the deadline.

        Raises:
            ExchangeError: there are none.
        """
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise ExchangeError(NotAsked.TIMEOUT, "no complete response in time")
        return seconds

    def failure(self, reason: NotAsked, problem: str) -> ExchangeError:
        """Return the failure of a step on the way to the first host, which may be a proxy."""
        return ExchangeError(NotAsked.PROXY if self.through_proxy else reason, problem)

    def wrap(self, stream: httpcore.NetworkStream) -> "WireStream":
        """Return a stream with the deadline, which is closed together with this network."""
        self._streams.append(stream)
        return WireStream(self, stream)

    def close(self) -> None:
        """Close every connection."""
        for stream in self._streams:
            stream.close()


class WireStream(httpcore.NetworkStream):
    """A connection on which every wait ends at the deadline."""

    def __init__(self, wire: Wire, stream: httpcore.NetworkStream) -> None:
        self._wire = wire
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the bytes that arrive before the deadline."""
        return self._stream.read(max_bytes, self._wire.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes before the deadline."""
        self._stream.write(buffer, self._wire.remaining())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Do the TLS handshake, and keep its facts if it is that with the host."""
        wire, begin = self._wire, time.monotonic()
        is_host = server_hostname == wire.host
        wire.is_at_host |= is_host
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, wire.remaining())
        except httpcore.ConnectTimeout:
            reason = NotAsked.TIMEOUT if is_host else NotAsked.PROXY
            raise ExchangeError(reason, "no TLS handshake in time") from None
        except (httpcore.ConnectError, httpcore.NetworkError, ssl.SSLError, OSError) as error:
            raise ExchangeError(
                NotAsked.TLS if is_host else NotAsked.PROXY, _words(error)
            ) from None
        if is_host:
            wire.ready_at = time.monotonic()
            wire.seconds = replace(wire.seconds, tls=wire.ready_at - begin)
            wire.tls = _facts(stream.get_extra_info("ssl_object"))
        wrapped = wire.wrap(stream)
        if is_host and wire.connect_only:
            raise ExchangeError(None)
        return wrapped

    def get_extra_info(self, info: str) -> typing.Any:
        """Return a fact of the connection."""
        return self._stream.get_extra_info(info)


def _facts(connection: typing.Any) -> Tls:
    """Return the facts of a TLS connection, an `ssl.SSLSocket`'s or `ssl.SSLObject`'s."""
    certificate = connection.getpeercert(False) or {}
    names = {key: value for part in certificate.get("issuer", ()) for key, value in part}
    issuer = (names.get(name, "") for name in ("organizationName", "commonName"))
    end = ""
    if text := certificate.get("notAfter"):
        end = datetime.datetime.fromtimestamp(
            ssl.cert_time_to_seconds(text), datetime.UTC
        ).strftime("%Y-%m-%d")
    return Tls(
        version=connection.version() or "", issuer=tuple(filter(None, issuer)), not_after=end
    )


def _words(error: BaseException) -> str:
    """Return the words of the system for an error, without its number."""
    cause = error.__cause__ or error.__context__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "TLS failed").lower().replace("_", " ")
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return str(cause) or type(cause).__name__
