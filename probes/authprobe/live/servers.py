"""A thread that serves the gate and the collector of a case."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

BACKLOG: Final = 256
STOP_TIMEOUT: Final = 5.0
"""Seconds in which ended connections have to close."""
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class ServerThread:
    """An event loop in a thread; a context manager that ends its servers and connections."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait_for(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT)
        self._loop.close()

    def serve(self, handler: Handler, bound_socket: socket.socket, limit_bytes: int) -> int:
        """Serve connections to a bound socket, which is taken over, and return its port.

        `limit_bytes` is the most that a reader keeps of a line or a head.
        """
        self._wait_for(self._serve(handler, bound_socket, limit_bytes))
        port: int = bound_socket.getsockname()[1]
        return port

    async def _serve(self, handler: Handler, bound: socket.socket, limit_bytes: int) -> None:
        server = await asyncio.start_server(handler, sock=bound, limit=limit_bytes, backlog=BACKLOG)
        self._servers.append(server)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
        await asyncio.sleep(0)  # transports close one step after their tasks

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
