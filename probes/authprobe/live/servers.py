"""A thread that serves the gate and the collector of a case."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Self, TypeVar

from authprobe.emulator.server.bound_port import BoundPort
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.http_server import HttpServer

T = TypeVar("T")

STOP_TIMEOUT: Final = 5.0
"""Seconds in which ended connections have to close."""
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class ServerThread:
    """An event loop in a thread; a context manager that ends its servers and connections."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._ports: list[BoundPort] = []
        self._http_servers: list[HttpServer] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait_for(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT)
        self._loop.close()

    def serve(
        self, factory: Callable[[], asyncio.Protocol], bound_socket: socket.socket | None = None
    ) -> int:
        """Serve connections with a protocol each, and return the port.

        The socket is bound, possibly in another network namespace, and taken over; None: one of
        this machine's loopback.
        """
        return self._wait_for(self._serve(factory, bound_socket))

    def serve_streams(
        self,
        handler: Handler,
        bound_socket: socket.socket | None = None,
        *,
        head_limit_bytes: int,
    ) -> int:
        """Serve connections with a coroutine each, as `serve` does with protocols.

        `head_limit_bytes` is the most that is kept of a head which has not ended yet.
        """

        def protocol() -> asyncio.Protocol:
            reader = asyncio.StreamReader(limit=head_limit_bytes, loop=self._loop)
            return asyncio.StreamReaderProtocol(reader, handler, loop=self._loop)

        return self.serve(protocol, bound_socket)

    def serve_application(
        self, application: object, bound_socket: socket.socket | None = None
    ) -> int:
        """Serve an ASGI application, as `serve` does a protocol."""
        server = HttpServer(application)
        self._http_servers.append(server)
        return self.serve(server.protocol, bound_socket)

    async def _serve(
        self, factory: Callable[[], asyncio.Protocol], bound: socket.socket | None
    ) -> int:
        bound_port = BoundPort(LOOPBACK, 0, factory, bound)
        self._ports.append(bound_port)
        await bound_port.listen()
        return bound_port.port

    async def _end(self) -> None:
        for bound_port in self._ports:
            await bound_port.close()
        for server in self._http_servers:
            server.end()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
        for _ in range(10):  # transports close one step after their tasks
            await asyncio.sleep(0)

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
