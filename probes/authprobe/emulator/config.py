"""How a backend is set up: by a scenario, by a test, or over the control API."""

import datetime
import enum
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field, Strict

# Strict: in YAML "5" is a text and 5 a number, and `yes` is no boolean.
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
    """What a credential is."""

    API_KEY = "api-key"
    ACCESS_TOKEN = "access-token"
    SETUP_TOKEN = "setup-token"
    REFRESH_TOKEN = "refresh-token"
    LOGIN = "login"
    """An access token and its refresh token, as `/login` stores them."""
    IDENTITY_TOKEN = "identity-token"
    """What a workload shows to the federation endpoint (RFC 7523)."""
    WORKLOAD_TOKEN = "workload-token"
    """The access token that it gets there."""


class TokenState(enum.StrEnum):
    """What the backend knows about a credential when the case starts."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED = "used"
    """A refresh token that has been exchanged already."""
    UNKNOWN = "unknown"
    BLANKED = "blanked"
    """A stored login whose tokens are empty and whose expiry is 0."""


class AccountState(enum.StrEnum):
    """How the organisation, and the plan, behind every credential of the backend stand."""

    ACTIVE = "active"
    ORGANIZATION_DISABLED = "organization-disabled"
    ACCESS_REMOVED = "access-removed"
    """The account or organisation is refused, though the credential is well formed."""
    OAUTH_NOT_ALLOWED = "oauth-not-allowed"
    MEMBERSHIP_LOST = "membership-lost"
    NO_SUBSCRIPTION = "no-subscription"
    EXTRA_USAGE_AVAILABLE = "extra-usage-available"
    EXTRA_USAGE_EXHAUSTED = "extra-usage-exhausted"
    PLAN_WINDOW_EXHAUSTED = "plan-window-exhausted"
    CREDIT_EXHAUSTED = "credit-exhausted"
    SPEND_LIMIT_REACHED = "spend-limit-reached"
    """A limit that the organisation has set for itself."""
    TIER_SPEND_LIMIT_REACHED = "tier-spend-limit-reached"
    PAYMENT_PROBLEM = "payment-problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong, whatever is asked: a refusal by the id of its rule, or a fault of
    the connection or the answer by its name.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Annotated[str, Field(pattern=FAULT_PATTERN, max_length=40)]
    seconds: Annotated[Seconds, Field(ge=-3650 * DAY_SECONDS, le=3650 * DAY_SECONDS)] | None = None
    """How long, where the fault is one of time; each has a default."""
    times: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    """How often; every time if not given."""
    after: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    """How many requests pass before it begins."""
    host: Annotated[str, Field(min_length=1)] | None = None
    """Only at this host."""
    path: Annotated[str, Field(min_length=1)] | None = None
    """Only at this path; a fault of the connection knows none."""


FaultName = Annotated[str, Field(pattern=FAULT_PATTERN, max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """How the emulated backend is set up for a case."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    date: Day | None = None
    """The day of the backend's answers: chooses wordings, and what is retired. Default: today."""
    counts_as_claude_code: Flag = False
    """Whether requests with a subscription token are taken as Claude Code's own."""
    standing: AccountState = AccountState.ACTIVE
    """How the organisation and the plan behind each credential stand."""
    reuse_revokes: Flag = False
    """Whether a refresh token that is used a second time ends its whole login (RFC 9700, 4.14.2).
    No public report shows that it does."""
    faults: tuple[Fault | FaultName, ...] = ()
    """What goes wrong on demand, by name; the first that fits a request counts, delays add up."""
