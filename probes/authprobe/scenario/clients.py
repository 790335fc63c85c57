"""Clients at a version, and the reading of their spelling: `kind[@version][+kind[@version]]`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from authprobe.core.client_kinds import ClientKind, ClientSpec, Registry, Via
from authprobe.core.version_ranges import EXACT, INSTALLED, LATEST, read_range
from authprobe.documents.messages import MESSAGE
from authprobe.documents.source import quote, remedy
from authprobe.emulator.config import Host, Service
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS, source_problems
from authprobe.scenario.client_definitions import ClientDefinition
from authprobe.scenario.known_clients import KnownClient

VERSION_PATTERN: Final = r"[0-9A-Za-z.<>=!* -]+"
CLIENT_PATTERN: Final = rf"^[a-z0-9-]+(@{VERSION_PATTERN})?(\+[a-z0-9-]+(@{VERSION_PATTERN})?)?$"
MAX_CLIENT_LENGTH: Final = 200
_MAX_VERSION_LENGTH: Final = 60

KnownClients = Mapping[str, KnownClient]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program at a version.

    `through` is a second program that works with it: the CLI that it drives, or, for a gateway,
    the client in front of it.
    """

    kind: str
    version: str = LATEST
    through: "Client | None" = None
    known: KnownClient = field(default=None, compare=False, repr=False)  # type: ignore[assignment]
    """Its kind; without it, the one that every scenario can name."""

    def __post_init__(self) -> None:
        if self.known is None:
            object.__setattr__(self, "known", KNOWN_CLIENTS[self.kind])

    def __str__(self) -> str:
        """The spelling in scenario files: `kind@version+kind@version`."""
        if self.is_authprobe:
            return str(self.kind)
        name = f"{self.kind}@{self.version}"
        return f"{name}+{self.through}" if self.through else name

    @property
    def spec(self) -> ClientSpec:
        """Facts about its kind."""
        return self.known.spec

    @property
    def definition(self) -> ClientDefinition | None:
        """Definition of its kind; None: authprobe drives it by code."""
        return self.known.definition

    @property
    def hosts(self) -> Mapping[str, Host | Service]:
        """Further hosts that it and its second client ask, by their definitions."""
        through = self.through.hosts if self.through else {}
        return {**through, **(self.definition.hosts if self.definition else {})}

    @property
    def is_authprobe(self) -> bool:
        """True for authprobe's own requests: there is nothing to install, and no version."""
        return self.kind == ClientKind.RAW_HTTP

    @property
    def is_gateway(self) -> bool:
        """True for a server that authprobe asks, or the client in front of it."""
        definition = self.definition
        return definition is not None and definition.serve is not None and not definition.drives

    @property
    def holds_key(self) -> bool:
        """True for a gateway whose definition puts the credential into its configuration."""
        return self.is_gateway and self.definition is not None and self.definition.places_key

    @property
    def takes_request(self) -> bool:
        """True if authprobe itself sends the requests: its own, or those to a gateway."""
        return self.spec.takes_request and self.through is None

    @property
    def vias(self) -> tuple[Via, ...]:
        """The ways in which it receives a credential."""
        alone = self.spec.vias_without_through
        return self.spec.vias if self.through or alone is None else alone


def kind_name(text: str) -> str:
    """Return the kind in the spelling of a client, known or not."""
    return text.partition("+")[0].partition("@")[0]


def parse_client(text: str, known_clients: KnownClients = KNOWN_CLIENTS) -> Client:
    """Return the client with this spelling; without a version it is `latest`.

    Raises:
        ValueError: the kind is unknown, the parts do not fit together, or the text is too long.
    """
    if len(text) > MAX_CLIENT_LENGTH:
        raise ValueError(f"a client has at most {MAX_CLIENT_LENGTH} characters")
    first, _, second = text.partition("+")
    name, _, version = first.partition("@")
    if name not in known_clients:
        raise ValueError(f"no such client: '{name}'")
    known = known_clients[name]
    spec = known.spec
    if spec.is_only_installed:
        if version not in ("", INSTALLED):
            raise ValueError(f"{name} is a program of your own; leave out '@{version}'")
        version = INSTALLED
    version_range = read_range(version)
    if version_range:
        version = str(version_range)
    if version == INSTALLED and not spec.allows_installed:
        allowed = [kind for kind, other in known_clients.items() if other.spec.allows_installed]
        raise ValueError(f"only {' or '.join(allowed)} can be '{INSTALLED}'")
    is_known = version in ("", LATEST, INSTALLED) or version_range is not None
    if not (is_known or names_one_release(spec, version)):
        hint = "write 2.1.31, latest or a range such as >=2.1.0 <2.2"
        raise ValueError(f"'{version}' is not a version; {hint}")
    through = _parse_through(known, second, known_clients)
    return Client(kind=name, version=version or LATEST, through=through, known=known)


def names_one_release(spec: ClientSpec, version: str) -> bool:
    """Return True if a version names one release: to npm, 2.1 is the newest of many."""
    dots = 2 if spec.package and spec.package.registry is Registry.NPM else 1
    return bool(EXACT.fullmatch(version)) and version.count(".") >= dots


def _parse_through(known: KnownClient, text: str, known_clients: KnownClients) -> Client | None:
    kind, throughs = known.kind, known.spec.throughs
    if not throughs:
        if text:
            raise ValueError(f"{kind} brings its own CLI; leave out '+{text}'")
        return None
    if not text:
        if not known.spec.needs_through:
            return None
        return parse_client(throughs[0].kind, known_clients)
    through = parse_client(text, known_clients)
    if through.kind not in [each.kind for each in throughs]:
        allowed = " or ".join(each.kind for each in throughs)
        raise ValueError(f"{kind} {throughs[0].relation} {allowed}, not {through.kind}")
    return through


def _read_client(value: object, info: ValidationInfo) -> Client:
    """Validate a client in a document, for pydantic; the context has the known clients."""
    known_clients = (info.context or {}).get("clients", KNOWN_CLIENTS)
    if isinstance(value, Client):
        return value
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if re.fullmatch(CLIENT_PATTERN, value) is None:
        raise PydanticKnownError("string_pattern_mismatch", {"pattern": CLIENT_PATTERN})
    try:
        _check_spelling(value, known_clients)
        if any(known_clients[kind_name(part)] is None for part in value.split("+")):
            return Client(kind=ClientKind.RAW_HTTP)  # its definition has errors of its own
        return parse_client(value, known_clients)
    except _SpellingError as error:
        message = str(error)
    except ValueError as error:
        message = f"{quote(value)}: {error}"
    raise PydanticCustomError(MESSAGE, "{message}", {"message": message})


class _SpellingError(ValueError):
    pass


def _check_spelling(text: str, known_clients: KnownClients) -> None:
    for part in text.split("+"):
        name, _, version = part.partition("@")
        if name not in known_clients:
            problems = "".join(f"; also: {problem}" for problem in source_problems())
            hint = remedy(name, [*known_clients])
            raise _SpellingError(f"{quote(name)} is not a client{hint}{problems}")
        if version and name == ClientKind.RAW_HTTP:
            raise _SpellingError(
                f"{quote(name)} is authprobe itself and takes no version; "
                f"leave out '@{version[:_MAX_VERSION_LENGTH]}'"
            )


ClientText = Annotated[
    Client,
    PlainValidator(_read_client),
    WithJsonSchema({"pattern": CLIENT_PATTERN, "type": "string"}),
]
"""A client as the text of a document."""
