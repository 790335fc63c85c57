"""Answer: what is kept of a response of the service.

There is no field for values of organisations, workspaces, request ids, cookies and limits, so that
none of them can be written anywhere.
"""

import enum
from dataclasses import dataclass, field
from typing import Final

KEPT_HEADERS: Final = frozenset(
    {
        *("content-type", "date", "location", "retry-after", "www-authenticate"),
        *("anthropic-organization-id", "anthropic-workspace-id", "request-id", "x-should-retry"),
        *("cf-mitigated", "cf-ray", "server", "set-cookie", "via"),
        *(
            f"anthropic-ratelimit-{unit}-{part}"
            for unit in ("requests", "tokens", "input-tokens", "output-tokens")
            for part in ("limit", "remaining", "reset")
        ),
        *(
            f"anthropic-ratelimit-unified-{part}"
            for part in ("status", "reset", "5h-reset", "7d-reset", "representative-claim")
        ),
    }
)
"""Headers whose names are kept; every other name could be anything."""


class Envelope(enum.StrEnum):
    """Form of a body."""

    API = "api"
    """`{"type": "error", "error": {"type", "message"}}`."""
    FLAT = "flat"
    """`{"error": {"type", "message"}}`, without the outer type."""
    OAUTH = "oauth"
    """`{"error", "error_description"}` (RFC 6749, 5.2)."""
    PAGE = "page"
    """An HTML page."""
    EMPTY = "empty"
    OTHER = "other"
    """Anything else, a successful response included."""


class RequestId(enum.StrEnum):
    """The field `request_id` of a body."""

    PRESENT = "present"
    NULL = "null"
    ABSENT = "absent"


class NotAsked(enum.StrEnum):
    """Reason why there is no response by which the service can be judged."""

    NAME = "name not found"
    CONNECTION = "connection"
    TLS = "tls"
    PROXY = "proxy"
    TIMEOUT = "timeout"
    EDGE = "edge page"
    """A challenge, or another refusal of the network in front of the service."""
    THROTTLED = "throttled"
    SERVER = "server error"
    BUDGET = "budget"
    CREDENTIAL = "credential refused"
    """A credential that should be valid is refused, so that nothing else can be seen."""
    HOST = "host not allowed"
    ENDED = "ended after 429"
    """The host has throttled or refused an earlier request of this run."""


REMEDIES: Final = {
    NotAsked.NAME: (
        "Look up the name from this machine; the network may have no DNS. If it has a proxy, set "
        "HTTPS_PROXY."
    ),
    NotAsked.CONNECTION: (
        "If the network has a proxy, set HTTPS_PROXY; else try another one, as a firewall may "
        "close the connection."
    ),
    NotAsked.TLS: (
        "Name the authority of your network in NODE_EXTRA_CA_CERTS or SSL_CERT_FILE, or set the "
        "clock."
    ),
    NotAsked.PROXY: "Correct HTTPS_PROXY, or list the host in NO_PROXY.",
    NotAsked.TIMEOUT: "Try again, also from another network.",
    NotAsked.EDGE: "Ask from another network: this one is challenged or not served.",
    NotAsked.THROTTLED: "Wait an hour, and ask less often.",
    NotAsked.SERVER: "Look at status.claude.com, and ask again later.",
    NotAsked.CREDENTIAL: (
        "Give a key that is valid; see whether it is with `authprobe run --target live`."
    ),
    NotAsked.ENDED: "Look at the earlier question to the same host.",
}
"""What to do about the reasons for which anything can be done."""


ENDING: Final = frozenset({NotAsked.THROTTLED, NotAsked.EDGE})
"""Reasons after which the host gets no further request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Facts of a TLS connection."""

    version: str
    issuer: tuple[str, ...] = ()
    """Organisation and common name of the issuer of the host's certificate."""
    not_after: str = ""
    """Last day on which the certificate is valid, as 2027-01-31."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSeconds:
    """Seconds that each phase took; None: the phase was not completed."""

    name: float | None = None
    """Look-up of the name, of the proxy's if there is one."""
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    """From the request to the headers of the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAnswer:
    """The parts of a response that are kept; texts are redacted and escaped."""

    status: int | None = None
    """None: there is no response."""
    envelope: Envelope = Envelope.EMPTY
    error_type: str | None = None
    error_code: str | None = None
    """`error.details.error_code`."""
    message: str | None = None
    request_id: RequestId = RequestId.ABSENT
    headers: frozenset[str] = frozenset()
    """Names of the `KEPT_HEADERS` that the response has."""
    content_type: str | None = None
    """Without parameters."""
    retry_after: int | None = None
    date_offset: float | None = None
    """Seconds by which the clock of the host is ahead of that of this machine."""
    model: str | None = None
    """Id of the first model, if the response is a list of models."""
    tls: Tls | None = None
    seconds: PhaseSeconds = field(default_factory=PhaseSeconds)
    not_asked: NotAsked | None = None
    problem: str | None = None
    """What failed, in the words of the system; None: there is nothing to add to `not_asked`."""
