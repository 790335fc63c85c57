"""Table of the programs that authprobe drives by code, with everything that differs between them.

Every other program is described as data (`scenario/client_definitions.py`).
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


class ClientKind(enum.StrEnum):
    """The programs that authprobe drives by code."""

    RAW_HTTP = "raw-http"
    CLAUDE_CODE = "claude-code"
    AGENT_SDK_PYTHON = "agent-sdk-python"
    AGENT_SDK_NODE = "agent-sdk-node"
    ANTHROPIC_PYTHON = "anthropic-python"
    ANTHROPIC_NODE = "anthropic-node"


API_SDKS: Final = frozenset({ClientKind.ANTHROPIC_PYTHON, ClientKind.ANTHROPIC_NODE})
CLAUDE_MAX_API_PROXY: Final = "claude-max-api-proxy"
LITELLM: Final = "litellm"
KNOWN_SINCE_BEGINNING: Final = frozenset({CLAUDE_MAX_API_PROXY, LITELLM})
"""Bundled definitions of programs that authprobe drove by code before. They keep their folders in
the cache, and are run also where the system does not seal them off."""

BUNDLED_PRODUCTS: Final = (LITELLM,)
"""Product names of bundled definitions, which the emulator recognises in every case."""


class Flow(enum.StrEnum):
    """Tasks that a client can be given."""

    PROMPT = "prompt"
    """Answer one question; for a client with a single flow: that flow."""
    PROMPT_STREAM = "prompt-stream"
    """The same, reported event by event."""
    STDIO = "stdio"
    """The same, with the question on standard input, as IDE extensions do."""
    PROMPTS_AT_ONCE = "prompts-at-once"
    """Three concurrent sessions that share one home, each with one question."""
    INTERACTIVE = "interactive"
    """The same in a terminal, where Enter is pressed at each new screen."""
    AUTH_STATUS = "auth-status"
    AUTH_LOGIN = "auth-login"
    """Sign in with a code that is pasted."""
    AUTH_LOGOUT = "auth-logout"
    SETUP_TOKEN = "setup-token"
    DOCTOR = "doctor"
    """Check the installation of Claude Code."""


class Via(enum.StrEnum):
    """Ways to hand over a credential: a header of authprobe's request, or what a client reads."""

    BEARER = "bearer"
    X_API_KEY = "x-api-key"
    BODY = "body"
    HEADER = "header"
    """The header that the credential names."""
    OAUTH_TOKEN_VARIABLE = "CLAUDE_CODE_OAUTH_TOKEN"
    API_KEY_VARIABLE = "ANTHROPIC_API_KEY"
    AUTH_TOKEN_VARIABLE = "ANTHROPIC_AUTH_TOKEN"
    CUSTOM_HEADERS_VARIABLE = "ANTHROPIC_CUSTOM_HEADERS"
    """One line `Authorization: Bearer ...`, unless its form states another."""
    REFRESH_TOKEN_VARIABLE = "CLAUDE_CODE_OAUTH_REFRESH_TOKEN"
    """Together with `CLAUDE_CODE_OAUTH_SCOPES`."""
    IDENTITY_TOKEN_VARIABLE = "ANTHROPIC_IDENTITY_TOKEN"
    """Together with the ids of a federation rule, an organization and a service account."""
    IDENTITY_TOKEN_FILE_VARIABLE = "ANTHROPIC_IDENTITY_TOKEN_FILE"
    """The same, with the token in a file."""
    CREDENTIALS_FILE = "credentials-file"
    API_KEY_HELPER = "apiKeyHelper"
    """A command in the settings file that prints the token."""
    SETTINGS_ENV = "settings-env"
    """The `env` of the settings file sets the `variable`."""
    KEY_PLACEHOLDER = "{key}"
    """Where `{key}` stands in the definition of the client."""


REQUEST_VIAS: Final = (Via.BEARER, Via.X_API_KEY, Via.BODY, Via.HEADER)
"""Ways of authprobe's own requests."""
VARIABLES: Final = (
    Via.OAUTH_TOKEN_VARIABLE,
    Via.API_KEY_VARIABLE,
    Via.AUTH_TOKEN_VARIABLE,
    Via.CUSTOM_HEADERS_VARIABLE,
    Via.REFRESH_TOKEN_VARIABLE,
    Via.IDENTITY_TOKEN_VARIABLE,
    Via.IDENTITY_TOKEN_FILE_VARIABLE,
)
"""Ways that are environment variables."""
GATEWAY_VARIABLES: Final = (Via.API_KEY_VARIABLE, Via.AUTH_TOKEN_VARIABLE)
"""Variables with a gateway's own credential; all others are those of its user."""
CLAUDE_CODE_VIAS: Final = tuple(
    via for via in Via if via not in (*REQUEST_VIAS, Via.KEY_PLACEHOLDER)
)
"""Ways of Claude Code, and of every program that starts it."""


class Registry(enum.StrEnum):
    """Package registries, by the tool that installs from them."""

    NPM = "npm"
    PYPI = "pypi"


def split_requirement(text: str) -> tuple[str, str]:
    """Return the name and the version of `name`, `name@version` or `name==version`.

    The version is empty if there is none.
    """
    name, _, version = text.partition("==")
    if not version and "@" in text[1:]:  # not the one of a scope: `@ai-sdk/anthropic`
        name, _, version = text.rpartition("@")
    return name, version


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A published package that is a client."""

    registry: Registry
    name: str
    program: str | None = None
    """Program to start, relative to the installation directory; None: the package's own directory,
    or the Python that has it.
    """
    extra: str | None = None
    """Optional part of a Python package that is the client."""
    companions: tuple[str, ...] = ()
    """Packages that its users install with it, as `name` or at a pinned version: none is under
    test."""
    install_scripts: tuple[str, ...] = ()
    """Names of the npm packages whose install scripts it needs; no other script is run."""
    folder: str
    """Name of its folder in the cache."""
    is_defined: bool = False
    """True if a definition names it: its code runs only in a sealed container."""

    def requirements(
        self, version: str, companion_versions: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[str, ...]:
        """Return what to install, as the registry's tool spells it.

        `companion_versions` are those of companions without a pinned version.
        """
        extra = f"[{self.extra}]" if self.extra else ""
        pinned = [(f"{self.name}{extra}", version)]
        for companion in self.companions:
            name, own_version = split_requirement(companion)
            pinned.append((name, own_version or companion_versions.get(name, "")))
        separator = "@" if self.registry is Registry.NPM else "=="
        return tuple(f"{name}{separator}{at}" if at else name for name, at in pinned)


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """A second client that works with this one, written behind a `+`."""

    kind: str
    relation: str
    """Verb for the relation to it: `drives`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSpec:
    """Facts about one kind of client."""

    surface: str
    """Form in which people use it: `command line`."""
    package: Package | None
    """None: authprobe itself, which has no versions and is not installed."""
    products: tuple[str, ...] = ()
    """Its product names in User-Agent."""
    vias: tuple[Via, ...]
    """Ways in which it receives a credential."""
    vias_without_through: tuple[Via, ...] | None = None
    """The same where no second client works with it; None: no difference."""
    max_credentials: int = 5
    flows: tuple[Flow, ...] = (Flow.PROMPT,)
    throughs: tuple[Through, ...] = ()
    """Clients of which one can work with it."""
    needs_through: bool = False
    """True: without one in the text, it is the latest version of the first."""
    takes_request: bool = False
    """True if authprobe itself sends the request where no second client works with it."""
    allows_installed: bool = False
    """True: it can be the user's own program, `@installed`."""
    is_only_installed: bool = False
    """True: there is nothing to install, and so no other version than `installed`."""


def _npm(
    folder: str,
    name: str,
    program: str | None = None,
    companions: tuple[str, ...] = (),
    install_scripts: tuple[str, ...] = (),
) -> Package:
    return Package(
        registry=Registry.NPM,
        name=name,
        program=program,
        companions=companions,
        install_scripts=install_scripts,
        folder=folder,
    )


def _pypi(folder: str, name: str) -> Package:
    return Package(registry=Registry.PYPI, name=name, program="bin/python", folder=folder)


CLIENTS: Final[Mapping[ClientKind, ClientSpec]] = {
    ClientKind.RAW_HTTP: ClientSpec(
        surface="plain HTTP",
        package=None,
        products=("authprobe",),
        vias=REQUEST_VIAS,
        takes_request=True,
    ),
    ClientKind.CLAUDE_CODE: ClientSpec(
        surface="command line",
        package=_npm(
            ClientKind.CLAUDE_CODE,
            "@anthropic-ai/claude-code",
            "node_modules/.bin/claude",
            # Since 2.1.113 the script puts the native program in place; earlier versions, and the
            # other npm packages here with all their dependencies, have none.
            install_scripts=("@anthropic-ai/claude-code",),
        ),
        products=("claude-cli", "claude-code"),
        vias=CLAUDE_CODE_VIAS,
        flows=tuple(Flow),
        allows_installed=True,
    ),
    ClientKind.AGENT_SDK_PYTHON: ClientSpec(
        surface="SDK",
        package=_pypi(ClientKind.AGENT_SDK_PYTHON, "claude-agent-sdk"),
        products=("agent-sdk",),
        vias=CLAUDE_CODE_VIAS,
    ),
    ClientKind.AGENT_SDK_NODE: ClientSpec(
        surface="SDK",
        package=_npm(ClientKind.AGENT_SDK_NODE, "@anthropic-ai/claude-agent-sdk"),
        products=("agent-sdk",),
        vias=CLAUDE_CODE_VIAS,
    ),
    ClientKind.ANTHROPIC_PYTHON: ClientSpec(
        surface="SDK",
        package=_pypi(ClientKind.ANTHROPIC_PYTHON, "anthropic"),
        products=("Anthropic/Python",),
        vias=VARIABLES,  # the files are Claude Code's
    ),
    ClientKind.ANTHROPIC_NODE: ClientSpec(
        surface="SDK",
        # Node's own fetch knows no proxy before 22.21; the second is for versions that do not
        # use it.
        package=_npm(
            ClientKind.ANTHROPIC_NODE,
            "@anthropic-ai/sdk",
            companions=("undici@6.29.1", "https-proxy-agent@7.0.6"),
        ),
        products=("Anthropic/JS",),
        vias=VARIABLES,
    ),
}


def package_of(kind: ClientKind) -> Package:
    """Return the package of a client that is installed.

    Raises:
        ValueError: the client is authprobe itself.
    """
    package = CLIENTS[kind].package
    if package is None:
        raise ValueError(f"{kind} is authprobe itself, which has no package")
    return package
