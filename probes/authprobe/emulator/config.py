"""Configuration of a backend, by a scenario, a test or the control API."""

import datetime
import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

from authprobe import arguments
from authprobe.core.host_names import own_host_problem
from authprobe.documents.constraints import STRICT
from authprobe.documents.messages import MESSAGE
from authprobe.documents.source import quote

# Strict: in YAML, "5" is a string and 5 is a number, and `yes` is not a boolean.
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Seconds = Annotated[float, Strict()]
Day = Annotated[
    datetime.date,
    Strict(),
    Field(ge=datetime.date(2020, 1, 1), le=datetime.date(2100, 1, 1)),
]

HEADER_PATTERN: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"  # RFC 9110, 5.6.2
BETA_PATTERN: Final = r"^[A-Za-z0-9._-]+$"
SCHEME_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_-]*$"
PREFIX_PATTERN: Final = r"^(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$"
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
    GATEWAY_KEY = "gateway-key"
    """The key of a gateway of one's own; only a host that requires one accepts it."""
    WORKSPACE_ID = "workspace-id"
    """Id of a workspace, beside a key that is not limited to one; it says whose the key is."""


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
    ORGANIZATION_ON_HOLD = "organization-on-hold"
    """It was disabled after a review, and can appeal."""
    ACCESS_REMOVED = "access-removed"
    """The account or organisation is refused although the credential is valid."""
    OAUTH_NOT_ALLOWED = "oauth-not-allowed"
    MEMBERSHIP_LOST = "membership-lost"
    NO_SUBSCRIPTION = "no-subscription"
    EXTRA_USAGE_AVAILABLE = "extra-usage-available"
    EXTRA_USAGE_EXHAUSTED = "extra-usage-exhausted"
    PLAN_WINDOW_EXHAUSTED = "plan-window-exhausted"
    LONG_CONTEXT_NOT_INCLUDED = "long-context-not-included"
    CREDIT_EXHAUSTED = "credit-exhausted"
    SPEND_LIMIT_REACHED = "spend-limit-reached"
    """A spend limit that the organisation set for itself."""
    TIER_SPEND_LIMIT_REACHED = "tier-spend-limit-reached"
    PAYMENT_PROBLEM = "payment-problem"


FaultName = Annotated[str, Field(pattern=FAULT_PATTERN, max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault: a refusal by its rule's id, or a fault of the connection or the answer by name."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: FaultName
    seconds: Annotated[Seconds, Field(ge=-3650 * DAY_SECONDS, le=3650 * DAY_SECONDS)] | None = None
    """Duration in seconds, for faults that have one, and the value of `Retry-After` for refusals
    that have one; each has a default.
    """
    times: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    """Number of times the fault occurs. Default: every time."""
    after: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    """Number of requests answered before the first time."""
    host: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Limit the fault to this host."""
    path: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """Limit the fault to this path; not for faults of the connection."""


class Service(enum.StrEnum):
    """Kind of a host of one's own."""

    MESSAGES = "messages"
    """A gateway to the Claude API, with the same paths."""
    CHAT_COMPLETIONS = "chat-completions"
    """A gateway to the Claude API that speaks OpenAI's Chat Completions."""
    BEDROCK = "bedrock"
    """A gateway with the paths of Amazon Bedrock."""
    VERTEX = "vertex"
    """A gateway with the paths of Google Vertex AI."""
    EMPTY = "empty"
    """It answers every request with status 200 and `{}`, as for telemetry."""
    NOTHING = "nothing"
    """It refuses the connection, and a client that asks for it is expected to."""


class Holds(enum.StrEnum):
    """Content that a gateway expects in a header."""

    ANYTHING = "anything"
    GATEWAY_KEY = "gateway-key"
    """A valid key of its own."""
    CLAUDE_CREDENTIAL = "claude-credential"
    """An API key or token for Claude, in any state: it is not the gateway that judges it."""


HeaderName = Annotated[str, Field(pattern=HEADER_PATTERN, max_length=100)]
ErrorStatus = Annotated[Whole, Field(ge=400, le=599)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A header that a gateway requires."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    header: HeaderName = "authorization"
    form: Annotated[str, Field(pattern=SCHEME_PATTERN, max_length=40)] | None = None
    """The word before the value, such as `Bearer`."""
    holds: Holds = Holds.ANYTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Parts of a request that a gateway removes before it passes it on."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    headers: Annotated[tuple[HeaderName, ...], Field(max_length=50)] = ()
    betas: Annotated[
        tuple[Annotated[str, Field(pattern=BETA_PATTERN, max_length=100)], ...],
        Field(max_length=50),
    ] = ()
    """Flags of `anthropic-beta`."""


class CredentialTreatment(enum.StrEnum):
    """Treatment of the credential of a request by a gateway."""

    PASS = "pass"
    REPLACE = "replace"
    """It removes `authorization` and `x-api-key`, and sends a valid API key of its own."""


class ErrorForm(enum.StrEnum):
    """Form of an error that a gateway sends instead of that of the API."""

    TEXT = "text"
    OPENAI = "openai"
    """The envelope of OpenAI's API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRewrite:
    """An error, and what a gateway sends instead."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    status: ErrorStatus | None = None
    """Status of the error; default: any."""
    becomes: ErrorStatus | None = None
    """Status that the client gets; default: the same."""
    form: ErrorForm | None = None
    message: Annotated[str, Field(min_length=1, max_length=2000)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host of one's own, such as the gateway of a company."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    serves: Service = Service.MESSAGES
    prefix: Annotated[str, Field(pattern=PREFIX_PATTERN, max_length=200)] | None = None
    """Beginning of every path, such as `/anthropic`; the API does not see it."""
    requires: Annotated[tuple[Requirement, ...], Field(max_length=10)] | Requirement = ()
    """Headers without which it refuses a request."""
    strips: Strip = field(default_factory=Strip)
    credential: CredentialTreatment = CredentialTreatment.PASS
    errors: Annotated[tuple[ErrorRewrite, ...], Field(max_length=50)] | ErrorRewrite = ()
    """Errors that it rewrites; of several entries, the first with the status counts."""
    latency: Annotated[Seconds, Field(ge=0, le=600)] = 0.0
    """Seconds that it adds to each answer."""

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """The required headers."""
        return self.requires if isinstance(self.requires, tuple) else (self.requires,)

    @property
    def rewrites(self) -> tuple[ErrorRewrite, ...]:
        """The rewritten errors."""
        return self.errors if isinstance(self.errors, tuple) else (self.errors,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A forward proxy in front of the API that reads and changes requests, as in a sandbox."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    strips: Strip = field(default_factory=Strip)
    credential: CredentialTreatment = CredentialTreatment.PASS
    errors: Annotated[tuple[ErrorRewrite, ...], Field(max_length=50)] | ErrorRewrite = ()
    latency: Annotated[Seconds, Field(ge=0, le=600)] = 0.0

    @property
    def as_host(self) -> Host:
        """The same as a gateway."""
        return Host(
            strips=self.strips,
            credential=self.credential,
            errors=self.errors,
            latency=self.latency,
        )


def _check_host_name(name: str) -> str:
    if (reason := own_host_problem(name)) is not None:
        raise PydanticCustomError(MESSAGE, "{message}", {"message": f"{quote(name)} {reason}"})
    return name


HostName = Annotated[str, Field(max_length=1000), AfterValidator(_check_host_name)]
Hosts = Annotated[dict[HostName, Host | Service], Field(max_length=100)]


class StopReason(enum.StrEnum):
    """Reason why the model ends an answer
    (platform.claude.com/docs/en/build-with-claude/handling-stop-reasons).
    """

    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_USE = "tool_use"
    PAUSE_TURN = "pause_turn"
    REFUSAL = "refusal"
    MODEL_CONTEXT_WINDOW_EXCEEDED = "model_context_window_exceeded"


ToolName = Annotated[str, Field(min_length=1, max_length=200)]
AnswerText = Annotated[str, Field(max_length=1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool in an answer of the model."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: ToolName
    input: dict[str, Any] | None = None
    """Input of the tool. Default: a small one that the schema of the tool allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """An answer of the model, to the first request that fits: one that offers its tools."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    text: AnswerText | None = None
    """Text of the answer, before its calls of tools."""
    tools: Annotated[tuple[ToolCall | ToolName, ...], Field(max_length=100)] = ()
    """Calls of tools, each with the name of a tool, or its name and its input."""
    thinking: AnswerText | None = None
    """Thoughts of the model before it. Default: it thinks only if the request asks for it."""
    redacted_thinking: Flag = False
    """True if the thinking is redacted."""
    stop_reason: StopReason | None = None
    """Reason why the answer ends. Default: `tool_use` or `end_turn`."""
    prompt: AnswerText | None = None
    """Text that the last prompt of the user contains. Default: any prompt."""
    times: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1
    """Number of times the answer is given."""


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
    refresh_revokes_access: Flag = False
    """True if a refresh revokes the access tokens that the login had before, so that a copy of the
    login ends. One project reported it on 2026-07-30; others see the old token work until it ends.
    """
    faults: Annotated[tuple[Fault | FaultName, ...], Field(max_length=100)] = ()
    """Armed faults. Of several refusals, the first that matches a request counts; delays add up."""
    hosts: Hosts = field(default_factory=dict)
    """Hosts of one's own, by name: what they are, or in a word what they serve."""

    proxy: Proxy | None = None
    """Changes by the proxy of the case to requests to api.anthropic.com; default: nothing."""
    answers: Annotated[tuple[ModelAnswer, ...], Field(max_length=1000)] = ()
    """Next answers of the model, in this order; a request that none of them fits, or that comes
    after the last one, gets a made-up answer.
    """
    follows_prompts: Flag = False
    """True if the model calls the tools that a prompt names, as in `use the Read tool`."""

    def own_host(self, name: str) -> Host | None:
        """Return the host of one's own with this name; None: there is none."""
        host = self.hosts.get(arguments.text(name, "name"))
        return Host(serves=host) if isinstance(host, Service) else host
