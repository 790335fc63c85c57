"""Checks of the gateway that gets the requests, and of what is used on purpose."""

from collections.abc import Iterator
from typing import Final

from authprobe.doctor.inventory.clouds import Cloud, enabled_clouds
from authprobe.doctor.inventory.declarations import FILE, TABLE, Declaration
from authprobe.doctor.inventory.environment import Variable
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.precedence import (
    HEADER_SLOTS,
    PROFILE_SLOTS,
    SUBSCRIPTION_SLOTS,
    CredentialSlot,
)
from authprobe.doctor.result import CheckResult, error, info, warning
from authprobe.service.addresses import Address, parse_address
from authprobe.service.outbound import HTTP_SCHEMES

GATEWAY_DOCS: Final = "https://code.claude.com/docs/en/llm-gateway"
LOGIN_SLOTS: Final = SUBSCRIPTION_SLOTS | PROFILE_SLOTS
"""Credentials for the service itself, which a gateway should not receive."""
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
CLOUD_DOMAINS: Final = (".amazonaws.com", ".api.aws", ".googleapis.com", ".azure.com")
"""Domains of the clouds themselves."""


def gateway_variable(inventory: Inventory) -> Variable | None:
    """Return the variable that can name a gateway for the requests of Claude Code, if it is set."""
    enabled = enabled_clouds(inventory.variables)
    name = CLOUD_BASE_URLS.get(enabled[0], "") if enabled else BASE_URL
    variable = inventory.variables.get(name)
    return variable if variable and variable.value.strip() else None


def _is_gateway(address: Address, variable: Variable) -> bool:
    if variable.name == BASE_URL:
        return not address.is_anthropic
    return not address.host.endswith(CLOUD_DOMAINS)


def gateway_declaration(inventory: Inventory) -> Declaration | None:
    """Return the declaration of the gateway that gets the requests, if any."""
    variable = gateway_variable(inventory)
    address = parse_address(variable.value) if variable else None
    if variable is None or address is None:
        return None
    return inventory.declarations.of_gateway(address, variable)


def used_declaration(inventory: Inventory) -> Declaration | None:
    """Return the declaration of the gateway or the cloud that gets the credential, if any."""
    active = inventory.active_credentials[0].credential
    if active and active.slot is CredentialSlot.PROVIDER:
        cloud = enabled_clouds(inventory.variables)[0]
        switch = inventory.variables[cloud.switch]
        if (found := inventory.declarations.of_cloud(cloud, switch)) is not None:
            return found
    elif active is None or active.slot not in HEADER_SLOTS:
        return None
    return gateway_declaration(inventory)


def advice_to_declare(inventory: Inventory) -> str | None:
    """Return how to declare what gets the credential; None: it is no gateway and no cloud."""
    active = inventory.active_credentials[0].credential
    variable = gateway_variable(inventory)
    address = parse_address(variable.value) if variable else None
    if active and active.slot is CredentialSlot.PROVIDER:
        return _advice(inventory, "cloud", enabled_clouds(inventory.variables)[0].value)
    if variable and address and _is_gateway(address, variable):
        return _advice(inventory, "gateway", str(address))
    return None


def _advice(inventory: Inventory, option: str, value: str) -> str:
    machine = inventory.machine
    folder = machine.own_config_folder or machine.folder
    return (
        f"If it is on purpose, add --{option} {value}, or for always write "
        f'{option}s = ["{value}"] below [{TABLE}] in {machine.display_path(folder / FILE)}.'
    )


def check_gateway(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the gateway that receives the requests, and the credential sent to it."""
    variable = gateway_variable(inventory)
    if variable is None:
        return
    address = parse_address(variable.value)
    if address is None or address.scheme not in HTTP_SCHEMES:
        yield error(
            "gateway-invalid",
            f"{variable.name} is not an http:// or https:// URL.",
            variable.label,
            cause="proxy-unreachable",
            remedy="Write it as https://host, or unset it.",
            source=GATEWAY_DOCS,
        )
        return
    if not _is_gateway(address, variable):
        return
    declaration = inventory.declarations.of_gateway(address, variable)
    on_purpose = f", as {declaration.source} declares" if declaration else ""
    yield info(
        "gateway",
        f"Requests go to the gateway {address}{on_purpose}.",
        variable.label,
        remedy=None if declaration else _advice(inventory, "gateway", str(address)),
        source=GATEWAY_DOCS,
    )
    if address.scheme == "http" and not address.is_loopback:
        yield warning(
            "gateway-in-clear",
            "The connection to the gateway is unencrypted HTTP: anyone on the network path can "
            "read the credential.",
            variable.label,
            remedy="Use https://.",
            source=GATEWAY_DOCS,
        )
    if declaration is None:
        yield from _check_undeclared(inventory, variable, address)


def _check_undeclared(
    inventory: Inventory, variable: Variable, address: Address
) -> Iterator[CheckResult]:
    advice = _advice(inventory, "gateway", str(address))
    if variable.is_of_project:
        # Measured with 2.1.332: `claude -p` sends the login there without a question.
        yield warning(
            "gateway-of-project",
            f"Settings in this project send the requests to {address}, with the credential.",
            variable.label,
            cause="base-url-overridden",
            remedy=f"Remove it unless you trust this project. {advice}",
        )
    credential = inventory.active_credentials[0].credential
    if credential and credential.slot in LOGIN_SLOTS:
        yield warning(
            "gateway-gets-login",
            f"{variable.name} is set without a credential for the gateway, so it receives "
            "your login.",
            variable.label,
            cause="gateway-wrong-header",
            remedy="Set the gateway's token in ANTHROPIC_AUTH_TOKEN, or unset the URL. " + advice,
            source=GATEWAY_DOCS,
        )
