"""`authprobe doctor`: the credentials of this machine, and what is wrong with them."""

import datetime
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from authprobe import settings
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
    Severity.INFO: "to know",
    Severity.OK: "well",
}
SEVERITY_STYLES: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFO: "cyan",
    Severity.OK: "green",
}
MIN_SECRET_LENGTH: Final = 16
"""Characters that a value has which can be told from ordinary words."""


def doctor(*, online: bool, as_json: bool) -> int:
    """Look at this machine and print what was found; the exit code."""
    found = take_inventory(this_machine())
    results = run_checks(found)
    if online:
        from authprobe.doctor.checks.online import check_online

        results = sort_by_severity((*results, *check_online(found, tell=_tell)))
    words = TextCleaner(redactor_of(found))
    if as_json:
        print(json.dumps(_as_json(results, found.wins, words), indent=2))
    else:
        console = Console(highlight=False)
        console.print(_as_text(results, found.wins, words), soft_wrap=True, end="")
    return ExitCode.OK if is_healthy(results) else ExitCode.FAILURES


def this_machine() -> Machine:
    """The machine of the user."""
    return Machine(
        environment=settings.environment_variables(),
        home=settings.home(),
        search_path=tuple(Path(each) for each in settings.search_path().split(":") if each),
        platform=sys.platform,
        now=datetime.datetime.now(datetime.UTC),
        folder=settings.current_folder(),
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def redactor_of(found: Inventory) -> Redactor:
    """What knows every credential that was seen, so that none is printed by mistake."""
    redactor = Redactor()
    seen = [found.login.access, found.login.refresh, found.state.key, found.profile.access]
    for variables in (found.machine.environment, *(each.environment for each in found.settings)):
        seen += [value for name, value in variables.items() if is_credential(name, value)]
    for value in seen:
        if len(value) >= MIN_SECRET_LENGTH:
            redactor.learn("credential", value)
    return redactor


@dataclass(frozen=True, slots=True)
class TextCleaner:
    """Makes what is printed harmless."""

    redactor: Redactor

    def __call__(self, text: str) -> str:
        """On one line, without a credential, and with nothing hidden in it."""
        return for_log(one_line(self.redactor(text)))


def _as_json(
    results: tuple[CheckResult, ...], wins: tuple[ActiveCredential, ...], words: TextCleaner
) -> dict[str, object]:
    return {
        "results": [
            {
                "id": result.id,
                "severity": result.severity.value,
                "summary": words(result.summary),
                "where": words(result.where) if result.where else None,
                "remedy": words(result.remedy) if result.remedy else None,
                "cause": result.cause,
                "sources": list(result.sources),
                "details": [words(detail) for detail in result.details],
            }
            for result in results
        ],
        "wins": {
            win.client: {
                "credential": _held(win.held, words) if win.held else None,
                "others": [_held(other, words) for other in win.others],
                "note": win.note,
            }
            for win in wins
        },
    }


def _held(held: FoundCredential, words: TextCleaner) -> dict[str, object]:
    return {
        "slot": held.slot.value,
        "where": words(held.where),
        "kind": words(held.kind),
        "state": held.state,
        "written": held.written,
        "scopes": [words(scope) for scope in held.scopes],
    }


def _as_text(
    results: tuple[CheckResult, ...], wins: tuple[ActiveCredential, ...], words: TextCleaner
) -> Text:
    """The results, the worst first, then the credentials that are used."""
    drawn = Text()
    for severity, title in SEVERITY_TITLES.items():
        told = [result for result in results if result.severity is severity]
        if told:
            drawn.append(f"{title}\n", SEVERITY_STYLES[severity])
        for result in told:
            lines = _lines(result, words)
            drawn.append(f"  {next(lines)}\n")
            drawn.append("".join(f"      {line}\n" for line in lines))
    drawn.append("credentials\n", "bold")
    for win in wins:
        drawn.append("".join(f"  {line}\n" for line in _win_lines(win, words)))
    return drawn


def _lines(result: CheckResult, words: TextCleaner) -> Iterator[str]:
    place = f" [{words(result.where)}]" if result.where else ""
    yield f"{result.id}: {words(result.summary)}{place}"
    for detail in result.details:
        yield f"- {words(detail)}"
    if result.remedy:
        yield f"remedy: {words(result.remedy)}"
    if result.cause:
        yield f"cause: {result.cause}"
    if result.severity in (Severity.ERROR, Severity.WARNING):
        yield from (f"source: {source}" for source in result.sources[:2])


def _win_lines(win: ActiveCredential, words: TextCleaner) -> Iterator[str]:
    yield f"{win.client} uses {_named(win.held, words) if win.held else 'none that was found'}"
    for other in win.others:
        yield f"    not {_named(other, words)}"
    if win.note:
        yield f"    {win.note}"


def _named(held: FoundCredential, words: TextCleaner) -> str:
    place = f" [{words(held.where)}]" if held.where != held.slot else ""
    scopes = f"; {', '.join(words(scope) for scope in held.scopes)}" if held.scopes else ""
    written = f"; written {held.written}" if held.written else ""
    return f"{held.slot}{place}: {words(held.kind)}, {held.state}{written}{scopes}"
