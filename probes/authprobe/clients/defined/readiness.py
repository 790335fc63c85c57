"""Wait for a server to be ready: a line in its log, an answer, or an open port."""

import contextlib
import http.client
import time
from collections.abc import Callable
from typing import Final

from authprobe.clients.defined.loopback_http import LoopbackRequest, send
from authprobe.clients.process.child import Child
from authprobe.clients.process.children import LauncherConnection
from authprobe.clients.raw_http import USER_AGENT
from authprobe.scenario.client_definitions import Ready

POLL_INTERVAL: Final = 0.1
"""Seconds between two attempts to connect, in which the log is read."""
MAX_ANSWER_TIME: Final = 5.0
"""Seconds that a server has to answer one attempt."""


def is_ready_within(
    limit: float, server: Child, ready: Ready, *, port: int, children: LauncherConnection
) -> bool:
    """Wait until the server is ready; return False if it ends before, or is not after `limit` s."""
    deadline = time.monotonic() + limit
    if (line := ready.line) is not None and not server.read_until(
        lambda: line in server.stdout or line in server.stderr, limit
    ):
        return False
    # Many servers print the line just before they listen.
    answers = _answers(ready.get, port, children)
    while (remaining := deadline - time.monotonic()) > 0:
        if answers(min(remaining, MAX_ANSWER_TIME)):
            return True
        server.read_until(lambda: False, min(remaining, POLL_INTERVAL))
        if server.has_exited:
            return False
    return False


def _answers(path: str | None, port: int, children: LauncherConnection) -> Callable[[float], bool]:
    """Return a function that tries once, for so many seconds, whether a server answers."""
    if path is None:
        return lambda _: _accepts_connections(port, children)
    request = LoopbackRequest(path=path, headers={"user-agent": USER_AGENT})
    return lambda limit: _answers_request(request, port, children, limit)


def _accepts_connections(port: int, children: LauncherConnection) -> bool:
    with contextlib.suppress(OSError), contextlib.closing(children.connect(port)):
        return True
    return False


def _answers_request(
    request: LoopbackRequest, port: int, children: LauncherConnection, limit: float
) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, _ = send(children, port, request, limit=limit)
        return status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    return False
