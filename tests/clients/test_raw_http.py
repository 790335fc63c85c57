import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

import authprobe
from authprobe.clients.base import Laboratory
from authprobe.clients.raw_http import MAX_BODY_BYTES, make_request, probe, read_error
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import Backend, Fault, TokenKind
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.redaction.redactor import find_token
from authprobe.scenario.model import Credential, Endpoint, Request
from tests.support.make import make_case
from tests.support.scenario_files import changed, error_messages
from tests.support.waiting import PATIENCE

MESSAGES = "https://api.anthropic.com/v1/messages"
URLS = {
    Request.MESSAGES: MESSAGES,
    Request.COUNT_TOKENS: "https://api.anthropic.com/v1/messages/count_tokens",
    Request.REFRESH: "https://platform.claude.com/v1/oauth/token",
    Request.PROFILE: "https://api.anthropic.com/api/oauth/profile",
}
AGENT = f"authprobe/{authprobe.__version__}"
QUESTION = {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "ping"}]}
BEARER = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.BEARER)
API_KEY = Credential(token=TokenKind.API_KEY, via=Via.X_API_KEY)
REFRESH_TOKEN = Credential(token=TokenKind.REFRESH_TOKEN, via=Via.BODY)


def raw_case(request: Request = Request.MESSAGES, **changes: Any) -> Case:
    """Return a case with a request of this kind to its own address, without a credential."""
    stream = changes.pop("stream", False)
    endpoint = Endpoint(url=URLS[request], request=request, stream=stream)
    return replace(make_case(), endpoint=endpoint, **changes)


def observe(laboratory: Laboratory, case: Case) -> Observation:
    """Send the request of the case and return the observation."""
    with laboratory.sandbox(case) as sandbox:
        return probe(sandbox)


def request_with_slots(
    laboratory: Laboratory, case: Case
) -> tuple[dict[str, str], dict[str, object] | None]:
    """Return headers and body of the request, with slots for tokens."""
    assert case.endpoint is not None
    with laboratory.sandbox(case) as sandbox:
        headers, body = make_request(sandbox, case.endpoint)
        redacted_headers = {
            name: sandbox.backend.redactor(value) for name, value in headers.items()
        }
        if body and "refresh_token" in body:
            body["refresh_token"] = sandbox.backend.redactor(str(body["refresh_token"]))
        return redacted_headers, body


def leaf_exceptions(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Yield the subclasses of an exception that have no subclasses."""
    for subclass in kind.__subclasses__():
        yield from leaf_exceptions(subclass) if subclass.__subclasses__() else (subclass,)


OUTCOMES: dict[type[httpx.HTTPError], Outcome] = {
    httpx.ConnectTimeout: Outcome.TIMED_OUT,
    httpx.ReadTimeout: Outcome.TIMED_OUT,
    httpx.WriteTimeout: Outcome.TIMED_OUT,
    httpx.PoolTimeout: Outcome.TIMED_OUT,
    httpx.ConnectError: Outcome.UNREACHABLE,
    httpx.ReadError: Outcome.UNREACHABLE,
    httpx.WriteError: Outcome.UNREACHABLE,
    httpx.CloseError: Outcome.UNREACHABLE,
    httpx.ProxyError: Outcome.UNREACHABLE,
    httpx.LocalProtocolError: Outcome.UNREACHABLE,
    httpx.RemoteProtocolError: Outcome.UNREACHABLE,
    httpx.UnsupportedProtocol: Outcome.CRASHED,
    httpx.DecodingError: Outcome.CRASHED,
    httpx.TooManyRedirects: Outcome.CRASHED,
}


def test_every_httpx_exception_has_an_outcome_in_this_table() -> None:
    assert set(leaf_exceptions(httpx.HTTPError)) == {*OUTCOMES, httpx.HTTPStatusError}


@pytest.mark.parametrize(("error", "outcome"), OUTCOMES.items())
def test_exception_determines_outcome(
    laboratory: Laboratory, error: type[httpx.HTTPError], outcome: Outcome
) -> None:
    with respx.mock:
        respx.post(MESSAGES).mock(side_effect=error)
        observation = observe(laboratory, raw_case())
    assert (observation.outcome, observation.status) == (outcome, None)
    assert observation.detail is not None
    assert observation.detail.startswith(error.__name__)
    assert observation.client_version == authprobe.__version__


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.ACCEPTED),
        (400, Outcome.REJECTED),
        (401, Outcome.REJECTED),
        (403, Outcome.REJECTED),
        (404, Outcome.NOT_FOUND),
        (429, Outcome.THROTTLED),
        (500, Outcome.SERVER_ERROR),
        (503, Outcome.SERVER_ERROR),
        (529, Outcome.OVERLOADED),
    ],
)
def test_status_determines_outcome(laboratory: Laboratory, status: int, outcome: Outcome) -> None:
    body = {"type": "error", "error": {"type": "a_type", "message": "a message"}}
    with respx.mock:
        respx.post(MESSAGES).respond(status, json=body)
        observation = observe(laboratory, raw_case())
    assert (observation.outcome, observation.status) == (outcome, status)
    expected = (None, None) if status == 200 else ("a_type", "a message")
    assert (observation.error_type, observation.message) == expected


def test_307_redirect_is_not_followed(laboratory: Laboratory) -> None:
    with respx.mock:
        respx.post(MESSAGES).respond(307, headers={"location": "https://claude.ai/v1/messages"})
        assert observe(laboratory, raw_case()).status == 307
        assert respx.calls.call_count == 1


def test_long_response_is_truncated(laboratory: Laboratory) -> None:
    with respx.mock:
        respx.post(MESSAGES).respond(500, content=b"x" * (MAX_BODY_BYTES * 2))
        surplus = MAX_BODY_BYTES - 2000
        message = observe(laboratory, raw_case()).message
    assert message == f"{'x' * 2000}… ({surplus:,} more characters)"


def test_endless_response_times_out(laboratory: Laboratory) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b"x"

    with respx.mock:
        respx.post(MESSAGES).mock(return_value=httpx.Response(200, content=endless()))
        observation = observe(laboratory, raw_case(limit=0.05))
    assert observation.outcome is Outcome.TIMED_OUT
    assert observation.detail == "no answer within 0.05 s"


def test_late_response_times_out(laboratory: Laboratory) -> None:
    began = time.monotonic()
    observation = observe(
        laboratory,
        raw_case(limit=0.2, backend=Backend(faults=(Fault(name="delay", seconds=3600),))),
    )
    assert observation.outcome is Outcome.TIMED_OUT
    assert [exchange.status for exchange in observation.exchanges] == [None]
    assert time.monotonic() - began < PATIENCE


def test_host_without_emulation_is_unreachable(laboratory: Laboratory) -> None:
    endpoint = Endpoint(url="https://example.org/v1/messages")
    observation = observe(laboratory, replace(make_case(), endpoint=endpoint))
    assert observation.outcome is Outcome.UNREACHABLE
    assert observation.egress_refused == ("example.org",)


def test_case_without_endpoint_is_an_error(laboratory: Laboratory) -> None:
    with pytest.raises(ClientError, match="raw-http needs an endpoint"):
        observe(laboratory, make_case())


@pytest.mark.parametrize(
    ("request_kind", "credential", "rule"),
    [
        (Request.MESSAGES, API_KEY, "messages"),
        (Request.COUNT_TOKENS, API_KEY, "count-tokens"),
        (Request.REFRESH, REFRESH_TOKEN, "refresh"),
        (Request.PROFILE, BEARER, "profile"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_each_kind_of_request_is_accepted_and_identifies_authprobe(
    laboratory: Laboratory, request_kind: Request, credential: Credential, rule: str, stream: bool
) -> None:
    observation = observe(
        laboratory, raw_case(request_kind, credentials=(credential,), stream=stream)
    )
    assert (observation.outcome, observation.status) == (Outcome.ACCEPTED, 200)
    [exchange] = observation.exchanges
    assert (exchange.rule, exchange.credential) == (rule, credential.token.value)
    assert exchange.products == (AGENT,)
    assert find_token(repr(observation)) is None


@pytest.mark.parametrize(
    ("request_kind", "headers", "body"),
    [
        (
            Request.MESSAGES,
            {"anthropic-version": "2023-06-01", "content-type": "application/json"},
            QUESTION | {"max_tokens": 1, "stream": False},
        ),
        (
            Request.COUNT_TOKENS,
            {"anthropic-version": "2023-06-01", "content-type": "application/json"},
            QUESTION,
        ),
        (
            Request.REFRESH,
            {"content-type": "application/json"},
            {"grant_type": "refresh_token", "client_id": "authprobe"},
        ),
        (Request.PROFILE, {}, None),
    ],
)
def test_each_kind_of_request_has_its_headers_and_body(
    laboratory: Laboratory,
    request_kind: Request,
    headers: dict[str, str],
    body: dict[str, object] | None,
) -> None:
    assert request_with_slots(laboratory, raw_case(request_kind)) == (
        {"user-agent": AGENT} | headers,
        body,
    )


@pytest.mark.parametrize(
    ("credential", "header"),
    [
        (BEARER, ("authorization", "Bearer [redacted:access-token]")),
        (API_KEY, ("x-api-key", "[redacted:api-key]")),
    ],
)
def test_credential_is_sent_in_its_header(
    laboratory: Laboratory, credential: Credential, header: tuple[str, str]
) -> None:
    plain, body = request_with_slots(laboratory, raw_case())
    assert request_with_slots(laboratory, raw_case(credentials=(credential,))) == (
        plain | dict([header]),
        body,
    )


def test_refresh_token_is_sent_in_the_body(laboratory: Laboratory) -> None:
    headers, body = request_with_slots(
        laboratory, raw_case(Request.REFRESH, credentials=(REFRESH_TOKEN,))
    )
    assert body == {
        "grant_type": "refresh_token",
        "client_id": "authprobe",
        "refresh_token": "[redacted:refresh-token]",
    }
    assert "redacted" not in repr(headers)


@pytest.mark.parametrize("name", ["anthropic-version", "Anthropic-Version"])
def test_null_removes_a_default_header(laboratory: Laboratory, name: str) -> None:
    headers, _ = request_with_slots(laboratory, raw_case(headers={name: None}))
    assert headers == {"user-agent": AGENT, "content-type": "application/json"}


def test_scenario_headers_extend_and_replace_defaults(laboratory: Laboratory) -> None:
    extra = {"anthropic-beta": "a,b", "Content-Type": "text/plain"}
    headers, _ = request_with_slots(laboratory, raw_case(headers=extra))
    assert headers["anthropic-beta"] == "a,b"
    assert headers["content-type"] == "text/plain"
    assert len(headers) == 4


@pytest.mark.parametrize("value", ["claude-cli/2.1.31", "null"])
@pytest.mark.parametrize("name", ["user-agent", "User-Agent"])
def test_scenario_that_sets_the_user_agent_is_invalid(
    tmp_path: Path, name: str, value: str
) -> None:
    headers = f"headers: {{mine: {{{name}: {value}}}}}\nmatrix: {{headers: [mine], "
    [complaint] = error_messages(tmp_path, changed("matrix: {", headers))
    assert f"the header '{name}' cannot be set" in complaint


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"type":"error","error":{"type":"a","message":"b"}}', ("a", "b")),
        (b'{"error":{"type":"a"}}', ("a", None)),
        (b'{"error":{"type":5,"message":{"x":1}}}', ("5", "{'x': 1}")),
        (b'{"error":"invalid_grant","error_description":"b"}', ("invalid_grant", "b")),
        (b'{"error":"invalid_grant"}', ("invalid_grant", None)),
        (b'{"error":null}', (None, '{"error":null}')),
        (b'["x"]', (None, '["x"]')),
        (b"<html>Just a moment...</html>", (None, "<html>Just a moment...</html>")),
        (b"", (None, None)),
        (b"\xff\xfe\xfd", (None, "\ufffd\ufffd\ufffd")),
        (b"[" * 100_000, (None, "[" * 100_000)),
        (b'{"error":{"message":"' + b"x" * 5000 + b'"}}', (None, "x" * 5000)),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_error_body_is_parsed_in_each_form(
    body: bytes, expected: tuple[str | None, str | None]
) -> None:
    assert read_error(body) == expected


@pytest.mark.parametrize("headers", [{"User-Agent": "another/1.0.0"}, {"user-agent": None}])
def test_user_agent_header_of_a_case_is_ignored(
    laboratory: Laboratory, headers: dict[str, str | None]
) -> None:
    assert request_with_slots(laboratory, raw_case(headers=headers))[0]["user-agent"] == AGENT


def test_302_redirect_is_rejected(laboratory: Laboratory) -> None:
    with respx.mock:
        respx.post(MESSAGES).respond(302, headers={"location": "https://claude.ai/login"})
        assert observe(laboratory, raw_case()).outcome is Outcome.REJECTED
