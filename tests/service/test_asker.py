"""The asker against an emulator under the service's own names, and against hostile servers."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from authprobe import __version__
from authprobe.core.claude_api import API, CLAUDE_AI, HOSTS, PLATFORM
from authprobe.core.directions import Directions
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Network
from authprobe.redaction.redactor import Redactor
from authprobe.service.answer import Envelope, NotAsked, RequestId, ServiceAnswer
from authprobe.service.asker import MAX_RESPONSE_BYTES, Asker
from authprobe.service.budget import Budget
from authprobe.service.outbound import Proxies
from authprobe.service.question import ServiceQuestion
from tests.support.service import asker_for, hostile_server, open_service, read_head
from tests.support.waiting import PATIENCE

KEY = "sk-ant-api03-" + "drift-made-up-" * 7
MODELS = ServiceQuestion(host=API, path="/v1/models", headers={"x-api-key": KEY})
VERSIONED = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
REFUSED = ServiceQuestion(host=API, path="/v1/models", headers=VERSIONED)
PAGE = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def service(network: Network) -> Iterator[tuple[CaseBackend, Directions]]:
    with open_service(network) as service:
        yield service


Service = tuple[CaseBackend, Directions]


def response(body: bytes, head: str = "HTTP/1.1 200 OK") -> Callable[[socket.socket], None]:
    """Return a server that answers with a status, further headers and a body."""

    def answer(channel: socket.socket) -> None:
        read_head(channel)
        channel.sendall(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    return answer


def hostile_answer(
    answer: Callable[[socket.socket], None], folder: Path, *, timeout: float = 5.0
) -> ServiceAnswer:
    """Return what the asker keeps of a hostile server's answer."""
    with hostile_server(answer, folder) as (_, directions):
        return asker_for(directions, timeout=timeout).ask(REFUSED)


def test_refusal_is_kept_in_parts(service: Service) -> None:
    backend, directions = service
    answer = asker_for(directions).ask(REFUSED)
    assert (answer.status, answer.envelope, answer.error_type, answer.message) == (
        401,
        Envelope.API,
        "authentication_error",
        "invalid x-api-key",
    )
    assert answer.not_asked is None
    assert answer.request_id is RequestId.PRESENT
    assert {"content-type", "date", "request-id"} <= answer.headers
    assert answer.date_offset is not None
    assert abs(answer.date_offset) < 5
    assert answer.tls is not None
    assert answer.tls.issuer[0] == "authprobe, for this run only"
    assert answer.tls.version == "TLSv1.3"
    assert all(
        seconds is not None and 0 <= seconds < 5
        for seconds in (
            answer.seconds.name,
            answer.seconds.connect,
            answer.seconds.tls,
            answer.seconds.first_byte,
        )
    )
    (exchange,) = backend.log.exchanges
    assert exchange.host == API
    assert exchange.products == (f"authprobe/{__version__}",)


def test_connection_alone_sends_no_request_and_takes_none_of_the_budget(service: Service) -> None:
    backend, directions = service
    asker = asker_for(directions, limit=0)
    answers = [asker.connect(host) for host in HOSTS]
    assert [answer.tls is not None for answer in answers] == [True] * len(HOSTS)
    assert [answer.not_asked for answer in answers] == [None] * len(HOSTS)
    assert backend.log.request_count == 0


def test_budget_is_never_exceeded_even_by_threads(service: Service) -> None:
    backend, directions = service
    asker = asker_for(directions, limit=5)
    answers: list[ServiceAnswer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(asker.ask(REFUSED))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backend.log.request_count == 5
    assert [answer.not_asked for answer in answers].count(NotAsked.BUDGET) == 7


def test_budget_has_an_upper_limit() -> None:
    with pytest.raises(ValueError, match="41: a budget is 0 to 40 requests"):
        Budget(41)


@pytest.mark.parametrize("fault", ["A30", "reset", "api-error", "empty-200", "reset-in-body"])
def test_no_request_is_repeated(fault: str, service: Service) -> None:
    backend, directions = service
    backend.faults.add(fault)
    asker_for(directions).ask(REFUSED)
    assert backend.log.request_count == 1


def test_other_hosts_get_nothing(service: Service) -> None:
    backend, directions = service
    asker = Asker(hosts={API}, budget=Budget(3), directions=directions, pause=0)
    for question in (
        ServiceQuestion(host=PLATFORM, path="/"),
        ServiceQuestion(host="api.anthropic.com.example", path="/"),
        ServiceQuestion(host=API, path="/v1/models", scheme="http"),
    ):
        assert asker.ask(question).not_asked is NotAsked.HOST
    assert backend.log.request_count == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int, network: Network, tmp_path: Path) -> None:
    with open_service(network) as (other, _):
        head = f"HTTP/1.1 {status} Moved\r\nlocation: https://{CLAUDE_AI}/{KEY}"
        with hostile_server(response(b"", head), tmp_path, hosts=(API,)) as (connections, way):
            answer = asker_for(way).ask(REFUSED)
        assert answer.status == status
        assert "location" in answer.headers
        assert KEY not in repr(answer)
        assert (len(connections), other.log.request_count) == (1, 0)


@pytest.mark.parametrize(("fault", "reason"), [("A34", NotAsked.EDGE), ("A33", NotAsked.EDGE)])
def test_a_host_that_refuses_at_its_edge_gets_no_further_request(
    fault: str, reason: NotAsked, service: Service
) -> None:
    backend, directions = service
    backend.faults.add(Fault(name=fault, host=API))
    asker = asker_for(directions)
    assert [asker.ask(REFUSED).not_asked for _ in range(3)] == [
        reason,
        NotAsked.ENDED,
        NotAsked.ENDED,
    ]
    hello = asker.ask(
        ServiceQuestion(host=PLATFORM, path="/v1/oauth/token", method="POST", body={})
    )
    assert hello.not_asked is None
    assert backend.log.request_count == 2


def test_challenge_is_told_by_its_header_whatever_the_status(tmp_path: Path) -> None:
    answer = response(PAGE, "HTTP/1.1 503 Wait\r\ncf-mitigated: challenge")
    assert hostile_answer(answer, tmp_path).not_asked is NotAsked.EDGE
    other = response(PAGE, "HTTP/1.1 503 Wait")
    assert hostile_answer(other, tmp_path).not_asked is NotAsked.SERVER


def test_a_host_that_throttles_gets_no_further_request(service: Service) -> None:
    backend, directions = service
    backend.faults.add(Fault(name="A29"))
    asker = asker_for(directions)
    first, second = asker.ask(REFUSED), asker.ask(REFUSED)
    assert (first.not_asked, first.status) == (NotAsked.THROTTLED, 429)
    assert (second.not_asked, second.status) == (NotAsked.ENDED, None)
    assert asker.connect(API).not_asked is NotAsked.ENDED
    assert backend.log.request_count == 1


@pytest.mark.parametrize(
    ("fault", "reason", "problem"),
    [
        ("expired-certificate", NotAsked.TLS, "certificate has expired"),
        ("untrusted-certificate", NotAsked.TLS, "unable to get local issuer certificate"),
        ("api-error", NotAsked.SERVER, None),
        ("reset", NotAsked.CONNECTION, ""),
    ],
)
def test_broken_ways_have_a_reason(
    fault: str, reason: NotAsked, problem: str | None, service: Service
) -> None:
    backend, directions = service
    backend.faults.add(fault)
    answer = asker_for(directions).ask(REFUSED)
    assert answer.not_asked is reason
    assert answer.problem == problem if problem is None else problem in str(answer.problem)


@pytest.mark.parametrize("fault", ["slow-tls", "delay", "drip-feed"])
def test_deadline_holds_for_all_phases_together(fault: str, service: Service) -> None:
    backend, directions = service
    backend.faults.add(Fault(name=fault, seconds=0.9 if fault == "drip-feed" else 300))
    begin = time.monotonic()
    answer = asker_for(directions, timeout=1.0).ask(REFUSED)
    assert answer.not_asked is NotAsked.TIMEOUT
    assert time.monotonic() - begin < PATIENCE


def test_certificate_of_another_name_is_refused(service: Service) -> None:
    _, directions = service
    addresses = {("gateway.example", 443): directions.addresses[API, 443]}
    asker = Asker(
        hosts={"gateway.example"},
        budget=Budget(1),
        directions=Directions(addresses, directions.authority),
    )
    answer = asker.ask(ServiceQuestion(host="gateway.example", path="/"))
    assert answer.not_asked is NotAsked.TLS
    assert "mismatch" in str(answer.problem)


def test_authority_of_the_run_is_not_trusted_by_itself(service: Service) -> None:
    backend, directions = service
    asker = asker_for(Directions(directions.addresses))
    assert asker.ask(REFUSED).not_asked is NotAsked.TLS
    assert [exchange.path for exchange in backend.log.exchanges if exchange.status] == []


def test_name_that_is_not_found() -> None:
    directions = Directions({(API, 443): ("nowhere.invalid", 443)})
    answer = asker_for(directions).ask(REFUSED)
    assert answer.not_asked is NotAsked.NAME
    assert answer.problem


def test_resolver_that_hangs_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hang(*_: object, **__: object) -> None:
        released.wait(3 * PATIENCE)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begin = time.monotonic()
    answer = asker_for(Directions(), timeout=0.3).ask(REFUSED)
    released.set()
    assert answer.not_asked is NotAsked.TIMEOUT
    assert time.monotonic() - begin < PATIENCE


def test_port_that_refuses() -> None:
    with socket.create_server((LOOPBACK, 0)) as unused:
        port = unused.getsockname()[1]
    answer = asker_for(Directions({(API, 443): (LOOPBACK, port)})).ask(REFUSED)
    assert (answer.not_asked, answer.problem) == (NotAsked.CONNECTION, "connection refused")


def test_no_tls_at_all(tmp_path: Path) -> None:
    with hostile_server(lambda s: s.sendall(PAGE), tmp_path, with_tls=False) as (_, directions):
        assert asker_for(directions).ask(REFUSED).not_asked is NotAsked.TLS


def test_endless_body_is_cut(tmp_path: Path) -> None:
    sent = []

    def answer(channel: socket.socket) -> None:
        read_head(channel)
        channel.sendall(b"HTTP/1.1 200 OK\r\n\r\n{")
        for _ in range(3000):
            sent.append(channel.send(b"x" * 65536))

    result = hostile_answer(answer, tmp_path)
    assert (result.status, result.envelope) == (200, Envelope.OTHER)
    assert MAX_RESPONSE_BYTES <= sum(sent) < 100 * MAX_RESPONSE_BYTES


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000]
)
def test_endless_head_ends(line: bytes, tmp_path: Path) -> None:
    def answer(channel: socket.socket) -> None:
        read_head(channel)
        for _ in range(200_000):
            channel.sendall(line)

    begin = time.monotonic()
    result = hostile_answer(answer, tmp_path, timeout=1.5)
    assert result.not_asked in (NotAsked.CONNECTION, NotAsked.TIMEOUT)
    assert time.monotonic() - begin < PATIENCE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff" * 100,
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort",
    ],
)
def test_broken_http_is_data(data: bytes, tmp_path: Path) -> None:
    def answer(channel: socket.socket) -> None:
        read_head(channel)
        channel.sendall(data)

    assert hostile_answer(answer, tmp_path).not_asked is NotAsked.CONNECTION


def test_words_of_a_certificate_are_cleaned(tmp_path: Path) -> None:
    """A network that ends TLS makes certificates with names of its choice."""
    authority = trustme.CA(organization_name="\x1b]0;t\x07\u202e\n::error::x")
    with hostile_server(response(b"{}"), tmp_path, authority=authority) as (_, directions):
        tls = asker_for(directions).connect(API).tls
    assert tls is not None
    assert tls.issuer[0] == r"\u001b]0;t\u0007\u202e ::error::x"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"request-id: req_0123\x00", "illegal header line"),
        (b"set-cookie\x01: req_0123", "illegal header line"),
        (b"content-length: 9req_0123", "bad Content-Length"),
        (b"transfer-encoding: chunked\r\n\r\nreq_0123", "illegal chunk header"),
    ],
)
def test_broken_header_is_not_quoted(line: bytes, problem: str, tmp_path: Path) -> None:
    def answer(channel: socket.socket) -> None:
        read_head(channel)
        channel.sendall(b"HTTP/1.1 401 No\r\n" + line + b"\r\n\r\n")

    result = hostile_answer(answer, tmp_path)
    assert (result.not_asked, result.problem) == (NotAsked.CONNECTION, problem)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"error": 5}',
        b'{"type": "error", "error": {"type": null}}',
        b'{"type":"error","error":{"type":"x","message":{"a":1},"details":[1]},"request_id":7}',
        b"\xff\xfe{}",
        b'{"data": [{"type": "model", "id": "../../x"}]}',
    ],
)
def test_unexpected_bodies_are_data(body: bytes, tmp_path: Path) -> None:
    answer = hostile_answer(response(body), tmp_path)
    assert answer.status == 200
    assert answer.model is None
    assert answer.message is None


def test_secrets_and_terminal_sequences_of_a_response_are_nowhere(tmp_path: Path) -> None:
    learned = "the-value-of-a-key-of-mine-0123456789"
    body = (
        f'{{"type": "error", "error": {{"type": "{learned}", "message": '
        f'"no \\u001b[31m{KEY} {learned} \\n::error::x", "details": '
        f'{{"error_code": "{learned}"}}}}, "request_id": "req_personal"}}'
    ).encode()
    head = (
        f"HTTP/1.1 401 No\r\nx-api-key: {learned}\r\ncontent-type: {learned}\r\n"
        f"request-id: {learned}\r\nset-cookie: {learned}\r\n{learned}: x\r\n"
        f"anthropic-organization-id: personal-organisation"
    )
    redactor = Redactor()
    redactor.learn("key", learned)
    with hostile_server(response(body, head), tmp_path) as (_, directions):
        asker = Asker(hosts={API}, budget=Budget(1), directions=directions, redactor=redactor)
        text = repr(asker.ask(REFUSED))
    assert "[redacted:key]" in text
    for part in (learned, KEY, "req_personal", "personal-organisation", "\x1b", "\\x1b["):
        assert part not in text


def test_header_that_is_not_http_is_not_quoted(service: Service) -> None:
    _, directions = service
    for value in (f"{KEY}\r\nx: y", f"{KEY}é"):
        question = ServiceQuestion(host=API, path="/v1/models", headers={"x-api-key": value})
        answer = asker_for(directions).ask(question)
        assert answer.problem == "the request is not valid in HTTP"
        assert KEY not in repr((answer, question))


def test_question_cannot_say_that_another_program_asks(service: Service) -> None:
    backend, directions = service
    question = ServiceQuestion(
        host=API, path="/api/hello", headers={"User-Agent": "claude-cli/2.1.0"}
    )
    asker_for(directions).ask(question)
    (exchange,) = backend.log.exchanges
    assert exchange.products == (f"authprobe/{__version__}",)


def test_no_session_keys_are_written(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    _, directions = service
    assert asker_for(directions).ask(REFUSED).status == 401
    assert list(tmp_path.iterdir()) == []


def test_debugging_logs_no_header_of_a_response(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, directions = service
    asker_for(directions).ask(REFUSED)
    assert "request-id" not in caplog.text
    assert KEY not in caplog.text


def test_requests_to_one_host_are_apart(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    _, directions = service
    asker = asker_for(directions, pause=1000.0)
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    asker.ask(REFUSED)
    assert pauses == []
    asker.connect(API)
    assert len(pauses) == 1
    assert 900 < pauses[0] <= 1000
    asker.connect(PLATFORM)
    assert len(pauses) == 1


def through(proxy: str, authority: Path | None = None) -> ServiceAnswer:
    """Return the answer through a proxy."""
    asker = Asker(
        hosts=HOSTS,
        budget=Budget(1),
        directions=Directions(authority=authority),
        proxies=Proxies(variables={"HTTPS_PROXY": proxy}),
        timeout=5,
    )
    return asker.ask(REFUSED)


def test_proxy_of_the_user_is_used(network: Network) -> None:
    backend = CaseBackend()
    listener = network.open(backend)
    answer = through(listener.proxy_url, network.ca_file)
    network.close(listener)
    assert (answer.status, backend.log.request_count) == (401, 1)
    assert answer.tls is not None


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 407 Proxy Authentication Required",
        "HTTP/1.1 502 Bad Gateway",
        "HTTP/1.1 302 Found\r\nlocation: https://portal.example/",
    ],
)
def test_proxy_that_refuses(head: str, tmp_path: Path) -> None:
    with hostile_server(response(b"", head), tmp_path, with_tls=False) as (connections, way):
        port = way.addresses[API, 443][1]
        answer = through(f"http://{LOOPBACK}:{port}")
        assert len(connections) == 1
    assert answer.not_asked is NotAsked.PROXY
    assert answer.problem


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000,
        b"HTTP/1.1 407 No\r\nx\x00: y\r\n\r\n",
    ],
)
def test_what_is_no_proxy_is_told_as_one(data: bytes, tmp_path: Path) -> None:
    def serve(channel: socket.socket) -> None:
        read_head(channel)
        channel.sendall(data)

    with hostile_server(serve, tmp_path, with_tls=False) as (_, way):
        answer = through(f"http://{LOOPBACK}:{way.addresses[API, 443][1]}")
    assert answer.not_asked is NotAsked.PROXY
    assert answer.problem


def test_failure_behind_the_tunnel_is_not_the_proxys(tmp_path: Path) -> None:
    def serve(channel: socket.socket) -> None:
        read_head(channel)
        channel.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"no TLS" * 10)

    with hostile_server(serve, tmp_path, with_tls=False) as (_, way):
        answer = through(f"http://{LOOPBACK}:{way.addresses[API, 443][1]}")
    assert answer.not_asked is NotAsked.TLS


def test_proxy_that_is_not_there() -> None:
    with socket.create_server((LOOPBACK, 0)) as unused:
        port = unused.getsockname()[1]
    assert through(f"http://{LOOPBACK}:{port}").not_asked is NotAsked.PROXY
    assert through("http://nowhere.invalid:3128").not_asked is NotAsked.PROXY
    assert through("socks5://127.0.0.1:1").not_asked is NotAsked.PROXY


def test_plain_http_is_for_this_machine(network: Network) -> None:
    backend = CaseBackend()
    listener = network.open(backend)
    asker = Asker(
        hosts={LOOPBACK},
        budget=Budget(1),
        proxies=Proxies(variables={"HTTPS_PROXY": "http://nowhere.invalid:1"}),
    )
    question = ServiceQuestion(host=LOOPBACK, port=listener.port, scheme="http", path="/v1/models")
    assert asker.ask(question).status == 400
    network.close(listener)
    assert backend.log.request_count == 1


@pytest.mark.parametrize(
    ("date", "is_kept"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", True),
        ("Thu, 01 Jan 1970 00:00:00 GMT", False),
        ("Mon, 01 Jan 0001 00:00:00 GMT", False),
        ("Mon, 01 Jan 0001 00:00:00 +2359", False),
        ("Fri, 31 Dec 9999 23:59:59 -2359", False),
        ("Fri, 31 Dec 99999 23:59:59 GMT", False),
        ("1e999", False),
        ("", False),
    ],
)
def test_date_that_no_clock_has_is_not_kept(date: str, is_kept: bool, tmp_path: Path) -> None:
    answer = response(b"{}", f"HTTP/1.1 200 OK\r\ndate: {date}")
    result = hostile_answer(answer, tmp_path)
    assert result.status == 200
    assert (result.date_offset is not None) == is_kept


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7), ("9999999", 9999999), ("47110815", None), ("-1", None)]
)
def test_retry_after_that_could_be_a_secret_is_not_kept(
    text: str, seconds: int | None, tmp_path: Path
) -> None:
    answer = response(b"{}", f"HTTP/1.1 429 Wait\r\nretry-after: {text}")
    assert hostile_answer(answer, tmp_path).retry_after == seconds
