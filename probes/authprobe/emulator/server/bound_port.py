"""A port of the emulator, which listens or refuses connections."""

import asyncio
import functools
import socket
from collections.abc import Callable
from typing import Final

from authprobe.errors import SettingsError

BACKLOG: Final = 256


class BoundPort:
    """A bound port that listens or not.

    A socket that was passed in without `rebind` cannot be bound again after `shut`. It is never
    shut, because it belongs to a run, whose faults do not change.
    """

    def __init__(
        self,
        host: str,
        port: int,
        factory: Callable[..., asyncio.Protocol],
        bound: socket.socket | None = None,
        rebind: Callable[[], socket.socket] | None = None,
    ) -> None:
        self._factory = factory
        self._rebind = rebind
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._address = (host, port)
        self._socket: socket.socket | None = bound or self._bind()
        self._server: asyncio.Server | None = None
        self.port: int = self._socket.getsockname()[1]
        self._address = (host, self.port)

    def mirror(self, bind: Callable[[int, str], socket.socket], **arguments: bool) -> "BoundPort":
        """Return a port with the same address in another network namespace.

        `arguments` are further ones for the protocol.
        """
        host, port = self._address
        factory = functools.partial(self._factory, **arguments)
        return BoundPort(host, port, factory, bind(port, host), lambda: bind(port, host))

    async def listen(self) -> None:
        """Accept connections."""
        if self._server is None:
            free_socket = self._socket or self._bind()
            self._socket = None
            loop = asyncio.get_running_loop()
            try:
                self._server = await loop.create_server(
                    self._factory, sock=free_socket, backlog=BACKLOG
                )
            except OSError as error:  # two sockets can bind to a port, but only one can listen
                free_socket.close()
                host, port = self._address
                raise SettingsError(
                    f"{host} port {port}: {error.strerror}; choose another, or 0 for any free port"
                ) from None

    async def shut(self) -> None:
        """Refuse connections, but keep the port."""
        if self._server is not None:
            await self._stop_listening()
            self._socket = self._bind()

    async def close(self) -> None:
        """Release the port."""
        await self._stop_listening()
        if self._socket is not None:
            self._socket.close()

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        # When a server is closed, asyncio leaks the connections that it has just accepted
        # (python/cpython#109564). So accept no more, and let the accepted ones be set up first.
        for channel in server.sockets:
            asyncio.get_running_loop().remove_reader(channel.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()

    def _bind(self) -> socket.socket:
        if self._rebind is not None:
            return self._rebind()
        # asyncio disables Nagle's algorithm only if the protocol number is IPPROTO_TCP.
        new_socket = socket.socket(self._family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            new_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            new_socket.bind(self._address)
        except OSError as error:
            new_socket.close()
            host, port = self._address
            raise SettingsError(
                f"{host} port {port}: {error.strerror}; choose another, or 0 for any free port"
            ) from None
        return new_socket
