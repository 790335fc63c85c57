"""Configuration of a backend, by a scenario, a test or the control API."""

import datetime
import enum
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field, Strict

# Strict: in YAML, "5" is a string and 5 is a number, and `yes` is not a boolean.
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Seconds = Annotated[float, Strict()]
Day = Annotated[
    datetime.date,
    Strict(),
    Field(ge=datetime.date(2020, 1, 1), le=datetime.date(2100, 1, 1)),
]

STRICT: Final = ConfigDict(extra="forbid")
FAULT_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9-]*$"
DAY_SECONDS: Final = 24 * 60 * 60


class TokenKind(enum.StrEnum):
    """Kind of a credential."""

    API_KEY = "api-key"
    ACCESS_TOKEN = "access-token"
    SETUP_TOKEN = "setup-token"
    REFRESH_TOKEN = "refresh-token"
    LOGIN = "login"
    """An access token and its refresh token, as `/login` stores them."""
    IDENTITY_TOKEN = "identity-token"
    """The token that a workload presents to the federation endpoint (RFC 7523)."""
    WORKLOAD_TOKEN = "workload-token"
    """The access token that the federation endpoint issues for it."""


class TokenState(enum.StrEnum):
    """State of a credential when the case starts."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED = "used"
    """A refresh token that has already been exchanged."""
    UNKNOWN = "unknown"
    BLANKED = "blanked"
    """A stored login whose tokens are empty and whose expiry is 0."""


class AccountState(enum.StrEnum):
    """State of the organisation and the plan behind every credential of the backend."""

    ACTIVE = "active"
    ORGANIZATION_DISABLED = "organization-disabled"
    ACCESS_REMOVED = "access-removed"
    """The account or organisation is refused although the credential is valid."""
    OAUTH_NOT_ALLOWED = "oauth-not-allowed"
    MEMBERSHIP_LOST = "membership-lost"
    NO_SUBSCRIPTION = "no-subscription"
    EXTRA_USAGE_AVAILABLE = "extra-usage-available"
    EXTRA_USAGE_EXHAUSTED = "extra-usage-exhausted"
    PLAN_WINDOW_EXHAUSTED = "plan-window-exhausted"
    CREDIT_EXHAUSTED = "credit-exhausted"
    SPEND_LIMIT_REACHED = "spend-limit-reached"
    """A spend limit that the organisation set for itself."""
    TIER_SPEND_LIMIT_REACHED = "tier-spend-limit-reached"
    PAYMENT_PROBLEM = "payment-problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault: a refusal by its rule's id, or a fault of the connection or the answer by name."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Annotated[str, Field(pattern=FAULT_PATTERN, max_length=40)]
    seconds: Annotated[Seconds, Field(ge=-3650 * DAY_SECONDS, le=3650 * DAY_SECONDS)] | None = None
    """Duration in seconds, for faults that have one; each has a default."""
    times: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    """Number of times the fault occurs. Default: every time."""
    after: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    """Number of requests answered before the first time."""
    host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Limit the fault to this host."""
    path: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """Limit the fault to this path; not for faults of the connection."""


FaultName = Annotated[str, Field(pattern=FAULT_PATTERN, max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Configuration of the emulated backend for a case."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    date: Day | None = None
    """Date of the backend, which decides the wording of answers and which endpoints are retired.
    Default: today.
    """
    counts_as_claude_code: Flag = False
    """True if requests with a subscription token count as requests of Claude Code."""
    standing: AccountState = AccountState.ACTIVE
    """State of the organisation and the plan behind each credential."""
    reuse_revokes: Flag = False
    """True if a second use of a refresh token ends its whole login (RFC 9700, 4.14.2). No public
    report shows that the service does this.
    """
    faults: Annotated[tuple[Fault | FaultName, ...], Field(max_length=100)] = ()
    """Armed faults. Of several refusals, the first that matches a request counts; delays add up."""
