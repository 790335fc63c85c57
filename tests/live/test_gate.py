"""The gate between the container of a live case and the service."""

import base64
import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from authprobe.core.directions import Directions
from authprobe.live.gate import HEAD_LIMIT_BYTES, ConnectGate, GateLimits
from authprobe.live.servers import ServerThread
from authprobe.observation.model import GateCount
from tests.support.waiting import PATIENCE, wait_until

API = "api.anthropic.com"
LOOPBACK = "127.0.0.1"
ESTABLISHED = b"HTTP/1.1 200 Connection established"
QUICK = GateLimits(head_seconds=0.3, connect_seconds=1.0, tunnel_seconds=5.0)


class Service:
    """A server that answers each piece of data with `<` before it, on its own thread."""

    def __init__(self) -> None:
        self._socket = socket.create_server((LOOPBACK, 0))
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(b"<" + data)

    def close(self) -> None:
        self._socket.close()


class Proxy(Service):
    """A user's proxy, which answers CONNECT with a status and then is the service."""

    status = b"200 OK"
    heads: tuple[bytes, ...] = ()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.heads = (*self.heads, connection.recv(65536))
            connection.sendall(b"HTTP/1.1 " + self.status + b"\r\n\r\n")
            super()._answer(connection)


@dataclass
class OpenGate:
    """A gate that serves on a port."""

    gate: ConnectGate
    port: int

    def send(self, data: bytes) -> bytes:
        """Send data to the gate, and return its first answer."""
        with socket.create_connection((LOOPBACK, self.port), timeout=10) as client:
            client.sendall(data)
            return client.recv(65536)

    def ask(self, host: str = API, port: int = 443) -> bytes:
        """Ask for a tunnel, and return the first line of the answer."""
        return self.send(connect(host, port)).partition(b"\r\n")[0]

    def count(self, host: str = API) -> GateCount:
        """Return the counts of a host."""
        return next(each for each in self.gate.counts if each.host == host)


def connect(host: str, port: int = 443) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@contextlib.contextmanager
def open_gate(gate: ConnectGate) -> Iterator[OpenGate]:
    with ServerThread() as servers:
        port = servers.serve_streams(gate.handle, head_limit_bytes=HEAD_LIMIT_BYTES)
        yield OpenGate(gate, port)


@pytest.fixture
def service() -> Iterator[Service]:
    opened = Service()
    yield opened
    opened.close()


@pytest.fixture
def gate(service: Service) -> Iterator[OpenGate]:
    """A gate that lets the API through, to the service."""
    directions = Directions(addresses={(API, 443): service.address})
    with open_gate(ConnectGate(frozenset({API}), directions, limits=QUICK)) as opened:
        yield opened


def test_allowed_host_is_reached_and_counted(gate: OpenGate, service: Service) -> None:
    with socket.create_connection((LOOPBACK, gate.port), timeout=10) as client:
        client.sendall(connect(API))
        assert client.recv(100) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        client.sendall(b"hello")
        assert client.recv(100) == b"<hello"
        time.sleep(0.01)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    count = gate.count()
    assert (count.connections, count.refused, count.sent, count.received) == (1, 0, 5, 6)
    assert 0 < count.seconds < 10
    wait_until(lambda: service.connections == 1)


def test_data_right_behind_the_head_goes_through(gate: OpenGate) -> None:
    with socket.create_connection((LOOPBACK, gate.port), timeout=10) as client:
        client.sendall(connect(API) + b"early")
        answer = b""
        while not answer.endswith(b"<early"):
            answer += client.recv(100)
    assert gate.count().sent == 5


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("platform.claude.com", 443, "platform.claude.com"),
        ("api.anthropic.com.example.com", 443, "api.anthropic.com.example.com"),
        ("evilapi.anthropic.com", 443, "evilapi.anthropic.com"),
        (API, 80, API),
        (API, 8443, API),
        (API, 65536, API),
        ("160.79.104.10", 443, "160.79.104.10"),
        ("127.0.0.1", 443, "127.0.0.1"),
        ("[::1]", 443, "[::1]"),
        ("localhost", 443, "localhost"),
    ],
)
def test_other_hosts_and_ports_are_refused(
    gate: OpenGate, service: Service, host: str, port: int, name: str
) -> None:
    assert gate.ask(host, port) == b"HTTP/1.1 403 Forbidden"
    assert gate.gate.counts == (GateCount(host=name, refused=1),)
    assert service.connections == 0


def test_name_of_an_allowed_host_is_compared_as_dns_does(gate: OpenGate) -> None:
    assert gate.ask("API.Anthropic.com.") == b"HTTP/1.1 200 Connection established"
    assert gate.count().connections == 1


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET http://api.anthropic.com/v1/models HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n",
        b"POST https://api.anthropic.com/v1/messages HTTP/1.1\r\n\r\n",
        b"CONNECT api.anthropic.com HTTP/1.1\r\n\r\n",
        b"CONNECT user@api.anthropic.com:443 HTTP/1.1\r\n\r\n",
        b"CONNECT api.anthropic.com:443 HTTP/1.1 \r\n\r\n",
        b"CONNECT api.anthropic.com:443 HTTP/2.0\r\n\r\n",
        b"connect api.anthropic.com:443 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\xa5 a TLS handshake\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_all_but_connect_is_refused(gate: OpenGate, service: Service, request_head: bytes) -> None:
    assert gate.send(request_head).startswith(b"HTTP/1.1 405 ")
    assert service.connections == 0
    assert [count.connections for count in gate.gate.counts] == [0]


def test_name_with_control_characters_is_not_recorded(gate: OpenGate) -> None:
    assert gate.send(b"CONNECT a\x1b[31mb.example:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 4")
    assert gate.send(b"CONNECT a\x07\xff.example:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 4")
    assert {count.host for count in gate.gate.counts} <= {"(no CONNECT)", "(not a host name)"}


def test_slow_head_is_ended(gate: OpenGate, service: Service) -> None:
    began = time.monotonic()
    assert gate.send(b"CONNECT api.anth").startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < PATIENCE
    assert service.connections == 0


def test_head_byte_by_byte_has_no_more_time(gate: OpenGate) -> None:
    with socket.create_connection((LOOPBACK, gate.port), timeout=5) as client:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < PATIENCE + 1:
                client.sendall(b"x")
                client.settimeout(0.05)
                with contextlib.suppress(TimeoutError):
                    assert client.recv(100).startswith(b"HTTP/1.1 408 ")
                    break
        assert time.monotonic() - began < PATIENCE


def test_huge_head_is_refused(gate: OpenGate) -> None:
    head = b"CONNECT api.anthropic.com:443 HTTP/1.1\r\nX: " + b"y" * 2 * HEAD_LIMIT_BYTES
    assert gate.send(head).startswith(b"HTTP/1.1 431 ")


def test_thousand_connections_leave_room_for_none_but_harm_nobody(service: Service) -> None:
    limits = dataclasses.replace(QUICK, head_seconds=2.0, open_connections=16)
    directions = Directions(addresses={(API, 443): service.address})
    with open_gate(ConnectGate(frozenset({API}), directions, limits=limits)) as gate:
        clients = [socket.create_connection((LOOPBACK, gate.port), timeout=10) for _ in range(16)]
        time.sleep(0.1)
        answers = set()
        for _ in range(984):
            with contextlib.suppress(ConnectionError):
                answers.add(gate.ask())
        # A reset may overtake the answer, as the gate has not read the request.
        assert answers - {b""} == {b"HTTP/1.1 503 Service Unavailable"}
        for client in clients:
            client.close()
        wait_until(lambda: gate.ask() == b"HTTP/1.1 200 Connection established")
        wait_until(lambda: service.connections == 1)


def test_names_of_many_hosts_are_not_kept(gate: OpenGate) -> None:
    for number in range(60):
        gate.ask(f"host-{number}.example")
    assert len(gate.gate.counts) == QUICK.named_hosts + 1
    assert gate.count("(others)").refused == 10


def test_hosts_of_the_case_are_told_however_many_others_were_named_before(gate: OpenGate) -> None:
    """What happened to the own host, and to that of tokens, decides about the case."""
    for number in range(60):
        gate.ask(f"host-{number}.example")
    gate.ask("platform.claude.com")
    gate.ask(API)
    wait_until(lambda: gate.count(API).connections == 1)
    assert gate.count("platform.claude.com").refused == 1


def test_tunnel_ends_at_the_limit_of_bytes(service: Service) -> None:
    limits = dataclasses.replace(QUICK, total_bytes=100_000)
    directions = Directions(addresses={(API, 443): service.address})
    with open_gate(ConnectGate(frozenset({API}), directions, limits=limits)) as gate:
        with socket.create_connection((LOOPBACK, gate.port), timeout=10) as client:
            client.sendall(connect(API))
            client.recv(100)
            with contextlib.suppress(OSError):
                for _ in range(100):
                    client.sendall(b"x" * 65536)
        count = gate.count()
        assert count.sent + count.received <= 100_000
        assert count.failure == "more bytes than a case may send and receive"


def test_tunnel_ends_at_the_limit_of_time(service: Service) -> None:
    limits = dataclasses.replace(QUICK, tunnel_seconds=0.3)
    directions = Directions(addresses={(API, 443): service.address})
    with (
        open_gate(ConnectGate(frozenset({API}), directions, limits=limits)) as gate,
        socket.create_connection((LOOPBACK, gate.port), timeout=5) as client,
    ):
        client.sendall(connect(API))
        client.recv(100)
        assert client.recv(100) == b""


def test_connections_that_fail_are_told_with_the_reason() -> None:
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        directions = Directions(addresses={(API, 443): unused.getsockname()})
        with open_gate(
            ConnectGate(frozenset({API, "no.invalid"}), directions, limits=QUICK)
        ) as gate:
            assert gate.ask() == b"HTTP/1.1 502 Bad Gateway"
            assert gate.count().failure == "connection refused"
            assert gate.ask("no.invalid") == b"HTTP/1.1 502 Bad Gateway"
            assert gate.count("no.invalid").failure == "name not found"
            assert gate.count().connections == 0


def test_next_address_of_a_host_is_tried_beside_a_silent_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    with socket.socket() as silent, contextlib.ExitStack() as waiting:
        silent.bind((LOOPBACK, 0))
        silent.listen(0)
        for _ in range(3):  # more than its queue holds
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(silent.getsockname())
        tcp = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        found = [(*tcp, address) for address in (silent.getsockname(), service.address)]

        def getaddrinfo(host: str, *arguments: object, **options: object) -> object:
            if host == "two.example":
                return found
            return resolve(host, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        directions = Directions(addresses={(API, 443): ("two.example", 443)})
        limits = dataclasses.replace(QUICK, connect_seconds=PATIENCE)
        with open_gate(ConnectGate(frozenset({API}), directions, limits=limits)) as gate:
            assert gate.ask() == ESTABLISHED


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    opened = Proxy()
    yield opened
    opened.close()


def test_goes_on_through_the_users_proxy(proxy: Proxy) -> None:
    url = f"http://me:pass%40word@{LOOPBACK}:{proxy.address[1]}"
    gate_of_case = ConnectGate(frozenset({API}), proxy_for=lambda host: url, limits=QUICK)
    assert "word" not in repr(gate_of_case)
    with open_gate(gate_of_case) as gate:
        assert gate.ask() == b"HTTP/1.1 200 Connection established"
        assert gate.ask("platform.claude.com") == b"HTTP/1.1 403 Forbidden"
    (head,) = proxy.heads
    pair = base64.b64encode(b"me:pass@word")
    assert head == (
        b"CONNECT api.anthropic.com:443 HTTP/1.1\r\nHost: api.anthropic.com:443\r\n"
        b"Proxy-Authorization: Basic " + pair + b"\r\n\r\n"
    )


def test_refusal_of_the_users_proxy_is_told(proxy: Proxy) -> None:
    proxy.status = b"407 Proxy Authentication Required"
    url = f"http://{LOOPBACK}:{proxy.address[1]}"
    with open_gate(ConnectGate(frozenset({API}), proxy_for=lambda host: url, limits=QUICK)) as gate:
        assert gate.ask() == b"HTTP/1.1 502 Bad Gateway"
        assert gate.count().failure == "refused by the proxy of HTTPS_PROXY"


def test_end_of_the_case_ends_its_connections(service: Service) -> None:
    directions = Directions(addresses={(API, 443): service.address})
    with open_gate(ConnectGate(frozenset({API}), directions)) as gate:
        client = socket.create_connection((LOOPBACK, gate.port), timeout=10)
        client.sendall(connect(API))
        client.recv(100)
    with client, contextlib.suppress(ConnectionError):
        assert client.recv(100) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((LOOPBACK, gate.port), timeout=1)


def test_door_leads_to_one_port_of_this_machine_only(service: Service) -> None:
    gate = ConnectGate(frozenset())
    with ServerThread() as servers:
        door = gate.door(*service.address)
        port = servers.serve_streams(door, head_limit_bytes=HEAD_LIMIT_BYTES)
        opened = OpenGate(gate, port)
        assert opened.send(connect(API)) == b"<" + connect(API)
        wait_until(lambda: opened.count(f"{LOOPBACK}:{service.address[1]}").received > 0)


@pytest.mark.parametrize("name", ["localhost", "gateway.localhost"])
def test_door_of_a_name_of_this_machine_asks_no_resolver(
    name: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: object, **options: object) -> object:
        asked.append(host)
        return resolve(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    gate = ConnectGate(frozenset())
    with ServerThread() as servers:
        door = gate.door(name, service.address[1])
        port = servers.serve_streams(door, head_limit_bytes=HEAD_LIMIT_BYTES)
        assert OpenGate(gate, port).send(b"hello") == b"<hello"
    assert name not in asked


def test_case_makes_so_many_connections_and_no_more(service: Service) -> None:
    directions = Directions(addresses={(API, 443): service.address})
    limits = dataclasses.replace(QUICK, tunnels=3)
    with open_gate(ConnectGate(frozenset({API}), directions, limits=limits)) as gate:
        answers = [gate.ask() for _ in range(5)]
        assert answers == [ESTABLISHED] * 3 + [b"HTTP/1.1 503 Service Unavailable"] * 2
        wait_until(lambda: service.connections == 3)
        assert gate.count().connections == 3
        assert gate.count().failure == "more connections than a case may make"
