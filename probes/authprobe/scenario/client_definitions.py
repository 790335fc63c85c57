"""Client definitions: programs that a scenario describes as data, from installation to answer.

pydantic validates YAML into these dataclasses, as it does for the rest of a scenario.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from authprobe.documents.constraints import STRICT
from authprobe.emulator.config import HEADER_PATTERN, Hosts, Seconds, TokenKind

KIND_PATTERN: Final = r"^[a-z][a-z0-9-]{0,39}$"
PACKAGE_PATTERN: Final = (
    r"^(@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9~][A-Za-z0-9._~-]*(\[[a-z0-9, -]+\])?$"
)
REQUIREMENT_PATTERN: Final = (
    r"^(@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9~][A-Za-z0-9._~-]*(\[[a-z0-9, -]+\])?"
    r"((==|@)[0-9A-Za-z.+-]+)?$"
)
VARIABLE_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"  # POSIX.1-2024, 3.216
PATH_PATTERN: Final = r"^/[!-~]*$"
PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
PLACEHOLDERS: Final[Mapping[str, str]] = {
    "prompt": "the question",
    "base_url": "address of the emulated API, without a path",
    "key": "value of the case's credential; empty without one",
    "port": "free port of a server",
    "home": "private home of the case",
    "bin": "folder with the programs of the installed package",
    "program": "program that `install: {path: ...}` names",
}
"""Names that stand for a value in braces, with its meaning."""
MAX_READINGS: Final = 10

Line = Annotated[str, Field(min_length=1, max_length=2000)]
Argument = Annotated[str, Field(max_length=4000)]
Arguments = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=100)]
Kind = Annotated[str, Field(pattern=KIND_PATTERN)]
Requirement = Annotated[str, Field(pattern=REQUIREMENT_PATTERN, max_length=200)]
VariableName = Annotated[str, Field(pattern=VARIABLE_PATTERN, max_length=200)]
DefinedVariables = Annotated[dict[VariableName, Argument], Field(max_length=100)]


class Reach(enum.StrEnum):
    """Ways in which a program reaches the emulated API."""

    BASE_URL = "base-url"
    """By `{base_url}`, which authprobe also sets as `ANTHROPIC_BASE_URL`."""
    PROXY = "proxy"
    """At its real address, through the proxy variables."""


class Source(enum.StrEnum):
    """Places of a value that a reading looks for."""

    STDOUT = "stdout"
    STDERR = "stderr"
    OUTPUT = "output"
    """Standard output, then standard error."""
    EXIT_CODE = "exit-code"
    RESPONSE = "response"
    """Body of the response to authprobe's own request to a server."""
    STATUS = "status"
    """Status of that response."""


class Each(enum.StrEnum):
    """Units into which a text is split; the last one that fits is read."""

    LINE = "line"


class RequestBody(enum.StrEnum):
    """Forms of authprobe's own request to a server."""

    MESSAGES = "messages"
    """A question to the Messages API."""
    CHAT_COMPLETIONS = "chat-completions"
    """The same in the form of OpenAI's API."""


def _read_content(value: object) -> object:
    """Return the content of a file as it is: text, or what JSON can express."""
    return value


Content = Annotated[Any, PlainValidator(_read_content), WithJsonSchema({})]
"""Text, or a value that is written as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """Package or program of a client: one of `npm`, `pip` and `path`."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    npm: Annotated[str, Field(pattern=PACKAGE_PATTERN, max_length=200)] | None = None
    """Name of a package of npm."""
    pip: Annotated[str, Field(pattern=PACKAGE_PATTERN, max_length=200)] | None = None
    """Name of a package of PyPI, also with extras: `litellm[proxy]`."""
    path: Line | None = None
    """Program of your own, relative to the file with this definition. It is not copied."""
    beside: Annotated[tuple[Requirement, ...], Field(max_length=20)] = ()
    """Further packages that its users install with it, as `name` or at a version."""
    scripts: Annotated[tuple[Requirement, ...], Field(max_length=20)] = ()
    """npm packages whose install scripts it needs; no other script is run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Source of the version that ran; without it: that of the installed package."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    run: Arguments | None = None
    """Command that prints it."""
    matches: Line | None = None
    """Regular expression of RE2; its first group is the version."""
    product: Line | None = None
    """Product name in the User-Agent of its requests: `llm` in `llm/0.27`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value in what the program printed or wrote, or a condition on it.

    The steps apply in this order: a source or files, `each`, `where`, `json`, `matches`; the value
    is what is left. `equals` and `contains` are conditions on it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    source: Annotated[Source | None, Field(alias="from")] = None
    file: Line | None = None
    """Files in the private home, with `*` and `**`; the newest one is read."""
    each: Each | None = None
    where: Annotated[dict[str, str | int | bool], Field(max_length=10)] = field(
        default_factory=dict
    )
    """Members that a JSON object must have."""
    json: Line | None = None
    """JSONPath (RFC 9535) of the value."""
    matches: Line | None = None
    """Regular expression of RE2; its first group, or the whole match, is the value."""
    equals: str | int | bool | None = None
    contains: Line | None = None

    @property
    def is_condition(self) -> bool:
        """True if it has a condition."""
        return self.equals is not None or self.contains is not None


ENDS_WELL: Final = Reading(source=Source.EXIT_CODE, equals=0)
Readings = Annotated[tuple[Reading, ...], Field(min_length=1, max_length=MAX_READINGS)] | Reading
"""A reading, or several: the first that finds a value counts, and all conditions must hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Sign that a server is ready; without a key: its port accepts connections."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    line: Line | None = None
    """Part of a line that it prints."""
    get: Annotated[str, Field(pattern=PATH_PATTERN, max_length=2000)] | None = None
    """Path that answers with a status below 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """A server that authprobe starts, asks, and ends."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    run: Arguments
    ready: Ready = field(default_factory=Ready)
    within: Annotated[Seconds, Field(gt=0, le=600)] = 60.0
    """Seconds in which it must be ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontRequest:
    """authprobe's own request to a server."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    post: Annotated[str, Field(pattern=PATH_PATTERN, max_length=2000)]
    headers: Annotated[
        dict[Annotated[str, Field(pattern=HEADER_PATTERN, max_length=200)], Argument],
        Field(max_length=50),
    ] = field(default_factory=dict)
    body: RequestBody = RequestBody.MESSAGES
    model: Line | None = None
    """Name of the model that it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Another client in front of a server, or driven by this one."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    variables: DefinedVariables = field(default_factory=dict)
    """Variables of the other client."""
    files: Annotated[dict[str, Content], Field(max_length=50)] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDefinition:
    """A program that asks Claude, as data: it either runs to its end (`run`) or serves."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    title: Line | None = None
    """Kind of program, in a few words: `coding agent for the terminal`."""
    surface: Line = "program"
    """Form in which people use it: `command line`, `SDK`, `gateway`."""
    install: Install | None = None
    """Without it: a program of the system, by its path."""
    version: Version | None = None
    run: Arguments | None = None
    """Command that asks the question and ends."""
    stdin: Argument | None = None
    """Text on its standard input."""
    serve: Serve | None = None
    request: FrontRequest | None = None
    """Question to the server if no other client is in front of it."""
    fronts: Annotated[dict[Kind, Front], Field(max_length=20)] = field(default_factory=dict)
    """Clients that can be in front of the server: `gateway@1.0+claude-code@2.1.31`."""
    drives: Annotated[dict[Kind, Front], Field(max_length=20)] = field(default_factory=dict)
    """Clients of which it starts one, by the name of its program on PATH."""
    reach: Reach = Reach.BASE_URL
    prompt: Line = "ping"
    files: Annotated[dict[str, Content], Field(max_length=50)] = field(default_factory=dict)
    """Files in the private home: text, or a mapping that is written as JSON."""
    variables: DefinedVariables = field(default_factory=dict)
    hosts: Hosts = field(default_factory=dict)
    """Further hosts that it asks, and what they serve: `nothing`, `empty`, or a gateway."""
    tokens: Annotated[tuple[TokenKind, ...], Field(min_length=1, max_length=10)] | None = None
    """Kinds of token that it may be given; without it: all."""
    accepted: Readings = field(default_factory=lambda: ENDS_WELL)
    """Conditions of success, which must all hold; without them: the exit code 0, or for a request
    to a server a status below 400."""
    message: Readings | None = None
    """Message to its user; without it: the last error line of its output."""
    status: Readings | None = None
    """HTTP status that it tells its user."""

    @property
    def texts(self) -> Iterator[str]:
        """All texts in which placeholders are replaced, those of files and fronts included."""
        yield from self.run or ()
        yield from self.variables.values()
        if self.stdin is not None:
            yield self.stdin
        if self.serve is not None:
            yield from self.serve.run
        if self.request is not None:
            yield from self.request.headers.values()
        for content in self.files.values():
            yield from content_texts(content)
        for front in (*self.fronts.values(), *self.drives.values()):
            yield from front.variables.values()
            for content in front.files.values():
                yield from content_texts(content)

    @property
    def places_key(self) -> bool:
        """True if `{key}` stands in a text; else the credential comes by a variable."""
        return any("{key}" in text for text in self.texts)


def content_texts(content: object) -> Iterator[str]:
    """Yield the texts in the content of a file, at any depth."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from content_texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from content_texts(value)


def readings_of(readings: Readings | None) -> tuple[Reading, ...]:
    """Return readings as a tuple; empty for None."""
    if readings is None:
        return ()
    return readings if isinstance(readings, tuple) else (readings,)


Definitions = Annotated[dict[Kind, ClientDefinition], Field(max_length=100)]
