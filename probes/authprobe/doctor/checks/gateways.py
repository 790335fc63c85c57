"""Checks of the gateway that gets the requests, and of what is used on purpose."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from authprobe.configuration.files import OWN_NAME
from authprobe.configuration.keys import DOCTOR
from authprobe.doctor.inventory.clouds import enabled_clouds
from authprobe.doctor.inventory.declarations import Declaration
from authprobe.doctor.inventory.environment import Variable
from authprobe.doctor.inventory.gateways import BASE_URL
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.inventory.precedence import (
    HEADER_SLOTS,
    PROFILE_SLOTS,
    SUBSCRIPTION_SLOTS,
    CredentialSlot,
)
from authprobe.doctor.result import CheckResult, error, info, warning
from authprobe.service.addresses import Address

GATEWAY_DOCS: Final = "https://code.claude.com/docs/en/llm-gateway"
ADDED_PATHS: Final = ("/v1", "/v1/messages")
"""What clients add to a base URL, which is often written in it as well."""
LOGIN_SLOTS: Final = SUBSCRIPTION_SLOTS | PROFILE_SLOTS
"""Credentials for the service itself, which a gateway should not receive."""


def gateway_declaration(inventory: Inventory) -> Declaration | None:
    """Return the declaration of the gateway that gets the requests, if any."""
    url = inventory.base_url
    if url is None or url.address is None:
        return None
    return inventory.declarations.of_gateway(url.address, url.variable)


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
    if active and active.slot is CredentialSlot.PROVIDER:
        return _advice(inventory, "cloud", enabled_clouds(inventory.variables)[0].value)
    url = inventory.base_url
    return _advice(inventory, "gateway", str(url.address)) if url and url.is_gateway else None


def _advice(inventory: Inventory, option: str, value: str) -> str:
    machine = inventory.machine
    folder = machine.own_config_folder or machine.folder
    return (
        f"If it is on purpose: `--{option} {value}` keeps this warning away once, and "
        f'`{option}s = ["{value}"]` under `[{DOCTOR}]` in '
        f"{machine.display_path(folder / OWN_NAME)} always."
    )


def check_gateway(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the gateway that receives the requests, and the credential sent to it."""
    url = inventory.base_url
    if url is None:
        return
    variable, address = url.variable, url.address
    if address is None:
        yield error(
            "gateway-invalid",
            f"{variable.name} is not an http:// or https:// URL.",
            variable.label,
            cause="proxy-unreachable",
            remedy="Write it as https://host, or unset it.",
            source=GATEWAY_DOCS,
        )
        return
    if variable.name == BASE_URL:
        yield from _check_path(variable)
    if not url.is_gateway:
        return
    declaration = gateway_declaration(inventory)
    on_purpose = f", as {declaration.source} declares" if declaration else ""
    text = f"Requests go to the gateway {address}{on_purpose}."
    yield info("gateway", text, variable.label, source=GATEWAY_DOCS)
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


def _check_path(variable: Variable) -> Iterator[CheckResult]:
    path = urlsplit(variable.value.strip()).path.rstrip("/")
    end = next((each for each in ADDED_PATHS if path.endswith(each)), None)
    if end is not None:
        yield warning(
            "gateway-path",
            f"{variable.name} ends in {end}, and clients add /v1/messages: they ask for "
            f"{end}/v1/messages.",
            variable.label,
            cause="gateway-wrong-path",
            remedy=f"Leave {end} out at the end of the URL.",
            source=GATEWAY_DOCS,
        )


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
        remedy = "Set the gateway's token in ANTHROPIC_AUTH_TOKEN, or unset the URL."
        yield warning(
            "gateway-gets-login",
            f"{variable.name} is set without a credential for the gateway, so it receives "
            "your login.",
            variable.label,
            cause="gateway-wrong-header",
            remedy=remedy if variable.is_of_project else f"{remedy} {advice}",
            source=GATEWAY_DOCS,
        )
