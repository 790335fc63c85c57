"""Where each client is published, and what is started of it."""

import enum
from dataclasses import dataclass
from typing import Final

from probes.scenario.model import ClientKind


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

    @property
    def distribution(self) -> str:
        """The beginning of the name of its `.dist-info` folder (PEP 427, PEP 503)."""
        return self.name.replace("-", "_")


def _npm(name: str, program: str | None = None) -> Package:
    return Package(registry=Registry.NPM, name=name, program=program)


def _pypi(name: str) -> Package:
    return Package(registry=Registry.PYPI, name=name, program="bin/python")


PACKAGES: Final = {
    ClientKind.CLAUDE_CODE: _npm("@anthropic-ai/claude-code", "node_modules/.bin/claude"),
    ClientKind.AGENT_SDK_PYTHON: _pypi("claude-agent-sdk"),
    ClientKind.AGENT_SDK_NODE: _npm("@anthropic-ai/claude-agent-sdk"),
    ClientKind.CLAUDE_MAX_API_PROXY: _npm(
        "claude-max-api-proxy", "node_modules/.bin/claude-max-api"
    ),
}
