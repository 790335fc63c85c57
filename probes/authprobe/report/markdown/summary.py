"""A run as Markdown, for the job summary of a CI system: what went wrong first, and bounded."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from authprobe.core.escaping import MAX_LINE_LENGTH, one_line
from authprobe.report.model import matrix as table
from authprobe.report.model import phrases
from authprobe.run.model import CaseRecord, Run

LIMIT_BYTES: Final = 900 * 1024
"""GitHub refuses a job summary of more than 1 MiB."""

MENTION: Final = re.compile(r"((?<!\w)@(?=\w)|#(?=\d)|(?<!\w)GH-(?=\d))")
"""What an issue on GitHub makes a mention or a link of; an escape does not hinder it."""

_REST: Final = "… the rest is in results.json."


def summary_markdown(run: Run, *, limit_bytes: int = LIMIT_BYTES) -> str:
    """The verdict, the problems and the matrix; what is over the limit is left out at the end."""
    lines = (
        *_verdict(run),
        *_changes(run),
        *_problems(table.problems(run)),
        *_matrices(table.make_tables(run)),
    )
    return _bounded(lines, limit_bytes)


def escaped(outside: str, limit: int = MAX_LINE_LENGTH) -> str:
    """Text from outside on one line, with nothing in it that Markdown or HTML would act on."""
    line = one_line(outside, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MENTION.sub(r"\1<!-- -->", re.sub(r"([\\`*_\[\]|~$#])", r"\\\1", line))


def _verdict(run: Run) -> Iterator[str]:
    line = table.headline(run)
    yield f"## {phrases.SYMBOLS[line.status]} authprobe: {line.word}"
    yield from ("", f"**{line.word}** · {line.counts}", "", escaped(table.run_words(run)))
    if words := table.baseline_words(run):
        yield from ("", words)
    for warning in table.warnings(run):
        yield from ("", f"> ⚠ **{escaped(warning)}**")


def _changes(run: Run) -> Iterator[str]:
    records = table.changes(run)
    if records or run.absent:
        title = "Regressions and changes since the baseline"
        yield from ("", f"### {title} ({phrases.plural(len(records), 'case')})", "")
    for record in records:
        word = "regressed" if record.verdict.regressed else "changed"
        yield f"- **{word}**: {code(record.id)}"
        yield from (f"  - {escaped(line)}" for line in table.change_words(record))
    yield from (f"- **absent**: {code(name)}" for name in run.absent)


def _problems(records: tuple[CaseRecord, ...]) -> Iterator[str]:
    if not records:
        return
    yield from ("", f"### What went wrong ({phrases.plural(len(records), 'case')})", "")
    for record in records:
        mark, words = phrases.SYMBOLS[record.verdict.status], phrases.status_words(record.verdict)
        yield f"- {mark} **{words}**: {code(record.id)}"
        yield from (f"  - {escaped(line)}" for line in phrases.describe_problem(record))
        if record.diagnosis:
            yield from (f"  - {escaped(line)}" for line in phrases.describe_cause(record.diagnosis))


def _matrices(matrices: tuple[table.Matrix, ...]) -> Iterator[str]:
    if matrices:
        yield from ("", "### Auth path by client version")
    for matrix in matrices:
        yield ""
        yield from _matrix(matrix)


def _matrix(matrix: table.Matrix) -> Iterator[str]:
    yield row(["Auth path", *map(_head, matrix.columns)])
    yield row(["---"] * (len(matrix.columns) + 1))
    for group in matrix.groups:
        yield row(
            [f"**{escaped(group.title)}** ({code(group.scenario)})"] + [""] * len(matrix.columns)
        )
        yield from (row([escaped(r.label), *map(_cell, r.cells)]) for r in group.rows)


def _head(column: table.Column) -> str:
    return f"{code(column.client)}<br>{escaped(table.ran_words(column))}"


def _cell(record: CaseRecord | None) -> str:
    if record is None:
        return "·"
    mark, words = phrases.SYMBOLS[record.verdict.status], phrases.status_words(record.verdict)
    return f"{mark} {words}<br>{escaped(phrases.outcome_words(record.observation))}"


def row(cells: Iterable[str]) -> str:
    """A row of a table, of cells that are escaped already."""
    return f"| {' | '.join(cells)} |"


def code(name: str) -> str:
    """A code span where the name holds nothing that could end it or the cell."""
    plain = len(name) <= MAX_LINE_LENGTH and re.fullmatch(r"[A-Za-z0-9@./+:_-]+", name)
    return f"`{name}`" if plain else escaped(name)


def _bounded(lines: Iterable[str], limit_bytes: int) -> str:
    kept: list[str] = []
    left = limit_bytes - len(f"\n{_REST}\n".encode())
    for line in lines:
        left -= len(line.encode()) + 1
        if left < 0:
            kept += ["", _REST]
            break
        kept.append(line)
    return "\n".join(kept) + "\n"
