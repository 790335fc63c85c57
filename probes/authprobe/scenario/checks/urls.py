"""Checks of the address of an endpoint, so that every address can be requested."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from authprobe.core.host_names import host_name_problem, invalid_label, is_address
from authprobe.documents.source import KeyPath, PathProblem, quote

_IPV6_AND_PORT: Final = re.compile(r"\[[^\[\]]*\](?::[0-9]*)?")
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")  # RFC 3986, 3.3


def check_url(path: KeyPath, url: str) -> Iterator[PathProblem]:
    """Yield what is wrong with an address: its length, its host, its port or its path."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and bool(parts.hostname)
    except ValueError:  # the port, or the brackets of an IPv6 address
        usable = False
    if not usable:
        yield path, f"{quote(url)} is not an address; write one as https://api.anthropic.com"
        return
    if (reason := _host_problem(parts)) is not None:
        yield path, reason
    if not _PATH.fullmatch(parts.path):
        message = f"the path {quote(parts.path)} of the address has a character that needs a % code"
        yield path, f"{message} (RFC 3986, 3.3)"


def _host_problem(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    address = f"the host {quote(host)} of the address"
    if "[" in parts.netloc or "]" in parts.netloc:
        is_whole = _IPV6_AND_PORT.fullmatch(parts.netloc) is not None
        return None if is_whole and _is_ipv6(host) else f"{address} is not an IPv6 address"
    if is_address(host):
        return None
    if (reason := host_name_problem(host)) is not None:
        return f"{address} {reason}"
    if (label := invalid_label(host)) is not None:
        return f"the label {quote(label)} of the host is not valid (RFC 5891)"
    return None


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False
