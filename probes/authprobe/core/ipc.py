"""Values between two processes of our own: over a socket, each a pickle after its length."""

import pickle
import socket
import struct
from typing import Any, Final

LENGTH: Final = struct.Struct("!I")


def send(channel: socket.socket, value: object) -> None:
    """Send a value whole."""
    channel.sendall(packed(value))


def packed(value: object) -> bytes:
    """A value as it goes over a channel."""
    data = pickle.dumps(value)
    return LENGTH.pack(len(data)) + data


def receive(channel: socket.socket) -> Any:
    """The next value; None: the other side has gone."""
    head = _exactly(channel, LENGTH.size)
    if head is None:
        return None
    data = _exactly(channel, LENGTH.unpack(head)[0])
    return None if data is None else pickle.loads(data)  # noqa: S301 - our own


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        try:
            more = channel.recv(size - len(data))
        except ConnectionError:
            return None
        if not more:
            return None
        data += more
    return bytes(data)
