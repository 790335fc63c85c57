"""Tests of what one client can make the emulator hold: heads, bodies, connections, time."""

import asyncio
import contextlib
import gc
import gzip
import json
import logging
import random
import socket
import ssl
import threading
from asyncio import sslproto
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from authprobe.emulator import case_backend
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, Fault, TokenKind
from authprobe.emulator.rules.base import MAX_JSON_PARTS
from authprobe.emulator.server import asgi, connection, http_server
from authprobe.emulator.server.http_server import (
    HEAD_LIMIT_BYTES,
    MAX_CONNECTIONS,
    MAX_HEADERS,
    MAX_PIPELINED_REQUESTS,
)
from authprobe.emulator.server.network import Listener, Network
from authprobe.emulator.server.reply import Message, Receive, Send
from authprobe.emulator.state.state import Code
from tests.support.requests import (
    AUTHORIZE,
    GOOD_KEY,
    MESSAGES,
    PLATFORM_TOKEN,
    RequestSpec,
    make_request,
)
from tests.support.waiting import wait_until
from tests.support.wire import client_of, connect, exchange, read_all

LINE = b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n"
GET = b"GET /api/oauth/profile HTTP/1.1\r\nhost: 127.0.0.1\r\n"
LAST = b"connection: close\r\n\r\n"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def listener(network: Network) -> Iterator[Listener]:
    listener = network.open(CaseBackend(Backend()), https_port=0)
    yield listener
    network.close(listener)


@pytest.fixture(autouse=True)
def nothing_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """Check that the server logged and printed nothing: a client cannot write to a terminal."""
    yield
    records = caplog.get_records("call")
    assert [each.getMessage() for each in records if each.levelno >= logging.WARNING] == []
    assert capfd.readouterr() == ("", "")


@pytest.fixture(autouse=True)
def the_case_still_answers(network: Network, listener: Listener) -> Iterator[None]:
    """Check after each test that the same case answers a correct request."""
    yield
    headers, body = RequestSpec(key=GOOD_KEY).headers_and_body(listener.backend)
    with client_of(network, listener) as client:
        url = "https://api.anthropic.com/v1/messages"
        wait_until(lambda: client.post(url, headers=headers, content=body).status_code == 200)


class Memory:
    """Memory of this process, which is the emulator's as well, since the start of the block."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak (proc(5))
        self._before = self._read("VmRSS")

    @property
    def peak(self) -> int:
        """Highest number of bytes above those at the start."""
        return self._read("VmHWM") - self._before

    @staticmethod
    def _read(name: str) -> int:
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if name in line) * 1024


# --- heads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        GET + b"a: b\r\n" * (MAX_HEADERS + 1) + LAST,
        GET + b"a:b\r\n" * 100_000 + LAST,
        GET + b"a: " + b"b" * MIB + b"\r\n" + LAST,
        GET + b"a" * MIB + b": b\r\n" + LAST,
        b"GET /" + b"a" * MIB + b" HTTP/1.1\r\n" + LAST,
        LINE + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 100_000 + b"\r\n",
        LINE + b"transfer-encoding: chunked\r\n\r\n0\r\na: " + b"b" * MIB + b"\r\n\r\n",
        LINE + b"transfer-encoding: chunked\r\n\r\n1;" + b"a" * MIB + b"\r\nx\r\n0\r\n\r\n",
    ],
    ids=["many", "very many", "value", "name", "path", "trailers", "trailer", "chunk"],
)
@pytest.mark.parametrize("prefix", [b"", GET + b"\r\n"], ids=["first", "later"])
def test_a_head_without_end_is_refused(listener: Listener, prefix: bytes, data: bytes) -> None:
    answer = exchange(listener.port, prefix + data)
    expected = (b"", b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 431", b"HTTP/1.1 401")
    assert answer[:12] in expected
    assert len(listener.backend.log.exchanges) <= 2


def test_usual_heads_are_far_below_the_limits(listener: Listener) -> None:
    head = b"".join(b"x-header-%d: %s\r\n" % (number, b"v" * 300) for number in range(100))
    assert exchange(listener.port, GET + head + LAST).startswith(b"HTTP/1.1 403 ")
    assert len(head) < HEAD_LIMIT_BYTES


def test_a_trailer_is_not_taken_for_a_header(listener: Listener) -> None:
    headers, body = RequestSpec(key=GOOD_KEY).headers_and_body(listener.backend)
    key = headers.pop("x-api-key")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    chunk = b"transfer-encoding: chunked\r\n" + LAST + b"%x\r\n%s\r\n0\r\n" % (len(body), body)
    trailer = f"x-api-key: {key}\r\n\r\n".encode()
    assert exchange(listener.port, LINE + lines + chunk + trailer).startswith(b"HTTP/1.1 401 ")
    [recorded] = listener.backend.log.exchanges
    assert recorded.credential_header is None


def test_pipelined_requests_are_answered_in_order_up_to_a_limit(listener: Listener) -> None:
    answer = exchange(listener.port, (GET + b"\r\n") * 5 + GET + LAST)
    assert answer.count(b"HTTP/1.1 403 ") == 6
    exchange(listener.port, (GET + b"\r\n") * 5000 + GET + LAST)
    assert len(listener.backend.log.exchanges) <= 6 + MAX_PIPELINED_REQUESTS + 1


@pytest.mark.parametrize(
    "data",
    [
        LINE + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + GET + LAST,
        LINE + b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcde" + GET + LAST,
        LINE + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + GET + LAST,
        LINE + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + GET + LAST,
        LINE + b"content-length: +4\r\n\r\nabcd" + GET + LAST,
        LINE + b"content-length: 4\r\n \r\n\r\nabcd" + GET + LAST,
        LINE + b"transfer-encoding: chunked\r\n\r\n-1\r\n\r\n" + GET + LAST,
        LINE + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 20 + b"\r\n" + GET + LAST,
        LINE + b"a: b\nx-api-key: c\r\r\n\r\n" + GET + LAST,
        LINE.replace(b"\r\n", b"\n") + b"\n" + GET + LAST,
    ],
    ids=ascii,
)
def test_a_request_with_two_readings_is_refused(listener: Listener, data: bytes) -> None:
    answer = exchange(listener.port, data, half=True)
    assert answer.count(b"HTTP/1.1 403 ") == 0  # the answer to the second request
    assert "/api/oauth/profile" not in [each.path for each in listener.backend.log.exchanges]


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
        GET + b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n"
        b"sec-websocket-version: 13\r\n\r\n" + b"\x81\x85" * 1000,
        GET + b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: \r\n\r\n",
        b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nhost: x\r\n" + LAST,
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\n" + LAST,
        b"\0" * 70_000,
        b"\r\n" * 40_000,
    ],
    ids=lambda data: ascii(data[:12] + data[48:80]),
)
@pytest.mark.parametrize("prefix", [b"", GET + b"\r\n"], ids=["first", "later"])
@pytest.mark.parametrize("form", ["plain", "tls", "tunnel"])
def test_another_protocol_is_refused(
    network: Network, listener: Listener, prefix: bytes, data: bytes, form: str
) -> None:
    context = ssl.create_default_context(cafile=network.ca_file)
    port = listener.https_port if form == "tls" else listener.port
    with contextlib.ExitStack() as stack:
        channel: socket.socket = stack.enter_context(connect(port or 0))
        if form == "tunnel":
            channel.sendall(b"CONNECT claude.ai:443 HTTP/1.1\r\n\r\n")
            assert channel.recv(100).startswith(b"HTTP/1.1 200")
        if form != "plain":
            name = "localhost" if form == "tls" else "claude.ai"
            secure = context.wrap_socket(channel, server_hostname=name)
            channel = stack.enter_context(secure)
        with contextlib.suppress(OSError):
            channel.sendall(prefix + data)
            channel.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            answer = read_all(channel)
            assert b"HTTP/1.1 101" not in answer
            assert b"HTTP/1.1 500" not in answer


def test_expectations_are_met(listener: Listener) -> None:
    headers, body = RequestSpec(key=GOOD_KEY).headers_and_body(listener.backend)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    with connect(listener.port) as channel:
        head = LINE + lines + b"expect: 100-continue\r\ncontent-length: %d\r\n" % len(body) + LAST
        channel.sendall(head)
        assert channel.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        channel.sendall(body)
        assert read_all(channel).startswith(b"HTTP/1.1 200 ")


def test_arbitrary_bytes_never_break_the_server(listener: Listener) -> None:
    chooser = random.Random(14)  # noqa: S311 - the same bytes each time
    pieces = [GET, LINE, LAST, b"\r\n\r\n", b"transfer-encoding: chunked\r\n", b"\x16\x03\x01"]
    pieces += [b"content-length: 5\r\n", b"expect: 100-continue\r\n", b"CONNECT claude.ai:443 "]
    for _ in range(150):
        parts = chooser.choices([*pieces, chooser.randbytes(20)], k=chooser.randint(1, 8))
        for port in (listener.port, listener.https_port or 0):
            answer = exchange(port, b"".join(parts), half=True)
            assert b"HTTP/1.1 500" not in answer


# --- bodies ---------------------------------------------------------------------------------------


def test_concurrent_large_bodies_do_not_add_up(listener: Listener) -> None:
    """Forty bodies of 31 MiB once made the emulator hold 1.37 GB."""
    memory = Memory()
    answers: list[bytes] = []
    piece = b"x" * MIB

    def send() -> None:
        with connect(listener.port) as channel, contextlib.suppress(OSError):
            channel.settimeout(60)
            channel.sendall(LINE + b"content-length: %d\r\n" % (31 * MIB) + LAST)
            for _ in range(31):
                channel.sendall(piece)
            answers.append(read_all(channel)[:12])

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b"HTTP/1.1 400"] * 16
    assert [each.rule for each in listener.backend.log.exchanges] == ["A03"] * 16
    assert memory.peak < 200 * MIB


def test_a_slow_large_body_does_not_block_small_ones(listener: Listener) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(connection.MAX_LARGE_BODIES + 3):
            channel = stack.enter_context(connect(listener.port))
            channel.sendall(LINE + b"content-length: %d\r\n\r\n" % (2 * MIB) + b"x" * MIB)
        assert exchange(listener.port, GET + LAST).startswith(b"HTTP/1.1 403 ")


def test_large_bodies_of_one_case_leave_room_for_those_of_others(
    network: Network, listener: Listener
) -> None:
    greedy = network.open(CaseBackend(Backend()))
    head = LINE + b"content-length: %d\r\n" % (2 * MIB) + LAST
    with contextlib.ExitStack() as stack:
        for _ in range(connection.MAX_TOTAL_LARGE_BODIES + 1):
            stack.enter_context(connect(greedy.port)).sendall(head + b"x" * MIB)
        for _ in range(30):  # meanwhile the bodies arrive
            assert exchange(greedy.port, GET + LAST).startswith(b"HTTP/1.1 403 ")
        assert exchange(listener.port, head + b"x" * (2 * MIB)).startswith(b"HTTP/1.1 400 ")
    network.close(greedy)


def test_a_slow_body_is_cut_off_and_gives_way(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = asgi.Application(
        listener.backend, listener.site.closed, (asyncio.Semaphore(1),), body_timeout=0.3
    )
    with Network() as network:
        extra = network.serve(_with_reset(application))
        port = httpx.URL(extra.url).port or 0
        with connect(port) as slow, connect(port) as next_one:
            head = LINE + b"content-length: %d\r\n" % (2 * MIB) + LAST
            slow.sendall(head + b"x" * MIB)
            next_one.sendall(head + b"x" * (2 * MIB))
            assert read_all(next_one).startswith(b"HTTP/1.1 400 ")
            assert read_all(slow) == b""
        network.stop(extra)
    assert len(listener.backend.log.exchanges) == 1


def _with_reset(application: asgi.Application) -> object:
    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        scope["state"]["reset"] = lambda: receive.__self__.transport.abort()  # type: ignore[attr-defined]
        await application(scope, receive, send)

    return wrapped


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * (5 * MIB) + b"{}]",
        b'{"messages":[' + b"[]," * (5 * MIB) + b"[]]}",
        b"{" + b",".join(b'"%d":[]' % number for number in range(MIB)) + b"}",
        b"[" * (2 * MIB),
        b"[" + b",".join([b'{"k":' * 500 + b"1" + b"}" * 500] * 2000) + b"]",
        b"[" + b",".join([b'{"k":' * 249 + b"1" + b"}" * 249] * 2000) + b"]",
        b'"' + b'\\"' * (8 * MIB),
    ],
    ids=lambda body: f"{body[:24]!a}-{len(body)}",
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_of_many_values_takes_no_more_memory_than_it_is_long(
    listener: Listener, kind: str, body: bytes
) -> None:
    content = body if kind.endswith("json") else body.replace(b",", b"=1&")
    memory = Memory()
    headers, _ = RequestSpec(key=GOOD_KEY).headers_and_body(listener.backend)
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in headers.items() if name != "content-type"
    )
    head = LINE + lines.encode() + f"content-type: {kind}\r\n".encode()
    request = head + b"content-length: %d\r\n" % len(content) + LAST + content
    del content
    assert exchange(listener.port, request)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 400")
    assert memory.peak < 4 * len(request) + 150 * MIB


def test_a_large_body_with_a_usual_number_of_values_is_read(listener: Listener) -> None:
    text = "a, b: [c] {d}\n" * (20 * MIB // 14)
    message = {"role": "user", "content": text}
    spec = RequestSpec(key=GOOD_KEY, fields={"messages": [message]})
    headers, body = spec.headers_and_body(listener.backend)
    assert body.count(b",") > MAX_JSON_PARTS
    url = f"{listener.proxy_url}/v1/messages"
    answer = httpx.post(url, headers=headers, content=body, trust_env=False, timeout=30)
    assert answer.status_code == 200


def test_a_compressed_body_is_not_unpacked(listener: Listener) -> None:
    content = gzip.compress(b"\0" * (50 * MIB))
    head = LINE + b"content-encoding: gzip\r\ncontent-length: %d\r\n" % len(content) + LAST
    assert exchange(listener.port, head + content).startswith(b"HTTP/1.1 4")


def test_a_delayed_answer_holds_no_body(network: Network) -> None:
    slow = network.open(CaseBackend(Backend(faults=(Fault(name="delay", seconds=3600),))))
    memory = Memory()
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            channel = stack.enter_context(connect(slow.port))
            channel.sendall(LINE + b"content-length: %d\r\n\r\n" % (20 * MIB))
            channel.sendall(b"x" * (20 * MIB))
        wait_until(lambda: len(slow.backend.log.exchanges) == 8)
        assert memory.peak < 80 * MIB
    network.close(slow)


def test_clients_that_do_not_read_hold_little(network: Network) -> None:
    generous = network.open(CaseBackend(Backend(faults=("huge-body",))))
    memory = Memory()
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connect(generous.port)).sendall(GET + LAST)
        wait_until(lambda: len(generous.backend.log.exchanges) == 60)
        assert exchange(listener_port(network), GET + LAST).startswith(b"HTTP/1.1 403 ")
        assert memory.peak < 60 * MIB
    network.close(generous)


def listener_port(network: Network) -> int:
    """Return the port of a further case."""
    return network.open(CaseBackend(Backend())).port


# --- connections and time -------------------------------------------------------------------------


def slow_listener(network: Network) -> Listener:
    """Return a case whose answers take an hour, so that its connections stay in use."""
    return network.open(CaseBackend(Backend(faults=(Fault(name="delay", seconds=3600),))))


def test_too_many_connections_of_a_case_are_refused(network: Network) -> None:
    reasons: list[str] = []
    slow = slow_listener(network)
    slow.site.on_refusal = reasons.append
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            stack.enter_context(connect(slow.port)).sendall(GET + LAST)
        wait_until(lambda: len(slow.backend.log.exchanges) == MAX_CONNECTIONS)
        assert exchange(slow.port, b"").startswith(b"HTTP/1.1 503 More than 128 connections")
        other = network.open(CaseBackend(Backend()))
        assert exchange(other.port, GET + LAST).startswith(b"HTTP/1.1 403 ")
        network.close(other)
    network.close(slow)
    assert reasons == ["503 More than 128 connections at a time"]


def test_too_many_connections_of_all_cases_are_refused(
    monkeypatch: pytest.MonkeyPatch, listener: Listener, network: Network
) -> None:
    monkeypatch.setattr(connection, "MAX_TOTAL_CONNECTIONS", 5)
    other = slow_listener(network)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connect(other.port)).sendall(GET + LAST)
        wait_until(lambda: len(other.backend.log.exchanges) == 5)
        assert exchange(listener.port, b"").startswith(b"HTTP/1.1 503 More than 5 connections")
    network.close(other)


def test_too_many_connections_of_a_further_application_are_refused(network: Network) -> None:
    busy: list[str] = []

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        busy.append(scope["path"])
        while (await receive())["type"] != "http.disconnect":
            pass

    extra = network.serve(application)
    port = httpx.URL(extra.url).port or 0
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            stack.enter_context(connect(port)).sendall(GET + LAST)
        wait_until(lambda: len(busy) == MAX_CONNECTIONS)
        assert exchange(port, b"").endswith(b"\r\n\r\nToo many connections")
    network.stop(extra)


@pytest.mark.parametrize("form", ["plain", "partial", "kept", "later", "tls port", "tls"])
def test_connections_that_send_nothing_keep_nobody_out(
    network: Network, listener: Listener, form: str
) -> None:
    context = ssl.create_default_context(cafile=network.ca_file)
    port = (listener.https_port or 0) if form.startswith("tls") else listener.port
    one = GET + b"\r\n"
    sent = {"partial": b"GET / HT", "kept": one, "later": one + b"GET / HT"}.get(form, b"")
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            channel: socket.socket = stack.enter_context(connect(port))
            if form == "tls":
                secure = context.wrap_socket(channel, server_hostname="localhost")
                channel = stack.enter_context(secure)
            channel.sendall(sent)
            if one in sent:
                assert channel.recv(MIB).startswith(b"HTTP/1.1 403 ")
        with connect(listener.port) as channel:
            channel.sendall(GET + LAST)
            assert read_all(channel).startswith(b"HTTP/1.1 403 ")
        assert listener.connections <= MAX_CONNECTIONS


@pytest.mark.parametrize("sent", [b"", GET, bytes.fromhex("160301020001")])
def test_a_handshake_that_fails_leaves_nothing_in_memory(listener: Listener, sent: bytes) -> None:
    def handshakes() -> int:
        return sum(type(each) is sslproto.SSLProtocol for each in gc.get_objects())

    gc.collect()
    gc.disable()  # it runs too seldom: each handshake has a buffer of 256 KiB, but few objects
    try:
        before = handshakes()
        for _ in range(100):
            with connect(listener.https_port or 0) as channel:
                channel.sendall(sent)
        wait_until(lambda: listener.connections == 0)
        wait_until(lambda: handshakes() == before)
    finally:
        gc.enable()


@pytest.mark.parametrize("data", [b"", b"GET / HT", GET, b"CONNECT x"])
def test_a_head_that_does_not_arrive_ends_the_connection(
    listener: Listener, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "HEAD_TIMEOUT", 0.2)
    monkeypatch.setattr(connection, "HEAD_TIMEOUT", 0.2)
    with Network() as network:
        quick = network.open(CaseBackend(Backend()))
        quick.site.head_timeout = 0.2
        with connect(quick.port) as channel:
            channel.sendall(data)
            assert read_all(channel).count(b"HTTP/1.1 ") == data.count(b"\r\n\r\n")
        wait_until(lambda: quick.connections == 0)


def test_a_recorded_request_is_short(listener: Listener) -> None:
    word = b"a" * 20_000
    head = b"POST /%s HTTP/1.1\r\nhost: %s.example\r\nuser-agent: %s\r\n" % (word, word[:200], word)
    head += b"anthropic-beta: %s\r\ncontent-type: %s\r\nauthorization: %s\r\n" % (word, word, word)
    exchange(listener.port, head + LAST)
    [recorded] = listener.backend.log.exchanges
    assert len(json.dumps(str(recorded))) < 8000


@pytest.mark.parametrize(
    ("route", "rule"),
    [
        (PLATFORM_TOKEN, "B07"),
        (("POST", "api.anthropic.com", "/v1/oauth/token"), "B08"),
        (AUTHORIZE, "A34"),
    ],
)
def test_an_endless_series_of_logins_is_refused(
    route: tuple[str, str, str], rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = CaseBackend(Backend())
    for kind in (TokenKind.ACCESS_TOKEN, TokenKind.REFRESH_TOKEN, TokenKind.API_KEY):
        backend.tokens.make(kind)
    before = backend.answer(make_request(backend, route, {}))
    assert (before.rule == rule) is (rule == "B08")  # also the answer to an empty request
    monkeypatch.setattr(case_backend, "MAX_SECRETS", 3)
    decision = backend.answer(make_request(backend, route, {}))
    assert (decision.rule, decision.faults) == (rule, ())
    assert backend.answer(make_request(backend, MESSAGES, {})).rule not in ("B07", "B08", "A34")


def test_authorization_codes_count_as_secrets() -> None:
    state = CaseBackend(Backend()).state
    code = Code(
        client_id=None,
        redirect_uri="",
        challenge="",
        state=None,
        scopes=(),
        expires_at=state.clock.now,
    )
    for _ in range(3):
        state.use_code(state.give_code(code))
    assert state.secret_count == 3
