"""Addresses that a user has set, told without what may be secret in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

PROXY_VARIABLES: Final = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
"""In the order in which Claude Code looks for one (code.claude.com/docs/en/network-config)."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where something is asked."""

    scheme: str
    host: str
    port: int | None = None
    with_password: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine."""
        return self.host in LOOPBACK

    @property
    def is_anthropic(self) -> bool:
        """Whether it is the service itself."""
        return self.host == "anthropic.com" or self.host.endswith(".anthropic.com")


def parse_address(text: str) -> Address | None:
    """The address that a text is; None: it is none."""
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


def proxy_variable(values: Mapping[str, str]) -> str | None:
    """The variable whose proxy is used."""
    return next((name for name in PROXY_VARIABLES if values.get(name, "").strip()), None)
