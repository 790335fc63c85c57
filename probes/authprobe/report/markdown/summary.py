"""A run as Markdown for the job summary of a CI system: the news first, and of limited size."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from authprobe.core.escaping import MAX_LINE_LENGTH, for_log, one_line
from authprobe.report.model import matrix, news, phrases
from authprobe.report.model.breakages import Breakage, breakages, flaky_cases, other_changes
from authprobe.report.model.heat_map import Cell, Column, Table, heat_maps
from authprobe.report.model.live import (
    has_pairs,
    live_words,
    pair_counts,
    pair_note,
    pairs,
    secret_verdicts,
)
from authprobe.report.model.version_changes import (
    VersionChange,
    describe_change,
    result_words,
    version_changes,
)
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

MAX_SIZE_BYTES: Final = 900 * 1024
"""GitHub refuses a job summary of more than 1 MiB."""
MAX_CASES: Final = 10
"""Cases with the same problem that are listed; the matrix has all."""
MAX_DETAILS: Final = 10
"""Differences of one problem that are listed beside the reasons."""
MAX_CHANGES: Final = 12
"""Changes between versions that are not folded."""

AUTOLINK: Final = re.compile(
    r"(?:https?|ftp):(?=//)|(?<![a-z0-9])www(?=\.)"
    r"|(?<!\w)@(?=\w)|@(?=[\\\w-]+\.)|#(?=\d)|(?<!\w)GH-(?=\d)"
    r"|(?<!\w)[0-9a-f](?=[0-9a-f]{6,39}(?!\w))",
    re.IGNORECASE,
)
"""Beginning of an address, mention, issue or commit, which GitHub makes a link even if escaped
(docs.github.com, "Autolinked references and URLs"; github.github.com/gfm, 6.9)."""

_OPEN: Final = "<details>"
_CLOSE: Final = "</details>"
_TRUNCATED: Final = "… truncated; everything is in results.json."


def summary_markdown(run: Run, *, limit_bytes: int = MAX_SIZE_BYTES) -> str:
    """Return the verdict, the news and the folded matrix, truncated at the limit."""
    changes = version_changes(run)
    lines = (
        *_verdict(run),
        *_live(run),
        *_problems(run),
        *_changes(run),
        *_version_changes(changes),
        *_findings(run),
        *_outcomes(run, changes),
    )
    return _bounded(map(for_log, lines), limit_bytes)


def escaped(text: str, limit: int = MAX_LINE_LENGTH) -> str:
    """Return text from outside on one line, escaped for Markdown and HTML."""
    line = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return AUTOLINK.sub(r"\g<0><!-- -->", re.sub(r"([\\`*_\[\]|~$#])", r"\\\1", line))


def with_commands(text: str, limit: int = MAX_LINE_LENGTH) -> str:
    """Return escaped text in which plain words between backticks, such as commands, stay code."""
    return re.sub(r"\\`([a-z][a-z -]*)\\`", r"`\1`", escaped(text, limit))


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


def _problems(run: Run) -> Iterator[str]:
    if found := breakages(run):
        yield from _heading(f"What went wrong ({_count(found)})")
        yield from _breakages(found)


def _live(run: Run) -> Iterator[str]:
    """Yield whom a live run asked, and each answer beside the emulator's."""
    words = live_words(run)
    if words is None:
        return
    both = has_pairs(run)
    yield from _heading(f"Emulator and live ({pair_counts(run)})" if both else "Live")
    for line, status in secret_verdicts(run):
        yield from (f"{phrases.SYMBOLS[status]} **{escaped(line)}**", "")
    yield from (escaped(words, 2000), "")
    if note := pair_note(run):
        yield from (escaped(note, 2000), "")
    heads = ["Question", *(["Emulator"] if both else []), "Live", *(["Difference"] if both else [])]
    yield row(heads)
    yield row(["---"] * len(heads))
    for pair in pairs(run):
        cells = [code(pair.id)]
        cells += [_answer(pair.emulator)] if both else []
        cells += [_answer(pair.live)]
        yield row([*cells, escaped(pair.difference)] if both else cells)


def _answer(record: CaseRecord | None) -> str:
    if record is None:
        return "not asked"
    symbol = phrases.SYMBOLS[record.verdict.status]
    return f"{symbol} {escaped(phrases.outcome_words(record.observation))}"


def _changes(run: Run) -> Iterator[str]:
    if found := other_changes(run):
        yield from _heading(f"Other changes since the baseline ({_count(found)})")
        yield from _breakages(found)
    if run.absent:
        yield from _heading(f"Absent ({phrases.plural(len(run.absent), 'case')})")
        yield from (with_commands(phrases.ABSENT), "")
        yield from (f"- **absent**: {code(name)}" for name in run.absent)
    if flaky := flaky_cases(run):
        yield from _heading(f"Flaky ({_count(flaky)})")
        yield from _breakages(flaky)


def _count(found: Iterable[Breakage]) -> str:
    return phrases.plural(sum(each.size for each in found), "case")


def _breakages(found: Iterable[Breakage]) -> Iterator[str]:
    """Yield each entry with what changed, why, what to do, and its cases."""
    for each in found:
        name = code(each.cases[0].id) if each.size == 1 else each.case_words
        yield f"- {phrases.SYMBOLS[each.status]} **{each.word}**: {name}"
        yield from (f"  - {with_commands(line)}" for line in each.lines(MAX_DETAILS))
        yield from (f"  - {purpose}: {_command(command)}" for purpose, command in each.commands)
        if each.size > 1:
            names = [code(record.id) for record in each.cases[:MAX_CASES]]
            more = each.size - len(names)
            names += [f"… and {more:,} more"] if more else []
            yield f"  - cases: {', '.join(names)}"


def _command(command: str) -> str:
    """Return a command as a code span, if nothing in it could end the span."""
    is_plain = len(command) <= MAX_LINE_LENGTH and re.fullmatch(r"[\w@./+:' =,-]+", command)
    return f"`{command}`" if is_plain else escaped(command)


def _version_changes(changes: tuple[VersionChange, ...]) -> Iterator[str]:
    if changes:
        yield from _heading(f"Between versions ({news.count_changes(changes)})")
    yield from map(_change, changes[:MAX_CHANGES])
    if rest := changes[MAX_CHANGES:]:
        yield from ("", _OPEN, f"<summary>{phrases.plural(len(rest), 'more change')}</summary>", "")
        yield from (*map(_change, rest), "", _CLOSE)


def _change(change: VersionChange) -> str:
    flow, first = news.flow_of(change), change.pairs[0][1]
    more = f" and {len(change.pairs) - 1:,} more" if len(change.pairs) > 1 else ""
    return f"- **{flow}**: {escaped(describe_change(change))}: {code(first.id)}{more}"


def _findings(run: Run) -> Iterator[str]:
    found = news.count_findings(run)
    if found:
        count = sum(bool(record.findings) for record in run.cases)
        yield from _heading(f"Findings in {phrases.plural(count, 'case')}")
    for each in found:
        clients = escaped(", ".join(each.clients))
        yield f"- {code(each.name)}: {phrases.plural(each.cases, 'case')}: {clients}"


def _heading(title: str) -> tuple[str, ...]:
    return ("", f"### {title}", "")


def _outcomes(run: Run, changes: tuple[VersionChange, ...]) -> Iterator[str]:
    """Yield the outcomes of all cases: a folded table for each set of clients that are asked."""
    tables = [table for each in heat_maps(run, changes) for table in each.tables]
    if run.selection.is_command or not tables:
        return
    yield from ("", _OPEN)
    yield f"<summary>Outcomes of {phrases.plural(len(run.cases), 'case')} by client</summary>"
    for table in tables:
        yield ""
        yield from _table(table)
    yield from ("", _CLOSE)


def _table(table: Table) -> Iterator[str]:
    yield row(["Auth path", *map(_head, table.columns)])
    yield row(["---"] * (len(table.columns) + 1))
    for section in table.sections:
        title = f"**{escaped(section.title)}** ({code(section.scenario)})"
        yield row([title] + [""] * len(table.columns))
        for each in sorted(section.all_rows, key=lambda r: r.rank):
            yield row([escaped(each.path), *map(_cell, each.cells)])


def _head(column: Column) -> str:
    is_named = column.client.endswith(f"@{column.version}")
    ran = "" if is_named or not column.version else f"<br>ran {escaped(column.version)}"
    return f"{code(column.client)}{ran}"


def _cell(cell: Cell | None) -> str:
    """Return the outcome, the status unless it passed, and the outcome at the older version."""
    if cell is None:
        return ""
    verdict = cell.record.verdict
    parts = [f"{phrases.SYMBOLS[verdict.status]} {escaped(result_words(cell.record))}"]
    if verdict.status is not Status.PASSED:
        parts.append(phrases.status_words(verdict))
    if cell.before and cell.is_other_outcome:
        parts.append(f"before: {escaped(result_words(cell.before))}")
    return "<br>".join(parts)


def row(cells: Iterable[str]) -> str:
    """Return a row of a table, of escaped cells."""
    return f"| {' | '.join(cells)} |"


def code(name: str) -> str:
    """Return a code span, or escaped text if the name could end the span or the cell."""
    plain = len(name) <= MAX_LINE_LENGTH and re.fullmatch(r"[A-Za-z0-9@./+:_-]+", name)
    return f"`{name}`" if plain else escaped(name)


def _bounded(lines: Iterable[str], limit_bytes: int) -> str:
    """Return the lines that fit, with a note if some do not, and nothing left open."""
    fitting: list[str] = []
    room = limit_bytes - len(f"\n{_CLOSE}\n\n{_TRUNCATED}\n".encode())
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            fitting += ["", _CLOSE] if fitting.count(_OPEN) > fitting.count(_CLOSE) else []
            fitting += ["", _TRUNCATED]
            break
        fitting.append(line)
    return "\n".join(fitting) + "\n"
