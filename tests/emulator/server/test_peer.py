"""Tests of the check that the peer of a connection belongs to the user of this process."""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend
from authprobe.emulator.server import peer
from authprobe.emulator.server.network import Listener, Network
from authprobe.emulator.server.peer import Lookup, Owner, PeerCheck, SockDiag, proc_owner
from authprobe.emulator.standalone.emulator import emulate, parts_of
from tests.support.requests import GOOD_KEY, RequestSpec
from tests.support.wire import TIMEOUT, connect, read_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
OTHER_USER = 65534
REQUEST = (
    b"GET /api/oauth/profile HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
    b"user-agent: claude-cli/9.9.9 (external, cli)\r\n\r\n"
)


@contextlib.contextmanager
def another_user() -> Iterator[None]:
    """Create sockets as another user inside the block: the kernel goes by the creator."""
    os.seteuid(OTHER_USER)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's socket and the server's end of the same connection."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        server = socket.create_server((request.param, 0), family=family)
    except OSError as error:
        pytest.skip(f"this machine has no {request.param}: {error}")
    with server, socket.create_connection(server.getsockname()[:2]) as client:
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


@pytest.mark.parametrize("lookup", [SockDiag(), proc_owner], ids=["netlink", "proc"])
def test_both_lookups_find_the_owner_of_a_connection(
    pair: tuple[socket.socket, socket.socket], lookup: Lookup
) -> None:
    client, accepted = pair
    owner = lookup(accepted.getpeername()[:2], accepted.getsockname()[:2])
    assert owner == Owner(os.geteuid(), os.fstat(client.fileno()).st_ino)
    assert lookup(("127.0.0.1", 1), accepted.getsockname()[:2]) is None


@as_root
@pytest.mark.parametrize("lookup", [SockDiag(), proc_owner], ids=["netlink", "proc"])
def test_another_user_is_not_accepted(lookup: Lookup) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with another_user():
            client = connect(server.getsockname()[1])
        peer_address, local = client.getsockname(), server.getsockname()
        check = PeerCheck(lookup)
        assert not check.accepts(peer_address, local)
        client.close()
        assert not check.accepts(peer_address, local)


@pytest.mark.parametrize("owner", [None, Owner(0, 0), Owner(os.geteuid() + 1, 5)])
def test_an_unknown_owner_is_not_accepted(owner: Owner | None) -> None:
    assert not PeerCheck(lambda *_: owner).accepts(("127.0.0.1", 1), ("127.0.0.1", 2))


def test_the_slower_lookup_is_used_where_the_fast_one_fails(
    monkeypatch: pytest.MonkeyPatch, pair: tuple[socket.socket, socket.socket]
) -> None:
    monkeypatch.setattr(SockDiag, "__call__", lambda *_: None)
    check = PeerCheck()
    _, accepted = pair
    assert check.is_supported
    assert check.accepts(accepted.getpeername()[:2], accepted.getsockname()[:2])


def test_every_peer_is_accepted_where_no_lookup_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SockDiag, "__call__", lambda *_: None)
    monkeypatch.setattr(peer, "proc_owner", lambda *_: None)
    check = PeerCheck()
    assert not check.is_supported
    assert check.accepts(("127.0.0.1", 1), ("127.0.0.1", 2))


# --- the emulator ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


def send_as(listener: Listener, request: bytes) -> bytes:
    """Send a request from another user's socket and return the answer."""
    with another_user():
        channel = connect(listener.port)
    with channel:
        with contextlib.suppress(ConnectionError):
            channel.sendall(request)
        return read_all(channel)


@as_root
def test_another_users_request_does_not_take_part_in_a_case(network: Network) -> None:
    listener = network.open(CaseBackend(Backend()))
    reasons: list[str] = []
    listener.site.on_refusal = reasons.append
    for request in (REQUEST, b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n\r\n", b""):
        assert b"HTTP/1.1 2" not in send_as(listener, request)
    with connect(listener.port) as channel:
        channel.sendall(REQUEST)
        assert read_all(channel).startswith(b"HTTP/1.1 403 ")
    network.close(listener)
    assert len(listener.backend.log.exchanges) == 1
    assert reasons == ["403 The client belongs to another user of this machine"] * 3


@as_root
def test_the_port_of_a_case_in_the_network_of_the_machine_is_checked_too(network: Network) -> None:
    """Where the kernel allows no network namespace, a client's port is on the host's loopback."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    listener = network.open(CaseBackend(Backend()), bound_socket=bound)
    with another_user():
        other = connect(port)
    with other, contextlib.suppress(ConnectionError):
        other.sendall(REQUEST)
        read_all(other)
    network.close(listener)
    assert listener.backend.log.exchanges == ()


@as_root
@pytest.mark.parametrize("any_user", [False, True])
def test_the_standalone_emulator_answers_other_users_on_request_only(
    network: Network, any_user: bool
) -> None:
    with emulate(network=network, any_user=any_user) as emulator:
        backend = parts_of(emulator).listener.backend
        headers, body = RequestSpec(key=GOOD_KEY).headers_and_body(backend)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}connection: close\r\n"
        request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        answer = send_as(parts_of(emulator).listener, request)
        assert answer.startswith(b"HTTP/1.1 200 ") is any_user
        assert len(emulator.exchanges) == any_user
        assert emulator.request_count == any_user


@as_root
@pytest.mark.parametrize("any_user", [False, True])
def test_another_user_cannot_occupy_the_control_api(network: Network, any_user: bool) -> None:
    with emulate(network=network, control_port=0, any_user=any_user) as emulator:
        port = httpx.URL(emulator.control_url or "").port or 0
        with another_user():
            channel = connect(port)
        with channel, contextlib.suppress(ConnectionError):
            line = f"GET /tokens HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
            channel.sendall(line.encode())
            answer = read_all(channel)
            assert answer.startswith(b"HTTP/1.1 401 " if any_user else b"HTTP/1.1 400 ")


@as_root
def test_another_user_cannot_shake_hands(network: Network) -> None:
    with emulate(network=network) as emulator:
        with another_user():
            channel = connect(parts_of(emulator).listener.https_port or 0)
        with channel:
            channel.settimeout(TIMEOUT)
            assert read_all(channel) == b""
        assert emulator.exchanges == ()


def test_many_connections_at_once_are_told_apart(network: Network) -> None:
    listener = network.open(CaseBackend(Backend()))
    answers = []

    def ask() -> None:
        with connect(listener.port) as channel:
            channel.sendall(REQUEST)
            answers.append(read_all(channel)[:12])

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    network.close(listener)
    assert answers == [b"HTTP/1.1 403"] * 32
    assert len(listener.backend.log.exchanges) == 32
