"""The proxy and the authorities that the user's variables name."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from authprobe.service.outbound import Proxies, add_authorities, read_authorities


@pytest.mark.parametrize(
    ("no_proxy", "host", "is_direct"),
    [
        ("api.anthropic.com", "api.anthropic.com", True),
        (".anthropic.com", "api.anthropic.com", True),
        ("*", "claude.ai", True),
        ("anthropic.com", "claude.ai", False),
        ("localhost,127.0.0.1", "claude.ai", False),
        ("", "claude.ai", False),
    ],
)
def test_no_proxy_lists_hosts_for_direct_connections(
    no_proxy: str, host: str, is_direct: bool
) -> None:
    variables = {"NO_PROXY": no_proxy, "HTTPS_PROXY": "http://proxy.example:3128"}
    address = Proxies(variables=variables).address(host)
    assert str(address) == ("None" if is_direct else "http://proxy.example:3128")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense", "http://127.0.0.1:99999"])
def test_an_invalid_proxy_is_an_error_instead_of_a_direct_connection(proxy: str) -> None:
    with pytest.raises(ValueError, match="https_proxy is not an"):
        Proxies(variables={"https_proxy": proxy}).address("claude.ai")


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy"])
def test_a_proxy_that_is_not_read_is_not_circumvented(name: str) -> None:
    other = {name: "socks5h://127.0.0.1:9050"}
    with pytest.raises(
        ValueError, match="ALL_PROXY is not used; name an HTTP proxy in HTTPS_PROXY"
    ):
        Proxies(variables=other).address("claude.ai")
    assert Proxies(variables={**other, "NO_PROXY": "claude.ai"}).address("claude.ai") is None
    both = Proxies(variables={**other, "HTTPS_PROXY": "http://proxy.example:3128"})
    assert str(both.address("claude.ai")) == "http://proxy.example:3128"


def test_the_password_of_a_proxy_is_nowhere() -> None:
    proxies = Proxies(variables={"HTTPS_PROXY": "http://user:p4ssw0rd-of-mine@proxy.example:1"})
    assert "p4ssw0rd" not in f"{proxies!r} {proxies.address('claude.ai')!r}"


def test_files_of_authorities_are_read_from_each_variable(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    texts = read_authorities({"SSL_CERT_FILE": "ca.pem", "REQUESTS_CA_BUNDLE": " "}, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert [add_authorities(context, text) for text in texts] == [True]
    assert len(context.get_ca_certs()) == 1


def test_a_file_without_a_certificate_adds_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    texts = read_authorities(
        {"SSL_CERT_FILE": "ca.pem", "NODE_EXTRA_CA_CERTS": "missing"}, tmp_path
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert [add_authorities(context, text) for text in texts] == [False, False]


CONTEXT = (
    "from authprobe.service.outbound import tls_context; print(len(tls_context().get_ca_certs()))"
)


@pytest.mark.parametrize("kind", ["fifo", "device", "missing", "text", "one"])
def test_file_of_the_systems_authorities_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "text":
        file.write_text("no certificate")
    elif kind == "one":
        trustme.CA().cert_pem.write_to_path(file)
    ended = subprocess.run(
        [sys.executable, "-c", CONTEXT],
        env={"SSL_CERT_FILE": str(file), "SSL_CERT_DIR": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert int(ended.stdout) == (kind == "one")
