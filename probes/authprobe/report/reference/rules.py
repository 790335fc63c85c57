"""The rules and faults of the emulator, for people: on a terminal, and as a page of the docs."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.text import Text

from authprobe.emulator.catalogue import CatalogueRow, rows
from authprobe.emulator.faults import ALIASES, FAULTS
from authprobe.emulator.rules.routes import NOT_PRODUCED

_HEADS: Final = ("Rule", "Status", "Last seen", "Certainty", "Condition")
_INTRODUCTION: Final = """\
# Rules of the emulator

Made by `authprobe emulator --rules --markdown`; a test holds it to the code. What the emulator
answers, under which condition, and who says so. A rule without a source does not load. "On demand"
is what no request brings about: a fault of that name does. Every refusal can be demanded so.

| rule | status | type and message | condition | where | seen | certainty |
| --- | --- | --- | --- | --- | --- | --- |
"""
_PLACES_SHOWN: Final = 3


def print_rules(console: Console) -> None:
    """A line for each rule and each fault."""
    listed = rows()
    cells = [_HEADS, *(_cells(row) for row in listed)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS) - 1)]
    drawn = Text()
    for number, line in enumerate(cells):
        words = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        drawn.append("  ".join([*words, line[-1]]) + "\n", "" if number else "bold")
        if number:
            drawn.append(f"    {' '.join(listed[number - 1].sources)}\n", "dim")
    drawn.append("\nFaults\n", "bold")
    width = max(map(len, FAULTS))
    for name, kind in FAULTS.items():
        seconds = f" (seconds: {kind.seconds:g})" if kind.seconds is not None else ""
        drawn.append(f"{name.ljust(width)}  {kind.text}{seconds}\n")
    for name, rule in ALIASES.items():
        drawn.append(f"{name.ljust(width)}  rule {rule}\n")
    drawn.append("\nNot produced\n", "bold")
    for name, why in NOT_PRODUCED.items():
        drawn.append(f"{name.ljust(width)}  {why}\n")
    console.print(drawn, soft_wrap=True, end="")


def _cells(row: CatalogueRow) -> tuple[str, ...]:
    status = str(row.status) if row.status else "-"
    return row.id, status, row.last_seen, row.certainty, row.words


def rules_markdown() -> str:
    """`docs/rules.md`."""
    lines = [_INTRODUCTION.rstrip("\n"), *map(_markdown_row, rows())]
    lines += ["", "## Faults", "", "| fault | what happens | seconds |", "| --- | --- | --- |"]
    for name, kind in FAULTS.items():
        seconds = f"{kind.seconds:g}" if kind.seconds is not None else ""
        lines.append(f"| `{name}` | {kind.text} | {seconds} |")
    lines += [f"| `{name}` | rule {rule} | |" for name, rule in ALIASES.items()]
    lines += ["", "## Rows that no server produces", "", "| row | why |", "| --- | --- |"]
    lines += [f"| {name} | {why} |" for name, why in NOT_PRODUCED.items()]
    lines += ["", "## Sources", ""]
    for row in rows():
        lines.append(f"- **{row.id}**: {', '.join(f'<{source}>' for source in row.sources)}")
    return "\n".join(lines) + "\n"


def _markdown_row(row: CatalogueRow) -> str:
    told = f"`{row.error_type}` " if row.error_type else ""
    told += _cell(row.message or "")
    return _line(
        row.id,
        str(row.status or ""),
        told.strip(),
        _cell(row.words),
        _where(row.places),
        f"{row.first_seen} to {row.last_seen}" if row.first_seen else row.last_seen,
        row.certainty,
    )


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _where(places: Iterable[str]) -> str:
    listed = list(places)
    if not listed:
        return "everywhere"
    more = f" and {len(listed) - _PLACES_SHOWN} more" if len(listed) > _PLACES_SHOWN else ""
    return "<br>".join(f"`{place}`" for place in listed[:_PLACES_SHOWN]) + more


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
