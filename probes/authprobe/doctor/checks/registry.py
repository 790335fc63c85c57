"""The table of checks that need no network, in order; `online` has those for `--online`."""

from collections.abc import Callable, Iterator
from typing import Final

from authprobe.doctor.checks import (
    clients,
    clouds,
    conflicts,
    files,
    folders,
    gateways,
    logins,
    network,
    settings,
    variables,
)
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, Severity

Check = Callable[[Inventory], Iterator[CheckResult]]

CHECKS: Final[tuple[Check, ...]] = (
    clients.check_commands,
    clients.check_sdks,
    clients.check_regressions,
    files.check_readability,
    files.check_access,
    files.check_settings_types,
    logins.check_login,
    logins.check_profile,
    folders.check_config_folder,
    folders.check_unused_login,
    folders.check_refresh_lock,
    folders.check_keychain,
    variables.check_credential_variables,
    variables.check_custom_headers,
    variables.check_refresh_token_scopes,
    conflicts.check_precedence,
    settings.check_overridden_variables,
    settings.check_root_settings,
    clouds.check_provider,
    clouds.check_cloud_variables,
    clouds.check_unused_clouds,
    conflicts.check_federation,
    conflicts.check_helper,
    conflicts.check_forced_login,
    conflicts.check_user_answers,
    conflicts.check_bare_mode,
    network.check_proxies,
    network.check_certificates,
    network.check_client_certificate,
    gateways.check_gateway,
)


def run_checks(inventory: Inventory) -> tuple[CheckResult, ...]:
    """Return the results of all checks, worst first."""
    return sort_by_severity(tuple(result for check in CHECKS for result in check(inventory)))


def sort_by_severity(results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """Return the results, worst first."""
    return tuple(sorted(results, key=lambda result: tuple(Severity).index(result.severity)))


def is_healthy(results: tuple[CheckResult, ...]) -> bool:
    """Return True if there is no error and no warning."""
    return not {result.severity for result in results} & {Severity.ERROR, Severity.WARNING}
