"""`--online` against the emulator on loopback; no other host is contacted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe import __version__
from authprobe.doctor.checks.online import (
    check_answer,
    check_online,
    online_requests,
)
from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.doctor.result import CheckResult, Severity
from authprobe.emulator.standalone.emulator import Emulator, emulate
from authprobe.service.addresses import parse_address
from authprobe.service.answer import Envelope, NotAsked, PhaseSeconds, ServiceAnswer
from tests.commands.test_doctor import doctor
from tests.support.homes import ACCESS, CANARY, Home, make_home

HOSTS = {"api.anthropic.com", "platform.claude.com", "claude.ai", "claude.com"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with emulate() as emulator:
        yield emulator


@pytest.fixture
def home(tmp_path: Path, emulator: Emulator) -> Iterator[Home]:
    """Provide a home whose proxy is the emulator."""
    emulator.reset()
    home = make_home(tmp_path, CLAUDE_CODE_OAUTH_TOKEN=ACCESS, ANTHROPIC_API_KEY=CANARY)
    home.variables |= emulator.proxy_environment
    home.login()
    yield home
    emulator.clear_faults()


def online_results(home: Home, timeout: float = 20) -> dict[str, CheckResult]:
    """Return the results by host, and that of the clock by its id."""
    results = check_online(take_inventory(home.machine()), lambda line: None, timeout)
    return {result.where or result.id: result for result in results}


def test_refusing_a_made_up_token_is_ok(home: Home, emulator: Emulator) -> None:
    results = online_results(home)
    assert set(results) == HOSTS | {"clock"}
    assert {result.id for name, result in results.items() if name in HOSTS} == {"host-answers"}
    assert {result.severity for result in results.values()} == {Severity.OK}


def test_each_host_gets_one_request_without_the_users_credentials(
    home: Home, emulator: Emulator
) -> None:
    online_results(home)
    exchanges = emulator.exchanges
    assert sorted(exchange.host for exchange in exchanges) == sorted(HOSTS)
    assert "canary" not in repr(exchanges)
    assert {exchange.credential for exchange in exchanges} <= {None, "foreign"}
    assert {product for e in exchanges for product in e.products} == {f"authprobe/{__version__}"}
    assert emulator.egress_refused == ()


def test_made_up_tokens_are_random_and_have_the_right_prefix() -> None:
    first, second = online_requests(), online_requests()
    keys = [requests[0].headers["x-api-key"] for requests in (first, second)]
    tokens = [(requests[1].body or {})["refresh_token"] for requests in (first, second)]
    assert keys[0] != keys[1]
    assert tokens[0] != tokens[1]
    assert all(key.startswith("sk-ant-api03-") for key in keys)
    assert all(token.startswith("sk-ant-ort01-") for token in tokens)


@pytest.mark.parametrize(
    ("fault", "host", "expected"),
    [
        ("A33", "api.anthropic.com", "host-unexpected region-refused"),
        ("A34", "api.anthropic.com", "host-unexpected edge-blocked"),
        ("A30", "api.anthropic.com", "host-unexpected overloaded"),
        ("A29", "api.anthropic.com", "host-unexpected rate-limited"),
        ("api-error", "api.anthropic.com", "host-unexpected server-incident"),
        ("B07", "platform.claude.com", "host-unexpected token-endpoint-throttled"),
        ("untrusted-certificate", "api.anthropic.com", "host-unreachable tls-untrusted-ca"),
        ("reset", "api.anthropic.com", "host-unreachable no-answer"),
        ("name-not-found", "api.anthropic.com", "host-unreachable proxy-unreachable"),
    ],
)
def test_an_unexpected_response_is_reported_with_its_cause(
    fault: str, host: str, expected: str, home: Home, emulator: Emulator
) -> None:
    emulator.fault(fault)
    result = online_results(home)[host]
    assert f"{result.id} {result.cause}" == expected
    assert result.remedy


@pytest.mark.parametrize(
    ("host", "answer", "expected"),
    [
        (
            "platform.claude.com",
            ServiceAnswer(status=404, envelope=Envelope.API),
            "host-retired endpoint-retired",
        ),
        (
            "api.anthropic.com",
            ServiceAnswer(status=200, envelope=Envelope.API),
            "host-unexpected edge-blocked",
        ),
        ("api.anthropic.com", ServiceAnswer(status=401), "host-unexpected edge-blocked"),
        (
            "api.anthropic.com",
            ServiceAnswer(not_asked=NotAsked.CONNECTION),
            "host-unreachable proxy-unreachable",
        ),
        (
            "api.anthropic.com",
            ServiceAnswer(not_asked=NotAsked.CONNECTION, seconds=PhaseSeconds(connect=0.1)),
            "host-unreachable no-answer",
        ),
        (
            "api.anthropic.com",
            ServiceAnswer(not_asked=NotAsked.NAME),
            "host-unreachable dns-failure",
        ),
        ("api.anthropic.com", ServiceAnswer(status=302), "host-unexpected edge-blocked"),
        (
            "api.anthropic.com",
            ServiceAnswer(status=401, envelope=Envelope.API),
            "host-answers None",
        ),
        ("claude.ai", ServiceAnswer(status=403), "host-answers None"),
        ("claude.com", ServiceAnswer(status=302), "host-answers None"),
        ("claude.com", ServiceAnswer(status=500), "host-unexpected server-incident"),
    ],
)
def test_a_response_is_classified_by_status_and_content(
    host: str, answer: ServiceAnswer, expected: str
) -> None:
    (request,) = [each for each in online_requests() if each.host == host]
    result = check_answer(request, answer)
    assert f"{result.id} {result.cause}" == expected


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense", "http://127.0.0.1:99999"])
def test_an_invalid_proxy_is_never_bypassed(proxy: str, home: Home, emulator: Emulator) -> None:
    home.variables |= dict.fromkeys(("https_proxy", "HTTPS_PROXY"), proxy)
    results = online_results(home)
    assert {result.cause for result in results.values()} == {"proxy-unreachable"}
    assert emulator.exchanges == ()


def test_the_closest_clock_counts(home: Home, emulator: Emulator) -> None:
    """One host that is off says nothing about this machine."""
    emulator.fault("clock-skew", seconds=3600, host="api.anthropic.com")
    assert "clock" in online_results(home)


def test_a_wrong_clock_is_reported(home: Home, emulator: Emulator) -> None:
    emulator.advance(3600)
    results = online_results(home)
    (result,) = [each for each in results.values() if each.id == "clock-wrong"]
    assert "60 minutes behind" in result.summary
    assert result.cause == "clock-skew"


def test_a_slow_host_is_abandoned_after_the_timeout(home: Home, emulator: Emulator) -> None:
    emulator.fault("delay", seconds=30)
    result = online_results(home, timeout=0.5)["api.anthropic.com"]
    assert (result.id, result.cause) == ("host-unreachable", "no-answer")


def test_an_unknown_certificate_authority_is_not_trusted(home: Home) -> None:
    for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        del home.variables[name]
    assert {online_results(home)[host].cause for host in HOSTS} == {"tls-untrusted-ca"}


def test_the_password_of_a_proxy_is_not_sent(home: Home, emulator: Emulator) -> None:
    address = parse_address(emulator.proxy_url)
    assert address
    home.variables |= dict.fromkeys(
        ("https_proxy", "HTTPS_PROXY"), f"http://user:{CANARY}@{address.host}:{address.port}"
    )
    results = online_results(home)
    assert {results[host].id for host in HOSTS} == {"host-answers"}
    assert results[emulator.proxy_url].id == "proxy-password-kept"
    assert "canary" not in repr(results)


def test_the_command_uses_the_proxy_of_its_environment(home: Home, emulator: Emulator) -> None:
    process = doctor(home, "--online")
    assert "one request each to api.anthropic.com, platform.claude.com" in process.err
    for host in HOSTS:
        assert f"host-answers: {host} answers" in process.out
    assert "clock: The clock of this machine agrees" in process.out
    assert "canary" not in process.out + process.err


def test_no_request_is_sent_without_online(home: Home, emulator: Emulator) -> None:
    doctor(home)
    assert emulator.exchanges == ()
    assert emulator.egress_refused == ()
