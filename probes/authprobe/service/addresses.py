"""Addresses of proxies and gateways, displayed without passwords, paths and queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from authprobe.core.host_names import is_loopback

PROXY_VARIABLES: Final = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
"""In the order in which Claude Code reads them (code.claude.com/docs/en/network-config)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Scheme, host and port of a URL; its text contains nothing else."""

    scheme: str
    host: str
    port: int | None = None
    with_password: bool = False
    """True if the URL contains a user name or password."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def is_loopback(self) -> bool:
        """True if the host is this machine."""
        return is_loopback(self.host)

    @property
    def is_anthropic(self) -> bool:
        """True if the host belongs to the service itself."""
        return self.host == "anthropic.com" or self.host.endswith(".anthropic.com")


def parse_address(text: str) -> Address | None:
    """Return the address in a URL, or None if the text is not a URL with a host."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not parts.scheme or not host or any(c.isspace() for c in host):
        return None
    return Address(
        scheme=parts.scheme.lower(), host=host, port=port, with_password="@" in parts.netloc
    )


def proxy_variable(values: Mapping[str, str], names: Sequence[str] = PROXY_VARIABLES) -> str | None:
    """Return the name of the first proxy variable that is set, or None."""
    return next((name for name in names if values.get(name, "").strip()), None)
