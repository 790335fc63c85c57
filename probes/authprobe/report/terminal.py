"""A run for the terminal: failures, changes, findings, and one line of counts at the end."""

import re
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from authprobe.core.escaping import for_display, for_log
from authprobe.core.wrapping import wrap_line
from authprobe.report.model import live, matrix, news, phrases
from authprobe.report.model.breakages import Breakage, breakages, flaky_cases, other_changes
from authprobe.report.model.version_changes import VersionChange, describe_change, version_changes
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

MAX_BREAKAGES: Final = 20
"""Different problems, or changes since the baseline, that are printed."""
MAX_DETAILS: Final = 5
"""Differences of one of them that are printed beside the reasons."""
MAX_CASES: Final = 5
"""Cases with the same problem that are printed."""
MAX_ABSENT: Final = 10
MAX_PAIRS: Final = 12
"""Questions to the real service that are printed."""
MAX_CHANGES: Final = 8
"""Changes between versions that are printed: the most important ones fit on a screen."""

Line = tuple[str, str]
"""Text, and the style of rich that it is printed in."""

_INDENT: Final = "    "
_SPACE: Final = re.compile(r"[\r\n\t]+")
_HEAD: Final = "bold"
_STYLES: Final = {
    Status.PASSED: "green",
    Status.FAILED: "bold red",
    Status.ERROR: "bold yellow",
    Status.SKIPPED: "dim",
    Status.OBSERVED: "cyan",
}
_FLOW_STYLES: Final = {"worse": "yellow", "better": "green", "changed": ""}
_HEADS: Final = ("Verdict", "Outcome", "Requests", "Seconds", "Case")
_PLAIN_MARKS: Final = {
    Status.PASSED: "+",
    Status.FAILED: "x",
    Status.ERROR: "!",
    Status.SKIPPED: "-",
    Status.OBSERVED: "*",
}
_PLAIN: Final = str.maketrans(
    {"→": "->", "…": "...", "·": "-", "“": '"', "”": '"', "✓": "+", "✗": "x", "○": "-", "•": "*"}
)
"""Signs that a terminal without Unicode gets for the common ones of this report."""


def print_run(run: Run, console: Console, *, verbose: bool = False) -> None:
    """Print what went wrong and what is new, then the verdict; all cases if `verbose`."""
    plain = console.options.ascii_only
    width = console.width if console.is_terminal else None
    drawn = Text()
    for line, style in _lines(run, plain=plain, verbose=verbose):
        indent = len(line) - len(line.lstrip(" "))
        text = line[:indent] + _printable(line[indent:], plain=plain)
        shown = wrap_line(text, width) if _is_prose(text) else text
        drawn.append(shown[:indent]).append(shown[indent:], style)
        drawn.append("\n")
    drawn.right_crop(1)
    # Nothing else is wrapped: users copy commands and ids, and search for them.
    console.print(drawn, soft_wrap=True)


def _is_prose(line: str) -> bool:
    """Return True unless the line is a command to copy, or has columns."""
    words = line.strip()
    return ": authprobe " not in words and "  " not in words


def _lines(run: Run, *, plain: bool, verbose: bool) -> Iterator[Line]:
    sections = (
        _table(run, plain=plain) if verbose else (),
        _live(run, plain=plain, verbose=verbose),
        _breakages(breakages(run), "problem", plain=plain, verbose=verbose),
        _breakages(other_changes(run), "change", plain=plain, verbose=verbose),
        _absent(run, verbose=verbose),
        _breakages(flaky_cases(run), "flaky case", plain=plain, verbose=verbose),
        _version_changes(version_changes(run), verbose=verbose),
        _findings(run, verbose=verbose),
        ((warning, "bold yellow") for warning in matrix.warnings(run)),
    )
    for section in sections:
        lines = tuple(section)
        yield from lines
        if lines:
            yield "", ""
    yield _counts(run, plain=plain)


def _live(run: Run, *, plain: bool, verbose: bool) -> Iterator[Line]:
    """Yield whom a live run asked, and each answer beside the emulator's."""
    words = live.live_words(run)
    if words is None:
        return
    verdicts = live.secret_verdicts(run)
    yield from ((f"{_mark(s, plain=plain)} {line}", _STYLES[s]) for line, s in verdicts)
    yield words, _HEAD
    both, found = live.has_pairs(run), live.pairs(run)
    if both:
        yield f"Emulator and live: {live.pair_counts(run)}", _HEAD
        if note := live.pair_note(run):
            yield f"{_INDENT}{note}", ""
    shown = found if verbose else found[:MAX_PAIRS]
    for pair in shown:
        marks = (_answer(each, plain=plain) for each in (pair.emulator, pair.live) if each)
        yield f"{_INDENT}{pair.id}", ""
        yield f"{_INDENT * 2}{', '.join(marks)}", "" if not both or pair.is_same else "yellow"
        if both and not pair.is_same:
            yield f"{_INDENT * 2}{pair.difference}", "yellow"
    yield from _more(len(found) - len(shown), "question")


def _answer(record: CaseRecord, *, plain: bool) -> str:
    words = phrases.outcome_words(record.observation)
    return f"{record.target} {_mark(record.verdict.status, plain=plain)} {words}"


def _counts(run: Run, *, plain: bool) -> Line:
    line = matrix.headline(run)
    baseline = matrix.baseline_counts(run)
    parts = (
        f"{_mark(line.status, plain=plain)} {line.word}",
        line.counts,
        f"baseline: {baseline}" if baseline else None,
        f"{run.elapsed:.1f} s",
    )
    return " · ".join(part for part in parts if part), _STYLES[line.status]


def _breakages(
    found: tuple[Breakage, ...], noun: str, *, plain: bool, verbose: bool
) -> Iterator[Line]:
    """Yield each entry with what changed, why, what to do, and its cases."""
    shown = found if verbose else found[:MAX_BREAKAGES]
    for each in shown:
        yield (
            f"{_mark(each.status, plain=plain)} {each.word}: {each.case_words}",
            _STYLES[each.status],
        )
        limit = len(each.what) if verbose else MAX_DETAILS
        yield from ((f"{_INDENT}{line}", "") for line in each.lines(limit))
        yield from ((f"{_INDENT}{purpose}: {command}", "") for purpose, command in each.commands)
        yield from _cases(each, verbose=verbose)
    yield from _more(len(found) - len(shown), noun)


def _cases(found: Breakage, *, verbose: bool) -> Iterator[Line]:
    """Yield the cases of an entry, unless its head names the only one."""
    if found.size == 1:
        return
    shown = found.cases if verbose else found.cases[:MAX_CASES]
    yield f"{_INDENT}cases:", ""
    yield from ((f"{_INDENT * 2}{record.id}", "") for record in shown)
    if more := found.size - len(shown):
        yield f"{_INDENT * 2}… and {more:,} more", ""


def _absent(run: Run, *, verbose: bool) -> Iterator[Line]:
    shown = run.absent if verbose else run.absent[:MAX_ABSENT]
    yield from ((f"absent: {name}", "bold yellow") for name in shown)
    yield from _more(len(run.absent) - len(shown), "absent case")
    if run.absent:
        yield f"{_INDENT}{phrases.ABSENT}", ""


def _version_changes(changes: tuple[VersionChange, ...], *, verbose: bool) -> Iterator[Line]:
    """Yield the changes between neighbouring versions, those to the worse first."""
    if not changes:
        return
    yield f"Between versions: {news.count_changes(changes)}", _HEAD
    shown = changes if verbose else changes[:MAX_CHANGES]
    for change in shown:
        flow = news.flow_of(change)
        yield f"{flow}: {describe_change(change)}", _FLOW_STYLES[flow]
        more = f" and {len(change.pairs) - 1:,} more" if len(change.pairs) > 1 else ""
        yield f"{_INDENT}{change.pairs[0][1].id}{more}", "dim"
    yield from _more(len(changes) - len(shown), "change")


def _findings(run: Run, *, verbose: bool) -> Iterator[Line]:
    """Yield a line for each finding; if `verbose`, for each client and version that shows it."""
    found = news.count_findings(run)
    if not found:
        return
    yield f"Findings in {phrases.plural(sum(bool(r.findings) for r in run.cases), 'case')}", _HEAD
    if verbose:
        for row in matrix.findings(run):
            cases = phrases.plural(len(row.cases), "case")
            yield f"{row.name}: {row.client}, {cases}: {row.text}", ""
            yield from ((f"{_INDENT}{record.id}", "dim") for record in row.cases)
        return
    names, counts = zip(
        *((each.name, phrases.plural(each.cases, "case")) for each in found), strict=True
    )
    widths = max(map(len, names)), max(map(len, counts))
    for each, count in zip(found, counts, strict=True):
        words = f"{each.name:<{widths[0]}}  {count:>{widths[1]}}"
        yield f"{words}  {_client_words(each.clients)}", ""


def _client_words(clients: tuple[str, ...]) -> str:
    return f"{clients[0]} and {len(clients) - 1:,} more" if clients[1:] else clients[0]


def _more(count: int, noun: str) -> Iterator[Line]:
    if count > 0:
        yield f"… and {phrases.plural(count, f'more {noun}')}: see the report, or add -v", ""


def _table(run: Run, *, plain: bool) -> Iterator[Line]:
    """Yield a row for each case, under the names of the columns."""
    rows = [_cells(record, plain=plain) for record in run.cases]
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
    if rows:
        yield _row(_HEADS, widths), _HEAD
    for record, cells in zip(run.cases, rows, strict=True):
        yield _row(cells, widths), _STYLES[record.verdict.status]


def _cells(record: CaseRecord, *, plain: bool) -> tuple[str, ...]:
    observation, verdict = record.observation, record.verdict
    return (
        f"{_mark(verdict.status, plain=plain)} {phrases.status_words(verdict)}",
        phrases.outcome_words(observation),
        str(len(observation.exchanges)),
        f"{observation.elapsed:.2f}",
        _printable(record.id, plain=plain),
    )


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    """Return the cells in columns, with numbers aligned right and the last cell unpadded."""
    mark, outcome, requests, seconds, case = cells
    return (
        f"{mark:<{widths[0]}}  {outcome:<{widths[1]}}  {requests:>{widths[2]}}  "
        f"{seconds:>{widths[3]}}  {case}"
    )


def _mark(status: Status, *, plain: bool) -> str:
    return _PLAIN_MARKS[status] if plain else phrases.SYMBOLS[status]


def _printable(text: str, *, plain: bool) -> str:
    """Return text from outside on one line, in characters that the terminal can print."""
    line = for_log(for_display(_SPACE.sub(" ", text)))
    return line.translate(_PLAIN).encode("ascii", "backslashreplace").decode() if plain else line
