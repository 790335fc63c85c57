"""A run as a table for the terminal."""

from typing import Final

from rich.console import Console
from rich.text import Text

from authprobe.core.escaping import for_log, one_line
from authprobe.report.model import matrix, phrases
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

_STYLES: Final = {
    Status.PASSED: "green",
    Status.FAILED: "bold red",
    Status.ERROR: "bold yellow",
    Status.SKIPPED: "dim",
}
_HEADS: Final = ("Verdict", "Outcome", "Requests", "Seconds", "Case")
_PLAIN_MARKS: Final = {
    Status.PASSED: "+",
    Status.FAILED: "x",
    Status.ERROR: "!",
    Status.SKIPPED: "-",
}


def print_run(run: Run, console: Console) -> None:
    """Print a line for each case with its problems below, then the verdict on the run."""
    # No line is wrapped: users copy ids and search for them.
    console.print(_table(run, plain=console.options.ascii_only), soft_wrap=True)


def _table(run: Run, *, plain: bool) -> Text:
    drawn = Text()
    rows = [_cells(record, plain=plain) for record in run.cases]
    widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
    if rows:
        drawn.append(_line(_HEADS, widths), "bold")
    for record, cells in zip(run.cases, rows, strict=True):
        style = _STYLES[record.verdict.status]
        line = _line(cells, widths)
        drawn.append(line[: widths[0]], style).append(line[widths[0] :])
        if record.verdict.status in (Status.FAILED, Status.ERROR):
            for problem in phrases.describe_problem(record):
                drawn.append(f"    {_printable(problem, plain=plain)}\n", style)
            for words in phrases.describe_why(record):
                drawn.append(f"    {_printable(words, plain=plain)}\n")
    drawn.append("\n" if rows else "")
    _append_changes(drawn, run, plain=plain)
    for warning in matrix.warnings(run):
        drawn.append(f"{_printable(warning, plain=plain)}\n", "bold yellow")
    headline = matrix.headline(run)
    mark = _mark(headline.status, plain=plain)
    words = f"{mark} {headline.word} · {headline.counts} · {run.elapsed:.1f} s"
    return drawn.append(_printable(words, plain=plain), _STYLES[headline.status])


def _append_changes(drawn: Text, run: Run, *, plain: bool) -> None:
    """Append the differences from the baseline, regressions first."""
    for record in matrix.changes(run):
        style = _STYLES[record.verdict.status]
        drawn.append(f"{_printable(phrases.changed_words(record), plain=plain)}\n", style)
        for line in matrix.change_words(record):
            drawn.append(f"    {_printable(line, plain=plain)}\n")
    for name in run.absent:
        drawn.append(f"absent: {_printable(name, plain=plain)}\n", "bold yellow")
    if words := matrix.baseline_words(run):
        drawn.append(f"{words}\n")


def _cells(record: CaseRecord, *, plain: bool) -> tuple[str, ...]:
    observation, verdict = record.observation, record.verdict
    return (
        f"{_mark(verdict.status, plain=plain)} {phrases.status_words(verdict)}",
        phrases.outcome_words(observation),
        str(len(observation.exchanges)),
        f"{observation.elapsed:.2f}",
        _printable(record.id, plain=plain),
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Return the cells in columns, with numbers aligned right and the last cell unpadded."""
    mark, outcome, requests, seconds, case = cells
    return (
        f"{mark:<{widths[0]}}  {outcome:<{widths[1]}}  {requests:>{widths[2]}}  "
        f"{seconds:>{widths[3]}}  {case}\n"
    )


def _mark(status: Status, *, plain: bool) -> str:
    return _PLAIN_MARKS[status] if plain else phrases.SYMBOLS[status]


def _printable(text: str, *, plain: bool) -> str:
    """Return text from outside on one line, in characters that the terminal can print."""
    line = for_log(one_line(text))
    return line.encode("ascii", "backslashreplace").decode() if plain else line
