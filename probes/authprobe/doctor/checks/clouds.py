"""Checks of clouds: which one is used, with which credential, and what is missing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from authprobe.core.clouds import Cloud
from authprobe.doctor.inventory.clouds import (
    AWS,
    GOOGLE,
    CloudCredential,
    enabled_clouds,
    is_skipped,
)
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, error, info, warning

BEDROCK_DOCS: Final = "https://code.claude.com/docs/en/amazon-bedrock"
VERTEX_DOCS: Final = "https://code.claude.com/docs/en/google-vertex-ai"
FOUNDRY_DOCS: Final = "https://code.claude.com/docs/en/microsoft-foundry"
AUTHENTICATION_DOCS: Final = "https://code.claude.com/docs/en/authentication"
DOCS: Final = {
    Cloud.BEDROCK: BEDROCK_DOCS,
    Cloud.MANTLE: BEDROCK_DOCS,
    Cloud.ANTHROPIC_AWS: "https://code.claude.com/docs/en/claude-platform-on-aws",
    Cloud.FOUNDRY: FOUNDRY_DOCS,
    Cloud.VERTEX: VERTEX_DOCS,
    Cloud.ANTHROPIC_GOOGLE_CLOUD: VERTEX_DOCS,
}
LOG_IN: Final = {
    **dict.fromkeys(AWS, "Run `aws sso login` or `aws configure`, or set AWS_PROFILE."),
    **dict.fromkeys(GOOGLE, "Run `gcloud auth application-default login`."),
    Cloud.FOUNDRY: "Set ANTHROPIC_FOUNDRY_API_KEY, or run `az login`.",
}
PAIR: Final = {Cloud.BEDROCK, Cloud.MANTLE}
"""Two endpoints of Bedrock, which are documented to be used side by side."""
FAMILIES: Final = (Cloud.BEDROCK, Cloud.VERTEX, Cloud.FOUNDRY)
"""One cloud of each vendor."""


def check_provider(inventory: Inventory) -> Iterator[CheckResult]:
    """Report the cloud that requests go to, and its credential."""
    enabled = enabled_clouds(inventory.variables)
    if not enabled:
        return
    cloud = enabled[0]
    where = inventory.variables[cloud.switch].label
    if len(enabled) > 1 and set(enabled) != PAIR:
        names = " and ".join(each.switch for each in enabled)
        count = "both" if len(enabled) == 2 else "all"
        yield warning(
            "several-providers",
            f"{names} are {count} enabled; Claude Code uses {cloud.service}.",
            where,
            cause="ambient-credential-shadows",
            remedy="Enable only one of them; an empty value in settings disables one.",
            source=AUTHENTICATION_DOCS,
        )
    credentials = inventory.clouds[cloud]
    if is_skipped(cloud, inventory.variables):
        text = f"Requests go to {cloud.service}, and a gateway adds the credential."
        yield info("provider", text, where, source=DOCS[cloud])
    elif not credentials:
        yield warning(
            "cloud-credential-missing",
            f"Requests go to {cloud.service}, for which no credential was found.",
            where,
            cause="cloud-credential",
            remedy=LOG_IN[cloud],
            source=DOCS[cloud],
        )
    else:
        yield from _check_credential(inventory, cloud)


def _check_credential(inventory: Inventory, cloud: Cloud) -> Iterator[CheckResult]:
    used, *others = inventory.clouds[cloud]
    where = inventory.variables[cloud.switch].label
    result = info(
        "provider", f"Requests go to {cloud.service} with {used.name}.", where, source=DOCS[cloud]
    )
    yield replace(
        result,
        details=(
            *_lines(inventory, "used", (used,)),
            *_lines(inventory, "not used", tuple(others)),
        ),
    )
    if used.problem:
        yield error(
            "cloud-credential-unusable",
            f"{used.name} {used.problem}.",
            used.where,
            cause="cloud-credential",
            remedy=LOG_IN[cloud],
            source=DOCS[cloud],
        )
    elif used.expires and used.expires <= inventory.machine.now and not used.is_renewable:
        yield warning(
            "cloud-login-expired",
            f"The login of {used.name} {used.state(inventory.machine.now)}.",
            used.where,
            cause="cloud-credential",
            remedy=LOG_IN[cloud],
            source=DOCS[cloud],
        )


def _lines(
    inventory: Inventory, title: str, credentials: tuple[CloudCredential, ...]
) -> Iterator[str]:
    for each in credentials:
        facts = [
            f"written {each.written}" if each.written else None,
            each.state(inventory.machine.now),
            "a link out of the home, which is not followed" if each.is_unread else None,
            "not certain" if each.is_hint else None,
            each.problem,
        ]
        where = f" [{each.where}]" if each.where != each.name else ""
        yield f"{title}: {'; '.join([f'{each.name}{where}', *filter(None, facts)])}"


def check_cloud_variables(inventory: Inventory) -> Iterator[CheckResult]:
    """Report variables of the clouds in use that are incomplete, or not read."""
    enabled = set(enabled_clouds(inventory.variables))
    if enabled & AWS:
        yield from _check_aws(inventory)
    if enabled & GOOGLE:
        yield from _check_google(inventory)
    names = ("ANTHROPIC_FOUNDRY_RESOURCE", "ANTHROPIC_FOUNDRY_BASE_URL")
    if Cloud.FOUNDRY in enabled and not any(inventory.value(name).strip() for name in names):
        yield error(
            "foundry-resource-missing",
            f"Microsoft Foundry needs {' or '.join(names)}.",
            inventory.variables[Cloud.FOUNDRY.switch].label,
            cause="cloud-credential",
            remedy=f"Set {names[0]} to the name of the resource.",
            source=FOUNDRY_DOCS,
        )


def _check_aws(inventory: Inventory) -> Iterator[CheckResult]:
    identifier, secret = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
    present = [name for name in (identifier, secret) if inventory.value(name).strip()]
    if len(present) == 1:
        missing = secret if present == [identifier] else identifier
        yield warning(
            "cloud-key-incomplete",
            f"{present[0]} is set without {missing}, and is ignored.",
            inventory.variables[present[0]].label,
            cause="cloud-credential",
            remedy=f"Set {missing} as well, or unset {present[0]}.",
            source=BEDROCK_DOCS,
        )
    # Measured with 2.1.142 to 2.1.332, and with botocore 1.44.8.
    elif present and inventory.value("AWS_PROFILE").strip():
        yield warning(
            "profile-over-key",
            f"Claude Code uses AWS_PROFILE, and ignores {identifier}; the AWS CLI does the "
            "opposite, so its tests test another credential.",
            inventory.variables["AWS_PROFILE"].label,
            cause="cloud-credential",
            remedy="Keep the one that you intend to use, and unset the other.",
            source=BEDROCK_DOCS,
        )


def _check_google(inventory: Inventory) -> Iterator[CheckResult]:
    # Measured with 2.1.332 on Linux: "Could not load the default credentials".
    name = "CLOUDSDK_CONFIG"
    if inventory.value(name).strip() and not inventory.clouds[Cloud.VERTEX]:
        yield warning(
            "google-folder-not-read",
            f"{name} moves the credentials of gcloud to where Claude Code does not look.",
            inventory.variables[name].label,
            cause="cloud-credential",
            remedy="Set GOOGLE_APPLICATION_CREDENTIALS to application_default_credentials.json "
            "in that folder.",
            source=VERTEX_DOCS,
        )


def check_unused_clouds(inventory: Inventory) -> Iterator[CheckResult]:
    """Report credentials of clouds that Claude Code does not use, as no variable selects them."""
    if enabled_clouds(inventory.variables):
        return
    for cloud in FAMILIES:
        credentials = tuple(
            each for each in inventory.clouds[cloud] if not (each.is_hint or each.problem)
        )
        if credentials:
            result = info(
                "cloud-not-used",
                f"Claude Code does not use {cloud.service}, for which there may be a credential.",
                remedy=f"Set {cloud.switch}=1 if you want it to.",
                source=DOCS[cloud],
            )
            yield replace(result, details=tuple(_lines(inventory, "found", credentials)))
