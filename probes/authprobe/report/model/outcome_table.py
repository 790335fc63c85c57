"""A run as a small table: how many cases of each client ended with each outcome (pure)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from authprobe.observation.model import Outcome
from authprobe.report.model.matrix import client_words
from authprobe.report.model.phrases import plural
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """The cases of one client and version, or of several that have no row of their own."""

    label: str
    outcomes: tuple[int, ...]
    """Number of cases for each outcome of the table."""
    failed: int
    is_sum: bool = False
    """True for a row of several clients."""

    @property
    def cases(self) -> int:
        """Number of cases."""
        return sum(self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTable:
    """The rows of a run, in which every case is counted once, and their sum."""

    outcomes: tuple[Outcome, ...]
    """Those that occur."""
    rows: tuple[OutcomeRow, ...]
    total: OutcomeRow


def outcome_table(run: Run, max_rows: int) -> OutcomeTable:
    """Return the table with at most `max_rows` rows, the last for the clients without their own.

    Clients with failures come first, then those with most cases.
    """
    present = {record.observation.outcome for record in run.cases}
    outcomes = tuple(outcome for outcome in Outcome if outcome in present)
    by_client: dict[str, list[CaseRecord]] = {}
    for record in run.cases:
        by_client.setdefault(client_words(record), []).append(record)
    rows = sorted(
        (_row(client, records, outcomes) for client, records in by_client.items()),
        key=lambda row: (-row.failed, -row.cases, row.label),
    )
    if len(rows) > max_rows:
        own = {row.label for row in rows[: max_rows - 1]}
        others = [record for record in run.cases if client_words(record) not in own]
        label = plural(len(by_client) - len(own), "more client version")
        rows = [*rows[: max_rows - 1], _row(label, others, outcomes, is_sum=True)]
    total = _row(plural(len(by_client), "client version"), run.cases, outcomes, is_sum=True)
    return OutcomeTable(outcomes=outcomes, rows=tuple(rows), total=total)


def _row(
    label: str,
    records: Iterable[CaseRecord],
    outcomes: Sequence[Outcome],
    *,
    is_sum: bool = False,
) -> OutcomeRow:
    records = tuple(records)
    numbers = Counter(record.observation.outcome for record in records)
    return OutcomeRow(
        label=label,
        outcomes=tuple(numbers[outcome] for outcome in outcomes),
        failed=sum(record.verdict.status is Status.FAILED for record in records),
        is_sum=is_sum,
    )
