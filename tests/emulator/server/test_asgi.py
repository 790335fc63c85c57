"""Tests of what is recorded of a request: slots instead of tokens, and no foreign secrets."""

import pytest

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import Backend, TokenKind
from authprobe.redaction.redactor import find_token
from tests.support.requests import MESSAGES, PLATFORM_TOKEN, make_request

FOREIGN = "a-foreign-secret"
TOKEN_LIKE = "sk-ant-oat01-" + "x" * 20


def record(headers: dict[str, str], body: bytes = b"", **target: str) -> CaseBackend:
    """Return a backend that has recorded one request with these headers."""
    backend = CaseBackend(Backend())
    method, host, path = MESSAGES
    route = method, target.get("host", host), target.get("path", path)
    backend.recorder.begin(make_request(backend, route, headers, body))
    return backend


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (None, None)),
        ({"authorization": "Bearer {token}"}, ("authorization", "api-key")),
        ({"authorization": "bearer  {token}"}, ("authorization", "api-key")),
        ({"x-api-key": "{token}"}, ("x-api-key", "api-key")),
        ({"authorization": "Bearer x", "x-api-key": "{token}"}, ("authorization", "foreign")),
        ({"authorization": "{token}"}, ("authorization", "foreign")),
        ({"authorization": f"Basic {FOREIGN}"}, ("authorization", "foreign")),
        ({"x-api-key": TOKEN_LIKE}, ("x-api-key", "foreign")),
        ({"x-api-key": ""}, ("x-api-key", "foreign")),
    ],
)
def test_the_credential_is_recorded_by_its_slot(
    headers: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    backend = CaseBackend(Backend())
    token = backend.tokens.make(TokenKind.API_KEY).value
    values = {name: value.format(token=token) for name, value in headers.items()}
    backend.recorder.begin(make_request(backend, MESSAGES, values))
    [exchange] = backend.log.exchanges
    assert (exchange.credential_header, exchange.credential) == expected
    assert find_token(repr(exchange)) is None
    assert FOREIGN not in repr(exchange)


@pytest.mark.parametrize("body", ['{{"refresh_token": "{0}"}}', "refresh_token={0}"])
def test_a_refresh_token_in_the_body_is_recorded_by_its_slot(body: str) -> None:
    backend = CaseBackend(Backend())
    kind = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    content = body.format(backend.tokens.make(TokenKind.REFRESH_TOKEN).value).encode()
    backend.recorder.begin(make_request(backend, PLATFORM_TOKEN, {"content-type": kind}, content))
    [exchange] = backend.log.exchanges
    assert (exchange.credential_header, exchange.credential) == ("body", "refresh-token")


def test_the_second_token_of_a_kind_has_a_numbered_slot() -> None:
    tokens = CaseBackend(Backend()).tokens
    kinds = (TokenKind.API_KEY, TokenKind.ACCESS_TOKEN, TokenKind.API_KEY)
    slots = [tokens.make(kind).slot for kind in kinds]
    assert slots == ["api-key", "access-token", "api-key-2"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"Bearer {FOREIGN}", "Bearer [redacted:foreign]"),
        (f"Basic {FOREIGN}", "Basic [redacted:foreign]"),
        (FOREIGN, "[redacted:foreign]"),
        (f"{FOREIGN} {FOREIGN}", "[redacted:foreign]"),
        (f"Bearer {TOKEN_LIKE}", "Bearer [redacted:token]"),
        (f"Bearer {TOKEN_LIKE} {FOREIGN}", "Bearer [redacted:foreign]"),
        (f"{FOREIGN} {TOKEN_LIKE}", "[redacted:foreign]"),
        ("Bearer", "[redacted:foreign]"),
        ("", ""),
    ],
)
def test_a_foreign_credential_is_not_recorded(value: str, expected: str) -> None:
    [exchange] = record({"authorization": value}).log.exchanges
    assert exchange.headers["authorization"] == expected


@pytest.mark.parametrize(
    "backend",
    [
        record({"anthropic-beta": f"a,{TOKEN_LIKE}"}),
        record({"anthropic-version": TOKEN_LIKE, "content-type": TOKEN_LIKE}),
        record({"user-agent": f"claude-cli/1.{TOKEN_LIKE}"}),
        record({}, path=f"/{TOKEN_LIKE}"),
        record({}, host=f"{TOKEN_LIKE}.example.org"),
        record({}, f'{{"refresh_token": "{TOKEN_LIKE}"}}'.encode(), path="/v1/oauth/token"),
    ],
)
def test_a_token_in_an_unusual_part_of_a_request_is_not_recorded(backend: CaseBackend) -> None:
    assert find_token(repr(backend.log.exchanges)) is None


def test_headers_unrelated_to_authentication_are_not_recorded() -> None:
    headers = {"anthropic-version": "2023-06-01", "cookie": "a=b", "x-forwarded-for": "192.0.2.1"}
    [exchange] = record(headers).log.exchanges
    assert exchange.headers == {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("agent", "products"),
    [
        ("claude-cli/2.1.31 (external, cli)", ("claude-cli/2.1.31",)),
        ("Anthropic/Python 2.12.0", ("Anthropic/Python 2.12.0",)),
        ("Anthropic/JS 1.12.0", ("Anthropic/JS 1.12.0",)),
        ("litellm/1.106.2", ("litellm/1.106.2",)),
        ("Anthropic/Ruby 1.0.0 AsyncAnthropic/Python 2.12.0 Anthropic/Python x", ()),
    ],
)
def test_a_user_agent_is_recorded_as_products_and_a_hash_only(
    agent: str, products: tuple[str, ...]
) -> None:
    [exchange] = record({"user-agent": f"{agent} me@host"}).log.exchanges
    assert exchange.products == products
    assert exchange.headers["user-agent"].startswith("sha256:")
    assert "host" not in exchange.headers["user-agent"]


def test_refused_hosts_are_recorded_once_sorted_and_shortened() -> None:
    backend = CaseBackend(Backend())
    for host in ("b.example.org", "a.example.org", "b.example.org", "c" * 300):
        backend.recorder.add_refused_host(host)
    assert backend.log.egress_refused == (
        "a.example.org",
        "b.example.org",
        f"{'c' * 255}… (45 more characters)",
    )
