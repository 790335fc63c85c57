"""Host names: what is one (RFC 1123, 2.1), and what a program takes for an address instead."""

import ipaddress
import re
from typing import Final

from authprobe.core.claude_api import HOSTS

MAX_HOST_LENGTH: Final = 253
RESERVED_TOP_LEVELS: Final = frozenset({"example", "test", "invalid"})
"""Last labels of names that nobody can own, and that no resolver has (RFC 6761)."""
LOOPBACK_ADDRESSES: Final = ("127.0.0.1", "::1")
"""Addresses of every name of this machine."""
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)  # RFC 1123, 2.1
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
"""Last label of a host that programs take for an IPv4 address (url.spec.whatwg.org, 3.5)."""


def host_name_problem(host: str) -> str | None:
    """Return why this is not a host name, as the end of a sentence; None: it is one."""
    if len(host) > MAX_HOST_LENGTH:
        return f"is longer than {MAX_HOST_LENGTH} characters (RFC 1035, 2.3.4)"
    if not host.isascii():
        return "is not ASCII; write it with xn-- (RFC 5891)"
    labels = host.split(".")
    if not all(map(_LABEL.fullmatch, labels)):
        return (
            "is not a host name: between dots, 1 to 63 letters, digits and hyphens, "
            "with no hyphen at either end (RFC 1123, 2.1)"
        )
    if _NUMBER.fullmatch(labels[-1]):
        return "is not an IPv4 address"
    return None


def invalid_label(host: str) -> str | None:
    """Return the first label with xn-- that encodes nothing (RFC 5891); None: there is none."""
    labels = host.lower().split(".")
    return next((x for x in labels if x.startswith("xn--") and not _is_idna(x)), None)


def own_host_problem(host: str) -> str | None:
    """Return why the emulator cannot serve a host of this name, as the end of a sentence; None: it
    can.
    """
    if host.lower() in HOSTS:
        return "is emulated already, and cannot be replaced"
    if is_address(host) or is_this_machine(host.lower()):
        return "is an address or this machine; programs would bypass the proxy of the case"
    if "/" in host or ":" in host:
        return "is more than a host name, such as llm.corp.com: leave out scheme, port and path"
    if (reason := host_name_problem(host)) is not None:
        return reason
    if host != host.lower():
        return "has capital letters; write it in lower case"
    return None if has_certificate_name(host) else "is not valid in a certificate (RFC 5891)"


def is_address(host: str) -> bool:
    """Return True if this is an IPv4 or IPv6 address, without brackets or a zone."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return getattr(address, "scope_id", None) is None


def is_reserved(host: str) -> bool:
    """Return True if no resolver has this name, so that a program that asks for it gets nothing."""
    return host.rpartition(".")[2] in RESERVED_TOP_LEVELS


def is_this_machine(host: str) -> bool:
    """Return True for `localhost` and the names below it (RFC 6761, 6.3)."""
    return host.rpartition(".")[2] == "localhost"


def is_loopback(host: str) -> bool:
    """Return True for a host on this machine, by its name or its address."""
    if is_this_machine(host):
        return True
    return is_address(host) and (host == "::1" or host.startswith("127."))


def has_certificate_name(host: str) -> bool:
    """Return True if a certificate can have this host name (RFC 5891)."""
    import idna  # only names of hosts need it, not addresses

    try:
        idna.encode(host)
    except idna.IDNAError:
        return False
    return True


def _is_idna(label: str) -> bool:
    import idna

    try:
        idna.ulabel(label)
    except idna.IDNAError:
        return False
    return True
