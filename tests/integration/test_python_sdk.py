"""Tests of the official Python SDK as a client of the emulator."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import httpx2
import pytest
from anthropic.types import shared

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.server.network import Network
from authprobe.observation.model import Exchange
from tests.support.sdk_answers import (
    BY_ERROR_CODE,
    EVENTS,
    FAULT_RULES,
    GOOD_CALL,
    KEY,
    KEY_HEADER_CALL,
    REFUSED_CALLS,
    STATUSES,
    SdkCall,
)
from tests.support.wire import TIMEOUT, trusting

CLASSES: Final[dict[int, type[anthropic.APIStatusError]]] = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    402: anthropic.PaymentRequiredError,
    403: anthropic.PermissionDeniedError,
    404: anthropic.NotFoundError,
    409: anthropic.ConflictError,
    413: anthropic.RequestTooLargeError,  # the older name of ContentTooLargeError
    429: anthropic.RateLimitError,
    500: anthropic.InternalServerError,
    503: anthropic.ServiceUnavailableError,
    504: anthropic.DeadlineExceededError,  # the older name of GatewayTimeoutError
    529: anthropic.OverloadedError,
}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture(autouse=True)
def without_user_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables that the SDK reads from the environment."""
    for name in tuple(os.environ):
        if name.startswith(("ANTHROPIC_", "OTEL_")):
            monkeypatch.delenv(name)


@dataclass(frozen=True)
class Session:
    """A client of the SDK, and the backend that answers it."""

    client: anthropic.Anthropic
    backend: CaseBackend
    call: dict[str, Any]

    def create(self) -> object:
        """Return the result of a call without streaming."""
        result: object = self.client.messages.create(**self.call)
        return result

    def stream(self) -> tuple[str, ...]:
        """Return the event types of a streamed call."""
        return tuple(event.type for event in self.client.messages.create(**self.call, stream=True))

    @property
    def exchange(self) -> Exchange:
        """The only exchange."""
        [exchange] = self.backend.log.exchanges
        return exchange


@contextlib.contextmanager
def session_of(
    network: Network,
    sdk_call: SdkCall = GOOD_CALL,
    *,
    https: bool = False,
    retries: int = 0,
    timeout: float = TIMEOUT,
) -> Iterator[Session]:
    """Yield a client of the SDK that uses nothing from the environment."""
    backend = sdk_call.backend()
    listener = network.open(backend, https_port=0 if https else None)
    arguments = sdk_call.arguments(backend)
    headers = {name: value or anthropic.Omit() for name, value in arguments.headers.items()}
    http = httpx2.Client(trust_env=False, verify=trusting(network.ca_file))
    call = {
        "model": "claude-authprobe-1",  # the SDK warns about real models that will be retired soon
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "x" * sdk_call.prompt_bytes}],
        "extra_headers": headers,
        "extra_body": sdk_call.fields,
    }
    with anthropic.Anthropic(
        api_key=arguments.api_key,
        auth_token=arguments.auth_token,
        base_url=f"{listener.https_url or listener.proxy_url}{sdk_call.path}",
        http_client=http,
        max_retries=retries,
        open_telemetry=False,
        timeout=timeout,
    ) as client:
        yield Session(client, backend, call)
    network.close(listener)


def check_error(error: anthropic.APIStatusError, exchange: Exchange) -> None:
    """Check that the error reports the answer of this exchange."""
    name = BY_ERROR_CODE.get(exchange.rule or "")
    assert type(error) is (getattr(shared, name) if name else CLASSES[error.status_code])
    assert error.status_code == error.response.status_code == exchange.status
    assert error.type == exchange.error_type
    match error.body:
        case {"error": {"message": str(message)}, **rest}:
            assert message == error.api_message == exchange.message
            assert error.message == f"Error code: {exchange.status} - {error.body}"
            assert error.request_id == rest.get("request_id")
        case str(text):  # a page of HTML, or nothing
            assert (exchange.message or "") in text
            assert error.message == (text or f"Error code: {exchange.status}")
            assert error.api_message is None
        case _:
            pytest.fail(f"no rule has this body: {error.body}")


@pytest.mark.parametrize("sdk_call", REFUSED_CALLS, ids=str)
def test_a_refused_call_raises_the_error_class_of_its_status(
    network: Network, sdk_call: SdkCall
) -> None:
    with session_of(network, sdk_call) as session:
        with pytest.raises(CLASSES[sdk_call.status]) as caught:
            session.create()
        assert (session.exchange.rule, session.exchange.status) == (sdk_call.rule, sdk_call.status)
        check_error(caught.value, session.exchange)


@pytest.mark.parametrize("stream", [False, True], ids=["message", "stream"])
@pytest.mark.parametrize("rule", FAULT_RULES)
def test_an_armed_rule_raises_the_error_class_of_its_status(
    network: Network, rule: str, stream: bool
) -> None:
    with session_of(network, GOOD_CALL.with_faults(rule)) as session:
        call = session.stream if stream else session.create
        with pytest.raises(anthropic.APIStatusError) as caught:
            call()
        assert session.exchange.rule == rule
        check_error(caught.value, session.exchange)


def test_every_status_of_the_emulator_has_an_error_class() -> None:
    assert set(CLASSES) == STATUSES


def test_a_good_call_is_answered(network: Network) -> None:
    with session_of(network) as session:
        message = session.create()
    assert isinstance(message, anthropic.types.Message)
    assert [block.text for block in message.content if block.type == "text"] == ["pong"]
    assert str(message._request_id).startswith("req_")


def test_a_good_stream_is_answered(network: Network) -> None:
    with session_of(network) as session:
        assert session.stream() == EVENTS


def test_an_api_key_is_sent_as_a_bearer_token(network: Network) -> None:
    """Since 2.0.0: platform.claude.com/docs/en/api/migration-2026-10-21."""
    with session_of(network) as session:
        session.create()
    exchange = session.exchange
    assert (exchange.credential_header, exchange.credential) == ("authorization", KEY[0])
    assert exchange.headers["anthropic-version"] == "2026-10-21"


def test_an_api_key_in_the_x_api_key_header_is_accepted(network: Network) -> None:
    with session_of(network, KEY_HEADER_CALL) as session:
        assert isinstance(session.create(), anthropic.types.Message)
    assert session.exchange.credential_header == "x-api-key"


# --- retries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["A22", "A30", "api-error", "conflict", "reset"])
def test_a_transient_failure_is_retried(network: Network, fault: str) -> None:
    sdk_call = GOOD_CALL.with_faults(Fault(name=fault, times=1))
    with session_of(network, sdk_call, retries=1) as session:
        assert isinstance(session.create(), anthropic.types.Message)
        first, second = session.backend.log.exchanges
    assert first.faults == (fault,)
    assert (second.rule, second.status, second.faults) == ("messages", 200, ())


def test_a_repeated_failure_is_raised_after_the_retries(network: Network) -> None:
    with session_of(network, GOOD_CALL.with_faults("A22"), retries=1) as session:
        with pytest.raises(anthropic.RateLimitError):
            session.create()
        assert [exchange.status for exchange in session.backend.log.exchanges] == [429, 429]


@pytest.mark.parametrize("rule", ["A02", "A13", "A23", "A32", "request-too-large"])
def test_a_permanent_refusal_is_not_retried(network: Network, rule: str) -> None:
    with session_of(network, GOOD_CALL.with_faults(rule), retries=3) as session:
        with pytest.raises(anthropic.APIStatusError) as caught:
            session.create()
        assert session.exchange.rule == rule
    # The SDK obeys this header. It never retries a 403, so A13 is sent once with or without it.
    assert caught.value.response.headers.get("x-should-retry") == {"A13": "false"}.get(rule)


# --- wire and answer ------------------------------------------------------------------------------


def test_an_error_in_a_stream_has_the_base_class_and_status_200(network: Network) -> None:
    """The SDK chooses the class by the status, which was 200; only `type` names the overload."""
    with (
        session_of(network, GOOD_CALL.with_faults("error-in-stream")) as session,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        session.stream()
    error = caught.value
    assert type(error) is anthropic.APIStatusError
    assert (error.status_code, error.type, error.api_message) == (
        200,
        "overloaded_error",
        "Overloaded",
    )
    assert str(error.request_id).startswith("req_")


def test_a_cut_stream_ends_without_an_error(network: Network) -> None:
    """Only a missing `message_stop` event or `stop_reason` shows that the stream was cut."""
    with session_of(network, GOOD_CALL.with_faults("cut-stream")) as session:
        assert session.stream() == EVENTS[:3]
        with session.client.messages.stream(**session.call) as stream:
            assert stream.get_final_message().stop_reason is None


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
def test_a_reset_is_a_connection_error(network: Network, https: bool) -> None:
    for fault in ("reset", "reset-in-body"):
        with (
            session_of(network, GOOD_CALL.with_faults(fault), https=https) as session,
            pytest.raises(anthropic.APIConnectionError) as caught,
        ):
            session.create()
        assert type(caught.value) is anthropic.APIConnectionError
        assert caught.value.body is None


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
def test_a_reset_in_a_stream_raises_the_error_of_the_http_library(
    network: Network, https: bool
) -> None:
    """The SDK does not wrap errors that occur while it reads events."""
    with (
        session_of(network, GOOD_CALL.with_faults("reset-in-body"), https=https) as session,
        pytest.raises(httpx2.TransportError) as caught,
    ):
        session.stream()
    assert not isinstance(caught.value, anthropic.AnthropicError)


def test_an_empty_answer_raises_no_error(network: Network) -> None:
    """`create` returns an empty string, contrary to its declared type."""
    with session_of(network, GOOD_CALL.with_faults("empty-200")) as session:
        assert session.create() == ""
        assert session.stream() == ()


def test_the_content_type_is_ignored(network: Network) -> None:
    with session_of(network, GOOD_CALL.with_faults("wrong-content-type")) as session:
        assert isinstance(session.create(), anthropic.types.Message)
        assert session.stream() == EVENTS


def test_a_slow_body_does_not_time_out(network: Network) -> None:
    """The timeout applies to each read, not to the whole response."""
    sdk_call, timeout = GOOD_CALL.with_faults(Fault(name="drip-feed", seconds=0.0015)), 1.0
    with session_of(network, sdk_call, timeout=timeout) as session:
        start = time.monotonic()
        assert session.stream() == EVENTS
        assert time.monotonic() - start > timeout


def test_a_delayed_answer_times_out(network: Network) -> None:
    sdk_call = GOOD_CALL.with_faults(Fault(name="delay", seconds=TIMEOUT))
    for call in (Session.create, Session.stream):
        with (
            session_of(network, sdk_call, timeout=0.1) as session,
            pytest.raises(anthropic.APITimeoutError),
        ):
            call(session)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("connection-refused", "Connection refused"),
        ("untrusted-certificate", "CERTIFICATE_VERIFY_FAILED"),
        ("expired-certificate", "certificate has expired"),
    ],
)
def test_a_failed_connection_is_a_connection_error(
    network: Network, fault: str, cause: str
) -> None:
    """The text is always "Connection error."; the cause is chained."""
    with session_of(network, GOOD_CALL.with_faults(fault), https=True) as session:
        with pytest.raises(anthropic.APIConnectionError, match=r"^Connection error\.$") as caught:
            session.create()
        assert type(caught.value) is anthropic.APIConnectionError
        assert cause in str(caught.value.__cause__)
        assert [e.status for e in session.backend.log.exchanges if e.path] == []
