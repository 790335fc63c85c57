"""Messages between two processes of authprobe: each a pickle, with its length before it."""

import pickle
import socket
import struct
from typing import Any, Final

LENGTH_PREFIX: Final = struct.Struct("!I")


def send(channel: socket.socket, value: object) -> None:
    """Send a value; block until the socket has accepted all of it."""
    channel.sendall(pack(value))


def pack(value: object) -> bytes:
    """Return a value as `send` writes it."""
    data = pickle.dumps(value)
    return LENGTH_PREFIX.pack(len(data)) + data


def receive(channel: socket.socket) -> Any:
    """Block until the next value arrives, and return it; None: the peer has closed."""
    prefix = _receive_exactly(channel, LENGTH_PREFIX.size)
    if prefix is None:
        return None
    data = _receive_exactly(channel, LENGTH_PREFIX.unpack(prefix)[0])
    return None if data is None else pickle.loads(data)  # noqa: S301 - only authprobe writes to it


def _receive_exactly(channel: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        try:
            chunk = channel.recv(size - len(data))
        except ConnectionError:
            return None
        if not chunk:
            return None
        data += chunk
    return bytes(data)
