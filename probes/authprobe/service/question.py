"""Question: one request to the service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authprobe.core.host_names import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceQuestion:
    """One request; its repr has no header, no query and no body, where credentials are."""

    method: str = "GET"
    host: str
    path: str = field(repr=False)
    """Path, with the query if there is one."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] | str | None = field(default=None, repr=False)
    """An object is sent as JSON, a text as it is."""
    port: int | None = None
    """None: the usual one of the scheme."""
    scheme: str = "https"
    """`http` is for loopback hosts only."""

    @property
    def effective_port(self) -> int:
        """Port of the request."""
        return self.port or (443 if self.scheme == "https" else 80)

    @property
    def is_loopback(self) -> bool:
        """True if the host is this machine."""
        return is_loopback(self.host)

    def content(self) -> bytes:
        """Return the body as it is sent."""
        match self.body:
            case None:
                return b""
            case str():
                return self.body.encode()
            case _:
                return json.dumps(self.body).encode()
