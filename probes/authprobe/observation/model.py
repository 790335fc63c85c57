"""What happened when a case was probed; every text in it is already redacted."""

import enum
from dataclasses import dataclass, field
from typing import Final

NOT_THERE: Final = "not in this version"
"""The detail of an observation where a client lacks the command that is asked for."""


class Outcome(enum.StrEnum):
    """What came of a case, in one word."""

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
    """It could not be tested here."""


class ChildNetwork(enum.StrEnum):
    """What keeps the clients of a run from the outside."""

    LOOPBACK = "loopback"
    """They have a network of their own with nothing but loopback (network_namespaces(7))."""
    MACHINE = "machine"
    """They have the machine's: only their environment leads them to the proxy, which refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request that reached the backend, and its answer."""

    method: str
    host: str
    path: str
    credential_header: str | None
    """`authorization`, `x-api-key` or `body`."""
    credential: str | None
    """Slot name of the token that was sent, never its value; `foreign`: nobody knows it."""
    betas: tuple[str, ...] = ()
    status: int | None = None
    """None: the request was not answered."""
    elapsed: float = 0.0
    at: float = 0.0
    """Seconds since the case began."""
    rule: str | None = None
    """The emulator's rule that answered; `deny:` and more: there was none."""
    faults: tuple[str, ...] = ()
    """Faults of the scenario that the request met, by name."""
    nearest: str | None = None
    """Where no rule answered: the rule, or the host, that comes nearest."""
    differs: tuple[str, ...] = ()
    """In which fields the request differs from it."""
    error_type: str | None = None
    message: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Request headers that concern authentication; tokens redacted, the user-agent hashed."""
    body: str | None = None
    """Hash of the body of a request to a model: equal ones are the same request sent again."""
    products: tuple[str, ...] = ()
    """Known clients that the user-agent names, as `name/version` (RFC 9110, 10.1.5)."""
    scopes: tuple[str, ...] = ()
    """What an authorization was asked for with (RFC 6749, 3.3)."""
    retry_after: str | None = None
    """What the answer said of when to ask again (RFC 9110, 10.2.3)."""
    content_type: str | None = None
    """Of the answer; None: it had no body, or there was none."""
    size_bytes: int | None = None
    """Of the answer's body; None: a stream, or no answer."""
    complete: bool = True
    """False: the answer broke off, or a stream ended without its last event."""
    clock_offset: float = 0.0
    """Seconds by which the `Date` of the answer is ahead of this machine's clock."""


class LoginState(enum.StrEnum):
    """What the stored login of a client is worth when the client has ended."""

    USABLE = "usable"
    """Its access token is good, or its refresh token is."""
    STALE = "stale"
    """Neither is good: the refresh token was used, was revoked or has expired."""
    BLANKED = "blanked"
    """The record is there and its tokens are empty."""
    DAMAGED = "damaged"
    """The file cannot be read as a login."""
    REMOVED = "removed"
    """The file, or the login in it, is gone."""


class LoginExpiry(enum.StrEnum):
    """When the access token of a stored login expires, as the login itself says."""

    AHEAD = "ahead"
    PAST = "past"
    ZERO = "zero"
    """At the number 0, or at no time that is a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """The credentials file of a client when it has ended; tokens by their slot names."""

    state: LoginState
    access: str | None = None
    refresh: str | None = None
    """`foreign`: the backend has made no such token."""
    expiry: LoginExpiry | None = None
    subscription: str | None = None
    """The plan that it names."""
    mode: str | None = None
    """The file's permissions, in octal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One of several clients that were started at once."""

    outcome: Outcome
    status: int | None = None
    message: str | None = None
    """What it told its user."""
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that a probe saw."""

    outcome: Outcome
    status: int | None = None
    """Of the refusal as the client reports it; else of the last answer to a model request."""
    reported_status: int | None = None
    """What the client itself reports, as `api_error_status` of `claude -p`; None: it does not."""
    error_type: str | None = None
    message: str | None = None
    """What the client told its user, or the error message of a plain answer."""
    exit_code: int | None = None
    elapsed: float = 0.0
    detail: str | None = None
    """One line of our own: why there is no answer, or what could not be done."""
    exchanges: tuple[Exchange, ...] = ()
    egress_refused: tuple[str, ...] = ()
    """Hosts outside the emulated ones that the client asked for, each once, sorted."""
    client_version: str | None = None
    """What really ran, not what was asked for."""
    stored_login: StoredLogin | None = None
    """None: the client was given no stored login, and has stored none."""
    sessions: tuple[Session, ...] = ()
    """What came of each, where several were started at once."""
    leaks: tuple[str, ...] = ()
    """Where the client left a token that is not meant to be there: files of its home, and
    `its output` with the stream.
    """

    @property
    def says_nothing(self) -> bool:
        """Whether the client could not be tested; that it has no such command says something."""
        return self.outcome is Outcome.UNAVAILABLE and self.detail != NOT_THERE


def status_outcome(status: int) -> Outcome:
    """The outcome that an HTTP status stands for.

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
        case _ if status >= 300:  # a redirect is not followed, and is no answer
            return Outcome.REJECTED
        case _:
            return Outcome.ACCEPTED
