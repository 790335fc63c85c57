import contextlib
import http.client
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from authprobe.clients.defined import loopback_http
from authprobe.clients.defined.loopback_http import LoopbackRequest, send
from authprobe.clients.process.children import LauncherConnection

LIMIT = 0.5
HEAD = b"HTTP/1.1 200 OK\r\n"
QUESTION = LoopbackRequest(path="/v1/messages", body={})


class Server:
    """A server on loopback that answers one request by writing to its socket."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answer = answer
        self.received = b""
        self.port = self._listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                self.received = connection.recv(65536)
                self._answer(connection)

    def connect(self, port: int) -> socket.socket:
        """Connect as the launcher does for its children."""
        return socket.create_connection(("127.0.0.1", port))

    @contextlib.contextmanager
    def running(self) -> Iterator[Any]:
        """Serve until the block ends."""
        self.thread.start()
        try:
            yield self
        finally:
            self._listener.close()
            self.thread.join(10)


def send_to(
    server: Server, limit: float = LIMIT, request: LoopbackRequest = QUESTION
) -> tuple[int, bytes]:
    """Send a request to this server."""
    with server.running():
        return send(cast(LauncherConnection, server), server.port, request, limit=limit)


def drip(data: bytes) -> Callable[[socket.socket], None]:
    """Return an answer of which a byte arrives at a time, without end."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        while True:
            connection.sendall(b"1")
            time.sleep(0.02)

    return answer


def test_status_and_body_are_returned() -> None:
    answer = HEAD + b"content-length: 2\r\n\r\nok"
    assert send_to(Server(lambda connection: connection.sendall(answer)), 10) == (200, b"ok")


@pytest.mark.parametrize(
    "start",
    [
        b"",
        HEAD,
        HEAD + b"x: ",
        HEAD + b"\r\n",
        HEAD + b"content-length: 999999\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n",
    ],
    ids=["line", "field", "value", "body", "length", "chunk"],
)
def test_answer_that_arrives_byte_by_byte_ends_with_the_limit(start: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        send_to(Server(drip(start)))
    assert time.monotonic() - began < LIMIT + 5


@pytest.mark.parametrize(
    ("request_", "first_line", "has_type"),
    [
        (LoopbackRequest(path="/health"), b"GET /health HTTP/1.1", False),
        (LoopbackRequest(path="/v1/messages", body={}), b"POST /v1/messages HTTP/1.1", True),
    ],
    ids=["without a body", "with a body"],
)
def test_request_with_a_body_is_a_post_of_json(
    request_: LoopbackRequest, first_line: bytes, has_type: bool
) -> None:
    server = Server(lambda connection: connection.sendall(HEAD + b"content-length: 0\r\n\r\n"))
    assert send_to(server, 10, request_) == (200, b"")
    assert server.received.splitlines()[0] == first_line
    assert (b"content-type: application/json" in server.received) == has_type


def test_lost_connection_is_no_timeout() -> None:
    with pytest.raises(
        (OSError, http.client.HTTPException), match=r"closed|reset|without response"
    ):
        send_to(Server(lambda connection: None), 10)


def test_connection_that_is_made_after_the_limit_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = itertools.chain([0.0], itertools.repeat(100.0))
    monkeypatch.setattr(loopback_http, "time", SimpleNamespace(monotonic=moments.__next__))
    with pytest.raises(TimeoutError, match="it did not arrive in time"):
        send_to(Server(lambda connection: None), 10)
