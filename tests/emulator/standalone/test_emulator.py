"""Tests of the standalone emulator: `emulate()` and the methods of `Emulator`."""

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
import psutil
import pytest

from authprobe.emulator.config import AccountState, Backend, Fault, TokenKind, TokenState
from authprobe.emulator.server.connection import LOOPBACK
from authprobe.emulator.server.network import Network
from authprobe.emulator.standalone.emulator import Emulator, emulate, parts_of
from authprobe.emulator.state.tokens import PREFIXES, Token
from authprobe.errors import SettingsError
from tests.support.requests import MESSAGE
from tests.support.wire import TIMEOUT, client_of, connect, read_all, trusting

VERSION = {"anthropic-version": "2023-06-01"}
BEARERS = (TokenKind.ACCESS_TOKEN, TokenKind.SETUP_TOKEN, TokenKind.WORKLOAD_TOKEN)
STATES = [state for state in TokenState if state is not TokenState.BLANKED]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def emulator(network: Network) -> Iterator[Emulator]:
    with emulate(Backend(counts_as_claude_code=True), network=network) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(trust_env=False, timeout=TIMEOUT, limits=limits) as client:
        yield client


def credential_headers(token: Token) -> dict[str, str]:
    """Return the headers with which an application sends this token."""
    if token.kind is TokenKind.API_KEY:
        return VERSION | {"x-api-key": token.value}
    return VERSION | {
        "authorization": f"Bearer {token.value}",
        "anthropic-beta": "oauth-2025-04-20",
    }


def request_status(client: httpx.Client, emulator: Emulator, token: Token, url: str = "") -> int:
    """Send a message request with this token and return the status."""
    url = f"{url or emulator.base_url}/v1/messages"
    return client.post(url, headers=credential_headers(token), json=MESSAGE).status_code


def control_status(client: httpx.Client, emulator: Emulator) -> int:
    """Return the status of a request to the control API."""
    headers = {"authorization": f"Bearer {emulator.control_token}"}
    return client.get(emulator.control_url or "", headers=headers).status_code


def refused_ports(emulator: Emulator) -> list[bool]:
    """Return for each port of the emulator whether this process serves nothing there.

    Connecting would tell less: another process may have got the port of a closed emulator.
    """
    served = {
        connection.laddr.port
        for connection in psutil.Process().net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.ip in (LOOPBACK, "0.0.0.0", "::")  # noqa: S104 - must not be there
    }
    return [port not in served for port in ports(emulator)]


def accepts(port: int, host: str = LOOPBACK) -> bool:
    """Return True if the port accepts connections and closes one without a valid request."""
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


# --- addresses ------------------------------------------------------------------------------------


def test_requests_are_answered_over_http_https_and_the_proxy(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    assert request_status(client, emulator, key) == 200
    verify = trusting(emulator.ca_file)
    with httpx.Client(verify=verify, trust_env=False, timeout=TIMEOUT) as secure:
        assert request_status(secure, emulator, key, emulator.https_url) == 200
    with client_of(parts_of(emulator).network, parts_of(emulator).listener) as proxied:
        assert request_status(proxied, emulator, key, "https://api.anthropic.com") == 200
    hosts = [exchange.host for exchange in emulator.exchanges]
    assert hosts == [LOOPBACK, LOOPBACK, "api.anthropic.com"]
    assert {exchange.credential for exchange in emulator.exchanges} == {"api-key"}


def test_a_client_that_does_not_trust_the_authority_refuses_tls(emulator: Emulator) -> None:
    with (
        httpx.Client(trust_env=False, timeout=TIMEOUT) as client,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get(emulator.https_url)


def test_the_environment_has_base_url_proxies_and_authority(emulator: Emulator) -> None:
    environment = emulator.environment
    assert environment["ANTHROPIC_BASE_URL"] == emulator.base_url
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        assert environment[name] == emulator.proxy_url
    for name in ("NO_PROXY", "no_proxy"):
        assert environment[name].split(",") == ["127.0.0.1", "localhost", "::1"]
    for name in ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        assert Path(environment[name]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert emulator.proxy_environment == {
        name: text for name, text in environment.items() if name != "ANTHROPIC_BASE_URL"
    }


def test_the_environment_overrides_proxies_of_the_user(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "*")
    for name, text in emulator.environment.items():
        monkeypatch.setenv(name, text)
    with httpx.Client(timeout=TIMEOUT) as client:
        url = "https://api.anthropic.com/v1/messages"
        answer = client.post(url, headers=VERSION, json=MESSAGE)
    assert answer.json()["error"]["type"] == "authentication_error"
    assert [exchange.rule for exchange in emulator.exchanges] == ["A01"]


@pytest.mark.parametrize("host", ["0.0.0.0", "", "example.org", "192.0.2.1", "::", "localhost"])  # noqa: S104 - to be refused
def test_an_address_that_is_not_loopback_is_refused(host: str) -> None:
    before = threading.enumerate()
    with pytest.raises(SettingsError, match=r"use 127\.0\.0\.1 or ::1"), emulate(host=host):
        pass
    assert threading.enumerate() == before


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ipv4_and_ipv6_loopback_are_served(host: str, client: httpx.Client) -> None:
    skip_without(host)
    with emulate(host=host, control_port=0) as emulator:
        key = emulator.issue("api-key")
        assert request_status(client, emulator, key) == 200
        assert control_status(client, emulator) == 200
        verify = trusting(emulator.ca_file)
        with httpx.Client(verify=verify, trust_env=False, timeout=TIMEOUT) as secure:
            assert request_status(secure, emulator, key, emulator.https_url) == 200


def test_another_loopback_address_is_served_alone(client: httpx.Client) -> None:
    skip_without("127.0.0.2")
    with emulate(host="127.0.0.2", control_port=0) as emulator:
        assert [accepts(port, "127.0.0.2") for port in ports(emulator)] == [True] * 3
        assert refused_ports(emulator) == [True] * 3
        assert request_status(client, emulator, emulator.issue("api-key")) == 200
        assert control_status(client, emulator) == 200


def test_another_loopback_address_has_a_certificate() -> None:
    skip_without("127.0.0.2")
    with (
        emulate(host="127.0.0.2") as emulator,
        httpx.Client(verify=trusting(emulator.ca_file), trust_env=False, timeout=TIMEOUT) as secure,
    ):
        assert (
            request_status(secure, emulator, emulator.issue("api-key"), emulator.https_url) == 200
        )


def skip_without(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            pytest.skip(f"this machine has no {host}: {error}")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the table of sockets in /proc")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_every_port_is_bound_to_loopback_only(host: str) -> None:
    skip_without(host)
    with emulate(host=host, control_port=0) as emulator:
        numbers = ports(emulator)
        assert len(set(numbers)) == 3
        for number in numbers:
            assert listeners(number) == [host]


def listeners(port: int) -> list[str]:
    """Return the addresses on which any process of this machine listens on the port."""
    addresses = []
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        table = Path("/proc/self/net", name)
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, state, *_ = line.split()
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                words = [address[i : i + 8] for i in range(0, len(address), 8)]
                packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
                addresses.append(socket.inet_ntop(family, packed))
    return addresses


def test_leaving_the_block_closes_ports_threads_and_files() -> None:
    before = set(threading.enumerate())
    with emulate(control_port=0) as emulator:
        assert refused_ports(emulator) == [False] * 3
    assert refused_ports(emulator) == [True] * 3
    assert set(threading.enumerate()) == before
    assert not emulator.ca_file.exists()
    assert not emulator.ca_file.parent.exists()


def test_an_exception_in_the_block_closes_everything() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), emulate(control_port=0) as emulator:
        raise ZeroDivisionError
    assert refused_ports(emulator) == [True] * 3
    assert set(threading.enumerate()) == before


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as other:
        yield other.getsockname()[1]


def open_sockets() -> list[str]:
    """Return the open sockets of this process; empty if not on Linux."""
    targets = []
    for path in Path("/proc/self/fd").glob("*") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):
            targets.append(str(path.readlink()))
    return sorted(name for name in targets if name.startswith("socket"))


@pytest.mark.parametrize("option", ["port", "https_port", "control_port"])
def test_a_taken_port_is_refused_and_leaves_nothing_open(option: str) -> None:
    with taken_port() as port:
        threads, sockets = set(threading.enumerate()), open_sockets()
        options: dict[str, Any] = {option: port}
        with (
            pytest.raises(SettingsError, match=f"port {port}: Address already in use"),
            emulate(**options),
        ):
            pass
        assert set(threading.enumerate()) == threads
        assert open_sockets() == sockets


def test_a_taken_port_leaves_a_shared_network_unchanged(network: Network) -> None:
    with taken_port() as port:
        sockets = open_sockets()
        with (
            pytest.raises(SettingsError, match="in use"),
            emulate(control_port=port, network=network),
        ):
            pass
        assert open_sockets() == sockets


def test_a_chosen_port_can_be_used_again() -> None:
    with emulate() as first:
        port = ports(first)[0]
    for _ in range(2):
        with emulate(port=port) as emulator:
            assert ports(emulator)[0] == port
            assert accepts(port)


def test_a_shared_network_is_not_closed(network: Network, client: httpx.Client) -> None:
    with emulate(network=network, control_port=0) as first:
        assert request_status(client, first, first.issue("api-key")) == 200
    assert refused_ports(first) == [True] * 3
    with emulate(network=network) as second:
        assert second.ca_file == first.ca_file
        assert request_status(client, second, second.issue("api-key")) == 200


def test_an_emulator_that_has_stopped_stays_so_beside_others(network: Network) -> None:
    with emulate(network=network) as emulator:
        key = emulator.issue("api-key")
    parts_of(emulator).network.update_listening(parts_of(emulator).listener)
    for ask in (lambda: emulator.state(key), emulator.clear_faults, lambda: emulator.exchanges):
        with pytest.raises(SettingsError, match=r"^the emulator has stopped"):
            ask()
    assert refused_ports(emulator) == [True] * 2


def test_emulators_do_not_share_tokens_faults_and_exchanges(
    network: Network, client: httpx.Client
) -> None:
    with emulate(network=network) as one, emulate(network=network) as other, emulate() as third:
        key = one.issue("api-key")
        other.issue("api-key")
        other.fault("A30")
        assert request_status(client, one, key) == 200
        assert request_status(client, third, key) == 401
        other.clear_faults()
        assert request_status(client, other, key) == 401
        for emulator in (other, third):
            with pytest.raises(SettingsError, match="no such token: 'api-key'"):
                emulator.revoke(key)
        assert one.state(key) is TokenState.VALID
        assert [len(each.exchanges) for each in (one, other, third)] == [1, 1, 1]


def test_an_invalid_configuration_opens_nothing() -> None:
    before = threading.enumerate()
    with (
        pytest.raises(SettingsError, match="no such fault: 'A99'"),
        emulate(Backend(faults=("A99",))),
    ):
        pass
    assert threading.enumerate() == before


def test_it_starts_with_its_configuration(client: httpx.Client) -> None:
    day = datetime.date(2026, 5, 17)
    setup = Backend(date=day, faults=(Fault(name="A30", times=1),))
    with emulate(setup) as emulator:
        key = emulator.issue("api-key")
        assert [request_status(client, emulator, key) for _ in range(2)] == [529, 200]
        assert emulator.issue().expires_at == datetime.datetime(
            2026, 5, 17, 20, tzinfo=datetime.UTC
        )


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(PREFIXES))
@pytest.mark.parametrize("state", STATES)
def test_a_token_is_issued_in_every_kind_and_state(
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
        assert (request_status(client, emulator, by_member) == 200) is (state is TokenState.VALID)


def test_a_token_is_a_valid_access_token_by_default(emulator: Emulator) -> None:
    token = emulator.issue()
    assert (token.kind, emulator.state(token)) == (TokenKind.ACCESS_TOKEN, TokenState.VALID)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("x",), "no such token kind: 'x'; choose from api-key, access-token, .*identity-token"),
        (("login",), "no such token kind: 'login'; choose from api-key"),
        (("",), "no such token kind: ''; choose"),
        (("api-key", "x"), "no such token state: 'x'; choose from valid, expired, revoked, used"),
        (("api-key", "blanked"), "no such token state: 'blanked'; choose from valid"),
    ],
)
def test_an_unknown_kind_or_state_is_refused(
    emulator: Emulator, arguments: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        emulator.issue(*arguments)
    assert emulator.issue("api-key").slot == "api-key"


@pytest.mark.parametrize("lifetime", [0, -1, float("nan"), float("inf"), 1e300, 10**400])
def test_a_lifetime_is_more_than_zero_and_at_most_a_century(
    emulator: Emulator, lifetime: float
) -> None:
    with pytest.raises(SettingsError, match="more than 0 seconds and at most 100 years"):
        emulator.issue(lifetime=lifetime)


def test_a_token_has_a_chosen_value_unless_it_looks_real(
    emulator: Emulator, client: httpx.Client
) -> None:
    token = emulator.issue("api-key", value="my-test-key")
    assert (token.value, request_status(client, emulator, token)) == ("my-test-key", 200)
    for value, complaint in (
        ("my-test-key", "exists already"),
        ("sk-ant-api03-" + "of-a-real-account-" * 3, "looks like a real credential"),
        ("short", "use 8 to 200"),
        ("with a space", "use 8 to 200"),
        ("x" * 201, "use 8 to 200"),
        ("", "use 8 to 200"),
        ("ünderscore", "use 8 to 200"),
    ):
        with pytest.raises(SettingsError, match=complaint) as refusal:
            emulator.issue(value=value)
        assert "of-a-real-account" not in str(refusal.value)
    assert [exchange.credential for exchange in emulator.exchanges] == ["api-key"]
    assert "my-test-key" not in repr(emulator.exchanges)


def test_scopes_must_be_a_list(emulator: Emulator) -> None:
    assert emulator.issue(scopes=["user:profile"]).scopes == ("user:profile",)
    assert emulator.issue(scopes=[]).scopes == ()
    with pytest.raises(SettingsError, match="scopes='user:profile': must be a list"):
        emulator.issue(scopes="user:profile")


def test_a_token_expires_after_its_lifetime(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key", lifetime=60)
    emulator.advance(59)
    assert request_status(client, emulator, key) == 200
    emulator.advance(1)
    assert request_status(client, emulator, key) == 401
    assert emulator.state(key) is TokenState.EXPIRED


@pytest.mark.parametrize("state", [TokenState.VALID, TokenState.EXPIRED])
def test_a_login_can_be_refreshed(
    emulator: Emulator, client: httpx.Client, state: TokenState
) -> None:
    access, refresh = emulator.issue_login(state)
    assert access.login == refresh.login
    assert emulator.state(access) is state
    fields = {"grant_type": "refresh_token", "refresh_token": refresh.value, "client_id": "x"}
    answer = client.post(f"{emulator.base_url}/v1/oauth/token", json=fields)
    assert answer.status_code == 200
    assert emulator.state(refresh) is TokenState.USED
    assert emulator.state(answer.json()["access_token"]) is TokenState.VALID


@pytest.mark.parametrize("by_slot", [True, False])
@pytest.mark.parametrize("method", ["expire", "revoke"])
def test_a_token_ends_and_never_becomes_valid_again(
    emulator: Emulator, client: httpx.Client, method: str, by_slot: bool
) -> None:
    token, other = emulator.issue(), emulator.issue()
    assert request_status(client, emulator, token) == 200
    getattr(emulator, method)(token.slot if by_slot else token)
    end_state = TokenState.EXPIRED if method == "expire" else TokenState.REVOKED
    for _ in range(3):
        assert emulator.state(token) is end_state
        assert request_status(client, emulator, token) == 401
        emulator.expire(token)
        emulator.revoke(token)
        emulator.advance(3600)
        with pytest.raises(SettingsError, match="only moves forward"):
            emulator.advance(-86400)
    assert request_status(client, emulator, other) == 200


@pytest.mark.parametrize("method", ["expire", "revoke", "state"])
def test_an_unknown_token_is_refused(emulator: Emulator, method: str) -> None:
    with pytest.raises(SettingsError, match="no such token: 'api-key'"):
        getattr(emulator, method)("api-key")


def test_an_error_message_contains_no_token(emulator: Emulator) -> None:
    with emulate(network=parts_of(emulator).network) as other:
        foreign = other.issue()
    with pytest.raises(SettingsError) as caught:
        emulator.state(foreign.value)
    assert str(caught.value).startswith("no such token: '[redacted:token]'")


def test_a_token_from_before_a_reset_does_not_stand_for_the_new_one_in_its_slot(
    emulator: Emulator,
) -> None:
    before = emulator.issue("api-key")
    emulator.reset()
    after = emulator.issue("api-key")
    assert before.slot == after.slot
    with pytest.raises(SettingsError, match="no such token: 'api-key'"):
        emulator.revoke(before)
    assert emulator.state(after) is TokenState.VALID


# --- clock and configuration ----------------------------------------------------------------------


def test_advancing_the_clock_expires_tokens(emulator: Emulator, client: httpx.Client) -> None:
    token, key = emulator.issue(), emulator.issue("api-key")
    emulator.advance(0)
    emulator.advance(8 * 3600 - 60)
    assert request_status(client, emulator, token) == 200
    emulator.advance(60)
    assert request_status(client, emulator, token) == 401
    assert request_status(client, emulator, key) == 200


@pytest.mark.parametrize(
    ("seconds", "complaint"),
    [
        (-1, "only moves forward"),
        (float("nan"), "outside the calendar"),
        (float("inf"), "outside the calendar"),
        (1e12, "outside the calendar"),
        (10**400, "outside the calendar"),
    ],
)
def test_the_clock_refuses_to_go_back_or_leave_the_calendar(
    emulator: Emulator, client: httpx.Client, seconds: float, complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        emulator.advance(seconds)
    assert request_status(client, emulator, emulator.issue("api-key")) == 200


def test_a_date_near_the_end_of_the_calendar_is_handled() -> None:
    with pytest.raises(SettingsError, match="date"), emulate(Backend(date=datetime.date.max)):
        pass
    with emulate(Backend(date=datetime.date(2100, 1, 1))) as emulator:
        emulator.advance(7700 * 365.25 * 86400)
        with pytest.raises(SettingsError, match="outside the calendar"):
            emulator.advance(100 * 365.25 * 86400)
        token = emulator.issue("setup-token", lifetime=36500 * 86400)
        assert emulator.state(token) is TokenState.VALID


def test_the_configuration_can_be_changed(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key")
    emulator.configure(standing="organization-disabled")
    assert request_status(client, emulator, key) >= 400
    emulator.configure(counts_as_claude_code=False, reuse_revokes=True)
    assert request_status(client, emulator, key) >= 400
    emulator.configure(standing=AccountState.ACTIVE)
    emulator.configure()
    assert request_status(client, emulator, key) == 200
    assert len(emulator.exchanges) == 3


@pytest.mark.parametrize("revokes", [False, True])
def test_a_reused_refresh_token_revokes_its_login_if_configured(
    emulator: Emulator, client: httpx.Client, revokes: bool
) -> None:
    access, refresh = emulator.issue_login()
    emulator.configure(reuse_revokes=revokes)
    fields = {"grant_type": "refresh_token", "refresh_token": refresh.value, "client_id": "x"}
    url = f"{emulator.base_url}/v1/oauth/token"
    assert [client.post(url, json=fields).status_code for _ in range(2)] == [200, 400]
    assert (emulator.state(access) is TokenState.REVOKED) is revokes


def test_an_unknown_standing_lists_the_known_ones(emulator: Emulator) -> None:
    with pytest.raises(
        SettingsError, match="no such standing: 'x'; choose from active, organization-"
    ):
        emulator.configure(standing="x")


# --- faults ---------------------------------------------------------------------------------------


def test_a_fault_starts_after_some_requests_and_ends_after_its_times(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30", times=2, after=1)
    assert [request_status(client, emulator, key) for _ in range(5)] == [200, 529, 529, 200, 200]
    assert [exchange.faults for exchange in emulator.exchanges[:2]] == [(), ("A30",)]


def test_a_fault_happens_only_on_its_path(emulator: Emulator, client: httpx.Client) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30", path="/v1/models")
    assert request_status(client, emulator, key) == 200
    answer = client.get(f"{emulator.base_url}/v1/models", headers=credential_headers(key))
    assert answer.status_code == 529


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("A99", {}, "no such fault: 'A99'; did you mean"),
        ("reset", {"seconds": 1.0}, "'reset' takes no 'seconds'"),
        ("delay", {"seconds": -1.0}, "'seconds' of 'delay' must be at least 0"),
        ("delay", {"seconds": float("nan")}, "seconds: "),
        ("delay", {"seconds": 1e300}, "seconds: Input should be less than"),
        ("A30", {"times": 0}, "times=0: must be a whole number of at least 1"),
        ("A30", {"after": -1}, "after=-1: must be a whole number of at least 0"),
        ("connection-refused", {"times": 1}, "'connection-refused' is not counted"),
    ],
)
def test_an_invalid_fault_is_refused(
    emulator: Emulator, client: httpx.Client, name: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        emulator.fault(name, **options)
    assert request_status(client, emulator, emulator.issue("api-key")) == 200


@pytest.mark.parametrize("method", ["clear_faults", "reset"])
def test_connections_are_accepted_again_after_the_fault(client: httpx.Client, method: str) -> None:
    with emulate(control_port=0) as emulator:
        key = emulator.issue("api-key")
        for _ in range(2):
            assert request_status(client, emulator, key) == 200
            emulator.fault("connection-refused")
            assert refused_ports(emulator) == [True, True, False]
            with pytest.raises(httpx.ConnectError):
                request_status(client, emulator, key)
            getattr(emulator, method)()
            assert refused_ports(emulator) == [False] * 3
            if method == "reset":
                key = emulator.issue("api-key")
        emulator.reset(Backend(faults=("connection-refused",)))
        assert refused_ports(emulator) == [True, True, False]


def test_clearing_faults_ends_those_with_times_left(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30", times=5)
    emulator.fault("A22")
    assert request_status(client, emulator, key) == 529
    emulator.clear_faults()
    assert request_status(client, emulator, key) == 200


# --- exchanges ------------------------------------------------------------------------------------


def test_exchanges_are_recorded_until_they_are_discarded(
    emulator: Emulator, client: httpx.Client
) -> None:
    assert list(emulator.exchanges) == []
    key = emulator.issue("api-key")
    request_status(client, emulator, key)
    [exchange] = emulator.exchanges
    assert (exchange.method, exchange.path, exchange.status) == ("POST", "/v1/messages", 200)
    assert (exchange.credential_header, exchange.credential) == ("x-api-key", "api-key")
    client.get(emulator.base_url, headers={"host": "example.org"})
    emulator.forget_exchanges()
    assert (emulator.exchanges, emulator.egress_refused) == ((), ())
    assert request_status(client, emulator, key) == 200  # the tokens remain
    assert len(emulator.exchanges) == 1


def test_a_host_that_is_not_emulated_is_denied_and_recorded(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    url = f"{emulator.base_url}/v1/messages"
    answer = client.post(
        url, headers=credential_headers(key) | {"host": "evil.example"}, json=MESSAGE
    )
    assert answer.status_code == 404
    assert [exchange.rule for exchange in emulator.exchanges] == ["deny:host"]
    with client_of(parts_of(emulator).network, parts_of(emulator).listener) as proxied:
        for url in ("https://example.org/", "http://example.net/"):
            with contextlib.suppress(httpx.ProxyError):
                assert proxied.get(url).status_code == 502
    assert emulator.egress_refused == ("evil.example", "example.net", "example.org")


def test_exchanges_never_contain_a_token(emulator: Emulator, client: httpx.Client) -> None:
    tokens = [emulator.issue(kind, state) for kind in PREFIXES for state in STATES]
    foreign = "sk-ant-api03-issued-by-another-service"
    for value in (*(token.value for token in tokens), foreign):
        url = f"{emulator.base_url}/v1/messages/{value}?key={value}"
        headers = VERSION | {"x-api-key": value, "anthropic-beta": value, "user-agent": value}
        client.post(url, headers=headers, json=MESSAGE)
        client.post(emulator.base_url, headers={"authorization": f"Bearer {value}"})
        fields = {"grant_type": "refresh_token", "refresh_token": value}
        client.post(f"{emulator.base_url}/v1/oauth/token", json=fields)
        client.get(emulator.base_url, headers={"host": f"{value}.example.org"})
    text = repr(emulator.exchanges) + repr(emulator.egress_refused) + repr(emulator)
    assert len(emulator.exchanges) == 4 * (len(tokens) + 1)
    assert "sk-ant-" not in text
    assert foreign not in text
    for token in tokens:
        assert token.value not in text
        assert token.value.removeprefix(PREFIXES[token.kind]) not in text
    assert re.search(r"\[redacted:api-key\]", text)


def test_reset_discards_tokens_faults_exchanges_and_the_clock(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    emulator.fault("A30")
    emulator.advance(86400)
    emulator.configure(standing="no-subscription")
    request_status(client, emulator, key)
    client.get(emulator.base_url, headers={"host": "example.org"})
    url = emulator.base_url
    emulator.reset()
    assert (emulator.exchanges, emulator.egress_refused) == ((), ())
    assert emulator.base_url == url
    assert request_status(client, emulator, key) == 401  # the token is unknown now
    assert request_status(client, emulator, emulator.issue("api-key")) == 200
    expires_at = emulator.issue().expires_at
    assert expires_at is not None
    remaining = expires_at - datetime.datetime.now(datetime.UTC)
    assert abs(remaining - datetime.timedelta(hours=8)) < datetime.timedelta(minutes=1)


def test_reset_applies_a_valid_configuration_and_refuses_an_invalid_one(
    emulator: Emulator, client: httpx.Client
) -> None:
    key = emulator.issue("api-key")
    with pytest.raises(SettingsError, match="no such fault: 'A99'"):
        emulator.reset(Backend(faults=("A99",)))
    assert request_status(client, emulator, key) == 200
    emulator.reset(Backend(faults=("A30",)))
    assert request_status(client, emulator, emulator.issue("api-key")) == 529


def test_it_can_be_used_from_several_threads(emulator: Emulator) -> None:
    def use(number: int) -> tuple[list[int], set[TokenState]]:
        with httpx.Client(trust_env=False, timeout=TIMEOUT) as client:
            key, other = emulator.issue("api-key"), emulator.issue()
            before = request_status(client, emulator, key)
            emulator.revoke(key)
            emulator.advance(1)
            assert len(emulator.exchanges) > 0
            return [before, request_status(client, emulator, key)], {
                emulator.state(key),
                emulator.state(other),
            }

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(use, range(32)))
    assert {tuple(statuses) for statuses, _ in results} == {(200, 401)}
    assert all(states == {TokenState.REVOKED, TokenState.VALID} for _, states in results)
    assert len(emulator.exchanges) == 64
    assert len(slots(emulator.exchanges)) == 32


def slots(exchanges: Iterable[Any]) -> set[str | None]:
    return {exchange.credential for exchange in exchanges}


def test_closing_the_emulator_closes_idle_connections() -> None:
    with emulate(control_port=0) as emulator:
        key = emulator.issue("api-key")
        with httpx.Client(trust_env=False, timeout=TIMEOUT) as client:
            assert request_status(client, emulator, key) == 200
            assert control_status(client, emulator) == 200
            parts_of(emulator).network.close(parts_of(emulator).listener)
            with pytest.raises(httpx.TransportError):
                request_status(client, emulator, key)


def test_a_connection_made_just_before_the_end_is_closed() -> None:
    for _ in range(10):
        with emulate(control_port=0) as emulator:
            channels = [connect(port) for port in ports(emulator)]
        for channel in channels:
            with channel:
                assert read_all(channel) == b""
