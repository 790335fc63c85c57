"""Emulators that others can reach: who gets an answer, and where one may listen."""

import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from authprobe.emulator.server.access import PATH, Exposure
from authprobe.emulator.server.authority import Authority
from authprobe.emulator.server.network import check_host
from authprobe.emulator.standalone.emulator import Emulator, emulate, parts_of
from authprobe.errors import SettingsError

HOST = "127.0.0.2"
TOKEN = "an-access-token.of_40~characters"
EXPOSURE = Exposure(access_token=TOKEN)
BODY = {"model": "claude-opus-5-5", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}


def _has_second_loopback() -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not _has_second_loopback(), reason="THIS SYSTEM HAS ONLY ONE LOOPBACK ADDRESS"
)


@contextmanager
def exposed() -> Iterator[Emulator]:
    with emulate(host=HOST, control_port=0, exposure=EXPOSURE) as emulator:
        yield emulator


def post(emulator: Emulator, url: str, **options: object) -> httpx.Response:
    key = emulator.issue("api-key").value
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    with httpx.Client(trust_env=False, **options) as client:  # type: ignore[arg-type]
        return client.post(url, headers=headers, json=BODY)


def plain_url(emulator: Emulator) -> str:
    return f"http://{HOST}:{parts_of(emulator).listener.port}"


# --- requests -------------------------------------------------------------------------------------


def test_the_base_url_has_the_token_and_no_record_has_it() -> None:
    with exposed() as emulator:
        assert emulator.base_url == f"{plain_url(emulator)}{PATH}{TOKEN}"
        response = post(emulator, f"{emulator.base_url}/v1/messages")
        assert (response.status_code, response.json()["type"]) == (200, "message")
        [exchange] = emulator.exchanges
        assert (exchange.path, exchange.credential) == ("/v1/messages", "api-key")
        assert TOKEN not in repr(exchange)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages",
        f"{PATH}/v1/messages",
        f"{PATH}{TOKEN[:-1]}/v1/messages",
        f"{PATH}{TOKEN}x/v1/messages",
        f"{PATH}{TOKEN.upper()}/v1/messages",
        f"//{TOKEN}/v1/messages",
        f"/v1/..{PATH}{TOKEN}/v1/messages",
    ],
)
def test_a_request_without_the_token_is_refused_and_not_recorded(path: str) -> None:
    refusals: list[str] = []
    with exposed() as emulator:
        listener = parts_of(emulator).listener
        listener.site.on_refusal = refusals.append
        with socket.create_connection((HOST, listener.port), timeout=10) as connection:
            request = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n"
            connection.sendall(f"{request}Connection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        assert answer.startswith("HTTP/1.1 401 ")
        assert "authprobe: this emulator needs its access token; use a base URL" in answer
        assert TOKEN not in answer
        assert emulator.exchanges == ()
        assert emulator.request_count == 0
    assert refusals == ["401 The request has no access token, or another one"]


def test_https_needs_the_token_too() -> None:
    with exposed() as emulator:
        verify = ssl.create_default_context(cafile=emulator.ca_file)
        port = parts_of(emulator).listener.https_port
        response = post(emulator, f"{emulator.https_url}/v1/messages", verify=verify)
        refused = post(emulator, f"https://{HOST}:{port}/v1/messages", verify=verify)
        assert (response.status_code, refused.status_code) == (200, 401)


def test_a_tunnel_needs_the_token_once() -> None:
    with exposed() as emulator:
        verify = ssl.create_default_context(cafile=emulator.ca_file)
        url = "https://api.anthropic.com/v1/messages"
        response = post(emulator, url, verify=verify, proxy=emulator.proxy_url)
        assert response.status_code == 200
        assert TOKEN not in repr(emulator.exchanges)


@pytest.mark.parametrize("login", ["", "authprobe:other@", f"{TOKEN}:@"])
def test_a_tunnel_without_the_token_is_refused(login: str) -> None:
    with exposed() as emulator:
        verify = ssl.create_default_context(cafile=emulator.ca_file)
        proxy = f"http://{login}{HOST}:{parts_of(emulator).listener.port}"
        with pytest.raises(httpx.ProxyError, match="407"):
            post(emulator, "https://api.anthropic.com/v1/messages", verify=verify, proxy=proxy)
        assert emulator.exchanges == ()


def test_a_client_that_waits_for_it_is_asked_for_the_token() -> None:
    with exposed() as emulator:
        address = (HOST, parts_of(emulator).listener.port)
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n\r\n")
            answer = connection.recv(65536).decode()
        assert 'Proxy-Authenticate: Basic realm="authprobe"' in answer


@pytest.mark.parametrize("with_token", [True, False])
def test_a_request_in_absolute_form_needs_the_token(*, with_token: bool) -> None:
    with exposed() as emulator:
        login = f"authprobe:{TOKEN}@" if with_token else ""
        proxy = f"http://{login}{HOST}:{parts_of(emulator).listener.port}"
        response = post(emulator, "http://api.anthropic.com/v1/messages", proxy=proxy)
        assert response.status_code == (200 if with_token else 407)


@pytest.mark.parametrize("value", ["Bearer x", "Basic ???", "Basic", f"Basic {TOKEN}", "\xff"])
def test_odd_proxy_credentials_are_refused(value: str) -> None:
    with exposed() as emulator:
        headers = [("proxy-authorization", value.encode("latin-1"))]
        url = f"{plain_url(emulator)}/v1/messages"
        response = httpx.post(url, headers=headers, trust_env=False)  # type: ignore[arg-type]
        assert response.status_code == 401


def test_a_kept_connection_is_checked_for_each_request() -> None:
    login = base64.b64encode(f"any:{TOKEN}".encode()).decode()
    with exposed() as emulator, httpx.Client(trust_env=False) as client:
        url = f"{plain_url(emulator)}/v1/models"
        first = client.get(url, headers={"proxy-authorization": f"Basic {login}"})
        second = client.get(url)
        assert second.status_code == 401
        assert first.headers["content-type"] == "application/json"
        assert "access token" not in first.text


# --- the control API ------------------------------------------------------------------------------


def test_the_control_api_is_reached_by_any_name_with_its_own_token_only() -> None:
    with exposed() as emulator:
        url = emulator.control_url or ""

        def ask(token: str, **headers: str) -> httpx.Response:
            fields = {"authorization": f"Bearer {token}", **headers}
            return httpx.get(url, headers=fields, trust_env=False)

        answer = ask(emulator.control_token, host="claude:8081")
        assert (answer.status_code, answer.json()["base_url"]) == (200, emulator.base_url)
        assert ask(TOKEN).status_code == 401
        assert ask(emulator.control_token, origin="http://claude:8081").status_code == 403


def test_a_known_control_token_is_used() -> None:
    token = "a-control-token-of-36-characters"
    with emulate(control_port=0, control_token=token) as emulator:
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.get(emulator.control_url or "", headers=headers, trust_env=False).is_success


def test_a_program_without_the_token_keeps_no_connection() -> None:
    with exposed() as emulator:
        answer = post(emulator, f"{plain_url(emulator)}/v1/messages")
        assert (answer.status_code, answer.headers["connection"]) == (401, "close")


def test_one_token_cannot_be_for_both_uses() -> None:
    with pytest.raises(SettingsError, match="the control token and the access token are the same"):
        emulate(host=HOST, control_port=0, exposure=EXPOSURE, control_token=TOKEN).__enter__()


# --- names ----------------------------------------------------------------------------------------


def test_programs_are_told_the_public_name() -> None:
    exposure = Exposure(access_token=TOKEN, public_name="localhost")
    with emulate(host="127.0.0.1", control_port=0, exposure=exposure) as emulator:
        urls = (emulator.base_url, emulator.https_url, emulator.proxy_url, emulator.control_url)
        assert all("localhost:" in (url or "") for url in urls)
        assert emulator.environment["NO_PROXY"].endswith(",localhost")
        verify = ssl.create_default_context(cafile=emulator.ca_file)
        assert post(emulator, f"{emulator.https_url}/v1/messages", verify=verify).is_success


# --- where one may listen, without listening there ------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"])  # noqa: S104
def test_an_address_beyond_loopback_needs_an_option_and_a_token(host: str) -> None:
    for exposure in (Exposure(), Exposure(access_token=TOKEN)):
        with pytest.raises(SettingsError, match="serves loopback addresses only; use 127"):
            check_host(host, exposure)
    with pytest.raises(SettingsError, match="needs an access token; name a file that has one"):
        check_host(host, Exposure(is_beyond_loopback=True))
    check_host(host, Exposure(is_beyond_loopback=True, access_token=TOKEN))


def test_nothing_listens_where_the_check_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[object] = []
    monkeypatch.setattr("authprobe.emulator.server.bound_port.BoundPort._bind", bound.append)
    for exposure in (Exposure(), Exposure(is_beyond_loopback=True)):
        with pytest.raises(SettingsError), emulate(host="0.0.0.0", exposure=exposure):  # noqa: S104
            pass
    assert bound == []


@pytest.mark.parametrize("host", ["localhost", "claude", "example.org", "", "127.0.0.1.example"])
def test_a_name_is_no_address_to_listen_on(host: str) -> None:
    for is_beyond in (True, False):
        exposure = Exposure(is_beyond_loopback=is_beyond, access_token=TOKEN)
        with pytest.raises(SettingsError):
            check_host(host, exposure)


@pytest.mark.parametrize("token", ["", "short", "x" * 201, "with space in the token", "ä" * 20])
def test_a_token_is_long_and_fits_into_a_url(token: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Exposure(access_token=token).check()
    assert "must have 16 to 200 characters" in str(caught.value)
    assert not token or token not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["", "-x", "a/b", "user@host", "a b", "x" * 300, "x" * 64, "a..b", "x-.x", "ab--cd", "10.0.0"],
)
def test_a_public_name_is_that_of_a_host(name: str) -> None:
    with pytest.raises(SettingsError, match="is not the name of a host"):
        Exposure(public_name=name).check()


@pytest.mark.parametrize("name", ["claude", "Claude.example", "a" * 63, "10.0.0.5", "fd00::5"])
def test_a_public_name_can_be_in_a_certificate(name: str, tmp_path: Path) -> None:
    Exposure(public_name=name).check()
    Authority(tmp_path).context(frozenset(), (name,))
