"""Observation: the record of one probe; every text in it is already redacted."""

import enum
import re
from dataclasses import dataclass, field
from typing import Final

COMMAND_MISSING: Final = "not in this version"
"""Detail of an observation of a client version that lacks the subcommand or option."""
CLAIMED_SUCCESS: Final = "it reports success, although it was refused"
"""Part of the detail of a program that hides a refusal."""
COMMAND_SILENT: Final = "it printed nothing"
"""Part of the detail of a command of the user, of which nobody knows what it has to print."""


FOREIGN: Final = "foreign"
"""Slot of every token that the backend never issued."""
_SLOT: Final = re.compile(r"\[redacted:([a-z-]+(?:-\d+)?)\]")
"""Token in a recorded header."""
PRESENT: Final = "present"
"""Recorded value of a header that is recorded by name only."""


def is_header_as_expected(recorded: str | None, expected: str | None) -> bool:
    """Return True if a recorded header has the expected value; None: it is absent."""
    return recorded == expected or (expected == PRESENT and recorded is not None)


class Outcome(enum.StrEnum):
    """Result of one probe, as a single word."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_FOUND = "not-found"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server-error"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    CRASHED = "crashed"
    UNAVAILABLE = "unavailable"
    """The case could not be tested here."""


UNFINISHED_OUTCOMES: Final = (Outcome.TIMED_OUT, Outcome.CRASHED)
"""Outcomes of a client that did not finish, possibly for reasons unrelated to authentication."""


class ChildNetwork(enum.StrEnum):
    """Network isolation of the client processes."""

    LOOPBACK = "loopback"
    """A network namespace with nothing but loopback (network_namespaces(7))."""
    MACHINE = "machine"
    """No isolation: environment variables point the clients to a proxy that refuses other hosts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewrittenError:
    """The error that a gateway of one's own replaced by another one."""

    status: int
    error_type: str | None = None
    message: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request that reached the backend, and its response."""

    method: str
    host: str
    path: str
    credential_header: str | None
    """`authorization`, `x-api-key` or `body`."""
    credential: str | None
    """Slot of the token that was sent, never its value; `foreign`: the backend never issued it."""
    betas: tuple[str, ...] = ()
    status: int | None = None
    """None: the request received no response."""
    elapsed: float = 0.0
    at: float = 0.0
    """Seconds since the case began."""
    rule: str | None = None
    """Id of the emulator's rule that answered; `deny:<reason>` if no rule matched."""
    faults: tuple[str, ...] = ()
    """Names of the faults that affected the request."""
    gateway: tuple[str, ...] = ()
    """Changes by a gateway of one's own to the request and the answer, such as `stripped-beta`."""
    rewritten: RewrittenError | None = None
    """The error before a gateway rewrote it; None: the client got it as it was."""
    nearest: str | None = None
    """If no rule matched: the most similar rule or host."""
    differs: tuple[str, ...] = ()
    """Fields in which the request differs from `nearest`."""
    error_type: str | None = None
    error_code: str | None = None
    """The code in the details of the error, by which refusals of one type differ."""
    message: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Request headers relevant to authentication; tokens redacted, the user-agent hashed."""
    body: str | None = None
    """Hash of the body of a request to a model; equal hashes mean that a request was repeated."""
    products: tuple[str, ...] = ()
    """Supported clients named in the user-agent, as `name/version` (RFC 9110, 10.1.5)."""
    scopes: tuple[str, ...] = ()
    """Scopes requested in an authorization request (RFC 6749, 3.3)."""
    retry_after: str | None = None
    """Retry-After header of the response (RFC 9110, 10.2.3)."""
    content_type: str | None = None
    """Content type of the response; None: no body, or no response."""
    size_bytes: int | None = None
    """Size of the response body; None: a stream, or no response."""
    complete: bool = True
    """False: the response was cut off, or a stream ended before its last event."""
    clock_offset: float = 0.0
    """Seconds by which the response's `Date` is ahead of the local clock."""
    response_headers: tuple[str, ...] = ()
    """Names of headers of a response of the real service; never their values."""

    @property
    def sent_slots(self) -> tuple[str, ...]:
        """Slots of all tokens that were sent: `credential`, and those in further headers."""
        beside = (_SLOT.search(value) for value in self.headers.values())
        slots = (match[1] for match in beside if match and match[1] != FOREIGN)
        return tuple(dict.fromkeys((*filter(None, (self.credential,)), *slots)))


class LoginState(enum.StrEnum):
    """State of a client's stored login after the client has exited."""

    USABLE = "usable"
    """Its access token or its refresh token is valid."""
    STALE = "stale"
    """Neither is valid: the refresh token was used or revoked, or has expired."""
    BLANKED = "blanked"
    """The record exists, and its tokens are empty."""
    DAMAGED = "damaged"
    """The file cannot be parsed as a login."""
    REMOVED = "removed"
    """The file, or the login in it, was deleted."""


class LoginExpiry(enum.StrEnum):
    """Expiry of a stored login's access token, according to the login itself."""

    AHEAD = "ahead"
    PAST = "past"
    ZERO = "zero"
    """The number 0, or a value that is not a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """Credentials file of a client after it has exited; tokens by their slots."""

    state: LoginState
    access: str | None = None
    refresh: str | None = None
    """`foreign`: a token the backend never issued."""
    expiry: LoginExpiry | None = None
    subscription: str | None = None
    """Subscription plan named in the file."""
    mode: str | None = None
    """The file's permissions, in octal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One of several client processes that ran at the same time."""

    outcome: Outcome
    status: int | None = None
    message: str | None = None
    """Message that the client showed its user."""
    exit_code: int | None = None


class EvidenceSource(enum.StrEnum):
    """Source of what is known of a client's requests to the real service, whose TLS nobody ends."""

    RESULT = "result"
    """The client's own report to its user."""
    OTEL = "otel"
    """Telemetry of the client, received by authprobe on loopback."""
    DEBUG_LOG = "debug-log"
    """The client's log of its requests: their paths."""
    GATE = "gate"
    """Connections that the gate counted."""
    REQUEST = "request"
    """A request that authprobe itself sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCount:
    """Connections of a client to one host through the gate, which ends no TLS."""

    host: str
    connections: int = 0
    """Connections that were made."""
    refused: int = 0
    """Connections that the gate refused, as the host or the port is not one of the case's."""
    sent: int = 0
    """Bytes to the host."""
    received: int = 0
    """Bytes from the host."""
    seconds: float = 0.0
    """Time in which at least one connection was open."""
    failure: str | None = None
    """Reason why the last connection could not be made; None: it was made, or refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Cost of one probe of the real service."""

    requests: int | None = None
    """Requests to a model, or of authprobe itself; None: unknown."""
    estimated_usd: float | None = None
    """None: the client did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything recorded during one probe."""

    outcome: Outcome
    status: int | None = None
    """Status of the refusal that the client reports, else of the last model request."""
    reported_status: int | None = None
    """Status in the client's own output (`api_error_status` of `claude -p`); None: not reported."""
    error_type: str | None = None
    message: str | None = None
    """Message that the client showed its user, or the error message of an HTTP response."""
    exit_code: int | None = None
    elapsed: float = 0.0
    detail: str | None = None
    """One line by authprobe: why there is no response, or why the case was untestable."""
    exchanges: tuple[Exchange, ...] = ()
    egress_refused: tuple[str, ...] = ()
    """Other hosts than the emulated ones that the client tried to reach, sorted."""
    client_version: str | None = None
    """Version that ran, which may differ from the requested one."""
    stored_login: StoredLogin | None = None
    """None: the client received no stored login, and stored none."""
    sessions: tuple[Session, ...] = ()
    """One entry per process, if several ran at the same time."""
    leaks: tuple[str, ...] = ()
    """Places of leaked tokens: files in the client's home, or `its output` with the stream."""
    evidence: tuple[EvidenceSource, ...] = ()
    """What the rest rests on, for a case that asked the real service."""
    gate: tuple[GateCount, ...] = ()
    """Hosts that the client of a live case asked for, sorted."""
    cost: Cost | None = None
    """None: nothing was asked of the real service."""

    @property
    def untestable(self) -> bool:
        """True if the case could not be tested; a missing subcommand is a result, not that."""
        return self.outcome is Outcome.UNAVAILABLE and self.detail != COMMAND_MISSING

    @property
    def outcome_text(self) -> str:
        """Outcome with its detail: `crashed: exit code 7`."""
        return f"{self.outcome}: {self.detail}" if self.detail else self.outcome.value


def status_outcome(status: int) -> Outcome:
    """Return the outcome for an HTTP status.

    529 is the overload status of the Claude API (platform.claude.com/docs/en/api/errors).
    """
    match status:
        case 404:
            return Outcome.NOT_FOUND
        case 429:
            return Outcome.THROTTLED
        case 529:
            return Outcome.OVERLOADED
        case _ if status >= 500:
            return Outcome.SERVER_ERROR
        case _ if status >= 300:  # a redirect is not followed, so the request was not accepted
            return Outcome.REJECTED
        case _:
            return Outcome.ACCEPTED
