"""Checks of the address of an endpoint, so that every address can be requested."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

import idna

from authprobe.documents.source import KeyPath, PathProblem, quote

MAX_HOST_LENGTH: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)  # RFC 1123, 2.1
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
"""Last label of a host that programs take for an IPv4 address (url.spec.whatwg.org, 3.5)."""
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
    if parts.netloc.startswith("["):
        is_whole = _IPV6_AND_PORT.fullmatch(parts.netloc) is not None
        return None if is_whole and _is_ipv6(host) else f"{address} is not an IPv6 address"
    if len(host) > MAX_HOST_LENGTH:
        return f"{address} is longer than {MAX_HOST_LENGTH} characters (RFC 1035, 2.3.4)"
    if not host.isascii():
        return f"{address} is not ASCII; write it with xn-- (RFC 5891)"
    labels = host.split(".")
    if not all(map(_LABEL.fullmatch, labels)):
        return (
            f"{address} is not a host name: between dots, 1 to 63 letters, digits and hyphens, "
            "with no hyphen at either end (RFC 1123, 2.1)"
        )
    if _NUMBER.fullmatch(labels[-1]) and not _is_ipv4(host):
        return f"{address} is not an IPv4 address"
    for label in labels:
        if label.lower().startswith("xn--") and not _is_idna(label):
            return f"the label {quote(label)} of the host is not valid (RFC 5891)"
    return None


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _is_idna(label: str) -> bool:
    try:
        idna.ulabel(label)
    except idna.IDNAError:
        return False
    return True
