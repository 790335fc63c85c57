"""Loopback listeners: one for each case, which is its proxy and the server of every emulated name.

A client keeps its real addresses. On CONNECT for an emulated name the proxy goes on as the TLS
server of that name, with a certificate from an authority made for this run; every other name is
refused and recorded. A client that is given a loopback address for the service asks the same port,
or another one that speaks TLS at once. Whatever arrives belongs to the case.
"""

import asyncio
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar

from authprobe.emulator import faults
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.server.asgi import is_loopback
from authprobe.emulator.server.authority import Authority
from authprobe.emulator.server.connection import (
    LOOPBACK,
    HttpServer,
    PlainConnection,
    Site,
    TlsConnection,
)
from authprobe.errors import SettingsError

BACKLOG: Final = 256

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Listener:
    """The ports of one case."""

    site: Site
    port: int = 0
    """Port of the proxy, and of the service in plain HTTP."""
    https_port: int | None = None
    _doors: list["_Door"] = field(default_factory=list)

    @property
    def backend(self) -> CaseBackend:
        """The case."""
        return self.site.backend

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return self.site.connections

    @property
    def proxy_url(self) -> str:
        """URL for `HTTPS_PROXY` or as a base URL."""
        return f"http://{_spelled(self.site.host)}:{self.port}"

    @property
    def https_url(self) -> str | None:
        """URL of the service by TLS, for clients that trust the authority."""
        port = self.https_port
        return None if port is None else f"https://{_spelled(self.site.host)}:{port}"


class Network:
    """The emulated network, served by one thread; a context manager.

    `ca_file` is the certificate authority that a client must trust, in PEM; it is made in a folder
    below `scratch`.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emulator", daemon=True)
        self._folder = tempfile.TemporaryDirectory(prefix="ca-", dir=scratch)
        self._listeners: set[Listener] = set()
        self._authority = Authority()
        self.ca_file = Path(self._folder.name, "ca.pem")

    def __enter__(self) -> Self:
        self._authority.write(self.ca_file)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for listener in tuple(self._listeners):
            self.close(listener)
        self.wait_for(self._settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self._folder.cleanup()

    def open(
        self,
        backend: CaseBackend,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        https_port: int | None = None,
        further: socket.socket | None = None,
    ) -> Listener:
        """Open the ports of a case, free ones where they are 0; `https_port` only if given. The
        port of `further`, a bound socket that the network takes over, serves the same as `port`; it
        may lie in another network namespace of this machine.

        The port of `further`, a bound socket that is the network's from now on, serves the same as
        `port`; it may be of another network of this machine.

        Raises:
            SettingsError: the host is not loopback, or a port is taken.
        """
        return self.wait_for(
            self.open_here(backend, host=host, port=port, https_port=https_port, further=further)
        )

    def close(self, listener: Listener) -> None:
        """Close a case with its delayed answers and connections."""
        self.wait_for(self.close_here(listener))

    def serve(self, application: object, *, host: str = LOOPBACK, port: int = 0) -> "Extra":
        """Serve a further application in plain HTTP on its own port.

        Raises:
            SettingsError: the host is not loopback, or the port is taken.
        """
        return self.wait_for(self.serve_here(application, host=host, port=port))

    def end(self, extra: "Extra") -> None:
        """Stop a further application."""
        self.wait_for(extra.close())

    def settle(self, listener: Listener) -> None:
        """Start or stop listening, as the case's faults require now."""
        self.wait_for(self.settle_here(listener))

    def wait_for(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def open_here(
        self,
        backend: CaseBackend,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        https_port: int | None = None,
        further: socket.socket | None = None,
    ) -> Listener:
        """`open`, for callers on the loop."""
        check_loopback(host)
        listener = Listener(Site(backend, self._authority, host))
        try:
            site = listener.site
            listener._doors.append(_Door(host, port, lambda: PlainConnection(site)))
            listener.port = listener._doors[0].port
            if https_port is not None:
                listener._doors.append(_Door(host, https_port, lambda: TlsConnection(site)))
                listener.https_port = listener._doors[1].port
            if further is not None:
                listener._doors.append(_Door(host, 0, lambda: PlainConnection(site), further))
            await self.settle_here(listener)
        except SettingsError:
            await self.close_here(listener)
            raise
        self._listeners.add(listener)
        return listener

    async def close_here(self, listener: Listener) -> None:
        """`close`, for callers on the loop."""
        self._listeners.discard(listener)
        listener.backend.closed.set()
        for door in listener._doors:
            await door.close()
        listener.site.end()

    async def serve_here(self, application: object, *, host: str, port: int) -> "Extra":
        """`serve`, for callers on the loop."""
        check_loopback(host)
        server = HttpServer(application)
        door = _Door(host, port, server.protocol)
        await door.listen()
        return Extra(server, door, f"http://{_spelled(host)}:{door.port}")

    async def settle_here(self, listener: Listener) -> None:
        """`settle`, for callers on the loop."""
        refuses = any(
            fault.name == faults.CONNECTION_REFUSED and fault.host is None
            for fault in listener.backend.faults
        )
        for door in listener._doors:
            if refuses:
                await door.shut()
            else:
                await door.listen()

    async def _settle(self) -> None:
        """Block until aborted connections have closed, so that none is open when the loop ends."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            _, left = await asyncio.wait(left, timeout=1)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        for _ in range(10):  # a closed transport and its TLS one after another
            await asyncio.sleep(0)


def check_loopback(host: str) -> None:
    """Raise if the address is not loopback.

    Raises:
        SettingsError: this address is another.
    """
    if host == "localhost" or not is_loopback(host):
        raise SettingsError(
            f"{host}: the emulator serves loopback addresses only; use 127.0.0.1 or ::1"
        )


@dataclass(frozen=True, slots=True)
class Extra:
    """A further application beside the cases."""

    server: HttpServer
    door: "_Door"
    url: str

    async def close(self) -> None:
        """Stop it; for callers on the loop."""
        await self.door.close()
        self.server.end()


class _Door:
    """A bound port, with or without a listener. A socket that was passed in is never closed: it
    belongs to a run whose faults do not change.

    One that is given to it bound is never shut: it belongs to a run, whose faults stay as they are.
    """

    def __init__(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.Protocol],
        bound: socket.socket | None = None,
    ) -> None:
        self._factory = factory
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._address = (host, port)
        self._held: socket.socket | None = bound or self._bind()
        self._server: asyncio.Server | None = None
        self.port: int = self._held.getsockname()[1]
        self._address = (host, self.port)

    async def listen(self) -> None:
        """Accept connections."""
        if self._server is None:
            held = self._held or self._bind()
            self._held = None
            loop = asyncio.get_running_loop()
            try:
                self._server = await loop.create_server(self._factory, sock=held, backlog=BACKLOG)
            except OSError as error:  # two may bind to a port, and one may listen
                held.close()
                host, port = self._address
                raise SettingsError(
                    f"{host} port {port}: {error.strerror}; choose another, or 0 for a free one"
                ) from None

    async def shut(self) -> None:
        """Refuse connections, and keep the port."""
        if self._server is not None:
            await self._end()
            self._held = self._bind()

    async def close(self) -> None:
        """Release the port."""
        await self._end()
        if self._held is not None:
            self._held.close()

    async def _end(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        # What asyncio has taken when its server is closed, it loses and never closes
        # (python/cpython#109564): take no more, and let those be made that were.
        for channel in server.sockets:
            asyncio.get_running_loop().remove_reader(channel.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()

    def _bind(self) -> socket.socket:
        # By its number, or asyncio does not know that it is TCP, and leaves Nagle on.
        bound = socket.socket(self._family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(self._address)
        except OSError as error:
            bound.close()
            host, port = self._address
            raise SettingsError(
                f"{host} port {port}: {error.strerror}; choose another, or 0 for a free one"
            ) from None
        return bound


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host
