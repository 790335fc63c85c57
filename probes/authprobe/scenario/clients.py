"""Clients at a version, and the reading of their spelling: `kind[@version][+kind[@version]]`."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from authprobe.core.client_kinds import CLIENTS, ClientKind, ClientSpec, Registry, Via
from authprobe.core.version_ranges import EXACT, read_range
from authprobe.documents.messages import MESSAGE
from authprobe.documents.source import quote, remedy

VERSION_PATTERN: Final = r"[0-9A-Za-z.<>=!* -]+"
CLIENT_PATTERN: Final = rf"^[a-z0-9-]+(@{VERSION_PATTERN})?(\+[a-z0-9-]+(@{VERSION_PATTERN})?)?$"
LATEST: Final = "latest"
INSTALLED: Final = "installed"
"""Version of the program that the user has installed."""
MAX_CLIENT_LENGTH: Final = 200
_MAX_VERSION_LENGTH: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program at a version.

    `through` is a second program that works with it: the CLI that it drives, or, for a gateway,
    the CLI in front of it.
    """

    kind: ClientKind
    version: str = LATEST
    through: "Client | None" = None

    def __str__(self) -> str:
        """The spelling in scenario files: `kind@version+kind@version`."""
        if self.is_authprobe:
            return self.kind.value
        name = f"{self.kind.value}@{self.version}"
        return f"{name}+{self.through}" if self.through else name

    @property
    def spec(self) -> ClientSpec:
        """Entry of its kind in the table of clients."""
        return CLIENTS[self.kind]

    @property
    def is_authprobe(self) -> bool:
        """True for authprobe's own requests: there is nothing to install, and no version."""
        return self.spec.package is None

    @property
    def takes_request(self) -> bool:
        """True if authprobe itself sends the requests: its own, or those to a gateway."""
        return self.is_authprobe or (
            self.through is None and self.spec.vias_without_through is not None
        )

    @property
    def vias(self) -> tuple[Via, ...]:
        """The ways in which it receives a credential."""
        alone = self.spec.vias_without_through
        return self.spec.vias if self.through or alone is None else alone


def kind_name(text: str) -> str:
    """Return the kind in the spelling of a client, known or not."""
    return text.partition("+")[0].partition("@")[0]


def parse_client(text: str) -> Client:
    """Return the client with this spelling; without a version it is `latest`.

    Raises:
        ValueError: the kind is unknown, the parts do not fit together, or the text is too long.
    """
    if len(text) > MAX_CLIENT_LENGTH:
        raise ValueError(f"a client has at most {MAX_CLIENT_LENGTH} characters")
    first, _, second = text.partition("+")
    name, _, version = first.partition("@")
    if name not in list(ClientKind):
        raise ValueError(f"no such client: '{name}'")
    kind = ClientKind(name)
    if version_range := read_range(version):
        version = str(version_range)
    if version == INSTALLED and not CLIENTS[kind].allows_installed:
        allowed = " or ".join(kind for kind, spec in CLIENTS.items() if spec.allows_installed)
        raise ValueError(f"only {allowed} can be '{INSTALLED}'")
    is_known = version in ("", LATEST, INSTALLED) or version_range is not None
    if not (is_known or names_one_release(kind, version)):
        hint = "write 2.1.31, latest or a range such as >=2.1.0 <2.2"
        raise ValueError(f"'{version}' is not a version; {hint}")
    return Client(kind=kind, version=version or LATEST, through=_parse_through(kind, second))


def names_one_release(kind: ClientKind, version: str) -> bool:
    """Return True if a version names one release: to npm, 2.1 is the newest of many."""
    package = CLIENTS[kind].package
    dots = 2 if package and package.registry is Registry.NPM else 1
    return bool(EXACT.fullmatch(version)) and version.count(".") >= dots


def _parse_through(kind: ClientKind, text: str) -> Client | None:
    rule = CLIENTS[kind].through
    if rule is None:
        if text:
            raise ValueError(f"{kind} brings its own CLI; leave out '+{text}'")
        return None
    if not text:
        return Client(kind=rule.kind) if rule.is_required else None
    through = parse_client(text)
    if through.kind is not rule.kind:
        raise ValueError(f"{kind} {rule.relation} {rule.kind}, not {through.kind}")
    return through


def _read_client(value: object) -> Client:
    """Validate a client in a document, for pydantic."""
    if isinstance(value, Client):
        return value
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if re.fullmatch(CLIENT_PATTERN, value) is None:
        raise PydanticKnownError("string_pattern_mismatch", {"pattern": CLIENT_PATTERN})
    try:
        _check_spelling(value)
        return parse_client(value)
    except _SpellingError as error:
        message = str(error)
    except ValueError as error:
        message = f"{quote(value)}: {error}"
    raise PydanticCustomError(MESSAGE, "{message}", {"message": message})


class _SpellingError(ValueError):
    pass


def _check_spelling(text: str) -> None:
    kinds = [kind.value for kind in ClientKind]
    for part in text.split("+"):
        name, _, version = part.partition("@")
        if name not in kinds:
            raise _SpellingError(f"{quote(name)} is not a client{remedy(name, kinds)}")
        if version and CLIENTS[ClientKind(name)].package is None:
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
