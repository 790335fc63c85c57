"""Connections from a test to the emulator: an HTTP client of a case's proxy, and bare sockets."""

import functools
import socket
import ssl
from pathlib import Path

import httpx

from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Listener, Network

TIMEOUT = 30.0
"""Seconds after which a test gives up waiting for an answer."""


@functools.lru_cache(maxsize=8)
def trusting(ca_file: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts this authority and no other."""
    return ssl.create_default_context(cafile=ca_file)


def client_of(network: Network, listener: Listener) -> httpx.Client:
    """Return a client that uses the proxy of a case and trusts the authority of the run."""
    transport = httpx.HTTPTransport(
        verify=trusting(network.ca_file), proxy=httpx.Proxy(listener.proxy_url), trust_env=False
    )
    return httpx.Client(transport=transport, timeout=TIMEOUT, trust_env=False)


def connect(port: int) -> socket.socket:
    """Return a socket connected to a port of this machine."""
    return socket.create_connection((LOOPBACK, port), timeout=TIMEOUT)


def read_all(channel: socket.socket) -> bytes:
    """Return everything received until the peer closes or resets the connection."""
    received = b""
    try:
        while data := channel.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def exchange(port: int, data: bytes, *, half: bool = False) -> bytes:
    """Send these bytes and return the answer; with `half`, close our side after sending."""
    with connect(port) as channel:
        try:
            channel.sendall(data)
            if half:
                channel.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            pass  # refused before all of it was sent
        return read_all(channel)
