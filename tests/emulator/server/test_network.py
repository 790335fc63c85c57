"""Tests of the emulated network: proxy, tunnels, TLS, and the end of a case."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, ErrorForm, ErrorRewrite, Fault, Host
from authprobe.emulator.rules.routes import HOSTS
from authprobe.emulator.server.http_server import HEAD_LIMIT_BYTES
from authprobe.emulator.server.network import Listener, Network
from tests.support.requests import GOOD, GOOD_KEY, RequestSpec, client_for
from tests.support.waiting import wait_until
from tests.support.wire import TIMEOUT, client_of, connect, exchange, read_all, trusting

PROFILE = "https://api.anthropic.com/api/oauth/profile"
REST = b" HTTP/1.1\r\nHost: api.anthropic.com\r\nConnection: close\r\n\r\n"
TUNNEL = b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n\r\n"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def listener(network: Network) -> Iterator[Listener]:
    listener = network.open(CaseBackend(Backend(counts_as_claude_code=True)))
    yield listener
    network.close(listener)


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that no error was logged; unhandled exceptions of the server end up in its log."""
    yield
    records = caplog.get_records("call")
    assert [each.getMessage() for each in records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("host", HOSTS)
def test_every_emulated_host_has_a_certificate(
    network: Network, listener: Listener, host: str
) -> None:
    with client_of(network, listener) as client:
        assert client.get(f"https://{host}/").json()["error"]["type"] == "not_found_error"
    assert [exchange.host for exchange in listener.backend.log.exchanges] == [host]


def test_a_client_that_does_not_trust_the_authority_cannot_connect(listener: Listener) -> None:
    with (
        httpx.Client(proxy=listener.proxy_url, timeout=TIMEOUT, trust_env=False) as client,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get(PROFILE)
    wait_until(lambda: bool(listener.backend.log.exchanges))
    [connect_] = listener.backend.log.exchanges
    assert (connect_.method, connect_.host) == ("CONNECT", "api.anthropic.com")
    assert connect_.status is None


def test_each_network_has_a_separate_authority(network: Network) -> None:
    with Network() as other:
        assert other.ca_file.read_bytes() != network.ca_file.read_bytes()


def test_cases_record_only_their_own_requests(network: Network) -> None:
    listeners = [network.open(CaseBackend(Backend())) for _ in range(8)]

    def send_requests(number: int) -> None:
        with client_of(network, listeners[number]) as client:
            for _ in range(number + 1):
                client.get(f"https://api.anthropic.com/{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send_requests, range(8)))
    for number, listener in enumerate(listeners):
        paths = [exchange.path for exchange in listener.backend.log.exchanges]
        assert paths == [f"/{number}"] * (number + 1)
        network.close(listener)


@pytest.mark.parametrize(
    ("request_line", "host"),
    [
        (b"CONNECT example.org:443", "example.org"),
        (b"CONNECT Example.ORG:443", "example.org"),
        (b"CONNECT api.anthropic.com.example.org:443", "api.anthropic.com.example.org"),
        (b"CONNECT 127.0.0.1:22", "127.0.0.1"),
        (b"CONNECT [::1]:443", "::1"),
        (b"GET http://example.org/v1/messages", "example.org"),
        (b"GET https://example.org:8443/", "example.org"),
    ],
    ids=ascii,
)
def test_a_host_that_is_not_emulated_is_refused(
    listener: Listener, request_line: bytes, host: str
) -> None:
    answer = exchange(listener.port, request_line + REST)
    assert answer.startswith(f"HTTP/1.1 502 Name not found: {host} is not emulated".encode())
    assert listener.backend.log.egress_refused == (host,)
    [refusal] = listener.backend.log.exchanges
    assert refusal.method == request_line.split()[0].decode()
    assert (refusal.host, refusal.status) == (host, 502)
    assert (refusal.rule, refusal.differs) == ("deny:host", ("host",))
    assert refusal.nearest in HOSTS


def test_a_refused_tunnel_is_a_proxy_error_for_the_client(
    network: Network, listener: Listener
) -> None:
    with client_of(network, listener) as client, pytest.raises(httpx.ProxyError, match="502"):
        client.get("https://example.org/")


def test_a_second_request_for_another_host_is_recorded_as_well(listener: Listener) -> None:
    first = b"GET http://api.anthropic.com/ HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n"
    second = b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
    assert exchange(listener.port, first + second).count(b"HTTP/1.1 404") == 2
    assert listener.backend.log.egress_refused == ("example.org",)


@pytest.mark.parametrize("scheme", [b"http", b"https"])
def test_a_request_in_absolute_form_is_answered(listener: Listener, scheme: bytes) -> None:
    request = b"GET " + scheme + b"://api.anthropic.com/api/oauth/profile" + REST
    assert exchange(listener.port, request).startswith(b"HTTP/1.1 403 ")
    [answer] = listener.backend.log.exchanges
    assert (answer.host, answer.path) == ("api.anthropic.com", "/api/oauth/profile")


def test_a_request_in_absolute_form_can_have_a_large_body(listener: Listener) -> None:
    size = 3_000_000
    head = REST.replace(b"\r\n\r\n", f"\r\nContent-Length: {size}\r\n\r\n".encode())
    request = b"POST http://api.anthropic.com/v1/messages" + head + b"x" * size
    assert exchange(listener.port, request).startswith(b"HTTP/1.1 400 ")
    assert [answer.rule for answer in listener.backend.log.exchanges] == ["A03"]


def test_a_connection_is_reused_for_the_next_request(network: Network, listener: Listener) -> None:
    with client_of(network, listener) as client:
        streams = {id(client.get(PROFILE).extensions["network_stream"]) for _ in range(5)}
        assert listener.connections == 1
    assert len(streams) == 1
    assert len(listener.backend.log.exchanges) == 5


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"\r\n\r\n", b"HTTP/1.1 502 "),
        (b"\x16\x03\x01\0\xff\r\n\r\n", b"HTTP/1.1 502 "),
        (b"CONNECT\r\n\r\n", b"HTTP/1.1 502 "),
        (b"CONNECT \xff\xfe:443" + REST, b"HTTP/1.1 502 "),
        (b"GET ://" + REST, b"HTTP/1.1 502 "),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 502 "),
        (b"x" * (HEAD_LIMIT_BYTES + 1), b"HTTP/1.1 431 "),
        (b"GET http://api.anthropic.com" + REST, b"HTTP/1.1 400 "),
        (b"GET http://api.anthropic.com/\xff" + REST, b"HTTP/1.1 400 "),
        (b"GET http://api.anthropic.com/ HTTP/9.9\r\n\r\n", b"HTTP/1.1 400 "),
        (b"NONSENSE http://api.anthropic.com/" + REST, b"HTTP/1.1 400 "),
        (b"GET http://api.anthropic.com/%ff%00" + REST, b"HTTP/1.1 404 "),
        (TUNNEL + b"sent before the tunnel is open", b"HTTP/1.1 400 "),
    ],
    ids=lambda value: ascii(value[:40]),
)
def test_a_malformed_request_is_refused(listener: Listener, data: bytes, answer: bytes) -> None:
    assert exchange(listener.port, data).startswith(answer)


@pytest.mark.parametrize(
    "data",
    [b"", b"GET http://api.a", TUNNEL, b"POST http://claude.ai/" + REST],
    ids=ascii,
)
def test_an_incomplete_request_does_not_block_later_ones(
    network: Network, listener: Listener, data: bytes
) -> None:
    answer = exchange(listener.port, data, half=True)
    assert answer in (b"", b"HTTP/1.1 200 Connection established\r\n\r\n") or b" 404 " in answer
    with client_of(network, listener) as client:
        assert client.get("https://claude.ai/").status_code == 404


def test_closing_a_case_aborts_its_delayed_answers(network: Network) -> None:
    listener = network.open(CaseBackend(Backend(faults=(Fault(name="delay", seconds=3600),))))
    with ThreadPoolExecutor(1) as pool, client_of(network, listener) as client:
        request = pool.submit(client.get, PROFILE)
        wait_until(lambda: bool(listener.backend.log.exchanges))
        network.close(listener)
        with pytest.raises(httpx.TransportError) as caught:
            request.result(timeout=TIMEOUT)
        assert not isinstance(caught.value, httpx.TimeoutException)
    assert listener.backend.log.exchanges[0].status is None


def test_closing_a_case_closes_its_connections(network: Network) -> None:
    listener = network.open(CaseBackend(Backend()))
    with connect(listener.port) as idle, connect(listener.port) as tunnel:
        tunnel.sendall(TUNNEL)
        assert tunnel.recv(100).startswith(b"HTTP/1.1 200")
        network.close(listener)
        assert read_all(idle) == read_all(tunnel) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(listener.port)


def test_several_threads_can_change_whether_a_case_listens(network: Network) -> None:
    listener = network.open(CaseBackend(Backend(faults=("connection-refused",))))
    with pytest.raises(ConnectionRefusedError):
        connect(listener.port)
    listener.backend.faults.clear()

    async def update() -> None:
        await asyncio.gather(*(network.update_listening_on_loop(listener) for _ in range(3)))

    network.wait_for(update())
    connect(listener.port).close()
    network.close(listener)


def test_a_message_that_quotes_half_a_character_is_sent_as_text(network: Network) -> None:
    gateway = Host(errors=ErrorRewrite(form=ErrorForm.TEXT))
    backend = CaseBackend(Backend(hosts={"llm.corp.example": gateway}))
    spec = RequestSpec(key=GOOD_KEY, fields={"messages": [{"role": "\ud800", "content": "x"}]})
    headers, body = spec.headers_and_body(backend)
    with client_for(network, backend) as client:
        answer = client.post("https://llm.corp.example/v1/messages", headers=headers, content=body)
    assert answer.status_code == 400
    assert answer.text.startswith('messages: Unexpected role "?".')


def test_an_answer_comes_after_its_delay(network: Network) -> None:
    listener = network.open(CaseBackend(Backend(faults=(Fault(name="delay", seconds=0.2),))))
    with client_of(network, listener) as client:
        assert client.get(PROFILE).status_code == 403
    network.close(listener)
    assert 0.2 <= listener.backend.log.exchanges[0].elapsed < 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads the table of sockets in /proc")
def test_a_listener_is_bound_to_loopback_only(listener: Listener) -> None:
    table = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    table += Path("/proc/self/net/tcp6").read_text().splitlines()[1:]
    sockets = [line.split()[1].split(":") for line in table if line.split()[3] == "0A"]
    addresses = [address for address, port in sockets if int(port, 16) == listener.port]
    assert addresses == [socket.inet_aton("127.0.0.1")[::-1].hex().upper()]


def test_a_stream_holds_the_message_as_events(network: Network, listener: Listener) -> None:
    spec = RequestSpec(bearer=GOOD, fields={"stream": True})
    headers, body = spec.headers_and_body(listener.backend)
    with client_of(network, listener) as client:
        answer = client.post("https://api.anthropic.com/v1/messages", headers=headers, content=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"].startswith("req_")
    blocks = [block.split("\n") for block in answer.text.removesuffix("\n\n").split("\n\n")]
    events = [(name, json.loads(data.removeprefix("data: "))) for name, data in blocks]
    assert [name for name, _ in events] == [f"event: {data['type']}" for _, data in events]
    assert [data["type"] for _, data in events] == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert events[0][1]["message"]["model"] == "claude-opus-5-5"
    assert events[0][1]["message"]["content"] == []
    assert events[2][1]["delta"] == {"type": "text_delta", "text": "pong"}
    assert events[4][1]["delta"]["stop_reason"] == "end_turn"


def test_a_closed_network_leaves_no_threads_files_or_connections(tmp_path: Path) -> None:
    """Close it with an open case, an incomplete tunnel and a delayed answer."""
    before = set(threading.enumerate())
    with Network(tmp_path) as network:
        listener = network.open(CaseBackend(Backend(faults=(Fault(name="delay", seconds=3600),))))
        channels = [connect(listener.port) for _ in range(4)]
        channels[1].sendall(TUNNEL)
        channels[2].sendall(b"GET http://claude.ai/" + REST)
        channels[3].sendall(TUNNEL)
        assert channels[3].recv(100).startswith(b"HTTP/1.1 200")
        secure = trusting(network.ca_file).wrap_socket(channels[3], server_hostname="claude.ai")
        secure.sendall(b"GET /" + REST)
        wait_until(lambda: len(listener.backend.log.exchanges) == 2)
        start = time.monotonic()
    assert time.monotonic() - start < TIMEOUT
    assert set(threading.enumerate()) == before
    assert list(tmp_path.iterdir()) == []
    for channel in (*channels[:3], secure):
        with channel, contextlib.suppress(ssl.SSLEOFError):
            read_all(channel)


def test_many_clients_are_served_at_once(network: Network, listener: Listener) -> None:
    def request_status(number: int) -> int:
        with client_of(network, listener) as client:
            headers, body = RequestSpec(key=GOOD_KEY).headers_and_body(listener.backend)
            url = "https://api.anthropic.com/v1/messages"
            return client.post(url, headers=headers, content=body).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(request_status, range(64))) == {200}
    assert len({exchange.credential for exchange in listener.backend.log.exchanges}) == 64
