"""The heat map of a run as HTML tables: a letter and a colour for each outcome."""

import sys
from collections import Counter
from collections.abc import Sequence

from authprobe.observation.model import Outcome
from authprobe.report.html.elements import Html
from authprobe.report.html.rendering import render
from authprobe.report.model import heat_map, phrases
from authprobe.report.model.heat_map import Cell, HeatMap, Row
from authprobe.run.model import Run

MAX_NARROW = 8
"""Columns of a table that stands beside another one."""
MAX_LINES = 36
"""Lines of a heat map that stands beside another one."""
MAX_NAMES = 12
"""Names of folded rows that are shown: the line has no room for more."""


def heat_maps(run: Run, maps: Sequence[HeatMap]) -> Html:
    """Return the legend and a table for each set of versions, or nothing without cases."""
    if not maps:
        return Html()
    outcomes = Counter(record.observation.outcome for record in run.cases)
    cells = [cell for each in maps for cell in _cells_of(each)]
    return render(
        "heat_map.html",
        legend=[(o, outcomes[o]) for o in heat_map.LETTERS if outcomes[o]],
        has_failures=any(cell.has_failed for cell in cells),
        has_outcomes=any(cell.is_other_outcome for cell in cells),
        has_others=any(cell.subjects and not cell.is_other_outcome for cell in cells),
        has_news=any(cell.is_news and not cell.has_failed for cell in cells),
        has_findings=any(cell.record.findings for cell in cells),
        chip=chip,
        maps=maps,
        max_narrow=MAX_NARROW,
        is_big=lambda each: _lines(each) > MAX_LINES,
        cases_of=lambda each: phrases.plural(sum(1 for _ in _cells_of(each)), "case"),
        cell=_cell,
        alike=_alike,
        names=_names,
    )


def chip(outcome: Outcome) -> Html:
    """Return the letter of an outcome in its colour."""
    letter = heat_map.LETTERS[outcome]
    return Html('<b class="hm-k {0}" title="{1}">{0}</b>').format(letter, outcome)


def row_labels(maps: Sequence[HeatMap]) -> dict[str, str]:
    """Return the scenario and the label of its row for each case id."""
    return {
        cell.record.id: f"{section.scenario}: {row.label}"
        for each in maps
        for table in each.tables
        for section in table.sections
        for row in section.all_rows
        for cell in row.cells
        if cell
    }


def _lines(each: HeatMap) -> int:
    """Return the lines of a heat map, or more than any if it has a wide table."""
    if any(len(table.columns) > MAX_NARROW for table in each.tables):
        return sys.maxsize
    sections = [section for table in each.tables for section in table.sections]
    return sum(1 + len(section.rows) + len(section.folds) for section in sections)


def _cells_of(each: HeatMap) -> list[Cell]:
    return [
        cell
        for table in each.tables
        for section in table.sections
        for row in section.all_rows
        for cell in row.cells
        if cell
    ]


def _cell(cell: Cell | None) -> Html:
    """Return a cell that links to its case; it is blank where the question was not asked."""
    if cell is None:
        return Html("<td></td>")
    return Html('<td class="{}"><a href="#{}" title="{}">{}{}</a></td>').format(
        _classes(cell),
        phrases.anchor(cell.record.id),
        heat_map.cell_words(cell),
        heat_map.LETTERS[cell.record.observation.outcome],
        _sign(cell),
    )


def _alike(rows: Sequence[Row], column: int) -> Html:
    """Return the cell of a folded row, which stands for several cases."""
    cell = rows[0].cells[column]
    if cell is None:
        return Html("<td></td>")
    return Html('<td class="{}"><span title="{}">{}{}</span></td>').format(
        _classes(cell),
        heat_map.alike_words(rows, column),
        heat_map.LETTERS[cell.record.observation.outcome],
        _sign(cell),
    )


def _classes(cell: Cell) -> str:
    """Return the classes of a cell: its letter, then its marks."""
    change = "c" if cell.is_other_outcome else "d"
    marks = {
        change: bool(cell.subjects),
        "b": cell.is_news,
        "f": cell.has_failed,
        "n": bool(cell.record.findings),
    }
    letter = heat_map.LETTERS[cell.record.observation.outcome]
    return " ".join((letter, *(mark for mark, is_set in marks.items() if is_set)))


def _sign(cell: Cell) -> Html:
    """Return a sign for a failed case, or one that differs from the baseline."""
    sign = "✗" if cell.has_failed else "Δ" if cell.is_news else ""
    return Html("<i>{}</i>").format(sign) if sign else Html()


def _names(rows: Sequence[Row]) -> str:
    more = ", …" if len(rows) > MAX_NAMES else ""
    return ", ".join(row.label for row in rows[:MAX_NAMES]) + more
