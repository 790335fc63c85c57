"""`--online`, against the emulator on loopback: nothing else is ever asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authprobe import __version__
from authprobe.doctor.checks.online import (
    OnlineAnswer,
    check_answer,
    check_online,
    online_requests,
    proxy_for,
)
from authprobe.doctor.inventory.addresses import parse_address
from authprobe.doctor.inventory.inventory import take_inventory
from authprobe.doctor.result import CheckResult, Severity
from authprobe.emulator.standalone.emulator import Emulator, emulate
from tests.commands.test_doctor import doctor
from tests.support.homes import ACCESS, CANARY, Home, make_home

HOSTS = {"api.anthropic.com", "platform.claude.com", "claude.ai", "claude.com"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with emulate() as alone:
        yield alone


@pytest.fixture
def home(tmp_path: Path, emulator: Emulator) -> Iterator[Home]:
    """A home whose proxy is the emulator."""
    emulator.reset()
    home = make_home(tmp_path, CLAUDE_CODE_OAUTH_TOKEN=ACCESS, ANTHROPIC_API_KEY=CANARY)
    home.variables |= emulator.proxy_environment
    home.login()
    yield home
    emulator.clear_faults()


def asked(home: Home, limit: float = 20) -> dict[str, CheckResult]:
    """What is said of each host, and of the clock, by where or by id."""
    found = check_online(take_inventory(home.machine()), lambda line: None, limit)
    return {result.where or result.id: result for result in found}


def test_a_refusal_of_a_made_up_token_is_health(home: Home, emulator: Emulator) -> None:
    found = asked(home)
    assert set(found) == HOSTS | {"clock"}
    assert {result.id for name, result in found.items() if name in HOSTS} == {"host-answers"}
    assert {result.severity for result in found.values()} == {Severity.OK}


def test_each_host_is_asked_once_with_nothing_of_the_user(home: Home, emulator: Emulator) -> None:
    asked(home)
    exchanges = emulator.exchanges
    assert sorted(exchange.host for exchange in exchanges) == sorted(HOSTS)
    assert "canary" not in repr(exchanges)
    assert {exchange.credential for exchange in exchanges} <= {None, "foreign"}
    assert {product for e in exchanges for product in e.products} == {f"authprobe/{__version__}"}
    assert emulator.egress_refused == ()


def test_made_up_tokens_are_new_each_time_and_of_the_right_shape() -> None:
    first, second = online_requests(), online_requests()
    keys = [ask[0].headers["x-api-key"] for ask in (first, second)]
    tokens = [(ask[1].body or {})["refresh_token"] for ask in (first, second)]
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
def test_what_is_no_such_refusal_is_told_with_its_cause(
    fault: str, host: str, expected: str, home: Home, emulator: Emulator
) -> None:
    emulator.fault(fault)
    result = asked(home)[host]
    assert f"{result.id} {result.cause}" == expected
    assert result.remedy


@pytest.mark.parametrize(
    ("host", "answer", "expected"),
    [
        (
            "platform.claude.com",
            OnlineAnswer(status=404, is_json=True),
            "host-retired endpoint-retired",
        ),
        (
            "api.anthropic.com",
            OnlineAnswer(status=200, is_json=True),
            "host-unexpected edge-blocked",
        ),
        ("api.anthropic.com", OnlineAnswer(status=401), "host-unexpected edge-blocked"),
        ("api.anthropic.com", OnlineAnswer(status=302), "host-unexpected edge-blocked"),
        ("api.anthropic.com", OnlineAnswer(status=401, is_json=True), "host-answers None"),
        ("claude.ai", OnlineAnswer(status=403), "host-answers None"),
        ("claude.com", OnlineAnswer(status=302), "host-answers None"),
        ("claude.com", OnlineAnswer(status=500), "host-unexpected server-incident"),
    ],
)
def test_an_answer_is_judged_by_its_status_and_shape(
    host: str, answer: OnlineAnswer, expected: str
) -> None:
    (ask,) = [each for each in online_requests() if each.host == host]
    result = check_answer(ask, answer)
    assert f"{result.id} {result.cause}" == expected


@pytest.mark.parametrize(
    ("none", "host", "direct"),
    [
        ("api.anthropic.com", "api.anthropic.com", True),
        (".anthropic.com", "api.anthropic.com", True),
        ("*", "claude.ai", True),
        ("anthropic.com", "claude.ai", False),
        ("localhost,127.0.0.1", "claude.ai", False),
        ("", "claude.ai", False),
    ],
)
def test_some_hosts_are_asked_without_the_proxy(
    none: str, host: str, direct: bool, tmp_path: Path
) -> None:
    home = make_home(tmp_path, NO_PROXY=none, HTTPS_PROXY="http://proxy.example:3128")
    found = proxy_for(host, take_inventory(home.machine()))
    assert str(found) == ("None" if direct else "http://proxy.example:3128")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense", "http://127.0.0.1:99999"])
def test_nobody_is_asked_past_a_proxy_that_is_none(
    proxy: str, home: Home, emulator: Emulator
) -> None:
    home.variables |= dict.fromkeys(("https_proxy", "HTTPS_PROXY"), proxy)
    found = asked(home)
    assert {result.cause for result in found.values()} == {"proxy-unreachable"}
    assert emulator.exchanges == ()


def test_a_clock_that_is_wrong_is_told(home: Home, emulator: Emulator) -> None:
    emulator.advance(3600)
    found = asked(home)
    (wrong,) = [result for result in found.values() if result.id == "clock-wrong"]
    assert "60 minutes behind" in wrong.summary
    assert wrong.cause == "clock-skew"


def test_who_does_not_answer_is_waited_for_no_longer_than_said(
    home: Home, emulator: Emulator
) -> None:
    emulator.fault("delay", seconds=30)
    result = asked(home, limit=0.5)["api.anthropic.com"]
    assert (result.id, result.cause) == ("host-unreachable", "no-answer")


def test_without_its_authority_the_host_is_not_trusted(home: Home) -> None:
    for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        del home.variables[name]
    assert {asked(home)[host].cause for host in HOSTS} == {"tls-untrusted-ca"}


def test_the_password_of_a_proxy_stays_here(home: Home, emulator: Emulator) -> None:
    address = parse_address(emulator.proxy_url)
    assert address
    home.variables |= dict.fromkeys(
        ("https_proxy", "HTTPS_PROXY"), f"http://user:{CANARY}@{address.host}:{address.port}"
    )
    found = asked(home)
    assert {found[host].id for host in HOSTS} == {"host-answers"}
    assert found[emulator.proxy_url].id == "proxy-password-kept"
    assert "canary" not in repr(found)


def test_the_command_asks_by_the_proxy_of_its_environment(home: Home, emulator: Emulator) -> None:
    ended = doctor(home, "--online")
    assert "asking api.anthropic.com, platform.claude.com" in ended.err
    for host in HOSTS:
        assert f"host-answers: {host} answers" in ended.out
    assert "clock: The clock agrees" in ended.out
    assert "canary" not in ended.out + ended.err


def test_nothing_is_asked_unless_it_is_asked_for(home: Home, emulator: Emulator) -> None:
    doctor(home)
    assert emulator.exchanges == ()
    assert emulator.egress_refused == ()
