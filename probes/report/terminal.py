"""A run as a table for the terminal."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from probes.report import table, text
from probes.run import CaseRecord, Run
from probes.verdict import Status

_STYLES: Final = {
    Status.PASSED: "green",
    Status.FAILED: "bold red",
    Status.ERROR: "bold yellow",
    Status.SKIPPED: "dim",
}
_PLAIN_MARKS: Final = {
    Status.PASSED: "+",
    Status.FAILED: "x",
    Status.ERROR: "!",
    Status.SKIPPED: "-",
}


def print_run(run: Run, console: Console) -> None:
    """A line for each case, with what went wrong beneath it, then the verdict on the run."""
    if run.cases:
        console.print(_cases(run, console), "")
    for warning in table.warnings(run):
        console.print(_text(warning, console, "bold yellow"))
    line = table.headline(run)
    words = f"{_mark(line.status, console)} {line.word} · {line.counts} · {run.elapsed:.1f} s"
    console.print(_text(words, console, _STYLES[line.status]))


def _cases(run: Run, console: Console) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn.add_column("Verdict", no_wrap=True)
    drawn.add_column("Case", overflow="fold")
    drawn.add_column("Outcome", no_wrap=True)
    drawn.add_column("Status", justify="right", no_wrap=True)
    drawn.add_column("Requests", justify="right", no_wrap=True)
    drawn.add_column("Seconds", justify="right", no_wrap=True)
    for record in run.cases:
        drawn.add_row(*_cells(record, console))
    return drawn


def _cells(record: CaseRecord, console: Console) -> tuple[Text, ...]:
    seen, verdict = record.observation, record.verdict
    words = f"{_mark(verdict.status, console)} {text.status_words(verdict)}"
    return (
        _text(words, console, _STYLES[verdict.status]),
        _case(record, console),
        _text(seen.outcome.value, console),
        _text(text.status_number(seen), console),
        _text(str(len(seen.exchanges)), console),
        _text(f"{seen.elapsed:.2f}", console),
    )


def _case(record: CaseRecord, console: Console) -> Text:
    lines = [_text(record.id, console)]
    if record.verdict.status in (Status.FAILED, Status.ERROR):
        problems = text.describe_problem(record)
        lines += [_text(f"  {line}", console, _STYLES[record.verdict.status]) for line in problems]
    return Text("\n").join(lines)


def _mark(status: Status, console: Console) -> str:
    return _PLAIN_MARKS[status] if console.options.ascii_only else text.SYMBOLS[status]


def _text(outside: str, console: Console, style: str = "") -> Text:
    """The text with nothing hidden in it, in characters that the console can write."""
    line = text.one_line(outside)
    if console.options.ascii_only:
        line = line.encode("ascii", "backslashreplace").decode()
    return Text(line, style=style)
