"""The user's own way out: the proxy and the certificate authorities that variables name."""

import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from authprobe.core.safe_read import read_text_file
from authprobe.service.addresses import PROXY_VARIABLES, Address, parse_address, proxy_variable

HTTP_SCHEMES: Final = ("http", "https")
CA_FILE_VARIABLES: Final = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
OTHER_PROXY_VARIABLES: Final = ("all_proxy", "ALL_PROXY")
"""Variables that curl and others read, often with a SOCKS proxy, but not Claude Code
(code.claude.com/docs/en/network-config).
"""
OUTBOUND_VARIABLES: Final = (
    *PROXY_VARIABLES,
    *OTHER_PROXY_VARIABLES,
    *("no_proxy", "NO_PROXY"),
    *CA_FILE_VARIABLES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The proxy of each host; authprobe's own requests use it without its password."""

    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables that name a proxy, and the hosts that are reached without one."""

    def address(self, host: str) -> Address | None:
        """Return the proxy for a host, or None for a direct connection.

        Raises:
            ValueError: the proxy variable is not a valid proxy, or one that is not read; a direct
                connection could then circumvent the user's proxy.
        """
        no_proxy = self.variables.get("no_proxy") or self.variables.get("NO_PROXY")
        if no_proxy and urllib.request.proxy_bypass_environment(host, {"no": no_proxy}):  # type: ignore[attr-defined]
            return None
        name = proxy_variable(self.variables)
        if name is None:
            if proxy_variable(self.variables, OTHER_PROXY_VARIABLES):
                raise ValueError(
                    "ALL_PROXY is not used; name an HTTP proxy in HTTPS_PROXY, or the host in "
                    "NO_PROXY"
                )
            return None
        proxy = parse_address(self.variables[name])
        if proxy is None or proxy.scheme not in HTTP_SCHEMES:
            raise ValueError(f"{name} is not an http:// or https:// URL")
        return proxy

    def url(self, host: str) -> str | None:
        """Return the URL of the same proxy with its password, for a client of the user's own.

        Raises:
            ValueError: the proxy variable is not a valid proxy.
        """
        if self.address(host) is None:
            return None
        name = proxy_variable(self.variables)
        return self.variables[name].strip() if name else None


def read_authorities(variables: Mapping[str, str], folder: Path) -> tuple[str, ...]:
    """Return the PEM texts of the files that variables name, relative to a folder."""
    paths = (variables.get(name, "").strip() for name in CA_FILE_VARIABLES)
    return tuple(read_text_file(folder / path).text for path in paths if path)


def tls_context() -> ssl.SSLContext:
    """Return a context for a client that trusts the authorities of the system.

    `ssl.create_default_context` would write session keys to a file if SSLKEYLOGFILE is set, and
    OpenSSL would wait for ever for a FIFO in SSL_CERT_FILE.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None:  # a regular file
        context.load_default_certs()
    elif paths.capath is not None:
        context.load_verify_locations(capath=paths.capath)
    return context


def add_authorities(context: ssl.SSLContext, pem: str) -> bool:
    """Trust the certificate authorities in a PEM text; return False if it contains none."""
    try:
        # Python accepts ASCII only, but comments between the certificates may have other letters.
        context.load_verify_locations(cadata=pem.encode("ascii", "replace").decode())
    except (ssl.SSLError, ValueError):
        return False
    return True
