"""The index of all observations that were given back: when each rule was last seen.

A date moves only if two accounts agree, and a contradiction is an entry beside it, which nothing
but a newer source of the rule settles.
"""

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from authprobe.drift.model import Kind
from authprobe.drift.observation_file import DAY_PATTERN, ObservedRow, SharedObservation
from authprobe.drift.rows import ROWS
from authprobe.run.json_file import read_content, validate

INDEX_FILE: Final = "index.json"
LIMIT_BYTES: Final = 1_000_000
AGREEMENT_DAYS: Final = 30
"""Days within which two observers have to agree."""
Day = Annotated[str, Field(pattern=DAY_PATTERN)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An observation, and the account that gave it back."""

    account: str
    observation: SharedObservation


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSightings:
    """Result of all observations of a rule."""

    last_seen: Day | None = None
    """The earlier of the last two days on which two accounts agree; None: no two do."""
    observers: Annotated[int, Field(ge=0)] = 0
    """Number of accounts that agree on that day, or in the thirty after it."""
    first_contradiction: Day | None = None
    """First day on which the service answered otherwise, since the last source of the rule."""


def fold(
    sightings: Iterable[Sighting], sources: Mapping[str, datetime.date]
) -> dict[str, RuleSightings]:
    """Return the result for each rule that has one; `sources` has the last day of its own sources.

    Observations up to that day are settled by the sources.
    """
    agreeing: dict[str, set[tuple[datetime.date, str]]] = {}
    contradicting: dict[str, set[datetime.date]] = {}
    for sighting in sightings:
        day = sighting.observation.date
        for rule, rows in _by_rule(sighting.observation).items():
            if rule not in sources or day <= sources[rule]:
                continue
            if any(row.kind is Kind.CHANGED for row in rows):
                contradicting.setdefault(rule, set()).add(day)
            elif all(map(_agrees, rows)):
                agreeing.setdefault(rule, set()).add((day, sighting.account))
    results = {
        rule: _result(agreeing.get(rule, set()), contradicting.get(rule, set()))
        for rule in sorted({*agreeing, *contradicting})
    }
    return {rule: result for rule, result in results.items() if result != RuleSightings()}


def _by_rule(observation: SharedObservation) -> dict[str, list[ObservedRow]]:
    """Return the rows of each rule."""
    rows: dict[str, list[ObservedRow]] = {}
    for row in observation.rows:
        rows.setdefault(row.rule, []).append(row)
    return rows


def _agrees(observed: ObservedRow) -> bool:
    """Return True if a row shows the answer of its rule; any page but that of the rule does not."""
    row = ROWS.get(observed.row)
    is_page = row is not None and row.is_page
    return observed.kind is Kind.SAME or (observed.kind is Kind.NOTICED and not is_page)


def _result(
    agreeing: set[tuple[datetime.date, str]], contradicting: set[datetime.date]
) -> RuleSightings:
    span = datetime.timedelta(days=AGREEMENT_DAYS)

    def observers(first: datetime.date) -> int:
        """Return the number of accounts that agree on a day, or in the thirty after it."""
        return len({account for day, account in agreeing if first <= day <= first + span})

    days = sorted({day for day, _ in agreeing}, reverse=True)
    last = next((day for day in days if observers(day) > 1), None)
    first = min(contradicting, default=None)
    return RuleSightings(
        last_seen=last.isoformat() if last else None,
        observers=observers(last) if last else 0,
        first_contradiction=first.isoformat() if first else None,
    )


def dump_index(index: Mapping[str, RuleSightings]) -> str:
    """Return the text of the index: one rule on each line, in order."""
    lines = ",\n".join(
        f" {json.dumps(rule)}: {json.dumps(_entry(index[rule]), sort_keys=True)}"
        for rule in sorted(index)
    )
    return f"{{\n{lines}\n}}\n" if lines else "{}\n"


def _entry(result: RuleSightings) -> dict[str, str | int]:
    """Return the fields that have a value; accounts have no names here."""
    entry: dict[str, str | int] = {}
    if result.last_seen:
        entry |= {"last_seen": result.last_seen, "observers": result.observers}
    if result.first_contradiction:
        entry["first_contradiction"] = result.first_contradiction
    return entry


def read_index(path: Path) -> dict[str, RuleSightings]:
    """Return the index; empty if there is none.

    Raises:
        RecordError: it cannot be read, or is no index.
    """
    if not path.exists():
        return {}
    remedy = "run: make observations"
    content = read_content(path, remedy, LIMIT_BYTES)
    kind = TypeAdapter(dict[str, RuleSightings])
    return validate(path, content, kind, "an index of observations", remedy)
