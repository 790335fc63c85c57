"""Our own request to a program that the run has started, such as a gateway: it is no client."""

import contextlib
import http.client
import json
from collections.abc import Mapping
from typing import Final

from authprobe.clients.process.children import Children
from authprobe.clients.process.launcher import LOOPBACK

MAX_ANSWER_BYTES: Final = 1024 * 1024


def post(
    children: Children,
    port: int,
    path: str,
    body: object,
    *,
    headers: Mapping[str, str],
    limit: float,
) -> tuple[int, bytes]:
    """Status and body of the answer of a child that listens on this port of its loopback.

    Raises:
        TimeoutError: it says nothing for `limit` seconds.
        OSError: nobody listens, or the connection is lost.
        http.client.HTTPException: what comes is not HTTP.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port)
    with contextlib.closing(connection):
        # The child may be in a network of its own, to which only the launcher connects.
        connection.sock = children.connect(port)
        connection.sock.settimeout(max(limit, 0.1))
        content = {"content-type": "application/json"}
        connection.request("POST", path, json.dumps(body), {**content, **headers})
        response = connection.getresponse()
        return response.status, response.read(MAX_ANSWER_BYTES)
