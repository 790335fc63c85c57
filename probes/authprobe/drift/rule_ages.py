"""The age of each rule, and what can renew its date."""

import calendar
import datetime
from collections.abc import Iterable, Mapping

from authprobe.drift.model import DriftRow
from authprobe.drift.observation_index import RuleSightings
from authprobe.drift.rows import ROWS
from authprobe.emulator.rules.routes import RULES

REPORT_ONLY = "report only"


def renewed_by(rule: str) -> str:
    """Return what can renew the date of a rule: rows of a comparison, or only another report.

    A row that is compared with several rules renews the first: the one that answers.
    """
    rows = [row for row in ROWS.values() if row.rules[:1] == (rule,)]
    parts = [
        f"{name} ({', '.join(row.id for row in rows if row.needs_key is needs_key)})"
        for name, needs_key in (("drift", False), ("drift with a key", True))
        if any(row.needs_key is needs_key for row in rows)
    ]
    return ", ".join((*parts, "observation")) if parts else REPORT_ONLY


def last_seen(rule: str, index: Mapping[str, RuleSightings]) -> str:
    """Return the date of a rule: the later of its own sources and of agreeing observations."""
    own = RULES[rule].last_seen
    observed = index[rule].last_seen if rule in index else None
    return observed if observed and observed > _last_day(own).isoformat() else own


def age_days(date: str, today: datetime.date) -> int:
    """Return the age of a date in days; a month counts from its first day, so as too old at most.

    A date in the future has the age 0.
    """
    first = datetime.date.fromisoformat(date if len(date) > len("2026-11") else f"{date}-01")
    return max(0, (today - first).days)


def older_rows(
    rows: Iterable[DriftRow],
    days: int,
    today: datetime.date,
    index: Mapping[str, RuleSightings],
) -> tuple[DriftRow, ...]:
    """Return the rows that can renew a rule whose date is older than this number of days."""
    return tuple(
        row for row in rows if row.rules and age_days(last_seen(row.rules[0], index), today) > days
    )


def source_days() -> dict[str, datetime.date]:
    """Return the last day that the own sources of each rule can mean."""
    return {rule.id: _last_day(rule.last_seen) for rule in RULES.values()}


def _last_day(date: str) -> datetime.date:
    if len(date) > len("2026-11"):
        return datetime.date.fromisoformat(date)
    year, month = map(int, date.split("-"))
    return datetime.date(year, month, calendar.monthrange(year, month)[1])
