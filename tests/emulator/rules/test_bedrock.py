"""Tests of Amazon Bedrock: messages, event streams as botocore decodes them, and its errors."""

import base64
import json
from typing import Any

import httpx
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import EventStreamJSONParser

from authprobe.core.claude_api import is_inference_path
from authprobe.emulator.server.event_stream import encode_message
from authprobe.emulator.standalone.emulator import Emulator, emulate
from tests.support.wire import TIMEOUT

MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
ARN = "arn:aws:bedrock:us-east-1:1:application-inference-profile%2Fx"
BODY = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1, "messages": []}


def ask(emulator: Emulator, end: str, model: str = MODEL, key: str | None = None) -> httpx.Response:
    """Send a request to Bedrock's path at the loopback address."""
    key = key or emulator.issue("gateway-key").value
    url = f"{emulator.base_url}/model/{model}/{end}"
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(url, json=BODY, headers=headers, timeout=TIMEOUT, trust_env=False)


def decode(content: bytes) -> list[tuple[int, dict[str, Any]]]:
    """Return the status and the parsed data of each message, as botocore reads them."""
    shape = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2")).shape_for(
        "ResponseStream"
    )
    buffer = EventStreamBuffer()
    buffer.add_data(content)
    decoded = []
    for event in buffer:
        response = event.to_response_dict()
        decoded.append((response["status_code"], EventStreamJSONParser().parse(response, shape)))
    return decoded


def test_a_stream_has_the_events_of_the_messages_api() -> None:
    with emulate() as emulator:
        answer = ask(emulator, "invoke-with-response-stream")
        assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
        events = [json.loads(data["chunk"]["bytes"]) for _, data in decode(answer.content)]
        message = ask(emulator, "invoke").json()
        assert [exchange.rule for exchange in emulator.exchanges] == ["bedrock-message"] * 2
    assert events[0]["type"] == "message_start"
    assert events[0]["message"]["model"] == message["model"] == "claude-haiku-4-5-20251001"
    texts = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(texts) == message["content"][0]["text"]
    assert events[-1]["type"] == "message_stop"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] >= 1


def test_an_error_ends_a_stream_as_an_exception() -> None:
    with emulate() as emulator:
        emulator.fault("error-in-stream")
        *_, (status, data) = decode(ask(emulator, "invoke-with-response-stream").content)
        assert emulator.exchanges[0].error_type == "overloaded_error"
    assert (status, data["Error"]["Code"]) == (400, "serviceUnavailableException")


def test_a_stream_can_be_cut() -> None:
    with emulate() as emulator:
        emulator.fault("cut-stream")
        answer = ask(emulator, "invoke-with-response-stream")
        assert len(decode(answer.content)) == 3


@pytest.mark.parametrize("model", [MODEL, ARN])
def test_the_path_has_the_id_or_the_resource_name_of_a_model(model: str) -> None:
    with emulate() as emulator:
        assert ask(emulator, "invoke", model).status_code == 200
        [exchange] = emulator.exchanges
    assert is_inference_path(exchange.path)
    assert exchange.credential == "gateway-key"


def test_an_unknown_key_is_refused_like_by_bedrock() -> None:
    with emulate() as emulator:
        answer = ask(emulator, "invoke", key="ABSK" + base64.b64encode(b"x" * 40).decode())
    assert (answer.status_code, list(answer.json())) == (403, ["Message"])


@pytest.mark.parametrize("payload", [b"", b"x", b"\x00" * 100_000])
@pytest.mark.parametrize("headers", [{}, {":a": ""}, {":event-type": "chunk", "b": "ü" * 1000}])
def test_botocore_decodes_what_is_encoded(headers: dict[str, str], payload: bytes) -> None:
    buffer = EventStreamBuffer()
    data = encode_message(headers, payload) * 2
    for position in range(0, len(data), 7919):
        buffer.add_data(data[position : position + 7919])
    assert [(event.headers, event.payload) for event in buffer] == [(headers, payload)] * 2
