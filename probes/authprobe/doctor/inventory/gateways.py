"""The gateway that gets the requests instead of the service or the cloud."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.core.clouds import Cloud
from authprobe.doctor.inventory.clouds import enabled_clouds
from authprobe.doctor.inventory.environment import Variable
from authprobe.service.addresses import Address, parse_address
from authprobe.service.outbound import HTTP_SCHEMES

BASE_URL: Final = "ANTHROPIC_BASE_URL"
CLOUD_BASE_URLS: Final = {
    Cloud.BEDROCK: "ANTHROPIC_BEDROCK_BASE_URL",
    Cloud.MANTLE: "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    Cloud.ANTHROPIC_AWS: "ANTHROPIC_AWS_BASE_URL",
    Cloud.VERTEX: "ANTHROPIC_VERTEX_BASE_URL",
    Cloud.FOUNDRY: "ANTHROPIC_FOUNDRY_BASE_URL",
}
"""Variables for a gateway in front of a cloud, which does not read ANTHROPIC_BASE_URL.

code.claude.com/docs/en/env-vars; measured for Bedrock with 2.1.332.
"""
CLOUD_HOST: Final = re.compile(
    r"(?:[a-z0-9-]+\.)?[a-z0-9-]*(?:bedrock|anthropic)[a-z0-9-]*"
    r"\.[a-z]{2}(?:-[a-z]+)+-[0-9](?:\.vpce)?\.(?:amazonaws\.com|api\.aws)"
    r"|[a-z0-9.-]+\.googleapis\.com"
    r"|[a-z0-9-]+\.(?:services\.ai|openai|cognitiveservices)\.azure\.com"
)
"""Hosts of the clouds' own services. Their domains are not enough: customers have machines there,
such as `ec2-….compute-1.amazonaws.com` and `….cloudapp.azure.com`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseUrl:
    """A variable that names the host of the requests."""

    variable: Variable
    address: Address | None
    """None: its value is not an http:// or https:// URL."""

    @property
    def is_gateway(self) -> bool:
        """True if the host is neither the service's nor a cloud's."""
        if self.address is None:
            return False
        if self.variable.name == BASE_URL:
            return not self.address.is_anthropic
        return CLOUD_HOST.fullmatch(self.address.host.lower().rstrip(".")) is None


def find_base_url(variables: Mapping[str, Variable], *, with_clouds: bool = True) -> BaseUrl | None:
    """Return the variable that names the host, if it is set; SDKs of the API know no clouds."""
    enabled = enabled_clouds(variables) if with_clouds else ()
    variable = variables.get(CLOUD_BASE_URLS.get(enabled[0], "") if enabled else BASE_URL)
    if variable is None or not variable.value.strip():
        return None
    address = parse_address(variable.value)
    is_valid = address is not None and address.scheme in HTTP_SCHEMES
    return BaseUrl(variable=variable, address=address if is_valid else None)
