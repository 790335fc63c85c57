"""Where each client is published, and what is started of it."""

import enum
from dataclasses import dataclass
from typing import Final

from authprobe.scenario.model import ClientKind


class Registry(enum.StrEnum):
    """Where packages come from, and with which tool."""

    NPM = "npm"
    PYPI = "pypi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A published package that is a client."""

    registry: Registry
    name: str
    program: str | None = None
    """What is started, below the folder that it is installed in; None: the package's own folder, or
    the Python that has it.
    """
    extra: str | None = None
    """The optional part of a Python package that is the client."""
    beside: tuple[str, ...] = ()
    """What its users install with it; at one version, as nothing is claimed of these."""

    def requirements(self, version: str) -> tuple[str, ...]:
        """What is installed, as the registry's tool spells it."""
        if self.registry is Registry.NPM:
            return f"{self.name}@{version}", *self.beside
        extra = f"[{self.extra}]" if self.extra else ""
        return f"{self.name}{extra}=={version}", *self.beside

    @property
    def distribution(self) -> str:
        """The beginning of the name of its `.dist-info` folder (PEP 427, PEP 503)."""
        return self.name.replace("-", "_")


def _npm(name: str, program: str | None = None, beside: tuple[str, ...] = ()) -> Package:
    return Package(registry=Registry.NPM, name=name, program=program, beside=beside)


def _pypi(name: str, extra: str | None = None) -> Package:
    return Package(registry=Registry.PYPI, name=name, program="bin/python", extra=extra)


PACKAGES: Final = {
    ClientKind.CLAUDE_CODE: _npm("@anthropic-ai/claude-code", "node_modules/.bin/claude"),
    ClientKind.AGENT_SDK_PYTHON: _pypi("claude-agent-sdk"),
    ClientKind.AGENT_SDK_NODE: _npm("@anthropic-ai/claude-agent-sdk"),
    ClientKind.CLAUDE_MAX_API_PROXY: _npm(
        "claude-max-api-proxy", "node_modules/.bin/claude-max-api"
    ),
    ClientKind.ANTHROPIC_PYTHON: _pypi("anthropic"),
    # Node's own fetch knows no proxy before 22.21; the second is for versions that do not use it.
    ClientKind.ANTHROPIC_NODE: _npm(
        "@anthropic-ai/sdk", beside=("undici@6.29.1", "https-proxy-agent@7.0.6")
    ),
    ClientKind.LITELLM: _pypi("litellm", extra="proxy"),
}
