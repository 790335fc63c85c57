"""The collector of a client's telemetry, which drops all but a few fields."""

import contextlib
import dataclasses
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from authprobe.live.collector import MAX_BODY_BYTES, MAX_EVENTS, ApiEvent, Collector, read_events
from authprobe.live.servers import ServerThread
from tests.support.waiting import wait_until

SECRETS = {
    "user.email": {"stringValue": "somebody@example.com"},
    "user.account_uuid": {"stringValue": "cafe0001-0000-4000-8000-000000000001"},
    "user.id": {"stringValue": "cafe0002" * 8},
    "organization.id": {"stringValue": "cafe0003-0000-4000-8000-000000000001"},
    "session.id": {"stringValue": "cafe0004-0000-4000-8000-000000000001"},
    "request_id": {"stringValue": "req_cafe0005"},
    "client_request_id": {"stringValue": "cafe0006-0000-4000-8000-000000000001"},
    "error": {"stringValue": "refused for somebody@example.com in cafe0007"},
}

POST = b"POST /v1/logs HTTP/1.1\r\nHost: x\r\n"

Record = dict[str, dict[str, Any]]


def body(*records: Record) -> bytes:
    logs = [
        {"attributes": [{"key": k, "value": v} for k, v in (SECRETS | record).items()]}
        for record in records
    ]
    resource = {"attributes": [{"key": "host.name", "value": {"stringValue": "cafe0008"}}]}
    return json.dumps(
        {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": logs}]}]}
    ).encode()


REQUEST: Record = {
    "event.name": {"stringValue": "api_request"},
    "model": {"stringValue": "claude-haiku-5-5"},
    "input_tokens": {"intValue": "12"},
    "output_tokens": {"intValue": 4},
    "cost_usd": {"doubleValue": 0.0012},
}
REFUSAL: Record = {
    "event.name": {"stringValue": "api_error"},
    "model": {"stringValue": "claude-haiku-5-5"},
    "status_code": {"intValue": 401},
    "error_type": {"stringValue": "authentication_error"},
    "attempt": {"intValue": 1},
}


def test_a_request_and_a_refusal_are_kept_without_anything_personal() -> None:
    events = list(read_events(body(REQUEST, REFUSAL)))
    assert events == [
        ApiEvent(
            is_error=False,
            model="claude-haiku-5-5",
            input_tokens=12,
            output_tokens=4,
            cost_usd=0.0012,
        ),
        ApiEvent(
            is_error=True,
            model="claude-haiku-5-5",
            status_code=401,
            error_type="authentication_error",
            attempt=1,
        ),
    ]
    assert "cafe" not in repr(events)
    assert "somebody" not in repr(events)


@pytest.mark.parametrize(
    "name", ["user_prompt", "tool_result", "api_request_body", "plugin_loaded"]
)
def test_other_events_are_dropped(name: str) -> None:
    assert list(read_events(body({"event.name": {"stringValue": name}}))) == []


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(ApiEvent)][1:])
@pytest.mark.parametrize(
    "value",
    [
        "sk-ant-oat01-cafe0009",
        "claude-CAFE@example.com",
        "cafe_0009_error",
        "somebody@example.com",
        ["cafe"],
        {"kvlistValue": "cafe"},
        True,
        None,
        -1,
        1e300,
        float("nan"),
        10**400,
    ],
)
def test_a_field_with_another_value_is_dropped(name: str, value: object) -> None:
    """A client may put anything into its telemetry."""
    record = REFUSAL | {name: {"stringValue": value}}
    (event,) = read_events(body(record))
    assert getattr(event, name) is None
    assert "cafe" not in repr(event).lower()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"resourceLogs": 7}',
        b'{"resourceLogs": [7, {"scopeLogs": [null, {"logRecords": [1, {"attributes": [2]}]}]}]}',
        b'{"resourceLogs":' * 5000,
        b"[" * 200_000,
        b"\x0a\x1fprotobuf",
    ],
)
def test_what_is_no_telemetry_is_ignored(data: bytes) -> None:
    assert list(read_events(data)) == []


@pytest.fixture
def served() -> Iterator[tuple[Collector, int]]:
    """A collector that serves on a port."""
    collector = Collector()
    with ServerThread() as servers:
        yield collector, servers.serve_application(collector)


def post(port: int, path: str, data: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, data, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_exporters_are_answered(served: tuple[Collector, int]) -> None:
    collector, port = served
    assert post(port, "/v1/logs", body(REQUEST)) == 200
    assert post(port, "/v1/metrics", body(REQUEST)) == 404
    assert post(port, "/v1/traces", body(REQUEST)) == 404
    assert [event.output_tokens for event in collector.events] == [4]


def test_type_of_an_error_is_short() -> None:
    longest, longer = (f"{'a' * number}_error" for number in (74, 75))
    texts = (longest, longer, "a" * 100_000 + "_error", "a_" * 100_000 + "error")
    refusals = [REFUSAL | {"error_type": {"stringValue": text}} for text in texts]
    events = read_events(body(*refusals))
    assert [event.error_type for event in events] == [longest, None, None, None]


def test_many_large_bodies_at_once_are_dropped(served: tuple[Collector, int]) -> None:
    """Each is sent in chunks, and none ends; a proper one is heard when they have gone."""
    collector, port = served
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            stack.enter_context(connection)
            connection.settimeout(0.5)
            with contextlib.suppress(OSError):
                connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(10):
                    connection.sendall(b"10000\r\n" + b"[" * 0x10000 + b"\r\n")
    wait_until(lambda: post(port, "/v1/logs", body(REQUEST)) == 200)
    assert len(collector.events) == 1


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 99999999999999999999\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\n\r\n\x0a\xff\xff\xff\x0f",  # protobuf
        POST + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
        b"GET /v1/logs HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01" + b"\xff" * 500,
    ],
)
def test_what_is_no_export_is_answered(data: bytes, served: tuple[Collector, int]) -> None:
    collector, port = served
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        assert connection.recv(100).split(b" ")[1] in (b"200", b"400", b"404")
    assert collector.events == []
    assert post(port, "/v1/logs", body(REQUEST)) == 200


def test_too_much_telemetry_is_not_kept(served: tuple[Collector, int]) -> None:
    collector, port = served
    assert post(port, "/v1/logs", b" " * (MAX_BODY_BYTES + 1)) == 413
    for _ in range(3):
        assert post(port, "/v1/logs", body(*[REFUSAL] * 60)) == 200
    assert len(collector.events) == MAX_EVENTS
