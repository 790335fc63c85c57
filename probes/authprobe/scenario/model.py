"""Scenario: the types of a scenario file.

pydantic validates YAML into these dataclasses (`load.py`) and describes them (`schema.py`).
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, TypeVar

from pydantic import ConfigDict, Field, WithJsonSchema

from authprobe.core.client_kinds import Flow, Via
from authprobe.core.client_variables import SETTINGS_ENV, variables_schema
from authprobe.core.regular_expressions import contains_match
from authprobe.core.targets import Target
from authprobe.documents.constraints import STRICT
from authprobe.emulator.config import (
    HEADER_PATTERN,
    Backend,
    Flag,
    Hosts,
    Seconds,
    TokenKind,
    TokenState,
    Whole,
)
from authprobe.emulator.gateway import Act
from authprobe.observation.model import LoginExpiry, LoginState, Outcome
from authprobe.scenario.client_definitions import Definitions as ClientDefinitions
from authprobe.scenario.clients import Client, ClientText
from authprobe.scenario.known_clients import KnownClient
from authprobe.scenario.live import SOURCE_SCHEMA, HostName, Live

SLUG_PATTERN: Final = r"^[a-z0-9][a-z0-9.+_-]*$"
URL_PATTERN: Final = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"
VARIABLE_PATTERN: Final = r"^[a-z][a-z0-9_-]*$"
MAX_URL_LENGTH: Final = 2000
DEFAULT: Final = "default"
NO_CREDENTIAL: Final = "none"

Slug = Annotated[str, Field(pattern=SLUG_PATTERN, max_length=80)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
HttpStatus = Annotated[Whole, Field(ge=100, le=599)]
MAX_DEFINITIONS: Final = 500
"""Most definitions of one kind in a scenario, and most values of an axis."""
Item = TypeVar("Item")
Few = Annotated[tuple[Item, ...], Field(max_length=100)]
Definitions = Annotated[dict[Slug, Item], Field(max_length=MAX_DEFINITIONS)]
VariableName = Annotated[str, Field(pattern=VARIABLE_PATTERN, max_length=80)]
VariableValue = Annotated[str, Field(max_length=2000)] | Whole | Seconds | Flag
VariableValues = Annotated[dict[VariableName, VariableValue], Field(max_length=100)]
MODEL_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:/@\[\]-]*$"
FOLDER_PATTERN: Final = r"^\{home\}(?:/[A-Za-z0-9._-]+)+/?$"
Count = Annotated[Whole, Field(ge=0, le=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedValue:
    """A variable's values by their places."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    environment: str | None = None
    settings_env: Annotated[str | None, Field(alias=SETTINGS_ENV)] = None
    """In the `env` of the settings file."""


Variables = Annotated[dict[str, str | PlacedValue], WithJsonSchema(variables_schema())]


class Form(enum.StrEnum):
    """Unusual forms in which a credential is handed over."""

    LINE_BREAK = "line-break"
    """A line break in the middle of the value."""
    TRAILING_LINE_BREAK = "trailing-line-break"
    WIDE_CHARACTER = "wide-character"
    """A character above U+00FF, which no header can carry (RFC 9110, 5.5)."""
    X_API_KEY_LINE = "x-api-key-line"
    """The token as `x-api-key`, in `ANTHROPIC_CUSTOM_HEADERS`."""

    CUT_SHORT = "cut-short"
    """Without the last ten characters, as by an incomplete copy; in the credentials file, the
    access token."""

    SCOPES_AS_TEXT = "scopes-as-text"
    """Scopes as text instead of a list; this and the following: in the credentials file."""
    SCOPES_AS_NUMBER = "scopes-as-number"
    """Scopes as a number."""
    NO_SCOPES = "no-scopes"
    """Without the field."""
    EXPIRY_IN_SECONDS = "expiry-in-seconds"
    """Instead of milliseconds."""
    EXPIRY_ZERO = "expiry-zero"
    NO_EXPIRY = "no-expiry"
    """Without the field."""
    EXPIRY_AHEAD = "expiry-ahead"
    """An expired login whose file states an expiry hours ahead."""
    NO_REFRESH_TOKEN = "no-refresh-token"
    UNKNOWN_REFRESH_TOKEN = "unknown-refresh-token"
    REFRESH_LOCKED = "refresh-locked"
    """With the lock of a renewal by another process, which looks fresh."""
    STALE_REFRESH_LOCK = "stale-refresh-lock"
    """With the lock that a process left behind ten minutes ago."""

    FAILING = "failing"
    """It prints nothing and fails; this and the following: `apiKeyHelper`."""
    SLOW = "slow"
    """It waits before it prints the token."""
    CHATTY = "chatty"
    """It prints another line first."""
    SILENT = "silent"
    """It prints nothing and succeeds."""


class Request(enum.StrEnum):
    """Requests that authprobe's own HTTP client can send to an endpoint."""

    MESSAGES = "messages"
    COUNT_TOKENS = "count-tokens"
    MODELS = "models"
    REFRESH = "refresh"
    FEDERATE = "federate"
    """Exchange an identity token for an access token (RFC 7523)."""
    PROFILE = "profile"
    USAGE = "usage"


QUESTIONS: Final = (Request.MESSAGES, Request.COUNT_TOKENS)
"""Requests that name a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address and the request to send there."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    url: Annotated[str, Field(pattern=URL_PATTERN, max_length=MAX_URL_LENGTH)]
    request: Request = Request.MESSAGES
    stream: Flag = False
    model: Annotated[str, Field(pattern=MODEL_PATTERN, max_length=200)] | None = None
    """Model of the question; default: Claude Sonnet 5.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A made-up token: its kind, its state and how it is handed over; never its value."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    token: TokenKind
    state: TokenState = TokenState.VALID
    via: Via | None = None
    """Way in which it is handed over; without it: as the client takes it."""
    variable: Via | None = None
    """Variable that the settings file sets; only with `via: settings-env`."""
    header: Annotated[str, Field(pattern=HEADER_PATTERN, max_length=100)] | None = None
    """Header that holds the value alone; with `via: header` or `ANTHROPIC_CUSTOM_HEADERS`."""
    folder: Annotated[str, Field(pattern=FOLDER_PATTERN, max_length=200)] | None = None
    """Folder of the credentials or settings file, such as `{home}/work`; default: the usual one."""
    form: Form | None = None
    source: Annotated[
        Annotated[str, Field(max_length=200), WithJsonSchema(SOURCE_SCHEMA)] | None,
        Field(validation_alias="from"),
    ] = None
    """Source of the user's own secret, for the real service only: `env:NAME`, or `stored`."""
    hosts: Annotated[
        Annotated[tuple[HostName, ...], Field(min_length=1, max_length=10)] | None,
        Field(validation_alias="for"),
    ] = None
    """The only hosts that the user's own secret is for; default: the one host of Anthropic's."""

    @property
    def place(self) -> str:
        """Location of its value; a second credential with the same one would replace it."""
        further = self.variable, self.header and self.header.lower(), self.folder
        return ": ".join(str(part) for part in (self.via, *further) if part)


Credentials = Annotated[tuple[Credential, ...], Field(min_length=1, max_length=5)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRule:
    """A condition on a text: a part of it (`contains`), or a regular expression (`matches`)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    contains: Text | None = None
    matches: Text | None = None
    """A regular expression of RE2, without lookaround and backreferences."""

    def fits(self, text: str) -> bool:
        """Return True if the text meets the condition."""
        if self.contains is not None:
            return self.contains in text
        return contains_match(self.matches or "", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRequest:
    """An expected request of a client; only stated fields are compared."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    method: Text | None = None
    host: Text | None = None
    path: Text | None = None
    status: HttpStatus | None = None
    credential: Text | None = None
    """Slot name of the sent token, or `none`."""
    credential_header: Text | None = None
    """`authorization`, `x-api-key`, `body`, or `none`."""
    betas: Few[Text] = ()
    """Flags that `anthropic-beta` must contain."""
    gateway: Few[Act] = ()
    """Changes that a gateway of one's own must have made to it or its answer."""
    headers: Annotated[dict[Text, Text | None], Field(max_length=100)] = field(default_factory=dict)
    """Headers as recorded; `present`: with any value; null: the header must be absent."""
    rule: Text | None = None
    """Id of the emulator rule that answered."""
    scopes: Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)] | None = None
    """Exactly the scopes of the authorization request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Expected result of a case; only stated fields are compared."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    outcome: Outcome
    status: HttpStatus | None = None
    error_type: Text | None = None
    message: Text | TextRule | None = None
    exit_code: Annotated[Whole, Field(ge=-255, le=255)] | None = None
    detail: Text | TextRule | None = None
    """authprobe's explanation, such as the reason why the case could not be tested."""
    sessions: Annotated[dict[Outcome, Count], Field(min_length=1)] | None = None
    """Number of concurrent sessions with each outcome."""
    stored_login: LoginState | None = None
    """State of the client's stored login after it has exited."""
    stored_expiry: LoginExpiry | None = None
    """Expiry in the stored login at that time."""
    stored_subscription: Text | None = None
    """Subscription in the stored login at that time, or `none`."""
    findings: Few[Text] = ()
    """Names of findings that must be present."""
    no_findings: Few[Text] = ()
    """Names of findings that must be absent."""
    requests: Few[ExpectedRequest] = ()
    """Requests that must occur, in this order; others may occur between them."""
    no_requests: Few[ExpectedRequest] = ()
    """Requests that must not occur."""


Axis = Annotated[tuple[Slug, ...], Field(min_length=1, max_length=MAX_DEFINITIONS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The axes; every combination is a case."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    client: Annotated[tuple[ClientText, ...], Field(min_length=1, max_length=MAX_DEFINITIONS)]
    endpoint: Axis = (DEFAULT,)
    credential: Axis = (NO_CREDENTIAL,)
    headers: Axis = (DEFAULT,)
    backend: Axis = (DEFAULT,)
    environment: Axis = (DEFAULT,)
    flow: Annotated[tuple[Flow, ...], Field(min_length=1)] = (Flow.PROMPT,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Values of some axes, one or a list for each: every combination of them."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    client: (
        Annotated[tuple[ClientText, ...], Field(min_length=1, max_length=MAX_DEFINITIONS)]
        | ClientText
        | None
    ) = None
    endpoint: Axis | Slug | None = None
    credential: Axis | Slug | None = None
    headers: Axis | Slug | None = None
    backend: Axis | Slug | None = None
    environment: Axis | Slug | None = None
    flow: Annotated[tuple[Flow, ...], Field(min_length=1)] | Flow | None = None

    @property
    def clients(self) -> tuple[Client, ...]:
        """Its clients; none if it leaves the axis out."""
        if self.client is None:
            return ()
        return self.client if isinstance(self.client, tuple) else (self.client,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Values of some axes; a case matches if each of its values is among them."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    client: tuple[ClientText, ...] | ClientText | None = None
    endpoint: tuple[Slug, ...] | Slug | None = None
    credential: tuple[Slug, ...] | Slug | None = None
    headers: tuple[Slug, ...] | Slug | None = None
    backend: tuple[Slug, ...] | Slug | None = None
    environment: tuple[Slug, ...] | Slug | None = None
    flow: tuple[Flow, ...] | Flow | None = None
    target: tuple[Target, ...] | Target | None = None
    """Service that answers: the emulator, or the real one (`live`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationRule:
    """An expectation for the cases that match a condition; the first matching rule applies."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    when: Condition = field(default_factory=Condition)
    then: Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """The proof that a client goes on asking, before its time limit."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    requests: Annotated[Whole, Field(ge=4, le=100)]
    """Number of equal requests to a model that are refused alike; the API's SDKs give up after
    three.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    id: Slug
    title: Text
    why: Text
    """Why it matters, in one or two sentences."""
    sources: Annotated[tuple[Text, ...], Field(min_length=1, max_length=100)]
    """Where the expectation comes from: issue links, documentation pages, RFC sections."""
    definitions: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    """Files with definitions that this one uses, relative to it."""
    variables: VariableValues = field(default_factory=dict)
    """Values that `${name}` stands for in any text of this file and of those under
    `definitions`."""
    clients: ClientDefinitions = field(default_factory=dict)
    """Programs that are not among the known clients."""
    endpoints: Definitions[Endpoint] = field(default_factory=dict)
    credentials: Definitions[Credentials | Credential] = field(default_factory=dict)
    """The credentials of a list are handed over together."""
    headers: Definitions[dict[str, str | None]] = field(default_factory=dict)
    """Sets of headers that authprobe's own HTTP client adds; null removes a default header."""
    backends: Definitions[Backend] = field(default_factory=dict)
    hosts: Hosts = field(default_factory=dict)
    """Hosts of one's own that every case has, beside those of its backend."""
    environments: Definitions[Variables] = field(default_factory=dict)
    """Sets of further variables for a client, in its environment or in its settings file."""
    live: Live | None = None
    """Questions to the real service; without it, there are none."""
    matrix: Matrix
    include: Annotated[tuple[Combination, ...], Field(max_length=1000)] = ()
    """Further cases; an omitted axis takes the first value of the matrix."""
    exclude: Annotated[tuple[Combination, ...], Field(max_length=100)] = ()
    """Combinations of the matrix that are not cases."""
    expect: (
        Annotated[tuple[ExpectationRule, ...], Field(min_length=1, max_length=100)] | Expectation
    )
    limit: Annotated[Seconds, Field(gt=0, le=600)] = 60.0
    """Seconds after which a case is `timed-out`."""
    until: Until | None = None
    """Proof that a client goes on asking, which ends a case before `limit`."""
    tags: Few[Slug] = ()
    """Further words that `-k` matches."""
    formerly: Few[Slug] = ()
    """Former ids of the scenario, under which stored results still belong to its cases."""
    anchors: object = None
    """Definitions of YAML anchors; ignored otherwise."""

    @property
    def own_hosts(self) -> frozenset[str]:
        """Names of the hosts of one's own that any of its cases has."""
        backends = (backend.hosts for backend in self.backends.values())
        return frozenset(self.hosts).union(*backends, *(each.hosts for each in self.named_clients))

    @property
    def named_clients(self) -> tuple[Client, ...]:
        """Clients of its cases."""
        included = (client for each in self.include for client in each.clients)
        return (*self.matrix.client, *included)

    @property
    def known_clients(self) -> Iterator[KnownClient]:
        """Kinds of the clients that it names."""
        for client in self.named_clients:
            yield client.known
            if client.through:
                yield client.through.known


PROMPT_FLOWS: Final = (Flow.PROMPT, Flow.PROMPT_STREAM, Flow.STDIO)
"""Flows that ask one question, so that a client that goes on asking repeats it."""


def goes_on(expected: Expectation, flow: str) -> bool:
    """Return True if a client is expected to ask one question again until its time limit."""
    return expected.outcome is Outcome.TIMED_OUT and flow in PROMPT_FLOWS


def credentials_of(scenario: Scenario, name: str) -> tuple[Credential, ...]:
    """Return the credentials of a name on that axis; none for `none` or an unknown name."""
    definition = scenario.credentials.get(name, ())
    return definition if isinstance(definition, tuple) else (definition,)


def values_in(variables: Mapping[str, str | PlacedValue], place: str) -> dict[str, str]:
    """Return the values that variables have in the environment, or in the settings file."""
    values = {
        name: value if isinstance(value, PlacedValue) else PlacedValue(environment=value)
        for name, value in variables.items()
    }
    placed = {
        name: value.settings_env if place == SETTINGS_ENV else value.environment
        for name, value in values.items()
    }
    return {name: value for name, value in placed.items() if value is not None}
