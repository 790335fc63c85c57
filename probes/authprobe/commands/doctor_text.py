"""Text of the doctor: the credential of each client first, then the results, worst first."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from authprobe.core.escaping import MAX_LINE_LENGTH, MAX_TEXT_LENGTH, for_log, one_line
from authprobe.core.wrapping import wrap_line
from authprobe.doctor.inventory.precedence import (
    NOT_VERIFIED,
    ActiveCredential,
    FoundCredential,
)
from authprobe.doctor.result import CheckResult, Severity
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
LIVE_HINT: Final = (
    "not verified: only a request can tell whether the service accepts it; "
    "`authprobe run --target live` asks (docs/live.md)"
)
MAX_SOURCES: Final = 2
"""Sources that are printed for a result; JSON has all."""


@dataclass(frozen=True, slots=True)
class TextCleaner:
    """A function that redacts and escapes text from the machine before it is printed."""

    redactor: Redactor

    def __call__(self, text: str, limit: int = MAX_LINE_LENGTH) -> str:
        """Return the text on one line, redacted, with control characters escaped."""
        return for_log(one_line(self.redactor(text), limit))

    def remedy(self, text: str) -> str:
        """Return the same of advice, which is ours: its end may be what keeps from harm."""
        return self(text, MAX_TEXT_LENGTH)


def as_text(
    results: tuple[CheckResult, ...],
    active: tuple[ActiveCredential, ...],
    clean: TextCleaner,
    width: int | None,
) -> Text:
    """Return the text, with lines of at most `width` characters; None: lines are not wrapped."""
    text = Text()
    text.append("credentials\n", "bold")
    for each in active:
        text.append(_block(_active_lines(each, clean), width))
    if any(each.credential and each.credential.state == NOT_VERIFIED for each in active):
        text.append(_block(iter((LIVE_HINT,)), width))
    for severity, title in SEVERITY_TITLES.items():
        section = [result for result in results if result.severity is severity]
        if section:
            text.append(f"{title}\n", SEVERITY_STYLES[severity])
        for _, alike in itertools.groupby(section, key=_advice):
            *others, last = alike
            for result in others:
                text.append(_block(_summary_lines(result, clean), width))
            text.append(_block(_result_lines(last, clean), width))
    return text


def _advice(result: CheckResult) -> tuple[object, ...]:
    """Return what helps against a result; neighbours with the same are printed with one."""
    return result.id, result.remedy, result.cause, result.sources


def _block(lines: Iterator[str], width: int | None) -> str:
    """Return a first line, and the others indented below it."""
    first, *rest = lines
    indented = [f"  {first}", *(f"      {line}" for line in rest)]
    return "".join(f"{wrap_line(line, width)}\n" for line in indented)


def _summary_lines(result: CheckResult, clean: TextCleaner) -> Iterator[str]:
    where = f" [{clean(result.where)}]" if result.where else ""
    yield f"{result.id}: {clean(result.summary)}{where}"
    for detail in result.details:
        yield f"- {clean(detail)}"


def _result_lines(result: CheckResult, clean: TextCleaner) -> Iterator[str]:
    yield from _summary_lines(result, clean)
    if result.remedy:
        yield f"remedy: {clean.remedy(result.remedy)}"
    if result.cause:
        yield f"cause: {result.cause}"
    if result.severity in (Severity.ERROR, Severity.WARNING):
        yield from (f"source: {source}" for source in result.sources[:MAX_SOURCES])


def _active_lines(active: ActiveCredential, clean: TextCleaner) -> Iterator[str]:
    client, verb = active.client, "uses"
    if not active.is_installed:
        client, verb = "claude-code, not on PATH,", "would use"
    if active.credential:
        yield f"{client} {verb} {_describe(active.credential, clean)}"
    else:
        yield f"{client.rstrip(',')}: no credential found"
    yield f"why: {clean(active.reason)}"
    if active.gateway:
        yield f"sent to the gateway {clean(active.gateway)}"
    for credential in active.shadowed:
        yield f"ignores {_describe(credential, clean)}"
    if active.note:
        yield f"note: {active.note}"


def _describe(credential: FoundCredential, clean: TextCleaner) -> str:
    place = credential.where.removeprefix(credential.slot).strip()
    where = f" [{clean(place)}]" if place else ""
    parts = [f"{clean(credential.kind)}, {credential.state}"]
    if credential.written:
        parts.append(f"written {credential.written}")
    if credential.scopes:
        parts.append(", ".join(clean(scope) for scope in credential.scopes))
    return f"{credential.slot}{where}: {'; '.join(parts)}"
