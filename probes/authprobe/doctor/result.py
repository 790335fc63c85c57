"""What a check says."""

import enum
from dataclasses import dataclass

from authprobe.diagnosis.causes import causes


class Severity(enum.StrEnum):
    """How much it matters, the worst first."""

    ERROR = "error"
    """Something will not work."""
    WARNING = "warning"
    """Something may not work, or not as it was meant."""
    INFO = "info"
    OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What was found, and what to do about it; never a value."""

    id: str
    severity: Severity
    summary: str
    where: str | None = None
    """A path or the name of a variable."""
    remedy: str | None = None
    cause: str | None = None
    """The cause that this becomes, in `authprobe explain`."""
    sources: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def ok(name: str, summary: str, where: str | None = None) -> CheckResult:
    """Something that is well."""
    return CheckResult(id=name, severity=Severity.OK, summary=summary, where=where)


def info(
    name: str,
    summary: str,
    where: str | None = None,
    *,
    remedy: str | None = None,
    source: str | None = None,
) -> CheckResult:
    """Something to know."""
    return CheckResult(
        id=name,
        severity=Severity.INFO,
        summary=summary,
        where=where,
        remedy=remedy,
        sources=(source,) if source else (),
    )


def warning(name: str, summary: str, where: str | None = None, **rest: str) -> CheckResult:
    """Something that may go wrong; see `_trouble` for the rest."""
    return _trouble(Severity.WARNING, name, summary, where, **rest)


def error(name: str, summary: str, where: str | None = None, **rest: str) -> CheckResult:
    """Something that will go wrong; see `_trouble` for the rest."""
    return _trouble(Severity.ERROR, name, summary, where, **rest)


def _trouble(
    severity: Severity,
    name: str,
    summary: str,
    where: str | None,
    *,
    cause: str | None = None,
    remedy: str | None = None,
    source: str | None = None,
) -> CheckResult:
    """With the remedy and sources of the cause, where none of its own is given."""
    known = causes()[cause] if cause else None
    sources = (source,) if source else known.sources if known else ()
    return CheckResult(
        id=name,
        severity=severity,
        summary=summary,
        where=where,
        remedy=remedy or (known.remedy.text if known else None),
        cause=cause,
        sources=sources,
    )
