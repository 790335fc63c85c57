"""The wire between a test and the emulator: a client of a case's proxy, and bare sockets."""

import functools
import socket
import ssl
from pathlib import Path

import httpx

from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Listener, Network

TIMEOUT = 10.0
"""Seconds after which a test is not going to get its answer any more."""


@functools.lru_cache(maxsize=8)
def trusting(ca_file: Path) -> ssl.SSLContext:
    """A context that trusts this authority, and no other."""
    return ssl.create_default_context(cafile=ca_file)


def client_of(network: Network, listener: Listener) -> httpx.Client:
    """A client that uses the proxy of a case and trusts the authority of the run."""
    transport = httpx.HTTPTransport(
        verify=trusting(network.ca_file), proxy=httpx.Proxy(listener.proxy_url), trust_env=False
    )
    return httpx.Client(transport=transport, timeout=TIMEOUT, trust_env=False)


def connect(port: int) -> socket.socket:
    """A socket to a port of this machine."""
    return socket.create_connection((LOOPBACK, port), timeout=TIMEOUT)


def read_all(channel: socket.socket) -> bytes:
    """What comes until the other side ends the connection, however it does that."""
    received = b""
    try:
        while data := channel.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def exchange(port: int, data: bytes, *, half: bool = False) -> bytes:
    """Send these bytes, and no more if `half`; what comes back until the connection ends."""
    with connect(port) as channel:
        try:
            channel.sendall(data)
            if half:
                channel.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            pass  # refused before all of it was sent
        return read_all(channel)
