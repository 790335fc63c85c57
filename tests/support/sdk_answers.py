"""Calls of the official SDKs, each with the rule of the emulator that should answer it."""

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
MAX_REQUEST_BYTES: Final = 32 * 1024 * 1024

Kind, State = TokenKind, TokenState
Credential = tuple[TokenKind, TokenState]
KEY: Final = (Kind.API_KEY, State.VALID)
TOKEN: Final = (Kind.ACCESS_TOKEN, State.VALID)


@dataclass(frozen=True, kw_only=True)
class SdkArguments:
    """Credentials and headers for an SDK client; a header that is None is left out."""

    api_key: str | None = None
    auth_token: str | None = None
    headers: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class SdkCall:
    """One call of an SDK, the state of the backend that receives it, and the expected answer."""

    rule: str = "messages"
    status: int = 200
    credential: Credential | None = KEY
    scopes: tuple[str, ...] | None = None
    date: datetime.date = AUTUMN
    standing: AccountState = AccountState.ACTIVE
    counts_as_claude_code: bool = True
    faults: tuple[Fault | str, ...] = ()
    headers: Mapping[str, str | None] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the body, in addition to those that every call has."""
    path: str = ""
    """Path of the base URL."""
    prompt_bytes: int = 1
    uses_key_header: bool = False
    """Send an API key in `x-api-key`, as older versions of the SDKs and curl do."""

    def __str__(self) -> str:
        kind, state = self.credential or ("no credential", "")
        words = f"{self.rule} {kind} {state} {self.date:%Y} {'in header' * self.uses_key_header}"
        return "-".join(words.split())

    def backend(self) -> CaseBackend:
        """Return a backend in this state."""
        setup = Backend(
            date=self.date,
            standing=self.standing,
            counts_as_claude_code=self.counts_as_claude_code,
            faults=self.faults,
        )
        return CaseBackend(setup)

    def arguments(self, backend: CaseBackend) -> SdkArguments:
        """Return the arguments for the SDK, with a token that this backend makes."""
        if self.credential is None:
            return SdkArguments(api_key="none", headers={"authorization": None, **self.headers})
        value = backend.tokens.make(*self.credential, scopes=self.scopes).value
        if self.credential[0] is Kind.API_KEY:
            key_header = {"x-api-key": value, "authorization": None} if self.uses_key_header else {}
            return SdkArguments(api_key=value, headers={**key_header, **self.headers})
        return SdkArguments(
            auth_token=value, headers={"anthropic-beta": OAUTH_BETA, **self.headers}
        )

    def with_faults(self, *faults: Fault | str) -> "SdkCall":
        """Return the same call to a backend with these faults."""
        return replace(self, faults=faults)


def _token(state: TokenState) -> Credential:
    return Kind.ACCESS_TOKEN, state


GOOD_CALL: Final = SdkCall()
KEY_HEADER_CALL: Final = SdkCall(uses_key_header=True, date=SPRING)

BY_ERROR_CODE: Final = {
    "A24": "OrganizationOnHoldError",
    "A26": "EnforcedSpendLimitReachedError",
    "A44": "ClaudeCodeKeyCreatorNotMemberError",
    "A45": "ClaudeCodeVersionTooOldError",
    "A46": "ContractSpendLimitReachedError",
    "A47": "RampLimitExceededError",
    "A48": "LinkedOrganizationBillingUnavailableError",
    "A48b": "LinkedOrganizationSpendLimitReachedError",
    "A49": "SandboxEgressRestrictedError",
    "A50": "CMEKContextUnavailableError",
    "A50b": "CMEKKeyUnreachableError",
    "A50c": "CMEKKeyDisabledError",
    "A50d": "CMEKKeyNetworkBlockedError",
}
"""Rules whose answer has an `error_code`, for which the SDKs have a separate subclass."""
REFUSED_CALLS: Final = (
    SdkCall(rule="A01", status=401, credential=None),
    SdkCall(rule="A02", status=401, credential=(Kind.API_KEY, State.UNKNOWN), uses_key_header=True),
    SdkCall(rule="A02", status=401, credential=(Kind.API_KEY, State.REVOKED), uses_key_header=True),
    SdkCall(rule="A05", status=401, credential=(Kind.API_KEY, State.UNKNOWN)),
    SdkCall(rule="A05", status=401, credential=(Kind.API_KEY, State.REVOKED)),
    SdkCall(rule="A05", status=401, credential=KEY, date=SPRING),
    SdkCall(rule="A36", status=401, credential=(Kind.API_KEY, State.EXPIRED)),
    SdkCall(rule="A36", status=401, credential=(Kind.API_KEY, State.EXPIRED), uses_key_header=True),
    SdkCall(rule="A03", status=400, headers={"anthropic-version": None}),
    SdkCall(rule="A04", status=401, credential=TOKEN, headers={"anthropic-beta": None}),
    SdkCall(rule="A05", status=401, credential=_token(State.UNKNOWN), date=SPRING),
    SdkCall(rule="A07", status=401, credential=_token(State.UNKNOWN)),
    SdkCall(rule="A08", status=401, credential=_token(State.EXPIRED), date=SPRING),
    SdkCall(rule="A09", status=401, credential=_token(State.EXPIRED)),
    SdkCall(rule="A10", status=403, credential=_token(State.REVOKED), date=SPRING),
    SdkCall(rule="A10b", status=401, credential=_token(State.REVOKED)),
    SdkCall(rule="A11", status=401, credential=TOKEN, standing=AccountState.ACCESS_REMOVED),
    SdkCall(
        rule="A12",
        status=401,
        credential=TOKEN,
        standing=AccountState.OAUTH_NOT_ALLOWED,
        date=LAST_YEAR,
    ),
    SdkCall(rule="A13", status=403, credential=TOKEN, standing=AccountState.OAUTH_NOT_ALLOWED),
    SdkCall(rule="A14", status=403, credential=TOKEN, standing=AccountState.MEMBERSHIP_LOST),
    SdkCall(rule="A17", status=403, credential=TOKEN, scopes=("user:profile",)),
    SdkCall(rule="A18", status=400, credential=TOKEN, counts_as_claude_code=False, date=SPRING),
    SdkCall(rule="A19", status=400, credential=TOKEN, counts_as_claude_code=False),
    SdkCall(
        rule="A20",
        status=400,
        credential=TOKEN,
        counts_as_claude_code=False,
        standing=AccountState.EXTRA_USAGE_EXHAUSTED,
    ),
    SdkCall(rule="A23", status=400, standing=AccountState.CREDIT_EXHAUSTED),
    SdkCall(rule="A24", status=400, standing=AccountState.ORGANIZATION_ON_HOLD),
    SdkCall(rule="A24b", status=400, standing=AccountState.ORGANIZATION_DISABLED),
    SdkCall(rule="A25", status=400, standing=AccountState.SPEND_LIMIT_REACHED),
    SdkCall(rule="A26", status=429, standing=AccountState.TIER_SPEND_LIMIT_REACHED),
    SdkCall(rule="A28", status=429, credential=TOKEN, standing=AccountState.PLAN_WINDOW_EXHAUSTED),
    SdkCall(rule="A32", status=402, standing=AccountState.PAYMENT_PROBLEM),
    SdkCall(rule="A37", status=400, fields={"context_management": {}}),
    SdkCall(
        rule="B25",
        status=403,
        credential=(Kind.WORKLOAD_TOKEN, State.VALID),
        scopes=("user:profile",),
    ),
    SdkCall(rule="request-too-large", status=413, prompt_bytes=MAX_REQUEST_BYTES),
    SdkCall(rule="deny:route", status=404, path="/elsewhere"),
    SdkCall(rule="deny:rule", status=403, credential=TOKEN, headers={"x-api-key": "another"}),
)
"""Calls whose client, token or account makes a rule apply, without any fault."""

FAULT_RULES: Final = tuple(
    rule.id for rule in (*ROUTES[MESSAGES], *EVERYWHERE) if rule.id in REFUSALS
)
"""Every refusal that may answer a message; each can be armed as a fault."""
STATUSES: Final = frozenset({400, 401, 402, 403, 404, 409, 413, 429, 500, 503, 504, 529})
"""Every status with which the emulator refuses a message."""

EVENTS: Final = (
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop"),
)
