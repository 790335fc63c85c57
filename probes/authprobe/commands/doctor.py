"""`authprobe doctor`: check this machine, and show which credential each client uses."""

import datetime
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.text import Text

from authprobe import settings
from authprobe.commands.console import OutputConsole
from authprobe.commands.printing import print_error, print_json
from authprobe.core.escaping import for_log, one_line
from authprobe.doctor.checks.registry import is_healthy, run_checks, sort_by_severity
from authprobe.doctor.checks.variables import is_credential
from authprobe.doctor.inventory.inventory import Inventory, take_inventory
from authprobe.doctor.inventory.machine import Machine
from authprobe.doctor.inventory.precedence import ActiveCredential, FoundCredential
from authprobe.doctor.result import CheckResult, Severity
from authprobe.errors import ExitCode
from authprobe.redaction.redactor import Redactor

SEVERITY_TITLES: Final = {
    Severity.ERROR: "errors",
    Severity.WARNING: "warnings",
    Severity.INFO: "information",
    Severity.OK: "ok",
}
SEVERITY_STYLES: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFO: "cyan",
    Severity.OK: "green",
}
MIN_SECRET_LENGTH: Final = 16
"""Characters; redacting shorter values would also redact ordinary words."""
MAX_SOURCES: Final = 2
"""Sources that are printed for a result; JSON has all."""


def doctor(*, online: bool, as_json: bool) -> int:
    """Check this machine, print the results and return the exit code."""
    inventory = take_inventory(this_machine())
    results = run_checks(inventory)
    if online:
        from authprobe.doctor.checks.online import check_online

        results = sort_by_severity((*results, *check_online(inventory, log=_log)))
    active, clean = inventory.active_credentials, TextCleaner(credential_redactor(inventory))
    if as_json:
        print_json(json.dumps(_as_json(results, active, clean), indent=2))
    else:
        console = OutputConsole(highlight=False)
        console.print(_as_text(results, active, clean), soft_wrap=True, end="")
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


@dataclass(frozen=True, slots=True)
class TextCleaner:
    """A function that redacts and escapes text from the machine before it is printed."""

    redactor: Redactor

    def __call__(self, text: str) -> str:
        """Return the text on one line, redacted, with control characters escaped."""
        return for_log(one_line(self.redactor(text)))


def _as_json(
    results: tuple[CheckResult, ...], active: tuple[ActiveCredential, ...], clean: TextCleaner
) -> dict[str, object]:
    return {
        "results": [
            {
                "id": result.id,
                "severity": result.severity.value,
                "summary": clean(result.summary),
                "where": clean(result.where) if result.where else None,
                "remedy": clean(result.remedy) if result.remedy else None,
                "cause": result.cause,
                "sources": list(result.sources),
                "details": [clean(detail) for detail in result.details],
            }
            for result in results
        ],
        "wins": {
            each.client: {
                "credential": _credential_json(each.credential, clean) if each.credential else None,
                "others": [_credential_json(shadowed, clean) for shadowed in each.shadowed],
                "note": each.note,
            }
            for each in active
        },
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


def _as_text(
    results: tuple[CheckResult, ...], active: tuple[ActiveCredential, ...], clean: TextCleaner
) -> Text:
    """Return the results, worst first, and then the credential of each client."""
    text = Text()
    for severity, title in SEVERITY_TITLES.items():
        section = [result for result in results if result.severity is severity]
        if section:
            text.append(f"{title}\n", SEVERITY_STYLES[severity])
        for result in section:
            first, *rest = _result_lines(result, clean)
            text.append(f"  {first}\n")
            text.append("".join(f"      {line}\n" for line in rest))
    text.append("credentials\n", "bold")
    for each in active:
        text.append("".join(f"  {line}\n" for line in _active_lines(each, clean)))
    return text


def _result_lines(result: CheckResult, clean: TextCleaner) -> Iterator[str]:
    where = f" [{clean(result.where)}]" if result.where else ""
    yield f"{result.id}: {clean(result.summary)}{where}"
    for detail in result.details:
        yield f"- {clean(detail)}"
    if result.remedy:
        yield f"remedy: {clean(result.remedy)}"
    if result.cause:
        yield f"cause: {result.cause}"
    if result.severity in (Severity.ERROR, Severity.WARNING):
        yield from (f"source: {source}" for source in result.sources[:MAX_SOURCES])


def _active_lines(active: ActiveCredential, clean: TextCleaner) -> Iterator[str]:
    if active.credential:
        yield f"{active.client} uses {_describe(active.credential, clean)}"
    else:
        yield f"{active.client}: no credential found"
    for credential in active.shadowed:
        yield f"    ignores {_describe(credential, clean)}"
    if active.note:
        yield f"    note: {active.note}"


def _describe(credential: FoundCredential, clean: TextCleaner) -> str:
    where = f" [{clean(credential.where)}]" if credential.where != credential.slot else ""
    parts = [f"{clean(credential.kind)}, {credential.state}"]
    if credential.written:
        parts.append(f"written {credential.written}")
    if credential.scopes:
        parts.append(", ".join(clean(scope) for scope in credential.scopes))
    return f"{credential.slot}{where}: {'; '.join(parts)}"
