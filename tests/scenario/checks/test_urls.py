"""Addresses of endpoints: each that passes the checks can be requested."""

from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from authprobe.scenario.checks.headers import check_headers
from authprobe.scenario.checks.urls import check_url
from tests.support.scenario_files import changed, error_messages

_HYPOTHESIS = settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
_HOSTS = (
    st.lists(st.text("ax0", min_size=1, max_size=4), min_size=1, max_size=3).map(".".join)
    | st.text("ax0-._:[]%~\\é。\u0301ß", min_size=1, max_size=12)
    | st.sampled_from(
        [
            "xn--",
            "xn--a",
            "xn--bcher-kva",
            "XN--BCHER-KVA",
            "[::1]",
            "[::1%25lo]",
            "127.0.0.1",
            "1.2",
        ]
    )
)
_PATHS = st.text("/a2F~.;'*", max_size=10) | st.text("/a%2F~.;'\"<>|^`{}[]é\\*", max_size=10)
"""Each has a part of which most is accepted; hardly anything of the other part is."""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://xn--/", "the host 'xn--' of the address is not a host name: "),
        ("https://a.xn--zzzzzzzz/", "the label 'xn--zzzzzzzz' of the host is not valid (RFC 5891)"),
        ("https://a_。-/x", "the host 'a_。-' of the address is not ASCII; write it with xn-- "),
        ("https://a_b.example/", "the host 'a_b.example' of the address is not a host name: "),
        ("https://a.example./", "the host 'a.example.' of the address is not a host name: "),
        ("https://.example/", "the host '.example' of the address is not a host name: "),
        ("https://-a.example/", "the host '-a.example' of the address is not a host name: "),
        (f"https://{'a' * 64}.example/", "of the address is not a host name: "),
        (f"https://{'a.' * 127}example/", "of the address is longer than 253 characters"),
        ("https://1.2.3.4.5/", "the host '1.2.3.4.5' of the address is not an IPv4 address"),
        ("https://[fe80::1%25eth0]/", "the host 'fe80::1%25eth0' of the address is not an IPv6 "),
        ("http://0[::]/", "the host '::' of the address is not an IPv6 address"),
        ("https://a.example/%zz", "the path '/%zz' of the address has a character that needs "),
        ("https://a.example/<x>", "the path '/<x>' of the address has a character that needs "),
        ("https://a.example/é", "the path '/é' of the address has a character that needs a % code"),
        (f"https://a.example/{'x' * 70_000}", "'url' is longer than 2,000 characters"),
    ],
)
def test_an_address_that_no_request_can_have_is_reported(
    tmp_path: Path, url: str, expected: str
) -> None:
    [message] = error_messages(tmp_path, changed("https://api.example.org", f"'{url}'"))
    assert message.startswith("5:24: ")
    assert expected in message


@pytest.mark.parametrize(
    "url",
    [
        "https://xn--bcher-kva.example/",
        "http://127.0.0.1:8080/v1",
        "http://[::1]:8080",
        f"https://{'a' * 63}.{'b' * 63}.example/{'c' * 1800}",
        "https://A.Example:65535/~a/%7E;b=c,d",
    ],
)
def test_an_address_at_the_limit_is_accepted(tmp_path: Path, url: str) -> None:
    assert error_messages(tmp_path, changed("https://api.example.org", f"'{url}'")) == []
    httpx.Request("POST", url)


@given(scheme=st.sampled_from(["http", "https"]), host=_HOSTS, path=_PATHS)
@_HYPOTHESIS
def test_every_accepted_address_can_be_requested(scheme: str, host: str, path: str) -> None:
    url = f"{scheme}://{host}/{path}"
    assume(not list(check_url((), url)))
    request = httpx.Request("POST", url)
    assert request.url.raw_host.isascii()
    assert request.headers["host"]


@given(
    name=st.text("aZ-_:é \t\x00\r\n", min_size=1, max_size=8) | st.sampled_from(["te", "Expect"]),
    value=st.text("a \t\r\n\x00é\x7f", max_size=8),
)
@_HYPOTHESIS
def test_every_accepted_header_is_sent_as_it_is(name: str, value: str) -> None:
    assume(not list(check_headers((), {name: value})))
    request = httpx.Request("POST", "https://a.example/", headers={name: value})
    assert (name.lower().encode(), value.encode()) in [
        (key.lower(), content) for key, content in request.headers.raw
    ]
