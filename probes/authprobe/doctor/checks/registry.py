"""All checks, in their order."""

from collections.abc import Callable, Iterator
from typing import Final

from authprobe.doctor.checks import clients, conflicts, files, logins, network, variables
from authprobe.doctor.inventory.inventory import Inventory
from authprobe.doctor.result import CheckResult, Severity

Check = Callable[[Inventory], Iterator[CheckResult]]

CHECKS: Final[tuple[Check, ...]] = (
    clients.check_commands,
    clients.check_libraries,
    clients.check_regressions,
    files.check_files,
    files.check_permissions,
    files.check_settings,
    logins.check_login,
    logins.check_other_login,
    logins.check_profile,
    variables.check_values,
    variables.check_custom_headers,
    variables.check_completeness,
    conflicts.check_winners,
    conflicts.check_settings_and_shell,
    conflicts.check_providers,
    conflicts.check_federation,
    conflicts.check_helper,
    conflicts.check_forced_login,
    conflicts.check_answers,
    conflicts.check_bare,
    network.check_proxies,
    network.check_authorities,
    network.check_client_certificate,
    network.check_gateway,
)


def run_checks(survey: Inventory) -> tuple[CheckResult, ...]:
    """What every check says, the worst first."""
    return sort_by_severity(tuple(result for each in CHECKS for result in each(survey)))


def sort_by_severity(results: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """The results, the worst first."""
    return tuple(sorted(results, key=lambda result: tuple(Severity).index(result.severity)))


def is_healthy(results: tuple[CheckResult, ...]) -> bool:
    """Whether nothing is worse than something to know."""
    return not {result.severity for result in results} & {Severity.ERROR, Severity.WARNING}
