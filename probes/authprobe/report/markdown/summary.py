"""A run as Markdown for the job summary of a CI system: problems first, and of limited size."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from authprobe.core.escaping import MAX_LINE_LENGTH, for_log, one_line
from authprobe.report.model import matrix, phrases
from authprobe.run.model import CaseRecord, Run

MAX_SIZE_BYTES: Final = 900 * 1024
"""GitHub refuses a job summary of more than 1 MiB."""

AUTOLINK: Final = re.compile(
    r"(?:https?|ftp):(?=//)|(?<![a-z0-9])www(?=\.)"
    r"|(?<!\w)@(?=\w)|@(?=[\w-]+\.)|#(?=\d)|(?<!\w)GH-(?=\d)"
    r"|(?<!\w)[0-9a-f](?=[0-9a-f]{6,39}(?!\w))",
    re.IGNORECASE,
)
"""Beginning of an address, mention, issue or commit, which GitHub makes a link even if escaped
(docs.github.com, "Autolinked references and URLs"; github.github.com/gfm, 6.9)."""

_TRUNCATED: Final = "… truncated; everything is in results.json."


def summary_markdown(run: Run, *, limit_bytes: int = MAX_SIZE_BYTES) -> str:
    """Return the verdict, the problems and the matrix, truncated at the limit."""
    lines = (
        *_verdict(run),
        *_changes(run),
        *_problems(matrix.problems(run)),
        *_matrices(matrix.make_tables(run)),
    )
    return _bounded(map(for_log, lines), limit_bytes)


def escaped(text: str, limit: int = MAX_LINE_LENGTH) -> str:
    """Return text from outside on one line, escaped for Markdown and HTML."""
    line = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return AUTOLINK.sub(r"\g<0><!-- -->", re.sub(r"([\\`*_\[\]|~$#])", r"\\\1", line))


def _verdict(run: Run) -> Iterator[str]:
    line = matrix.headline(run)
    yield f"## {phrases.SYMBOLS[line.status]} authprobe: {line.word}"
    yield from ("", f"**{line.word}** · {line.counts}", "", escaped(matrix.run_words(run)))
    if words := matrix.baseline_words(run):
        yield from ("", words)
    if words := matrix.exit_words(run):
        yield from ("", escaped(words))
    for warning in matrix.warnings(run):
        yield from ("", f"> ⚠ **{escaped(warning)}**")


def _changes(run: Run) -> Iterator[str]:
    records = matrix.changes(run)
    if records or run.absent:
        title = "Regressions and changes since the baseline"
        yield from ("", f"### {title} ({phrases.plural(len(records), 'case')})", "")
    for record in records:
        yield f"- **{phrases.change_word(record.verdict)}**: {code(record.id)}"
        yield from (f"  - {escaped(line)}" for line in matrix.change_words(record))
    yield from (f"- **absent**: {code(name)}" for name in run.absent)


def _problems(records: tuple[CaseRecord, ...]) -> Iterator[str]:
    if not records:
        return
    yield from ("", f"### What went wrong ({phrases.plural(len(records), 'case')})", "")
    for record in records:
        mark, words = phrases.SYMBOLS[record.verdict.status], phrases.status_words(record.verdict)
        yield f"- {mark} **{words}**: {code(record.id)}"
        yield from (f"  - {escaped(line)}" for line in phrases.describe_problem(record))
        yield from (f"  - {escaped(line)}" for line in phrases.describe_why(record))


def _matrices(matrices: tuple[matrix.CompatibilityMatrix, ...]) -> Iterator[str]:
    if matrices:
        yield from ("", "### Auth path by client version")
    for each in matrices:
        yield ""
        yield from _matrix(each)


def _matrix(table: matrix.CompatibilityMatrix) -> Iterator[str]:
    yield row(["Auth path", *map(_head, table.columns)])
    yield row(["---"] * (len(table.columns) + 1))
    for group in table.groups:
        yield row(
            [f"**{escaped(group.title)}** ({code(group.scenario)})"] + [""] * len(table.columns)
        )
        yield from (row([escaped(r.label), *map(_cell, r.cells)]) for r in group.rows)


def _head(column: matrix.Column) -> str:
    return f"{code(column.client)}<br>{escaped(matrix.ran_words(column))}"


def _cell(record: CaseRecord | None) -> str:
    if record is None:
        return "·"
    mark, words = phrases.SYMBOLS[record.verdict.status], phrases.status_words(record.verdict)
    return f"{mark} {words}<br>{escaped(phrases.outcome_words(record.observation))}"


def row(cells: Iterable[str]) -> str:
    """Return a row of a table, of escaped cells."""
    return f"| {' | '.join(cells)} |"


def code(name: str) -> str:
    """Return a code span, or escaped text if the name could end the span or the cell."""
    plain = len(name) <= MAX_LINE_LENGTH and re.fullmatch(r"[A-Za-z0-9@./+:_-]+", name)
    return f"`{name}`" if plain else escaped(name)


def _bounded(lines: Iterable[str], limit_bytes: int) -> str:
    fitting: list[str] = []
    room = limit_bytes - len(f"\n{_TRUNCATED}\n".encode())
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            fitting += ["", _TRUNCATED]
            break
        fitting.append(line)
    return "\n".join(fitting) + "\n"
