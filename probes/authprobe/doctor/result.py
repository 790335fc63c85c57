"""Results of checks: what is wrong, where, and the remedy."""

import enum
from dataclasses import dataclass

from authprobe.diagnosis.causes import causes


class Severity(enum.StrEnum):
    """Severities of a result, worst first."""

    ERROR = "error"
    """Something will fail."""
    WARNING = "warning"
    """Something may fail, or may not work as intended."""
    INFO = "info"
    OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One finding of a check; contains no credential."""

    id: str
    severity: Severity
    summary: str
    where: str | None = None
    """Path, host, or name of a variable."""
    remedy: str | None = None
    cause: str | None = None
    """Cause that `authprobe explain` would name for the resulting failure."""
    sources: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def ok(result_id: str, summary: str, where: str | None = None) -> CheckResult:
    """Return a result without a problem."""
    return CheckResult(id=result_id, severity=Severity.OK, summary=summary, where=where)


def info(
    result_id: str,
    summary: str,
    where: str | None = None,
    *,
    remedy: str | None = None,
    source: str | None = None,
) -> CheckResult:
    """Return a result worth knowing that is not a problem."""
    return CheckResult(
        id=result_id,
        severity=Severity.INFO,
        summary=summary,
        where=where,
        remedy=remedy,
        sources=(source,) if source else (),
    )


def warning(result_id: str, summary: str, where: str | None = None, **rest: str) -> CheckResult:
    """Return a result that may cause a failure; `cause`, `remedy` and `source` are optional."""
    return _problem(Severity.WARNING, result_id, summary, where, **rest)


def error(result_id: str, summary: str, where: str | None = None, **rest: str) -> CheckResult:
    """Return a result that will cause a failure; `cause`, `remedy` and `source` are optional."""
    return _problem(Severity.ERROR, result_id, summary, where, **rest)


def _problem(
    severity: Severity,
    result_id: str,
    summary: str,
    where: str | None,
    *,
    cause: str | None = None,
    remedy: str | None = None,
    source: str | None = None,
) -> CheckResult:
    """Return the result, with the remedy and sources of the cause unless others are given."""
    entry = causes()[cause] if cause else None
    sources = (source,) if source else entry.sources if entry else ()
    return CheckResult(
        id=result_id,
        severity=severity,
        summary=summary,
        where=where,
        remedy=remedy or (entry.remedy.text if entry else None),
        cause=cause,
        sources=sources,
    )
