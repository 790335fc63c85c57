"""Packages of the clients: registry, name and program of each."""

import enum
from dataclasses import dataclass
from typing import Final

from authprobe.scenario.model import ClientKind


class Registry(enum.StrEnum):
    """A package registry, which implies the installer."""

    NPM = "npm"
    PYPI = "pypi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A client's package."""

    registry: Registry
    name: str
    program: str | None = None
    """Program to start, relative to the installation; None: the package is a Node.js library."""
    extra: str | None = None
    """Extra of a Python package that the client needs."""
    beside: tuple[str, ...] = ()
    """Further requirements, pinned: they are not under test."""

    def requirements(self, version: str) -> tuple[str, ...]:
        """Return the installer's arguments for this version and what goes with it."""
        if self.registry is Registry.NPM:
            return f"{self.name}@{version}", *self.beside
        extra = f"[{self.extra}]" if self.extra else ""
        return f"{self.name}{extra}=={version}", *self.beside

    @property
    def distribution(self) -> str:
        """Prefix of the name of its `.dist-info` folder (PEP 427, PEP 503)."""
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
    # undici: fetch in Node.js supports proxies only since 22.21. https-proxy-agent: for SDK
    # versions that do not use fetch.
    ClientKind.ANTHROPIC_NODE: _npm(
        "@anthropic-ai/sdk", beside=("undici@6.29.1", "https-proxy-agent@7.0.6")
    ),
    ClientKind.LITELLM: _pypi("litellm", extra="proxy"),
}
