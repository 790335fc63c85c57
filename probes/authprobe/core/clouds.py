"""Clouds through which Claude Code reaches Claude, and the variables that select them."""

import enum
from collections.abc import Mapping
from typing import Final


class Cloud(enum.StrEnum):
    """Clouds through which Claude Code can send requests, in the order in which it prefers them.

    Measured with 2.1.142 to 2.1.332: the first of several that are enabled is used, silently.
    """

    BEDROCK = "bedrock"
    FOUNDRY = "foundry"
    ANTHROPIC_AWS = "anthropic-aws"
    ANTHROPIC_GOOGLE_CLOUD = "anthropic-google-cloud"
    MANTLE = "mantle"
    VERTEX = "vertex"

    @property
    def switch(self) -> str:
        """Variable that selects it."""
        return f"CLAUDE_CODE_USE_{self.name}"

    @property
    def skip_switch(self) -> str:
        """Variable with which a gateway adds the credential instead."""
        return f"CLAUDE_CODE_SKIP_{self.name}_AUTH"

    @property
    def service(self) -> str:
        """Name of the service for people."""
        return SERVICES[self]


SERVICES: Final[Mapping[Cloud, str]] = {
    Cloud.BEDROCK: "Amazon Bedrock",
    Cloud.FOUNDRY: "Microsoft Foundry",
    Cloud.ANTHROPIC_AWS: "the Claude Platform on AWS",
    Cloud.ANTHROPIC_GOOGLE_CLOUD: "the Claude Platform on Google Cloud",
    Cloud.MANTLE: "Amazon Bedrock (Mantle)",
    Cloud.VERTEX: "Google Vertex AI",
}
