"""HTTP requests to a server that runs as a child of this run, such as a gateway."""

import contextlib
import http.client
import json
from collections.abc import Mapping
from typing import Final

from authprobe.clients.process.children import LauncherConnection
from authprobe.clients.process.launcher import LOOPBACK

MAX_ANSWER_BYTES: Final = 1024 * 1024


def post(
    children: LauncherConnection,
    port: int,
    path: str,
    body: object,
    *,
    headers: Mapping[str, str],
    limit: float,
) -> tuple[int, bytes]:
    """Send a JSON body to a port of a child's loopback; return status and body of the response.

    Raises:
        TimeoutError: no data arrives for `limit` seconds.
        OSError: the connection is refused or lost.
        http.client.HTTPException: the response is not HTTP.
    """
    connection = http.client.HTTPConnection(LOOPBACK, port)
    with contextlib.closing(connection):
        # The child may be in a network namespace, in which only the launcher can connect.
        connection.sock = children.connect(port)
        connection.sock.settimeout(max(limit, 0.1))
        content = {"content-type": "application/json"}
        connection.request("POST", path, json.dumps(body), {**content, **headers})
        response = connection.getresponse()
        return response.status, response.read(MAX_ANSWER_BYTES)
