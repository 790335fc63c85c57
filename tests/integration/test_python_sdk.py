"""The official Python SDK as a client of the emulator."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import httpx2
import pytest
from anthropic.types.shared import EnforcedSpendLimitReachedError

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Fault
from authprobe.emulator.server.network import Network
from authprobe.observation.model import Exchange
from tests.support.sdk_answers import (
    CONDITIONS,
    DEMANDED,
    EVENTS,
    GOOD,
    IN_HEADER,
    KEY,
    STATUSES,
    Asked,
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
BY_ERROR_CODE: Final = {"A26": EnforcedSpendLimitReachedError}
"""Rules whose answer has an `error_code`, for which the SDK has a subclass of its own."""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_variable_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name.startswith(("ANTHROPIC_", "OTEL_")):
            monkeypatch.delenv(name)


@dataclass(frozen=True)
class Session:
    """A client of the SDK, and the case that it talks to."""

    client: anthropic.Anthropic
    backend: CaseBackend
    call: dict[str, Any]

    def create(self) -> object:
        """What a call without a stream returns."""
        result: object = self.client.messages.create(**self.call)
        return result

    def stream(self) -> tuple[str, ...]:
        """The types of the events of a streamed call."""
        return tuple(event.type for event in self.client.messages.create(**self.call, stream=True))

    @property
    def exchange(self) -> Exchange:
        """The only one."""
        [exchange] = self.backend.exchanges
        return exchange


@contextlib.contextmanager
def session_of(
    network: Network,
    asked: Asked = GOOD,
    *,
    https: bool = False,
    retries: int = 0,
    timeout: float = TIMEOUT,
) -> Iterator[Session]:
    """The SDK's client, with nothing from the environment."""
    backend = asked.backend()
    listener = network.open(backend, https_port=0 if https else None)
    given = asked.arguments(backend)
    headers = {name: value or anthropic.Omit() for name, value in given.headers.items()}
    http = httpx2.Client(trust_env=False, verify=trusting(network.ca_file))
    call = {
        "model": "authprobe",  # the SDK warns of models that are about to be retired
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "x" * asked.prompt_bytes}],
        "extra_headers": headers,
        "extra_body": asked.fields,
    }
    with anthropic.Anthropic(
        api_key=given.api_key,
        auth_token=given.auth_token,
        base_url=f"{listener.https_url or listener.proxy_url}{asked.path}",
        http_client=http,
        max_retries=retries,
        open_telemetry=False,
        timeout=timeout,
    ) as client:
        yield Session(client, backend, call)
    network.close(listener)


def check_error(error: anthropic.APIStatusError, exchange: Exchange) -> None:
    """It tells what was answered."""
    assert type(error) is BY_ERROR_CODE.get(exchange.rule or "", CLASSES[error.status_code])
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
            pytest.fail(f"a body that no rule has: {error.body}")


@pytest.mark.parametrize("asked", CONDITIONS, ids=str)
def test_a_condition_raises_the_class_of_its_status(network: Network, asked: Asked) -> None:
    with session_of(network, asked) as session:
        with pytest.raises(CLASSES[asked.status]) as caught:
            session.create()
        assert (session.exchange.rule, session.exchange.status) == (asked.rule, asked.status)
        check_error(caught.value, session.exchange)


@pytest.mark.parametrize("stream", [False, True], ids=["message", "stream"])
@pytest.mark.parametrize("rule", DEMANDED)
def test_a_demanded_refusal_raises_the_class_of_its_status(
    network: Network, rule: str, stream: bool
) -> None:
    with session_of(network, GOOD.with_faults(rule)) as session:
        ask = session.stream if stream else session.create
        with pytest.raises(anthropic.APIStatusError) as caught:
            ask()
        assert session.exchange.rule == rule
        check_error(caught.value, session.exchange)


def test_every_status_has_a_class() -> None:
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


def test_a_key_is_sent_as_bearer(network: Network) -> None:
    """Since 2.0.0: platform.claude.com/docs/en/api/migration-2026-10-21."""
    with session_of(network) as session:
        session.create()
    exchange = session.exchange
    assert (exchange.credential_header, exchange.credential) == ("authorization", KEY[0])
    assert exchange.headers["anthropic-version"] == "2026-10-21"


def test_a_key_in_the_older_header_is_accepted(network: Network) -> None:
    with session_of(network, IN_HEADER) as session:
        assert isinstance(session.create(), anthropic.types.Message)
    assert session.exchange.credential_header == "x-api-key"


# --- retries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["A22", "A30", "api-error", "conflict", "reset"])
def test_what_passes_is_retried(network: Network, fault: str) -> None:
    asked = GOOD.with_faults(Fault(name=fault, times=1))
    with session_of(network, asked, retries=1) as session:
        assert isinstance(session.create(), anthropic.types.Message)
        first, second = session.backend.exchanges
    assert first.faults == (fault,)
    assert (second.rule, second.status, second.faults) == ("messages", 200, ())


def test_what_lasts_is_raised_after_the_retries(network: Network) -> None:
    with session_of(network, GOOD.with_faults("A22"), retries=1) as session:
        with pytest.raises(anthropic.RateLimitError):
            session.create()
        assert [each.status for each in session.backend.exchanges] == [429, 429]


@pytest.mark.parametrize("rule", ["A02", "A13", "A23", "A32", "request-too-large"])
def test_what_does_not_pass_is_not_retried(network: Network, rule: str) -> None:
    with session_of(network, GOOD.with_faults(rule), retries=3) as session:
        with pytest.raises(anthropic.APIStatusError) as caught:
            session.create()
        assert session.exchange.rule == rule
    # The SDK obeys the header, and retries no 403 without it: A13 would be asked once either way.
    assert caught.value.response.headers.get("x-should-retry") == {"A13": "false"}.get(rule)


# --- wire and answer ------------------------------------------------------------------------------


def test_an_error_in_a_stream_has_the_class_of_no_status(network: Network) -> None:
    """The status was 200, by which the class is chosen: `type` alone tells the overload."""
    with (
        session_of(network, GOOD.with_faults("error-in-stream")) as session,
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


def test_a_cut_stream_ends_as_if_it_were_whole(network: Network) -> None:
    """No exception: who wants to know looks for `message_stop`, or at `stop_reason`."""
    with session_of(network, GOOD.with_faults("cut-stream")) as session:
        assert session.stream() == EVENTS[:3]
        with session.client.messages.stream(**session.call) as stream:
            assert stream.get_final_message().stop_reason is None


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
def test_a_reset_is_a_connection_error(network: Network, https: bool) -> None:
    for fault in ("reset", "reset-in-body"):
        with (
            session_of(network, GOOD.with_faults(fault), https=https) as session,
            pytest.raises(anthropic.APIConnectionError) as caught,
        ):
            session.create()
        assert type(caught.value) is anthropic.APIConnectionError
        assert caught.value.body is None


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
def test_a_reset_in_a_stream_is_no_error_of_the_sdk(network: Network, https: bool) -> None:
    """What the HTTP library raises gets through while events are read."""
    with (
        session_of(network, GOOD.with_faults("reset-in-body"), https=https) as session,
        pytest.raises(httpx2.TransportError) as caught,
    ):
        session.stream()
    assert not isinstance(caught.value, anthropic.AnthropicError)


def test_an_empty_answer_is_no_error(network: Network) -> None:
    """Nor is it a message: `create` returns an empty text, which its type does not say."""
    with session_of(network, GOOD.with_faults("empty-200")) as session:
        assert session.create() == ""
        assert session.stream() == ()


def test_the_content_type_is_not_looked_at(network: Network) -> None:
    with session_of(network, GOOD.with_faults("wrong-content-type")) as session:
        assert isinstance(session.create(), anthropic.types.Message)
        assert session.stream() == EVENTS


def test_a_slow_body_is_not_a_timeout(network: Network) -> None:
    """The time limit is for each read, not for the whole."""
    asked, limit = GOOD.with_faults(Fault(name="drip-feed", seconds=0.0015)), 1.0
    with session_of(network, asked, timeout=limit) as session:
        began = time.monotonic()
        assert session.stream() == EVENTS
        assert time.monotonic() - began > limit


def test_a_late_answer_is_a_timeout(network: Network) -> None:
    asked = GOOD.with_faults(Fault(name="delay", seconds=TIMEOUT))
    for ask in (Session.create, Session.stream):
        with (
            session_of(network, asked, timeout=0.1) as session,
            pytest.raises(anthropic.APITimeoutError),
        ):
            ask(session)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("connection-refused", "Connection refused"),
        ("untrusted-certificate", "CERTIFICATE_VERIFY_FAILED"),
        ("expired-certificate", "certificate has expired"),
    ],
)
def test_no_connection_is_a_connection_error(network: Network, fault: str, cause: str) -> None:
    """The text is "Connection error." whatever happened; the cause is chained."""
    with session_of(network, GOOD.with_faults(fault), https=True) as session:
        with pytest.raises(anthropic.APIConnectionError, match=r"^Connection error\.$") as caught:
            session.create()
        assert type(caught.value) is anthropic.APIConnectionError
        assert cause in str(caught.value.__cause__)
        assert [each.status for each in session.backend.exchanges if each.path] == []
