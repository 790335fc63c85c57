"""The real service, played by an emulator under its own host names, and hostile servers."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import trustme

from authprobe.core.claude_api import HOSTS
from authprobe.core.directions import Directions
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Network
from authprobe.service.asker import Asker
from authprobe.service.budget import Budget


@contextlib.contextmanager
def open_service(
    network: Network, setup: Backend | None = None
) -> Iterator[tuple[CaseBackend, Directions]]:
    """Play the service, and gateways of `setup`, at their names; yield the backend and the way."""
    backend = CaseBackend(setup)
    listener = network.open(backend, https_port=0)
    assert listener.https_port is not None
    hosts = (*HOSTS, *(setup.hosts if setup else ()))
    addresses = {(host, 443): (LOOPBACK, listener.https_port) for host in hosts}
    try:
        yield backend, Directions(addresses, network.ca_file)
    finally:
        network.close(listener)


def asker_for(
    directions: Directions, *, limit: int = 40, pause: float = 0.0, timeout: float = 5.0
) -> Asker:
    """Return an asker that cannot leave this machine: every host has an address in it."""
    return Asker(
        hosts=HOSTS, budget=Budget(limit), directions=directions, pause=pause, timeout=timeout
    )


@contextlib.contextmanager
def hostile_server(
    answer: Callable[[socket.socket], None],
    folder: Path,
    *,
    hosts: tuple[str, ...] = HOSTS,
    with_tls: bool = True,
    authority: trustme.CA | None = None,
) -> Iterator[tuple[list[int], Directions]]:
    """Serve each connection by `answer`; yield a list with an entry for each, and the way."""
    authority = authority or trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(context)
    authority.cert_pem.write_to_path(folder / "hostile.pem")
    connections: list[int] = []
    with socket.create_server((LOOPBACK, 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    channel, _ = listening.accept()
                except OSError:
                    return
                connections.append(1)
                with contextlib.suppress(OSError), channel:
                    channel.settimeout(10)
                    if with_tls:
                        with context.wrap_socket(channel, server_side=True) as secure:
                            answer(secure)
                    else:
                        answer(channel)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        addresses = {(host, 443): (LOOPBACK, port) for host in hosts}
        yield connections, Directions(addresses, folder / "hostile.pem")
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=15)


def read_head(channel: socket.socket) -> bytes:
    """Return the head of a request."""
    head = b""
    while b"\r\n\r\n" not in head and (data := channel.recv(65536)):
        head += data
    return head
