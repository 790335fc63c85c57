"""The emulated network: loopback listeners, each the proxy and the server of one case.

Clients keep their real addresses and use the listener as a proxy. On CONNECT to an emulated host,
the proxy continues as the TLS server of that host, with a certificate from an authority made for
this run; it refuses and records every other host. A client whose base URL is a loopback address
sends its requests to the same port, or to a second port with TLS. Every request belongs to the case
of its listener.
"""

import asyncio
import functools
import ipaddress
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar

from authprobe.emulator import faults
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.server.access import LOCAL, Exposure
from authprobe.emulator.server.asgi import is_loopback
from authprobe.emulator.server.authority import Authority
from authprobe.emulator.server.bound_port import BoundPort
from authprobe.emulator.server.connection import (
    LOOPBACK,
    Load,
    PlainConnection,
    Site,
    TlsConnection,
)
from authprobe.emulator.server.http_server import HttpServer
from authprobe.emulator.server.peer import PeerCheck, is_in_this_network
from authprobe.errors import SettingsError
from authprobe.observation.model import Exchange

T = TypeVar("T")
STOPPED: Final = "the emulator has stopped; use it within its block"


@dataclass(slots=True, eq=False)
class Listener:
    """The ports of one case."""

    site: Site
    port: int = 0
    """Port of the proxy, and of the service in plain HTTP."""
    https_port: int | None = None
    _ports: list[BoundPort] = field(default_factory=list)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while its ports begin or cease to listen, which takes several turns of the loop."""

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
        return f"http://{url_host(self.site.host)}:{self.port}"

    @property
    def https_url(self) -> str | None:
        """URL of the service over TLS, for clients that trust the authority."""
        port = self.https_port
        return None if port is None else f"https://{url_host(self.site.host)}:{port}"


class Network:
    """The emulated network, served by one thread; a context manager.

    `ca_file` is the certificate authority that a client must trust, in PEM; it is made in a folder
    below `scratch`.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="emulator", daemon=True)
        self._folder = tempfile.TemporaryDirectory(prefix="ca-", dir=scratch)
        self._submitting = threading.Lock()
        self._has_ended = False
        self._listeners: set[Listener] = set()
        self._extras: set[ExtraApplication] = set()
        self._authority = Authority(Path(self._folder.name))
        self._load = Load()
        self._peer_check = PeerCheck()
        self.ca_file = Path(self._folder.name, "ca.pem")

    def __enter__(self) -> Self:
        self._authority.write(self.ca_file)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for listener in tuple(self._listeners):
            self.close(listener)
        with self._submitting:  # what other threads submitted until now is done, nothing later is
            self._has_ended = True
            last = asyncio.run_coroutine_threadsafe(self._close_pending(), self._loop)
        last.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        self._peer_check.close()
        self._folder.cleanup()

    def open(
        self,
        backend: CaseBackend,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        https_port: int | None = None,
        bound_socket: socket.socket | None = None,
        any_user: bool = False,
        exposure: Exposure = LOCAL,
    ) -> Listener:
        """Open the ports of a case; 0 means any free port, None no HTTPS port.

        The network takes over `bound_socket` and serves the same on it as on `port`. It may belong
        to another network namespace of this machine. Unless `any_user` is set, `port` and
        `https_port` refuse programs of other users, where the system tells whose they are; with an
        access token in `exposure`, the token decides instead.

        Raises:
            SettingsError: the host is not loopback, or a port is taken.
        """
        return self.wait_for(
            self.open_on_loop(
                backend,
                host=host,
                port=port,
                https_port=https_port,
                bound_socket=bound_socket,
                any_user=any_user,
                exposure=exposure,
            )
        )

    def exchanges(self, listener: Listener) -> tuple[Exchange, ...]:
        """Return what the open case has recorded so far."""
        return listener.backend.log.exchanges

    def close(self, listener: Listener) -> None:
        """Close a case, and abort its delayed answers and connections."""
        self.wait_for(self.close_on_loop(listener))

    def serve(
        self,
        application: object,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        any_user: bool = False,
        exposure: Exposure = LOCAL,
    ) -> "ExtraApplication":
        """Serve a further application in plain HTTP on its own port; `any_user` as for `open`.

        Raises:
            SettingsError: the host is not loopback, or the port is taken.
        """
        return self.wait_for(
            self.serve_on_loop(
                application, host=host, port=port, any_user=any_user, exposure=exposure
            )
        )

    def stop(self, extra: "ExtraApplication") -> None:
        """Stop a further application."""
        self.wait_for(self._stop_on_loop(extra))

    async def _stop_on_loop(self, extra: "ExtraApplication") -> None:
        self._extras.discard(extra)
        await extra.close()

    def mirror(self, bind: Callable[[int, str], socket.socket]) -> None:
        """Serve all that is open also on the same addresses of another network namespace.

        `bind` returns a socket of that namespace, bound to a port and a host, not listening.

        Raises:
            OSError: a port is taken there.
        """
        self.wait_for(self._mirror_on_loop(bind))

    async def _mirror_on_loop(self, bind: Callable[[int, str], socket.socket]) -> None:
        for extra in tuple(self._extras):
            extra.mirrors.append(extra.bound_port.mirror(bind, is_private=True))
            await extra.mirrors[-1].listen()
        for listener in tuple(self._listeners):
            # Another network namespace has only the processes of the command in it.
            listener._ports += [p.mirror(bind, is_private=True) for p in listener._ports]
            await self.update_listening_on_loop(listener)

    def update_listening(self, listener: Listener) -> None:
        """Start or stop listening, depending on the armed faults of the case."""
        self.wait_for(self.update_listening_on_loop(listener))

    def wait_for(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the network's event loop and return its result.

        Raises:
            SettingsError: the block of the network has ended, perhaps meanwhile in another thread.
        """
        with self._submitting:
            if self._has_ended:
                work.close()
                raise SettingsError(STOPPED)
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    async def open_on_loop(
        self,
        backend: CaseBackend,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        https_port: int | None = None,
        bound_socket: socket.socket | None = None,
        any_user: bool = False,
        exposure: Exposure = LOCAL,
    ) -> Listener:
        """`open`, for callers on the loop."""
        check_host(host, exposure)
        peer_check = None if any_user or exposure.access_token else self._peer_check
        listener = Listener(Site(backend, self._authority, host, self._load, peer_check, exposure))
        try:
            site = listener.site
            listener._ports.append(BoundPort(host, port, functools.partial(PlainConnection, site)))
            listener.port = listener._ports[0].port
            if https_port is not None:
                listener._ports.append(
                    BoundPort(host, https_port, functools.partial(TlsConnection, site))
                )
                listener.https_port = listener._ports[1].port
            if bound_socket is not None:
                # Another network namespace has only the client's processes in it.
                private = not is_in_this_network(bound_socket)
                listener._ports.append(
                    BoundPort(
                        *(host, 0),
                        lambda: PlainConnection(site, is_private=private),
                        bound_socket,
                    )
                )
            await self.update_listening_on_loop(listener)
        except Exception:
            await self.close_on_loop(listener)
            raise
        self._listeners.add(listener)
        return listener

    async def close_on_loop(self, listener: Listener) -> None:
        """`close`, for callers on the loop."""
        self._listeners.discard(listener)
        listener.site.closed.set()
        async with listener._changing:
            for bound_port in listener._ports:
                await bound_port.close()
        listener.site.end()

    async def serve_on_loop(
        self,
        application: object,
        *,
        host: str,
        port: int,
        any_user: bool = False,
        exposure: Exposure = LOCAL,
    ) -> "ExtraApplication":
        """`serve`, for callers on the loop."""
        check_host(host, exposure)
        is_open = any_user or exposure.access_token
        server = HttpServer(application, peer_check=None if is_open else self._peer_check)
        bound_port = BoundPort(host, port, server.protocol)
        await bound_port.listen()
        url = f"http://{url_host(host)}:{bound_port.port}"
        extra = ExtraApplication(server, bound_port, url)
        self._extras.add(extra)
        return extra

    async def update_listening_on_loop(self, listener: Listener) -> None:
        """`update_listening`, for callers on the loop."""
        async with listener._changing:
            if listener.site.closed.is_set():
                return  # the ports may belong to others by now
            refuses = any(
                fault.name == faults.CONNECTION_REFUSED and fault.host is None
                for fault in listener.backend.faults
            )
            for bound_port in listener._ports:
                if refuses:
                    await bound_port.shut()
                else:
                    await bound_port.listen()

    async def _close_pending(self) -> None:
        """Block until aborted connections have closed, so that none is open when the loop ends."""
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        if pending:
            _, pending = await asyncio.wait(pending, timeout=1)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)
        for _ in range(10):  # the transports of TLS and TCP close one after the other
            await asyncio.sleep(0)


def check_host(host: str, exposure: Exposure = LOCAL) -> None:
    """Raise unless an emulator may listen on this address.

    Raises:
        SettingsError: it is a name, it is beyond loopback and that was not asked for, or others
            could use the emulator without a token.
    """
    exposure.check()
    if host != "localhost" and is_loopback(host):
        return
    if not exposure.is_beyond_loopback:
        raise SettingsError(
            f"{host}: the emulator serves loopback addresses only; use 127.0.0.1 or ::1, or "
            "--listen-beyond-loopback with an access token"
        )
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise SettingsError(f"{host}: not an address to listen on; use one such as 0.0.0.0") from (
            None
        )


@dataclass(frozen=True, slots=True, eq=False)
class ExtraApplication:
    """A further application beside the cases."""

    server: HttpServer
    bound_port: BoundPort
    url: str
    mirrors: list[BoundPort] = field(default_factory=list)

    async def close(self) -> None:
        """Stop it; for callers on the loop."""
        for bound_port in (self.bound_port, *self.mirrors):
            await bound_port.close()
        self.server.end()


def url_host(host: str) -> str:
    """Return a host as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
