"""HTTP requests to a server that runs as a child of this run, such as a gateway."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from authprobe.clients.process.children import LauncherConnection
from authprobe.clients.process.launcher import LOOPBACK

MAX_ANSWER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopbackRequest:
    """A request: GET, or POST if it has a body."""

    path: str
    body: object = None
    """Value that is sent as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """Method of the request."""
        return "GET" if self.body is None else "POST"

    @property
    def content(self) -> str | None:
        """Body as JSON."""
        return None if self.body is None else json.dumps(self.body)

    @property
    def all_headers(self) -> dict[str, str]:
        """Headers, with the type of the body."""
        content_type = {} if self.body is None else {"content-type": "application/json"}
        return {**content_type, **self.headers}


def send(
    children: LauncherConnection,
    port: int,
    request: LoopbackRequest,
    *,
    limit: float,
) -> tuple[int, bytes]:
    """Send a request to a port of a child's loopback; return status and body of the response.

    Raises:
        TimeoutError: the response has not arrived completely after `limit` seconds.
        OSError: the connection is refused or lost.
        http.client.HTTPException: the response is not HTTP.
    """
    limit = max(limit, 0.1)
    deadline = time.monotonic() + limit
    # The child may be in a network namespace, in which only the launcher can connect.
    with contextlib.closing(children.connect(port)) as client_socket:
        client_socket.settimeout(limit)
        # That is the timeout of each read: without this, an answer byte by byte would never end.
        remaining = max(deadline - time.monotonic(), 0.0)  # the launcher may have been slow
        watch = threading.Timer(remaining, _shut_down, (client_socket,))
        watch.daemon = True
        watch.start()
        try:
            response = _exchange(client_socket, port, request)
        except (OSError, http.client.HTTPException):
            if time.monotonic() < deadline:
                raise
        else:
            if time.monotonic() < deadline:
                return response
        finally:
            watch.cancel()
    raise TimeoutError("it did not arrive in time")


def _exchange(
    client_socket: socket.socket, port: int, request: LoopbackRequest
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, port)
    with contextlib.closing(connection):
        connection.sock = client_socket
        connection.request(request.method, request.path, request.content, request.all_headers)
        response = connection.getresponse()
        return response.status, response.read(MAX_ANSWER_BYTES)


def _shut_down(client_socket: socket.socket) -> None:
    with contextlib.suppress(OSError):
        client_socket.shutdown(socket.SHUT_RDWR)
