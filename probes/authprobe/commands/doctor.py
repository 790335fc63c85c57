"""`authprobe doctor`: check this machine, and show which credential each client uses."""

import datetime
import json
import sys
from pathlib import Path
from typing import Final

from authprobe import settings
from authprobe.commands.console import OutputConsole
from authprobe.commands.doctor_text import TextCleaner, as_text
from authprobe.commands.printing import print_error, print_json
from authprobe.doctor.checks.registry import is_healthy, run_checks, sort_by_severity
from authprobe.doctor.checks.variables import is_credential
from authprobe.doctor.inventory.declarations import option_declaration
from authprobe.doctor.inventory.inventory import Inventory, take_inventory
from authprobe.doctor.inventory.machine import Machine
from authprobe.doctor.inventory.precedence import ActiveCredential, FoundCredential
from authprobe.doctor.result import CheckResult
from authprobe.errors import ExitCode
from authprobe.redaction.redactor import Redactor

MIN_SECRET_LENGTH: Final = 16
"""Characters; redacting shorter values would also redact ordinary words."""


def doctor(
    *, online: bool, as_json: bool, gateways: tuple[str, ...] = (), clouds: tuple[str, ...] = ()
) -> int:
    """Check this machine, print the results and return the exit code.

    Raises:
        SettingsError: a gateway, or a file that declares some, is invalid.
    """
    inventory = take_inventory(this_machine(), option_declaration(gateways, clouds))
    results = run_checks(inventory)
    if online:
        from authprobe.doctor.checks.online import check_online

        results = sort_by_severity((*results, *check_online(inventory, log=_log)))
    active, clean = inventory.active_credentials, TextCleaner(credential_redactor(inventory))
    if as_json:
        print_json(json.dumps(_as_json(results, active, clean), indent=2))
    else:
        console = OutputConsole(highlight=False)
        width = console.width if console.is_terminal else None
        console.print(as_text(results, active, clean, width), soft_wrap=True, end="")
    return ExitCode.OK if is_healthy(results) else ExitCode.FAILURES


def this_machine() -> Machine:
    """Return the machine that this process runs on."""
    return Machine(
        environment=settings.environment_variables(),
        home=settings.home(),
        search_path=tuple(Path(each) for each in settings.search_path().split(":") if each),
        platform=sys.platform,
        now=datetime.datetime.now(datetime.UTC),
        folder=settings.current_folder(),
        own_config_folder=settings.own_config_folder(),
    )


def _log(line: str) -> None:
    print_error(line)


def credential_redactor(inventory: Inventory) -> Redactor:
    """Return a redactor for every credential in the inventory, against printing one by mistake."""
    login, state, profile = inventory.login, inventory.state, inventory.profile
    values = [login.access_token, login.refresh_token, state.api_key, profile.access_token]
    environments = [inventory.machine.environment]
    environments += [file.variables for file in inventory.settings]
    for variables in environments:
        values += [value for name, value in variables.items() if is_credential(name, value)]
    redactor = Redactor()
    for value in values:
        if len(value) >= MIN_SECRET_LENGTH:
            redactor.learn("credential", value)
    return redactor


def _as_json(
    results: tuple[CheckResult, ...], active: tuple[ActiveCredential, ...], clean: TextCleaner
) -> dict[str, object]:
    return {
        "wins": {
            each.client: {
                "credential": _credential_json(each.credential, clean) if each.credential else None,
                "reason": clean(each.reason),
                "others": [_credential_json(shadowed, clean) for shadowed in each.shadowed],
                "gateway": clean(each.gateway) if each.gateway else None,
                "note": each.note,
            }
            for each in active
        },
        "results": [
            {
                "id": result.id,
                "severity": result.severity.value,
                "summary": clean(result.summary),
                "where": clean(result.where) if result.where else None,
                "remedy": clean.remedy(result.remedy) if result.remedy else None,
                "cause": result.cause,
                "sources": list(result.sources),
                "details": [clean(detail) for detail in result.details],
            }
            for result in results
        ],
    }


def _credential_json(credential: FoundCredential, clean: TextCleaner) -> dict[str, object]:
    return {
        "slot": credential.slot.value,
        "where": clean(credential.where),
        "kind": clean(credential.kind),
        "state": credential.state,
        "written": credential.written,
        "scopes": [clean(scope) for scope in credential.scopes],
    }
