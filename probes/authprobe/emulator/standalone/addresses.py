"""The addresses of a standalone emulator, as programs are told."""

from dataclasses import dataclass
from typing import Final

from authprobe.emulator.server.access import PATH, PROXY_USER, Exposure
from authprobe.emulator.server.network import Listener, url_host

UNSPECIFIED: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a name, not bound here
"""Addresses on which one can listen, but to which one cannot connect."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """URLs of the ports, with the access token if requests need one."""

    listener: Listener
    exposure: Exposure

    @property
    def host(self) -> str:
        """Host of the URLs, in brackets if it is an IPv6 address."""
        own = self.listener.site.host
        return url_host(self.exposure.public_name or UNSPECIFIED.get(own, own))

    @property
    def base_url(self) -> str:
        """URL of the service in plain HTTP."""
        return f"http://{self.host}:{self.listener.port}{self._path}"

    @property
    def https_url(self) -> str:
        """URL of the service over TLS; empty without a port for it."""
        port = self.listener.https_port
        return "" if port is None else f"https://{self.host}:{port}{self._path}"

    @property
    def proxy_url(self) -> str:
        """URL of the proxy."""
        token = self.exposure.access_token
        login = "" if token is None else f"{PROXY_USER}:{token}@"
        return f"http://{login}{self.host}:{self.listener.port}"

    def control_url(self, port: int) -> str:
        """Return the URL of the control API, which has a token of its own."""
        return f"http://{self.host}:{port}"

    @property
    def _path(self) -> str:
        token = self.exposure.access_token
        return "" if token is None else f"{PATH}{token}"
