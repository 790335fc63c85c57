"""The emulator as the test of an application has it: `emulate()` and its handle."""

import contextlib
import datetime
import re
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Network
from authprobe.emulator.standalone.emulator import (
    AccountState,
    Backend,
    Emulator,
    Fault,
    Token,
    TokenKind,
    TokenState,
    emulate,
)
from authprobe.emulator.state.tokens import PREFIXES
from authprobe.errors import SettingsError
from tests.support.wire import TIMEOUT, client_of, connect, read_all, trusting

ASKED = {"model": "m", "max_tokens": 1, "messages": []}
VERSION = {"anthropic-version": "2023-06-01"}
BEARERS = (TokenKind.ACCESS_TOKEN, TokenKind.SETUP_TOKEN, TokenKind.WORKLOAD_TOKEN)
STATES = [state for state in TokenState if state is not TokenState.BLANKED]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as opened:
        yield opened


@pytest.fixture
def emulator(network: Network) -> Iterator[Emulator]:
    with emulate(Backend(counts_as_claude_code=True), network=network) as made:
        yield made


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(trust_env=False, timeout=TIMEOUT, limits=limits) as made:
        yield made


def sent_by(token: Token) -> dict[str, str]:
    """The headers by which an application sends it."""
    if token.kind is TokenKind.API_KEY:
        return VERSION | {"x-api-key": token.value}
    return VERSION | {
        "authorization": f"Bearer {token.value}",
        "anthropic-beta": "oauth-2025-04-20",
    }


def ask(client: httpx.Client, emulator: Emulator, token: Token, url: str = "") -> int:
    """The status that the token gets."""
    url = f"{url or emulator.base_url}/v1/messages"
    return client.post(url, headers=sent_by(token), json=ASKED).status_code


def refuses(emulator: Emulator) -> list[bool]:
    """Whether nobody listens at each of its ports."""
    return [not answers(port) for port in ports(emulator)]


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether anybody listens there, and ends what is no request."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT) as channel:
            channel.sendall(b"x\r\n\r\n")
            read_all(channel)
    except ConnectionRefusedError:
        return False
    return True


def ports(emulator: Emulator) -> list[int]:
    urls = (emulator.base_url, emulator.https_url, emulator.control_url)
    return [httpx.URL(url).port or 0 for url in urls if url]


# --- where it is ----------------------------------------------------------------------------------


def test_it_is_asked_in_plain_http_by_tls_and_past_the_proxy(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    assert ask(client, emulator, key) == 200
    verify = trusting(emulator.ca_file)
    with httpx.Client(verify=verify, trust_env=False, timeout=TIMEOUT) as secure:
        assert ask(secure, emulator, key, emulator.https_url) == 200
    with client_of(emulator.network, emulator.listener) as proxied:
        assert ask(proxied, emulator, key, "https://api.anthropic.com") == 200
    hosts = [seen.host for seen in emulator.exchanges]
    assert hosts == [LOOPBACK, LOOPBACK, "api.anthropic.com"]
    assert {seen.credential for seen in emulator.exchanges} == {"api-key"}


def test_an_authority_that_is_not_trusted_is_not_believed(emulator: Emulator) -> None:
    with (
        httpx.Client(trust_env=False, timeout=TIMEOUT) as strange,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        strange.get(emulator.https_url)


def test_the_environment_names_it_in_every_way_programs_read(emulator: Emulator) -> None:
    found = emulator.environment
    assert found["ANTHROPIC_BASE_URL"] == emulator.base_url
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        assert found[name] == emulator.proxy_url
    for name in ("NO_PROXY", "no_proxy"):
        assert found[name].split(",") == ["127.0.0.1", "localhost", "::1"]
    for name in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        assert Path(found[name]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert emulator.proxy_environment == {
        name: text for name, text in found.items() if name != "ANTHROPIC_BASE_URL"
    }


def test_the_environment_wins_over_proxies_that_the_user_has(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "*")
    for name, text in emulator.environment.items():
        monkeypatch.setenv(name, text)
    with httpx.Client(timeout=TIMEOUT) as trusting_the_environment:
        url = "https://api.anthropic.com/v1/messages"
        answer = trusting_the_environment.post(url, headers=VERSION, json=ASKED)
    assert answer.json()["error"]["type"] == "authentication_error"
    assert [seen.rule for seen in emulator.exchanges] == ["A01"]


@pytest.mark.parametrize("host", ["0.0.0.0", "", "example.org", "192.0.2.1", "::", "localhost"])  # noqa: S104 - to be refused
def test_nothing_but_a_loopback_address_is_served(host: str) -> None:
    before = threading.enumerate()
    with pytest.raises(SettingsError, match=r"use 127\.0\.0\.1 or ::1"), emulate(host=host):
        pass
    assert threading.enumerate() == before


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_loopback_address_is_served(host: str, client: httpx.Client) -> None:
    skip_without(host)
    with emulate(host=host, control_port=0) as emulator:
        key = emulator.issue("api-key")
        assert ask(client, emulator, key) == 200
        assert client.get(emulator.control_url or "").status_code == 200
        verify = trusting(emulator.ca_file)
        with httpx.Client(verify=verify, trust_env=False, timeout=TIMEOUT) as secure:
            assert ask(secure, emulator, key, emulator.https_url) == 200


def test_another_address_of_loopback_is_served(client: httpx.Client) -> None:
    skip_without("127.0.0.2")
    with emulate(host="127.0.0.2", control_port=0) as emulator:
        assert [answers(port, "127.0.0.2") for port in ports(emulator)] == [True] * 3
        assert refuses(emulator) == [True] * 3
        assert ask(client, emulator, emulator.issue("api-key")) == 200
        assert client.get(emulator.control_url or "").status_code == 200


def test_another_address_of_loopback_has_a_certificate() -> None:
    skip_without("127.0.0.2")
    with (
        emulate(host="127.0.0.2") as emulator,
        httpx.Client(verify=trusting(emulator.ca_file), trust_env=False, timeout=TIMEOUT) as secure,
    ):
        assert ask(secure, emulator, emulator.issue("api-key"), emulator.https_url) == 200


def skip_without(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as tried:
        try:
            tried.bind((host, 0))
        except OSError as error:
            pytest.skip(f"this machine has no {host}: {error}")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's table is of Linux")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_every_port_is_bound_to_loopback_only(host: str) -> None:
    skip_without(host)
    with emulate(host=host, control_port=0) as emulator:
        numbers = ports(emulator)
        assert len(set(numbers)) == 3
        for number in numbers:
            assert listeners(number) == [host]


def listeners(port: int) -> list[str]:
    """The addresses at which anybody on this machine listens at the port."""
    found = []
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        table = Path("/proc/self/net", name)
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, state, *_ = line.split()
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                words = [address[i : i + 8] for i in range(0, len(address), 8)]
                packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
                found.append(socket.inet_ntop(family, packed))
    return found


def test_after_the_block_nothing_is_left() -> None:
    before = set(threading.enumerate())
    with emulate(control_port=0) as emulator:
        assert refuses(emulator) == [False] * 3
    assert refuses(emulator) == [True] * 3
    assert set(threading.enumerate()) == before
    assert not emulator.ca_file.exists()
    assert not emulator.ca_file.parent.exists()


def test_a_test_that_fails_leaves_nothing() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), emulate(control_port=0) as emulator:
        raise ZeroDivisionError
    assert refuses(emulator) == [True] * 3
    assert set(threading.enumerate()) == before


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as other:
        yield other.getsockname()[1]


def open_sockets() -> list[str]:
    """What this process holds; empty where the system does not tell."""
    found = []
    for path in Path("/proc/self/fd").glob("*") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):
            found.append(str(path.readlink()))
    return sorted(name for name in found if name.startswith("socket"))


@pytest.mark.parametrize("which", ["port", "https_port", "control_port"])
def test_a_port_that_is_taken_leaves_nothing_open(which: str) -> None:
    with taken_port() as port:
        threads, sockets = set(threading.enumerate()), open_sockets()
        wanted: dict[str, Any] = {which: port}
        with (
            pytest.raises(SettingsError, match=f"port {port}: Address already in use"),
            emulate(**wanted),
        ):
            pass
        assert set(threading.enumerate()) == threads
        assert open_sockets() == sockets


def test_a_port_that_is_taken_leaves_a_given_network_as_it_was(network: Network) -> None:
    with taken_port() as port:
        sockets = open_sockets()
        with (
            pytest.raises(SettingsError, match="in use"),
            emulate(control_port=port, network=network),
        ):
            pass
        assert open_sockets() == sockets


def test_a_port_can_be_chosen_and_had_again() -> None:
    with emulate() as first:
        port = ports(first)[0]
    for _ in range(2):
        with emulate(port=port) as again:
            assert ports(again)[0] == port
            assert answers(port)


def test_a_given_network_is_not_closed(network: Network, client: httpx.Client) -> None:
    with emulate(network=network, control_port=0) as first:
        assert ask(client, first, first.issue("api-key")) == 200
    assert refuses(first) == [True] * 3
    with emulate(network=network) as second:
        assert second.ca_file == first.ca_file
        assert ask(client, second, second.issue("api-key")) == 200


def test_two_at_once_do_not_see_each_other(network: Network, client: httpx.Client) -> None:
    with emulate(network=network) as one, emulate(network=network) as other, emulate() as third:
        key = one.issue("api-key")
        other.issue("api-key")
        other.fault("A30")
        assert ask(client, one, key) == 200
        assert ask(client, third, key) == 401
        other.clear_faults()
        assert ask(client, other, key) == 401
        for stranger in (other, third):
            with pytest.raises(SettingsError, match="no token 'api-key' here"):
                stranger.revoke(key)
        assert one.state(key) is TokenState.VALID
        assert [len(each.exchanges) for each in (one, other, third)] == [1, 1, 1]


def test_a_setup_that_makes_no_sense_opens_nothing() -> None:
    before = threading.enumerate()
    with (
        pytest.raises(SettingsError, match="no such fault: 'A99'"),
        emulate(Backend(faults=("A99",))),
    ):
        pass
    assert threading.enumerate() == before


def test_it_begins_as_it_is_set_up(client: httpx.Client) -> None:
    day = datetime.date(2026, 5, 17)
    setup = Backend(date=day, faults=(Fault(name="A30", times=1),))
    with emulate(setup) as emulator:
        key = emulator.issue("api-key")
        assert [ask(client, emulator, key) for _ in range(2)] == [529, 200]
        assert emulator.issue().expires_at == datetime.datetime(
            2026, 5, 17, 20, tzinfo=datetime.UTC
        )


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(PREFIXES))
@pytest.mark.parametrize("state", STATES)
def test_a_token_of_each_kind_and_state(
    emulator: Emulator, client: httpx.Client, kind: TokenKind, state: TokenState
) -> None:
    by_member, by_text = emulator.issue(kind, state), emulator.issue(kind.value, state.value)
    for token in (by_member, by_text):
        assert token.kind is kind
        assert token.value.startswith(PREFIXES[kind])
        assert emulator.state(token) is state
        assert emulator.state(token.slot) is state
        assert emulator.state(token.value) is state
    assert (by_member.slot, by_text.slot) == (kind.value, f"{kind.value}-2")
    assert by_member.value != by_text.value
    if kind in (TokenKind.API_KEY, *BEARERS):
        assert (ask(client, emulator, by_member) == 200) is (state is TokenState.VALID)


def test_a_token_is_an_access_token_unless_said_otherwise(emulator: Emulator) -> None:
    token = emulator.issue()
    assert (token.kind, emulator.state(token)) == (TokenKind.ACCESS_TOKEN, TokenState.VALID)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (("x",), "no kind of token 'x'; choose from api-key, access-token, .*identity-token"),
        (("login",), "no kind of token 'login'; choose from api-key"),
        (("",), "no kind of token ''; choose"),
        (("api-key", "x"), "no state of a token 'x'; choose from valid, expired, revoked, used"),
        (("api-key", "blanked"), "no state of a token 'blanked'; choose from valid"),
    ],
)
def test_what_there_is_not_is_not_issued(
    emulator: Emulator, asked: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        emulator.issue(*asked)
    assert emulator.issue("api-key").slot == "api-key"


@pytest.mark.parametrize("lifetime", [0, -1, float("nan"), float("inf"), 1e300, 10**400])
def test_a_lifetime_is_above_nothing_and_at_most_a_century(
    emulator: Emulator, lifetime: float
) -> None:
    with pytest.raises(SettingsError, match="a number of seconds above 0, and at most a century"):
        emulator.issue(lifetime=lifetime)


def test_scopes_are_a_list(emulator: Emulator) -> None:
    assert emulator.issue(scopes=["user:profile"]).scopes == ("user:profile",)
    assert emulator.issue(scopes=[]).scopes == ()
    with pytest.raises(SettingsError, match="put brackets around 'user:profile'"):
        emulator.issue(scopes="user:profile")


def test_a_token_lives_as_long_as_it_is_given(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key", lifetime=60)
    emulator.advance(59)
    assert ask(client, emulator, key) == 200
    emulator.advance(1)
    assert ask(client, emulator, key) == 401
    assert emulator.state(key) is TokenState.EXPIRED


@pytest.mark.parametrize("state", [TokenState.VALID, TokenState.EXPIRED])
def test_a_login_is_refreshed(emulator: Emulator, client: httpx.Client, state: TokenState) -> None:
    access, refresh = emulator.issue_login(state)
    assert access.login == refresh.login
    assert emulator.state(access) is state
    asked = {"grant_type": "refresh_token", "refresh_token": refresh.value, "client_id": "x"}
    answer = client.post(f"{emulator.base_url}/v1/oauth/token", json=asked)
    assert answer.status_code == 200
    assert emulator.state(refresh) is TokenState.USED
    assert emulator.state(answer.json()["access_token"]) is TokenState.VALID


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("how", ["expire", "revoke"])
def test_a_token_ends_and_never_becomes_valid_again(
    emulator: Emulator, client: httpx.Client, how: str, named: bool
) -> None:
    token, other = emulator.issue(), emulator.issue()
    assert ask(client, emulator, token) == 200
    getattr(emulator, how)(token.slot if named else token)
    ended = TokenState.EXPIRED if how == "expire" else TokenState.REVOKED
    for _ in range(3):
        assert emulator.state(token) is ended
        assert ask(client, emulator, token) == 401
        emulator.expire(token)
        emulator.revoke(token)
        emulator.advance(3600)
        with pytest.raises(SettingsError, match="only moves forward"):
            emulator.advance(-86400)
    assert ask(client, emulator, other) == 200


@pytest.mark.parametrize("work", ["expire", "revoke", "state"])
def test_a_token_that_is_not_there_is_not_found(emulator: Emulator, work: str) -> None:
    with pytest.raises(SettingsError, match="there is no token 'api-key' here"):
        getattr(emulator, work)("api-key")


def test_a_complaint_does_not_hold_a_token(emulator: Emulator) -> None:
    with emulate(network=emulator.network) as other:
        foreign = other.issue()
    with pytest.raises(SettingsError) as caught:
        emulator.state(foreign.value)
    assert str(caught.value) == "there is no token '[redacted:token]' here"


def test_a_token_is_found_by_its_value_also_when_its_slot_is_another_s(emulator: Emulator) -> None:
    before = emulator.issue("api-key")
    emulator.reset()
    after = emulator.issue("api-key")
    assert before.slot == after.slot
    with pytest.raises(SettingsError, match="there is no token 'api-key' here"):
        emulator.revoke(before)
    assert emulator.state(after) is TokenState.VALID


# --- clock and switches ---------------------------------------------------------------------------


def test_the_clock_moves_on(emulator: Emulator, client: httpx.Client) -> None:
    token, key = emulator.issue(), emulator.issue("api-key")
    emulator.advance(0)
    emulator.advance(8 * 3600 - 60)
    assert ask(client, emulator, token) == 200
    emulator.advance(60)
    assert ask(client, emulator, token) == 401
    assert ask(client, emulator, key) == 200


@pytest.mark.parametrize(
    ("seconds", "complaint"),
    [
        (-1, "only moves forward"),
        (float("nan"), "cannot be moved on so far"),
        (float("inf"), "cannot be moved on so far"),
        (1e12, "cannot be moved on"),
        (10**400, "cannot be moved on"),
    ],
)
def test_the_clock_stays_in_the_calendar(
    emulator: Emulator, client: httpx.Client, seconds: float, complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        emulator.advance(seconds)
    assert ask(client, emulator, emulator.issue("api-key")) == 200


def test_a_set_day_near_the_end_of_the_calendar_is_no_trap() -> None:
    with pytest.raises(SettingsError, match="date"), emulate(Backend(date=datetime.date.max)):
        pass
    with emulate(Backend(date=datetime.date(2100, 1, 1))) as emulator:
        emulator.advance(7700 * 365.25 * 86400)
        with pytest.raises(SettingsError, match="cannot be moved on so far"):
            emulator.advance(100 * 365.25 * 86400)
        token = emulator.issue("setup-token", lifetime=36500 * 86400)
        assert emulator.state(token) is TokenState.VALID


def test_the_switches_can_be_changed(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key")
    emulator.configure(standing="organization-disabled")
    assert ask(client, emulator, key) >= 400
    emulator.configure(counts_as_claude_code=False, reuse_revokes=True)
    assert ask(client, emulator, key) >= 400
    emulator.configure(standing=AccountState.ACTIVE)
    emulator.configure()
    assert ask(client, emulator, key) == 200
    assert len(emulator.exchanges) == 4 - 1


@pytest.mark.parametrize("revokes", [False, True])
def test_a_refresh_token_that_is_reused_ends_its_login_if_so_configured(
    emulator: Emulator, client: httpx.Client, revokes: bool
) -> None:
    access, refresh = emulator.issue_login()
    emulator.configure(reuse_revokes=revokes)
    asked = {"grant_type": "refresh_token", "refresh_token": refresh.value, "client_id": "x"}
    url = f"{emulator.base_url}/v1/oauth/token"
    assert [client.post(url, json=asked).status_code for _ in range(2)] == [200, 400]
    assert (emulator.state(access) is TokenState.REVOKED) is revokes


def test_a_standing_that_there_is_not_lists_those_there_are(emulator: Emulator) -> None:
    with pytest.raises(SettingsError, match="no standing 'x'; choose from active, organization-"):
        emulator.configure(standing="x")


# --- faults ---------------------------------------------------------------------------------------


def test_a_fault_begins_late_and_ends(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30", times=2, after=1)
    assert [ask(client, emulator, key) for _ in range(5)] == [200, 529, 529, 200, 200]
    assert [seen.faults for seen in emulator.exchanges[:2]] == [(), ("A30",)]


def test_a_fault_stays_in_its_place(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30", path="/v1/models")
    assert ask(client, emulator, key) == 200
    answer = client.get(f"{emulator.base_url}/v1/models", headers=sent_by(key))
    assert answer.status_code == 529


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("A99", {}, "no such fault: 'A99'; did you mean"),
        ("reset", {"seconds": 1.0}, "'reset' takes no 'seconds'"),
        ("delay", {"seconds": -1.0}, "'seconds' of 'delay' must be at least 0"),
        ("delay", {"seconds": float("nan")}, "seconds: "),
        ("delay", {"seconds": 1e300}, "seconds: Input should be less than"),
        ("A30", {"times": 0}, "times: Input should be greater than or equal to 1"),
        ("A30", {"after": -1}, "after: Input should be greater than or equal to 0"),
        ("connection-refused", {"times": 1}, "'connection-refused' is not counted"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    emulator: Emulator, client: httpx.Client, name: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        emulator.fault(name, **options)
    assert ask(client, emulator, emulator.issue("api-key")) == 200


@pytest.mark.parametrize("cleared_by", ["clear_faults", "reset"])
def test_connections_are_refused_and_taken_again(client: httpx.Client, cleared_by: str) -> None:
    with emulate(control_port=0) as emulator:
        key = emulator.issue("api-key")
        for _ in range(2):
            assert ask(client, emulator, key) == 200
            emulator.fault("connection-refused")
            assert refuses(emulator) == [True, True, False]
            with pytest.raises(httpx.ConnectError):
                ask(client, emulator, key)
            getattr(emulator, cleared_by)()
            assert refuses(emulator) == [False] * 3
            if cleared_by == "reset":
                key = emulator.issue("api-key")
        emulator.reset(Backend(faults=("connection-refused",)))
        assert refuses(emulator) == [True, True, False]


def test_faults_are_cleared_in_the_middle_of_their_times(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30", times=5)
    emulator.fault("A22")
    assert ask(client, emulator, key) == 529
    emulator.clear_faults()
    assert ask(client, emulator, key) == 200


# --- the record -----------------------------------------------------------------------------------


def test_exchanges_are_kept_until_they_are_forgotten(
    emulator: Emulator, client: httpx.Client
) -> None:
    assert list(emulator.exchanges) == []
    key = emulator.issue("api-key")
    ask(client, emulator, key)
    [seen] = emulator.exchanges
    assert (seen.method, seen.path, seen.status) == ("POST", "/v1/messages", 200)
    assert (seen.credential_header, seen.credential) == ("x-api-key", "api-key")
    client.get(emulator.base_url, headers={"host": "example.org"})
    emulator.forget_exchanges()
    assert (emulator.exchanges, emulator.egress_refused) == ((), ())
    assert ask(client, emulator, key) == 200  # the token is still known
    assert len(emulator.exchanges) == 1


def test_a_foreign_name_is_denied_and_recorded(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key")
    url = f"{emulator.base_url}/v1/messages"
    answer = client.post(url, headers=sent_by(key) | {"host": "evil.example"}, json=ASKED)
    assert answer.status_code == 404
    assert [seen.rule for seen in emulator.exchanges] == ["deny:host"]
    with client_of(emulator.network, emulator.listener) as proxied:
        for url in ("https://example.org/", "http://example.net/"):
            with contextlib.suppress(httpx.ProxyError):
                assert proxied.get(url).status_code == 502
    assert emulator.egress_refused == ("evil.example", "example.net", "example.org")


def test_the_record_never_holds_a_token(emulator: Emulator, client: httpx.Client) -> None:
    tokens = [emulator.issue(kind, state) for kind in PREFIXES for state in STATES]
    foreign = "sk-ant-api03-of-somebody-else-entirely"
    for value in (*(token.value for token in tokens), foreign):
        url = f"{emulator.base_url}/v1/messages/{value}?key={value}"
        headers = VERSION | {"x-api-key": value, "anthropic-beta": value, "user-agent": value}
        client.post(url, headers=headers, json=ASKED)
        client.post(emulator.base_url, headers={"authorization": f"Bearer {value}"})
        asked = {"grant_type": "refresh_token", "refresh_token": value}
        client.post(f"{emulator.base_url}/v1/oauth/token", json=asked)
        client.get(emulator.base_url, headers={"host": f"{value}.example.org"})
    said = repr(emulator.exchanges) + repr(emulator.egress_refused) + repr(emulator)
    assert len(emulator.exchanges) == 4 * (len(tokens) + 1)
    assert "sk-ant-" not in said
    assert foreign not in said
    for token in tokens:
        assert token.value not in said
        assert token.value.removeprefix(PREFIXES[token.kind]) not in said
    assert re.search(r"\[redacted:api-key\]", said)


def test_reset_forgets_all(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30")
    emulator.advance(86400)
    emulator.configure(standing="no-subscription")
    ask(client, emulator, key)
    client.get(emulator.base_url, headers={"host": "example.org"})
    url = emulator.base_url
    emulator.reset()
    assert (emulator.exchanges, emulator.egress_refused) == ((), ())
    assert emulator.base_url == url
    assert ask(client, emulator, key) == 401  # nobody knows it
    assert ask(client, emulator, emulator.issue("api-key")) == 200
    expires_at = emulator.issue().expires_at
    assert expires_at is not None
    left = expires_at - datetime.datetime.now(datetime.UTC)
    assert abs(left - datetime.timedelta(hours=8)) < datetime.timedelta(minutes=1)


def test_reset_begins_as_it_is_set_up_and_not_at_all_if_that_makes_no_sense(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    with pytest.raises(SettingsError, match="no such fault: 'A99'"):
        emulator.reset(Backend(faults=("A99",)))
    assert ask(client, emulator, key) == 200
    emulator.reset(Backend(faults=("A30",)))
    assert ask(client, emulator, emulator.issue("api-key")) == 529


def test_it_is_used_from_several_threads(emulator: Emulator) -> None:
    def use(number: int) -> tuple[list[int], set[TokenState]]:
        with httpx.Client(trust_env=False, timeout=TIMEOUT) as own:
            key, other = emulator.issue("api-key"), emulator.issue()
            before = ask(own, emulator, key)
            emulator.revoke(key)
            emulator.advance(1)
            assert len(emulator.exchanges) > 0
            return [before, ask(own, emulator, key)], {emulator.state(key), emulator.state(other)}

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(use, range(32)))
    assert {tuple(statuses) for statuses, _ in done} == {(200, 401)}
    assert all(states == {TokenState.REVOKED, TokenState.VALID} for _, states in done)
    assert len(emulator.exchanges) == 64
    assert len(slots(emulator.exchanges)) == 32


def slots(exchanges: Iterable[Any]) -> set[str | None]:
    return {seen.credential for seen in exchanges}


def test_a_connection_that_is_kept_open_ends_with_the_block() -> None:
    with emulate(control_port=0) as emulator:
        key = emulator.issue("api-key")
        with httpx.Client(trust_env=False, timeout=TIMEOUT) as kept:
            assert ask(kept, emulator, key) == 200
            assert kept.get(emulator.control_url or "").status_code == 200
            emulator.network.close(emulator.listener)
            with pytest.raises(httpx.TransportError):
                ask(kept, emulator, key)


def test_a_connection_of_the_last_moment_ends_with_the_block() -> None:
    for _ in range(10):
        with emulate(control_port=0) as emulator:
            late = [connect(port) for port in ports(emulator)]
        for channel in late:
            with channel:
                assert read_all(channel) == b""
