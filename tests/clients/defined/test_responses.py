"""What a server tells its user, by the readings of its definition or without any."""

import itertools
import json
from pathlib import Path

import pytest

from authprobe.clients.defined.readings import Output
from authprobe.clients.defined.request import Response
from authprobe.clients.defined.responses import read_report
from authprobe.clients.observe import ClientReport
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.client_definitions import (
    ClientDefinition,
    FrontRequest,
    Reading,
    Serve,
    Source,
)

SERVER = ClientDefinition(serve=Serve(run=("x",)), request=FrontRequest(post="/v1/messages"))
REFUSED_TEXT = "Failed to authenticate. API Error: 401 Invalid bearer token"


def report_of(definition: ClientDefinition | None, status: int, body: bytes) -> ClientReport:
    """Return what a server with this definition tells by this response."""
    assert definition is not None
    response = Response(status=status, body=body)
    output = Output(home=Path(), response=response.text, status=status)
    return read_report(definition, response, output)


def completion(content: object) -> bytes:
    """Return the body of an OpenAI-style chat completion."""
    return json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": content}}]}
    ).encode()


@pytest.mark.parametrize(
    ("status", "body", "is_error", "message"),
    [
        (200, completion("pong"), False, "pong"),
        (200, completion(REFUSED_TEXT), False, REFUSED_TEXT),
        (200, completion(None), False, None),
        (500, b'{"error":{"message":"m","type":"t"}}', True, "m"),
        (401, b"no", True, "no"),
        (500, b"", True, None),
        (200, b"", True, None),
        (200, b"<html>", True, "<html>"),
        (200, b"\xff", True, "\ufffd"),
        (200, b"null", True, "null"),
        (200, b'{"choices":[]}', True, '{"choices":[]}'),
        (200, b'{"choices":{}}', True, '{"choices":{}}'),
        (200, b'{"choices":[5]}', True, '{"choices":[5]}'),
        (200, b"9" * 5000, True, "9" * 5000),
        (200, b"[" * 100_000, True, "[" * 100_000),
    ],
    ids=itertools.count(),
)
def test_response_of_the_max_proxy_is_read_as_its_definition_says(
    status: int, body: bytes, is_error: bool, message: str | None
) -> None:
    report = report_of(KNOWN_CLIENTS["claude-max-api-proxy"].definition, status, body)
    assert report == ClientReport(is_error=is_error, message=message, status=status)


@pytest.mark.parametrize(
    ("status", "body", "is_error", "message"),
    [
        (200, b"{}", False, None),
        (200, b'{"error": {"type": "t", "message": "m"}}', False, None),
        (401, b'{"error": {"type": "t", "message": "m of req_0123"}}', True, "m of [request-id]"),
        (502, b"<html>", True, "<html>"),
        (500, b"", True, None),
    ],
)
def test_without_readings_the_status_decides_and_the_error_is_the_message(
    status: int, body: bytes, is_error: bool, message: str | None
) -> None:
    report = report_of(SERVER, status, body)
    assert report == ClientReport(is_error=is_error, message=message, status=status)


def test_status_can_be_read_from_the_body() -> None:
    reading = Reading(source=Source.RESPONSE, json="$.code")
    definition = ClientDefinition(serve=SERVER.serve, request=SERVER.request, status=reading)
    assert report_of(definition, 500, b'{"code": 401}').status == 401


def test_message_of_the_router_is_that_of_the_provider() -> None:
    inner = json.dumps({"type": "error", "error": {"type": "x", "message": "Invalid bearer token"}})
    text = f"Error from provider(anthropic,m: 401): {inner}Error: Error from provider: {inner} at x"
    body = json.dumps({"error": {"message": text, "type": "api_error"}}).encode()
    definition = KNOWN_CLIENTS["claude-code-router"].definition
    assert report_of(definition, 401, body).message == "Invalid bearer token"
