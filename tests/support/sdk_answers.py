"""What the official SDKs are made to ask, and which rule of the emulator answers."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import AccountState, Backend, Fault, TokenKind, TokenState
from authprobe.emulator.rules.routes import EVERYWHERE, OAUTH_BETA, REFUSALS, ROUTES
from tests.support.requests import MESSAGES

LAST_YEAR: Final = datetime.date(2025, 12, 1)
SPRING: Final = datetime.date(2026, 4, 1)
AUTUMN: Final = datetime.date(2026, 11, 1)
TOO_LARGE_BYTES: Final = 32 * 1024 * 1024

Kind, State = TokenKind, TokenState
Credential = tuple[TokenKind, TokenState]
KEY: Final = (Kind.API_KEY, State.VALID)
TOKEN: Final = (Kind.ACCESS_TOKEN, State.VALID)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What an SDK is given; a header that is None is left out."""

    api_key: str | None = None
    auth_token: str | None = None
    headers: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call of an SDK, the state of the backend that gets it, and what that brings about."""

    rule: str = "messages"
    status: int = 200
    credential: Credential | None = KEY
    scopes: tuple[str, ...] | None = None
    date: datetime.date = AUTUMN
    standing: AccountState = AccountState.ACTIVE
    counts: bool = True
    faults: tuple[Fault | str, ...] = ()
    headers: Mapping[str, str | None] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the body, beside those that every call has."""
    path: str = ""
    """What the base URL has behind the host."""
    prompt_bytes: int = 1
    in_header: bool = False
    """An API key goes into `x-api-key`, where older versions of the SDKs, and curl, put it."""

    def __str__(self) -> str:
        kind, state = self.credential or ("no credential", "")
        words = f"{self.rule} {kind} {state} {self.date:%Y} {'in header' * self.in_header}"
        return "-".join(words.split())

    def backend(self) -> CaseBackend:
        """A backend in this state."""
        setup = Backend(
            date=self.date,
            standing=self.standing,
            counts_as_claude_code=self.counts,
            faults=self.faults,
        )
        return CaseBackend(setup)

    def arguments(self, backend: CaseBackend) -> Arguments:
        """What the SDK is given, with a token that this backend makes."""
        if self.credential is None:
            return Arguments(api_key="none", headers={"authorization": None, **self.headers})
        value = backend.tokens.make(*self.credential, scopes=self.scopes).value
        if self.credential[0] is Kind.API_KEY:
            moved = {"x-api-key": value, "authorization": None} if self.in_header else {}
            return Arguments(api_key=value, headers={**moved, **self.headers})
        return Arguments(auth_token=value, headers={"anthropic-beta": OAUTH_BETA, **self.headers})

    def with_faults(self, *faults: Fault | str) -> "Asked":
        """The same, where this goes wrong."""
        return replace(self, faults=faults)


def _token(state: TokenState) -> Credential:
    return Kind.ACCESS_TOKEN, state


GOOD: Final = Asked()
IN_HEADER: Final = Asked(in_header=True, date=SPRING)

CONDITIONS: Final = (
    Asked(rule="A01", status=401, credential=None),
    Asked(rule="A02", status=401, credential=(Kind.API_KEY, State.UNKNOWN), in_header=True),
    Asked(rule="A02", status=401, credential=(Kind.API_KEY, State.REVOKED), in_header=True),
    Asked(rule="A05", status=401, credential=(Kind.API_KEY, State.UNKNOWN)),
    Asked(rule="A05", status=401, credential=(Kind.API_KEY, State.REVOKED)),
    Asked(rule="A05", status=401, credential=KEY, date=SPRING),
    Asked(rule="A36", status=401, credential=(Kind.API_KEY, State.EXPIRED)),
    Asked(rule="A36", status=401, credential=(Kind.API_KEY, State.EXPIRED), in_header=True),
    Asked(rule="A03", status=400, headers={"anthropic-version": None}),
    Asked(rule="A04", status=401, credential=TOKEN, headers={"anthropic-beta": None}),
    Asked(rule="A05", status=401, credential=_token(State.UNKNOWN), date=SPRING),
    Asked(rule="A07", status=401, credential=_token(State.UNKNOWN)),
    Asked(rule="A08", status=401, credential=_token(State.EXPIRED), date=SPRING),
    Asked(rule="A09", status=401, credential=_token(State.EXPIRED)),
    Asked(rule="A10", status=403, credential=_token(State.REVOKED), date=SPRING),
    Asked(rule="A10b", status=401, credential=_token(State.REVOKED)),
    Asked(rule="A11", status=401, credential=TOKEN, standing=AccountState.ACCESS_REMOVED),
    Asked(
        rule="A12",
        status=401,
        credential=TOKEN,
        standing=AccountState.OAUTH_NOT_ALLOWED,
        date=LAST_YEAR,
    ),
    Asked(rule="A13", status=403, credential=TOKEN, standing=AccountState.OAUTH_NOT_ALLOWED),
    Asked(rule="A14", status=403, credential=TOKEN, standing=AccountState.MEMBERSHIP_LOST),
    Asked(rule="A17", status=403, credential=TOKEN, scopes=("user:profile",)),
    Asked(rule="A18", status=400, credential=TOKEN, counts=False, date=SPRING),
    Asked(rule="A19", status=400, credential=TOKEN, counts=False),
    Asked(
        rule="A20",
        status=400,
        credential=TOKEN,
        counts=False,
        standing=AccountState.EXTRA_USAGE_EXHAUSTED,
    ),
    Asked(rule="A23", status=400, standing=AccountState.CREDIT_EXHAUSTED),
    Asked(rule="A24", status=400, standing=AccountState.ORGANIZATION_DISABLED),
    Asked(rule="A25", status=400, standing=AccountState.SPEND_LIMIT_REACHED),
    Asked(rule="A26", status=429, standing=AccountState.TIER_SPEND_LIMIT_REACHED),
    Asked(rule="A28", status=429, credential=TOKEN, standing=AccountState.PLAN_WINDOW_EXHAUSTED),
    Asked(rule="A32", status=402, standing=AccountState.PAYMENT_PROBLEM),
    Asked(rule="A37", status=400, fields={"context_management": {}}),
    Asked(
        rule="B25",
        status=403,
        credential=(Kind.WORKLOAD_TOKEN, State.VALID),
        scopes=("user:profile",),
    ),
    Asked(rule="request-too-large", status=413, prompt_bytes=TOO_LARGE_BYTES),
    Asked(rule="deny:route", status=404, path="/elsewhere"),
    Asked(rule="deny:rule", status=403, credential=TOKEN, headers={"x-api-key": "another"}),
)
"""What a client, a token or an account can bring about."""

DEMANDED: Final = tuple(rule.id for rule in (*ROUTES[MESSAGES], *EVERYWHERE) if rule.id in REFUSALS)
"""Every refusal that may answer a message, each of which can be had as a fault."""
STATUSES: Final = frozenset({400, 401, 402, 403, 404, 409, 413, 429, 500, 503, 504, 529})
"""All that the emulator answers a message with, but for 200."""

EVENTS: Final = (
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop"),
)
