"""uvicorn without its listener, with limits on what one client can make it hold."""

import asyncio
import logging
from typing import Final

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from authprobe.emulator.server.peer import PeerCheck

HEAD_LIMIT_BYTES: Final = 64 * 1024
"""Bytes of a request that are neither read nor part of its body: the head of an incomplete one."""
MAX_HEADERS: Final = 1000
"""Header fields of a request; node's server has a similar limit."""
MAX_PIPELINED_REQUESTS: Final = 16
HEAD_TIMEOUT: Final = 60.0
"""Seconds in which the head of a request must arrive, on a new connection too."""
MAX_CONNECTIONS: Final = 128
"""Open connections of one case."""

_logger = logging.getLogger("authprobe.emulator.http")
_logger.setLevel(logging.ERROR)  # what a client does wrong belongs into its record, not the log


class HttpServer:
    """uvicorn for connections that are accepted elsewhere."""

    def __init__(
        self,
        application: object,
        *,
        head_timeout: float = HEAD_TIMEOUT,
        peer_check: PeerCheck | None = None,
    ) -> None:
        self._config = Config(
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
        self._head_timeout = head_timeout
        self._peer_check = peer_check

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._state.connections)

    def protocol(
        self,
        state: dict[str, object] | None = None,
        *,
        has_head: bool = False,
        is_private: bool = False,
    ) -> HttpToolsProtocol:
        """Return the protocol for a new connection; `state` becomes `scope["state"]`.

        `has_head` is True if the head of a request has already arrived, so that no time runs;
        `is_private` if the connection arrived in a network that only the command's processes are
        in, so that its owner is not looked up.
        """
        protocol = _LimitedProtocol(self._config, self._state, state or {}, self._head_timeout)
        protocol.awaits_head = not has_head
        protocol.peer_check = None if is_private else self._peer_check
        return protocol

    def drop_idle(self) -> bool:
        """Abort the connection that has been idle for longest; return False if none is."""
        return drop_idle(self._state)

    def end(self) -> None:
        """Abort every connection."""
        for server in tuple(self._state.connections):
            server.transport.abort()


def drop_idle(state: ServerState) -> bool:
    """Abort the connection that has been idle for longest; return False if none is."""
    idle = [
        each for each in state.connections if isinstance(each, _LimitedProtocol) and each.is_idle
    ]
    if not idle:
        return False
    oldest = min(idle, key=lambda each: each.idle_since)
    state.connections.discard(oldest)
    oldest.transport.abort()
    return True


class _TooLargeError(Exception):
    """The head of a request is larger than allowed; raised inside the parser."""


class _LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with limits where it has none."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        head_timeout: float,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._server_state = server_state
        self.logger = _logger
        self._head_timeout = head_timeout
        self._head_timer: asyncio.TimerHandle | None = None
        self._pending_bytes = 0
        """Bytes received since the last head or piece of a body was complete."""
        self._is_in_head = True
        self.awaits_head = True
        self.peer_check: PeerCheck | None = None
        self.idle_since = self.loop.time()
        """Time of the loop when the connection opened or its last response was complete."""

    @property
    def is_idle(self) -> bool:
        """True if every request was answered, even if the rest of a body is still owed."""
        return bool(getattr(self.cycle, "response_complete", True))  # the cycle is None at first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # Before this connection counts, as it is idle itself.
        is_full = len(self.connections) >= MAX_CONNECTIONS and not drop_idle(self._server_state)
        super().connection_made(transport)
        if is_full:
            self.send_400_response("Too many connections")
        elif self.peer_check is not None and not self.peer_check.accepts_transport(transport):
            self.send_400_response("The client belongs to another user of this machine")
        elif self.awaits_head:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._pending_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._pending_bytes > HEAD_LIMIT_BYTES:
            self.send_400_response("Request Header Fields Too Large")
        elif self._is_in_head and self._pending_bytes:
            self._start_timer()

    def on_message_begin(self) -> None:
        self._is_in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:
            return  # a trailer (RFC 9110, 6.5.1), which is not merged into the head
        if len(self.headers) >= MAX_HEADERS:
            raise _TooLargeError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._pending_bytes = 0
        self._stop_timer()
        if len(self.pipeline) >= MAX_PIPELINED_REQUESTS:
            raise _TooLargeError
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head = True
        self._pending_bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def _start_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._head_timeout, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
