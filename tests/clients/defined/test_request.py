"""authprobe's own request to a server."""

import json

import pytest

import authprobe
from authprobe.clients.defined.request import Response, make_request
from authprobe.core.client_kinds import Via
from authprobe.errors import ClientError
from authprobe.scenario.client_definitions import FrontRequest, RequestBody

MESSAGES = FrontRequest(post="/v1/messages")
CHAT = FrontRequest(
    post="/v1/chat/completions", body=RequestBody.CHAT_COMPLETIONS, model="claude-sonnet-4"
)


def headers(
    defined: dict[str, str] | None = None,
    credentials: dict[str, str] | None = None,
    scenario: dict[str, str | None] | None = None,
) -> dict[str, str]:
    """Return the headers of a request without the two that every request has."""
    made = make_request(
        MESSAGES,
        prompt="ping",
        defined=defined or {},
        credentials=credentials or {},
        scenario=scenario or {},
    ).all_headers
    return {name: made[name] for name in made.keys() - {"content-type", "user-agent"}}


def test_question_has_the_form_of_the_api() -> None:
    request = make_request(MESSAGES, prompt="say hi", defined={}, credentials={}, scenario={})
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert json.loads(request.content or "") == {
        "model": "claude-sonnet-5-5",
        "messages": [{"role": "user", "content": "say hi"}],
        "max_tokens": 1,
    }
    assert request.all_headers == {
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "user-agent": f"authprobe/{authprobe.__version__}",
    }


def test_question_can_have_the_form_of_chat_completions() -> None:
    request = make_request(CHAT, prompt="ping", defined={}, credentials={}, scenario={})
    assert json.loads(request.content or "") == {
        "model": "claude-sonnet-4",
        "messages": [{"role": "user", "content": "ping"}],
    }
    assert "anthropic-version" not in request.all_headers


@pytest.mark.parametrize(
    ("credentials", "header", "value"),
    [
        ({Via.BEARER: "token"}, "authorization", "Bearer token"),
        ({Via.X_API_KEY: "token"}, "x-api-key", "token"),
    ],
)
def test_credential_of_the_user_is_a_header(
    credentials: dict[str, str], header: str, value: str
) -> None:
    sent = headers({"Authorization": "of the definition"}, credentials)
    assert sent[header] == value


def test_scenario_can_replace_and_leave_out_headers() -> None:
    scenario = {"X-Key": None, "anthropic-beta": "a", "User-Agent": "somebody"}
    sent = headers({"x-key": "1", "x-other": "2"}, scenario=scenario)
    assert sent == {"x-other": "2", "anthropic-beta": "a", "anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"error": {"type": "a", "message": "b"}}', (None, None)),
        (401, b'{"error": {"type": "a", "message": "b"}}', ("a", "b")),
        (500, b"<html>no</html>", (None, "<html>no</html>")),
        (500, b"", (None, None)),
    ],
)
def test_error_is_read_from_the_body(
    status: int, body: bytes, error: tuple[str | None, str | None]
) -> None:
    response = Response(status=status, body=body)
    assert (response.error_type, response.error_message) == error


@pytest.mark.parametrize("value", ["wide …", "two\nlines", "a\0nul"])
def test_header_that_cannot_be_sent_is_a_client_error(value: str) -> None:
    with pytest.raises(ClientError, match="its header x-title has a character that no header can"):
        headers(defined={"X-Title": value})
    assert headers(defined={"X-Title": "Café"})["x-title"] == "Café"
