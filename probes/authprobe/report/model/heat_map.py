"""A run as a heat map: the outcome of each question in each client version (pure)."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.observation.fingerprint import CLIENT, describe_transitions
from authprobe.observation.model import Outcome
from authprobe.plan.case_ids import without_version
from authprobe.report.model.matrix import natural
from authprobe.report.model.phrases import auth_path, auth_path_parts, outcome_words, status_words
from authprobe.report.model.version_changes import Subject, VersionChange, result_words
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

LETTERS: Final[Mapping[Outcome, str]] = {
    Outcome.ACCEPTED: "A",
    Outcome.REJECTED: "R",
    Outcome.THROTTLED: "L",
    Outcome.OVERLOADED: "O",
    Outcome.NOT_FOUND: "N",
    Outcome.SERVER_ERROR: "S",
    Outcome.UNREACHABLE: "U",
    Outcome.TIMED_OUT: "T",
    Outcome.CRASHED: "C",
    Outcome.UNAVAILABLE: "X",
}
"""A letter for each outcome, in the order of the legend."""
MIN_ALIKE: Final = 3
"""Rows that fold into one: two would hide their names and save a single line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One case, and its difference from the next older version that was asked."""

    record: CaseRecord
    before: CaseRecord | None = None
    """The same question at the older version, if something changed since."""
    subjects: tuple[Subject, ...] = ()
    """What changed, the most important first."""

    @property
    def has_failed(self) -> bool:
        """Return whether the case failed or broke."""
        return self.record.verdict.status in (Status.FAILED, Status.ERROR)

    @property
    def is_news(self) -> bool:
        """Return whether the case differs from the baseline, not just in the client's version."""
        verdict = self.record.verdict
        return (
            verdict.regressed
            or verdict.fixed
            or any(change.field != CLIENT for change in verdict.transitions)
        )

    @property
    def is_other_outcome(self) -> bool:
        """Return whether the outcome changed, not just the message or the credential."""
        return Subject.OUTCOME in self.subjects

    @property
    def look(self) -> tuple[object, ...]:
        """Return what a reader sees of the cell: two rows that look the same are alike."""
        record = self.record
        return (
            record.observation.outcome,
            record.verdict.status,
            self.is_news,
            record.verdict.flaky,
            bool(record.findings),
            bool(self.subjects),
            self.is_other_outcome,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An auth path, with a cell for each column; None where the question was not asked."""

    label: str
    path: str
    """The auth path in full; the label leaves out what all rows of a scenario share."""
    cells: tuple[Cell | None, ...]

    @property
    def rank(self) -> tuple[object, ...]:
        """Return the sort key that puts failed rows first, then changed ones."""
        cells = [cell for cell in self.cells if cell]
        return (
            not any(cell.has_failed for cell in cells),
            not any(cell.is_other_outcome for cell in cells),
            natural(self.path),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The rows of one scenario."""

    scenario: str
    title: str
    rows: tuple[Row, ...]
    """Rows that look like no others, or like one other."""
    folds: tuple[tuple[Row, ...], ...]
    """Rows that look alike, `MIN_ALIKE` or more in each."""

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """Return the rows, and then those that fold."""
        return (*self.rows, *itertools.chain(*self.folds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A client as the scenarios name it, and the version that ran."""

    client: str
    version: str
    spelling: str
    """Version in the scenario's words, such as `latest`; empty if that is the version itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Scenarios that were asked of the same versions."""

    columns: tuple[Column, ...]
    """The newest version first."""
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """The tables of one kind of client."""

    kind: str
    tables: tuple[Table, ...]


def heat_maps(run: Run, changes: Iterable[VersionChange]) -> tuple[HeatMap, ...]:
    """Return a heat map for each kind of client, those with most cases first."""
    cells = _cells(run, changes)
    by_kind: dict[str, dict[str, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        by_kind[without_version(cell.record.client)][cell.record.scenario].append(cell)
    sizes = {kind: sum(map(len, groups.values())) for kind, groups in by_kind.items()}
    return tuple(
        HeatMap(kind=kind, tables=_tables(by_kind[kind]))
        for kind in sorted(by_kind, key=lambda kind: (-sizes[kind], kind))
    )


def cell_words(cell: Cell) -> str:
    """Return everything that the letter, the colour and the marks of a cell stand for."""
    record = cell.record
    words = [outcome_words(record.observation), status_words(record.verdict)]
    words += describe_transitions(record.verdict.transitions)
    if cell.before:
        was = result_words(cell.before) if cell.is_other_outcome else f"another {cell.subjects[0]}"
        words.append(f"{was} in {cell.before.client_version}")
    words += [finding.name for finding in record.findings]
    return " · ".join(words)


def alike_words(rows: Sequence[Row], column: int) -> str:
    """Return what the cells of rows that look alike have in a column."""
    words = (cell_words(cell) for row in rows if (cell := row.cells[column]))
    return "; ".join(dict.fromkeys(words))


def _cells(run: Run, changes: Iterable[VersionChange]) -> list[Cell]:
    before: dict[str, CaseRecord] = {}
    subjects: dict[str, list[Subject]] = defaultdict(list)
    for change in changes:
        for old, new in change.pairs:
            before[new.id] = old
            subjects[new.id].append(change.subject)
    return [
        Cell(record=record, before=before.get(record.id), subjects=tuple(subjects[record.id]))
        if record.id in before
        else Cell(record=record)
        for record in run.cases
    ]


def _tables(scenarios: Mapping[str, list[Cell]]) -> tuple[Table, ...]:
    """Return the scenarios in as many tables as there are different sets of versions."""
    by_clients: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, cells in scenarios.items():
        by_clients[frozenset(cell.record.client for cell in cells)].append(name)
    tables = []
    for names in by_clients.values():
        columns = _columns(cell for name in names for cell in scenarios[name])
        sections = tuple(_section(name, scenarios[name], columns) for name in sorted(names))
        tables.append(Table(columns=columns, sections=sections))
    return tuple(sorted(tables, key=lambda table: -len(table.columns)))


def _columns(cells: Iterable[Cell]) -> tuple[Column, ...]:
    versions: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        versions[cell.record.client].add(cell.record.client_version or "")
    columns = map(_column, versions, versions.values())
    return tuple(sorted(columns, key=lambda c: (natural(c.version), c.client), reverse=True))


def _column(client: str, versions: Iterable[str]) -> Column:
    """Return the column of a client; an empty text among its versions is one that is not known."""
    ran = sorted(filter(None, versions), key=natural, reverse=True)
    spelling = client.partition("@")[2]
    # A client that runs through another one states the version of both: one is enough here.
    words = ", ".join(version.partition("+")[0] for version in ran) or spelling
    spelling = spelling.partition("+")[0]
    return Column(client=client, version=words, spelling="" if spelling == words else spelling)


def _section(name: str, cells: Sequence[Cell], columns: Sequence[Column]) -> Section:
    by_path: dict[str, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        by_path[auth_path(cell.record)][cell.record.client] = cell
    parts = {
        path: auth_path_parts(next(iter(found.values())).record) for path, found in by_path.items()
    }
    shared = frozenset.intersection(*map(frozenset, parts.values()))
    rows = [
        Row(
            label=", ".join(part for part in parts[path] if part not in shared) or path,
            path=path,
            cells=tuple(found.get(column.client) for column in columns),
        )
        for path, found in by_path.items()
    ]
    by_look: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.rank):
        by_look[tuple(cell and cell.look for cell in row.cells)].append(row)
    folds = tuple(tuple(rows) for rows in by_look.values() if len(rows) >= MIN_ALIKE)
    folded = {id(row) for fold in folds for row in fold}
    return Section(
        scenario=name,
        title=cells[0].record.title,
        rows=tuple(row for rows in by_look.values() for row in rows if id(row) not in folded),
        folds=folds,
    )
