"""Tests of every fault, as a client observes it over the network."""

import contextlib
import datetime
import email.utils
import json
import socket
import ssl
import time
from collections.abc import Iterator

import httpx
import pytest

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.catalogue import FAULT_NAMES, check_fault
from authprobe.emulator.config import Backend, Fault, TokenKind
from authprobe.emulator.faults import ALIASES, FAULTS
from authprobe.emulator.rules.base import RequestContext
from authprobe.emulator.rules.routes import REFUSALS, ROUTES
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Listener, Network
from authprobe.errors import SettingsError
from tests.support.requests import MESSAGE
from tests.support.wire import TIMEOUT, client_of, trusting

MESSAGES = "https://api.anthropic.com/v1/messages"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@contextlib.contextmanager
def case(network: Network, *faults: Fault | str) -> Iterator[tuple[httpx.Client, Listener]]:
    """Open a backend with these faults; yield a client with a valid API key, and the listener."""
    backend = CaseBackend(Backend(faults=faults))
    key = backend.tokens.make(TokenKind.API_KEY).value
    listener = network.open(backend, https_port=0)
    try:
        with client_of(network, listener) as client:
            client.headers = httpx.Headers({"x-api-key": key, "anthropic-version": "2023-06-01"})
            yield client, listener
    finally:
        network.close(listener)


def post(client: httpx.Client, *, stream: bool = False, url: str = MESSAGES) -> httpx.Response:
    return client.post(url, json={**MESSAGE, "stream": stream})


def events(text: str) -> list[str]:
    return [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event")]


def test_every_fault_has_a_test_here() -> None:
    with open(__file__, encoding="utf-8") as source:  # noqa: PTH123
        text = source.read()
    assert [name for name in (*FAULTS, *ALIASES) if f'"{name}"' not in text] == []


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_every_refusal_can_be_armed_as_a_fault(name: str) -> None:
    check_fault(name)
    places = [place for place, rules in ROUTES.items() if name in {rule.id for rule in rules}]
    assert places or name in {"A33", "A34", "A35", "A43"}


@pytest.mark.parametrize("name", ["messages", "refresh", "code", "profile", "B09", "authorize"])
def test_a_rule_for_valid_requests_cannot_be_armed(name: str) -> None:
    assert name not in FAULT_NAMES
    with pytest.raises(SettingsError, match="no such fault"):
        check_fault(name)


def test_delay_delays_the_answer(network: Network) -> None:
    with case(network, Fault(name="delay", seconds=0.2)) as (client, listener):
        start = time.monotonic()
        assert post(client).status_code == 200
        assert time.monotonic() - start >= 0.2
    [exchange] = listener.backend.log.exchanges
    assert exchange.faults == ("delay",)
    assert exchange.elapsed >= 0.2


def test_drip_feed_sends_the_body_in_small_parts(network: Network) -> None:
    with case(network, Fault(name="drip-feed", seconds=0.001)) as (client, _):
        with client.stream("POST", MESSAGES, json=MESSAGE) as answer:
            parts = list(answer.iter_raw())
        assert json.loads(b"".join(parts))["type"] == "message"
        assert len(parts) > 20


def test_reset_resets_the_connection_before_the_answer(network: Network) -> None:
    with case(network, "reset") as (client, listener):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            post(client)
        with pytest.raises(ConnectionResetError):
            read_without_tls(listener)
    assert [exchange.status for exchange in listener.backend.log.exchanges] == [None, None]


def test_reset_in_body_resets_the_connection_in_the_middle_of_the_body(network: Network) -> None:
    with case(network, "reset-in-body") as (client, listener):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            post(client)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            post(client, stream=True)
        received = bytearray()
        with pytest.raises(ConnectionResetError):
            read_without_tls(listener, received)
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert len(body) == announced // 2
    assert [exchange.status for exchange in listener.backend.log.exchanges] == [200, 200, 401]


def test_reset_in_body_leaves_an_answer_without_a_body_complete(network: Network) -> None:
    with case(network, "A43", "reset-in-body") as (client, listener):
        assert post(client).status_code == 403
    [exchange] = listener.backend.log.exchanges
    assert (exchange.size_bytes, exchange.complete) == (0, True)


def read_without_tls(listener: Listener, received: bytearray | None = None) -> None:
    """Send a request without TLS and read to the end, so that a reset raises its own error."""
    with socket.create_connection((LOOPBACK, listener.port), timeout=TIMEOUT) as channel:
        channel.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: x\r\n"
            b"anthropic-version: 2023-06-01\r\nContent-Length: 0\r\n\r\n"
        )
        while data := channel.recv(65536):
            if received is not None:
                received += data


def test_cut_stream_ends_a_stream_after_its_first_words(network: Network) -> None:
    with case(network, "cut-stream") as (client, _):
        answer = post(client, stream=True)
        assert answer.status_code == 200
        assert events(answer.text) == [
            *("message_start", "content_block_start", "content_block_delta"),
        ]
        assert post(client).json()["type"] == "message"  # not a stream, so nothing is cut


def test_error_in_stream_ends_a_stream_with_an_error_event(network: Network) -> None:
    with case(network, "error-in-stream") as (client, _):
        answer = post(client, stream=True)
        assert answer.status_code == 200
        assert events(answer.text)[-1] == "error"
        data = json.loads(answer.text.strip().splitlines()[-1].removeprefix("data: "))
        assert data == {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"},
        }


def test_wrong_content_type_claims_html(network: Network) -> None:
    with case(network, "wrong-content-type") as (client, _):
        answer = post(client)
        assert answer.headers["content-type"] == "text/html"
        assert answer.json()["type"] == "message"


def test_empty_200_sends_no_body(network: Network) -> None:
    with case(network, "empty-200") as (client, listener):
        answer = post(client)
        assert (answer.status_code, answer.content) == (200, b"")
        assert "content-type" not in answer.headers
    assert [exchange.status for exchange in listener.backend.log.exchanges] == [200]


def test_huge_body_sends_more_than_64_mib(network: Network) -> None:
    with case(network, "huge-body") as (client, _):
        size = 0
        with client.stream("POST", MESSAGES, json=MESSAGE) as answer:
            assert answer.headers["content-type"] == "application/json"
            for part in answer.iter_raw():
                size += len(part)
        assert size == int(answer.headers["content-length"]) > 64 * 1024 * 1024


@pytest.mark.parametrize("seconds", [7200.0, -86400.0, None])
def test_clock_skew_changes_the_date_header(network: Network, seconds: float | None) -> None:
    with case(network, Fault(name="clock-skew", seconds=seconds)) as (client, _):
        date = email.utils.parsedate_to_datetime(post(client).headers["date"])
    ahead = (date - datetime.datetime.now(datetime.UTC)).total_seconds()
    assert abs(ahead - (3600 if seconds is None else seconds)) < 5


def test_without_a_fault_the_date_header_is_correct(network: Network) -> None:
    with case(network) as (client, _):
        date = email.utils.parsedate_to_datetime(post(client).headers["date"])
    assert abs((date - datetime.datetime.now(datetime.UTC)).total_seconds()) < 5


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("untrusted-certificate", "unable to get local issuer certificate"),
        ("expired-certificate", "certificate has expired"),
    ],
)
def test_a_faulty_certificate_is_refused_by_the_client(
    network: Network, name: str, reason: str, direct: bool
) -> None:
    with case(network, Fault(name=name, times=1)) as (client, listener):
        with pytest.raises(httpx.ConnectError, match=reason):
            connect(client, network, listener, direct=direct)
        assert connect(client, network, listener, direct=direct).status_code == 200
    handshake, answer = listener.backend.log.exchanges
    assert (handshake.method, handshake.status, handshake.faults) == ("CONNECT", None, (name,))
    assert (answer.status, answer.faults) == (200, ())


@pytest.mark.parametrize("direct", [False, True])
def test_slow_tls_delays_the_handshake(network: Network, direct: bool) -> None:
    with case(network, Fault(name="slow-tls", seconds=0.2)) as (client, listener):
        start = time.monotonic()
        assert connect(client, network, listener, direct=direct).status_code == 200
        assert time.monotonic() - start >= 0.2


def connect(
    client: httpx.Client, network: Network, listener: Listener, *, direct: bool
) -> httpx.Response:
    """Send a request through the proxy, or directly to the HTTPS port."""
    if not direct:
        return post(client)
    with httpx.Client(verify=trusting(network.ca_file), trust_env=False, timeout=TIMEOUT) as other:
        other.headers = client.headers
        return post(other, url=f"{listener.https_url}/v1/messages")


def test_name_not_found_makes_the_proxy_refuse_the_host(network: Network) -> None:
    fault = Fault(name="name-not-found", host="api.anthropic.com")
    with case(network, fault) as (client, listener):
        with pytest.raises(httpx.ProxyError, match=r"502 Name not found: api\.anthropic"):
            post(client)
        assert client.get("https://claude.ai/").status_code == 404
    refusal = listener.backend.log.exchanges[0]
    assert (refusal.method, refusal.status, refusal.faults) == ("CONNECT", 502, ("name-not-found",))
    assert (refusal.rule, listener.backend.log.egress_refused) == (None, ())


def test_connection_refused_can_be_limited_to_one_host(network: Network) -> None:
    fault = Fault(name="connection-refused", host="platform.claude.com")
    with case(network, fault) as (client, _):
        with pytest.raises(httpx.ProxyError, match=r"502 Connection refused: platform\.cl"):
            client.post("https://platform.claude.com/v1/oauth/token")
        assert post(client).status_code == 200


def test_connection_refused_closes_the_ports_until_it_is_disarmed(network: Network) -> None:
    with case(network, "connection-refused") as (_, listener):
        ports = (listener.port, listener.https_port or 0)
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((LOOPBACK, port))
        listener.backend.faults.clear()
        network.update_listening(listener)
        assert (listener.port, listener.https_port) == ports
        with socket.create_connection((LOOPBACK, listener.port)):
            pass
        listener.backend.faults.add("connection-refused")
        network.update_listening(listener)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, listener.port))


def test_challenge_page_answers_on_every_route(network: Network) -> None:
    with case(network, "challenge-page") as (client, listener):
        answer = post(client)
        assert (answer.status_code, answer.headers["cf-mitigated"]) == (403, "challenge")
        assert (
            client.get("https://claude.ai/nowhere").status_code == 403
        )  # even on an unknown route
    assert [exchange.rule for exchange in listener.backend.log.exchanges] == ["A34", "A34"]


def test_a_fault_starts_after_some_requests_and_ends_after_its_times(network: Network) -> None:
    with case(network, Fault(name="A30", after=1, times=2)) as (client, listener):
        assert [post(client).status_code for _ in range(5)] == [200, 529, 529, 200, 200]
    names = [exchange.faults for exchange in listener.backend.log.exchanges]
    assert names == [(), ("A30",), ("A30",), (), ()]


def test_the_first_refusal_is_used_and_delays_add_up(network: Network) -> None:
    delay = Fault(name="delay", seconds=0.1)
    with case(network, "A22", "A30", delay, delay) as (client, listener):
        assert post(client).status_code == 429
    assert listener.backend.log.exchanges[0].elapsed >= 0.2


def test_a_fault_happens_only_at_its_host_and_path(network: Network) -> None:
    fault = Fault(name="A30", host="api.anthropic.com", path="/v1/models")
    with case(network, fault) as (client, _):
        assert post(client).status_code == 200
        assert client.get("https://api.anthropic.com/v1/models").status_code == 529
    with case(network, "B07") as (client, _):  # a rule of the token endpoint only
        assert post(client).status_code == 200
        assert client.post("https://platform.claude.com/v1/oauth/token").status_code == 429


def test_a_request_to_which_a_fault_cannot_happen_does_not_count(network: Network) -> None:
    faults = [Fault(name="B07", times=1), Fault(name="cut-stream", times=1)]
    with case(network, *faults) as (client, listener):
        assert post(client).status_code == 200
        assert events(post(client, stream=True).text)[-1] == "content_block_delta"
        token_endpoint = "https://platform.claude.com/v1/oauth/token"
        assert [client.post(token_endpoint).status_code for _ in range(2)] == [429, 400]
        assert events(post(client, stream=True).text)[-1] == "message_stop"
    names = [exchange.faults for exchange in listener.backend.log.exchanges]
    assert names == [(), ("cut-stream",), ("B07",), (), ()]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("A99", "no such fault: 'A99'; did you mean"),
        (
            "nothing-like-it",
            "no such fault: 'nothing-like-it'; see `authprobe emulator --rules`",
        ),
        (Fault(name="reset", seconds=1), "'reset' takes no 'seconds'"),
        (Fault(name="A22", seconds=1), "'A22' takes no 'seconds'"),
        (Fault(name="delay", seconds=-1), "'seconds' of 'delay' must be at least 0"),
        (Fault(name="slow-tls", path="/"), "'slow-tls' happens before a request has a path"),
        (Fault(name="connection-refused", times=1), "'connection-refused' is not counted"),
    ],
)
def test_an_invalid_fault_is_refused(fault: Fault | str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        check_fault(fault)


def test_without_faults_tls_works_for_clients_that_trust_the_authority(network: Network) -> None:
    with case(network) as (client, listener):
        assert connect(client, network, listener, direct=True).status_code == 200
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(
                socket.create_connection((LOOPBACK, listener.https_port or 0)),
                server_hostname="localhost",
            )


@pytest.mark.parametrize(
    ("name", "default"), [("A27", "60"), ("A28", "18000"), ("A41", "0"), ("B07", "3600")]
)
@pytest.mark.parametrize("seconds", [None, 0.0, 2.0])
def test_seconds_of_a_refusal_are_its_retry_after(
    name: str, default: str, seconds: float | None
) -> None:
    method, host, path = next(
        place for place, rules in ROUTES.items() if name in {rule.id for rule in rules}
    )
    fault = Fault(name=name, seconds=seconds)
    check_fault(fault)
    backend = CaseBackend(Backend(date=datetime.date(2026, 11, 1), faults=(fault,)))
    request = RequestContext(method=method, host=host, path=path, headers={}, state=backend.state)
    headers = backend.answer(request).answer.headers
    assert headers["retry-after"] == (default if seconds is None else str(int(seconds)))
    wait = datetime.timedelta(seconds=int(headers["retry-after"]))
    if name == "A28":
        reset = int((backend.now + wait).timestamp())
        assert headers["anthropic-ratelimit-unified-5h-reset"] == str(reset)
    if name == "A27":
        assert headers["anthropic-ratelimit-requests-reset"] == f"{backend.now + wait:%FT%TZ}"


@pytest.mark.parametrize(
    ("name", "seconds", "complaint"),
    [
        ("A27", 0.5, "'seconds' of 'A27' must be a whole number"),
        ("A27", -1.0, "'seconds' of 'A27' must be at least 0"),
        ("A30", 1.0, "'A30' takes no 'seconds'"),
    ],
)
def test_other_seconds_of_a_refusal_are_refused(name: str, seconds: float, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        check_fault(Fault(name=name, seconds=seconds))
