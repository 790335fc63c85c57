"""The first value of the road: a scenario, as its YAML file says it.

pydantic reads these dataclasses straight from YAML (`load.py`) and describes them (`schema.py`).
"""

import enum
import re
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.core.client_kinds import Flow, Via
from authprobe.emulator.config import STRICT, Backend, Flag, Seconds, TokenKind, TokenState, Whole
from authprobe.observation.model import LoginExpiry, LoginState, Outcome
from authprobe.scenario.clients import ClientText

SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9.+_-]*$"
URL_PATTERN: Final = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"
DEFAULT: Final = "default"
NO_CREDENTIAL: Final = "none"

Slug = Annotated[str, Field(pattern=SLUG_PATTERN, max_length=80)]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[Whole, Field(ge=0, le=100)]


class Form(enum.StrEnum):
    """In which form a credential is handed over, where that is not the usual one."""

    LINE_BREAK = "line-break"
    """In the middle of the value."""
    TRAILING_LINE_BREAK = "trailing-line-break"
    WIDE_CHARACTER = "wide-character"
    """One above U+00FF, which no header can carry (RFC 9110, 5.5)."""
    X_API_KEY_LINE = "x-api-key-line"
    """Of `ANTHROPIC_CUSTOM_HEADERS`: the token as `x-api-key`."""

    SCOPES_AS_TEXT = "scopes-as-text"
    """In the credentials file, from here on: scopes in one text and not in a list."""
    SCOPES_AS_NUMBER = "scopes-as-number"
    """Neither a list nor a text."""
    EXPIRY_IN_SECONDS = "expiry-in-seconds"
    """Not in milliseconds."""
    EXPIRY_ZERO = "expiry-zero"
    EXPIRY_AHEAD = "expiry-ahead"
    """Of an expired login: the file says that its access token is good for hours more."""
    NO_REFRESH_TOKEN = "no-refresh-token"
    UNKNOWN_REFRESH_TOKEN = "unknown-refresh-token"

    FAILING = "failing"
    """Of `apiKeyHelper`, from here on: it prints nothing and fails."""
    SLOW = "slow"
    """It waits before it prints the token."""
    CHATTY = "chatty"
    """It prints a line of its own first."""
    SILENT = "silent"
    """It prints nothing and succeeds."""


class Request(enum.StrEnum):
    """What our own HTTP client sends to an endpoint."""

    MESSAGES = "messages"
    COUNT_TOKENS = "count-tokens"
    MODELS = "models"
    REFRESH = "refresh"
    FEDERATE = "federate"
    """An identity token is exchanged for an access token (RFC 7523)."""
    PROFILE = "profile"
    USAGE = "usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One address, and what is sent there."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    url: Annotated[str, Field(pattern=URL_PATTERN)]
    request: Request = Request.MESSAGES
    stream: Flag = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A made-up token of some kind, in some state, handed over in some way; never a value."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    token: TokenKind
    state: TokenState = TokenState.VALID
    via: Via
    variable: Via | None = None
    """What the settings file sets, where that is the way."""
    form: Form | None = None

    @property
    def place(self) -> str:
        """Where it is put: of two in one place the second would replace the first."""
        return f"{self.via}: {self.variable}" if self.variable else self.via.value


Credentials = Annotated[tuple[Credential, ...], Field(min_length=1, max_length=5)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRule:
    """A text that contains `contains`, or is found by the regular expression `matches`."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    contains: Text | None = None
    matches: Text | None = None

    def fits(self, text: str) -> bool:
        """Whether the text is one of those that it means."""
        if self.contains is not None:
            return self.contains in text
        return re.search(self.matches or "", text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRequest:
    """A request that a client makes; only what is stated is compared."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    method: Text | None = None
    host: Text | None = None
    path: Text | None = None
    status: Whole | None = None
    credential: Text | None = None
    """Slot name of the token that was sent, or `none`."""
    credential_header: Text | None = None
    """`authorization`, `x-api-key`, `body`, or `none`."""
    betas: tuple[Text, ...] = ()
    """Flags that `anthropic-beta` must hold."""
    headers: dict[str, str | None] = field(default_factory=dict)
    """Headers as recorded; null: the header must not be there."""
    rule: Text | None = None
    """Id of the emulator's rule that answered."""
    scopes: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Exactly the scopes that an authorization is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a case must show; what is not stated is not compared."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    outcome: Outcome
    status: Whole | None = None
    error_type: Text | None = None
    message: Text | TextRule | None = None
    exit_code: Whole | None = None
    detail: Text | TextRule | None = None
    """Our own line about it: why it could not be tested."""
    sessions: Annotated[dict[Outcome, Count], Field(min_length=1)] | None = None
    """How many of the sessions that were started at once came to which outcome."""
    stored_login: LoginState | None = None
    """What the client's stored login is worth when it has ended."""
    stored_expiry: LoginExpiry | None = None
    """What it says of its expiry then."""
    stored_subscription: Text | None = None
    """The subscription that it names then, or `none`."""
    findings: tuple[Text, ...] = ()
    """Findings that there must be, by name."""
    no_findings: tuple[Text, ...] = ()
    """Findings that there must not be."""
    requests: tuple[ExpectedRequest, ...] = ()
    """Requests that must be among those made, in this order."""
    no_requests: tuple[ExpectedRequest, ...] = ()
    """Requests that must not be made."""


Axis = Annotated[tuple[Slug, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The axes; every combination is a case."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    client: Annotated[tuple[ClientText, ...], Field(min_length=1)]
    endpoint: Axis = (DEFAULT,)
    credential: Axis = (NO_CREDENTIAL,)
    headers: Axis = (DEFAULT,)
    backend: Axis = (DEFAULT,)
    environment: Axis = (DEFAULT,)
    flow: Annotated[tuple[Flow, ...], Field(min_length=1)] = (Flow.PROMPT,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """One value for some of the axes."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    client: ClientText | None = None
    endpoint: Slug | None = None
    credential: Slug | None = None
    headers: Slug | None = None
    backend: Slug | None = None
    environment: Slug | None = None
    flow: Flow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Values of some axes; a case meets it when each of its values is among them."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    client: tuple[ClientText, ...] | ClientText | None = None
    endpoint: tuple[Slug, ...] | Slug | None = None
    credential: tuple[Slug, ...] | Slug | None = None
    headers: tuple[Slug, ...] | Slug | None = None
    backend: tuple[Slug, ...] | Slug | None = None
    environment: tuple[Slug, ...] | Slug | None = None
    flow: tuple[Flow, ...] | Flow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationRule:
    """An expectation for the cases that meet a condition; the first rule that is met counts."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    when: Condition = field(default_factory=Condition)
    then: Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One YAML file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: Slug
    title: Text
    why: Text
    """Why anybody cares: one or two sentences."""
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Where the expectation comes from: issue links, documentation pages, RFC sections."""
    endpoints: dict[Slug, Endpoint] = field(default_factory=dict)
    credentials: dict[Slug, Credentials | Credential] = field(default_factory=dict)
    """A list is handed over at once."""
    headers: dict[Slug, dict[str, str | None]] = field(default_factory=dict)
    """Sets of headers that our own HTTP client adds; null takes a default header away."""
    backends: dict[Slug, Backend] = field(default_factory=dict)
    environments: dict[Slug, dict[str, str]] = field(default_factory=dict)
    """Sets of further variables that a client is started with."""
    matrix: Matrix
    include: Annotated[tuple[Combination, ...], Field(max_length=1000)] = ()
    """Further cases; an axis that is not given takes the first value of the matrix."""
    exclude: Annotated[tuple[Combination, ...], Field(max_length=100)] = ()
    """Combinations of the matrix that are not cases."""
    expect: (
        Annotated[tuple[ExpectationRule, ...], Field(min_length=1, max_length=100)] | Expectation
    )
    limit: Annotated[Seconds, Field(gt=0, le=600)] = 60.0
    """Seconds after which a case is `timed-out`."""
    tags: tuple[Slug, ...] = ()
    """Further words by which `-k` finds the cases."""
    formerly: tuple[Slug, ...] = ()
    """Ids that the scenario had before: its cases are still known under them."""
    anchors: object = None
    """A place for YAML anchors; not read."""


def credentials_of(scenario: Scenario, name: str) -> tuple[Credential, ...]:
    """What a name on the credential axis stands for; nothing for `none`, or an unknown one."""
    given = scenario.credentials.get(name, ())
    return given if isinstance(given, tuple) else (given,)
