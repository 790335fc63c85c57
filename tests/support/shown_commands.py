"""Commands that the pages of the documentation show."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.cli import main
from tests.support.command import PROJECT

PAGES: Final = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])
BLOCK: Final = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
TABLE: Final = re.compile(r"^\| command \| .*\n(?:\|.*\n)+", re.MULTILINE)
ROW: Final = re.compile(r"^\| `(authprobe [^`]+)` \|", re.MULTILINE)
CALL: Final = re.compile(r"(?:^|(?<=[\s`]))authprobe ([a-z-]+)\b[^`]*")
UNCOMMENTED: Final = re.compile(r"""(?:[^\s#'"\\]|\\.|(?<=\S)#|\s|'[^']*'|"(?:\\.|[^"\\])*")*""")
"""The part of a line before its comment; a `#` in quotes or within a word begins none."""
IS_DRAWING: Final = "authprobe run (pytest;"


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """A line of a shell, or a whole script by its first line, and the output below it."""

    line: str
    output: tuple[str, ...] = ()

    @property
    def calls(self) -> tuple[str, ...]:
        """Calls of `authprobe` in the line, each without the pipes and redirections around it."""
        return calls_in(self.line)


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """The commands of a block of a page."""

    commands: tuple[ShownCommand, ...]
    is_list: bool = False
    """They stand in a list or table, each with its explanation: alternatives, not steps."""


def blocks_of(text: str, *languages: str) -> list[tuple[str, str]]:
    """Return the language and content of each block in these languages."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return [
        (language, textwrap.dedent(content))
        for _, language, content in BLOCK.findall(text)
        if language in languages
    ]


def shown_blocks(text: str) -> list[ShownBlock]:
    """Return the blocks of a page that show commands."""
    blocks = []
    for language, content in blocks_of(text, "sh", "console", "text"):
        lines = re.sub(r" *\\\n *", " ", content).splitlines()
        if language == "sh":
            blocks.append(ShownBlock(tuple(_of_shell(lines))))
        elif any(line.startswith("$ ") for line in lines):
            blocks.append(ShownBlock(tuple(_of_terminal(lines))))
        else:
            blocks.append(ShownBlock(tuple(_of_list(lines)), is_list=True))
    rows = (row for table in TABLE.findall(text) for row in ROW.findall(table))
    blocks.append(ShownBlock(tuple(map(ShownCommand, rows)), is_list=True))
    return [block for block in blocks if block.commands]


def shown_commands(page: Path) -> list[ShownCommand]:
    """Return the commands of a page."""
    return [each for block in shown_blocks(page.read_text()) for each in block.commands]


def calls_in(line: str) -> tuple[str, ...]:
    """Return the calls of `authprobe` with a subcommand, in a line of a shell."""
    parts = re.split(r" (?:&&|\|\|?|[0-9]?>|<) ", line)
    calls = (match for part in parts if (match := CALL.search(part)))
    return tuple(match[0] for match in calls if match[1] in main.commands)


def _of_shell(lines: list[str]) -> Iterator[ShownCommand]:
    if lines[0].startswith("#!"):
        yield ShownCommand(lines[1])  # with the name of the file
    elif re.match(r"\w+\(\) {", lines[0]):
        yield ShownCommand(_without_comment(lines[0]))
    else:
        shown = (_without_comment(line) for line in lines)
        yield from (ShownCommand(line) for line in shown if line)


def _of_terminal(lines: list[str]) -> Iterator[ShownCommand]:
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command = _without_comment(lines[start].removeprefix("$ "))
        yield ShownCommand(command, tuple(line for line in lines[start + 1 : end] if line))


def _of_list(lines: list[str]) -> Iterator[ShownCommand]:
    for line in lines:
        if calls_in(line) and line.startswith("authprobe ") and IS_DRAWING not in line:
            yield ShownCommand(line.partition("  ")[0])


def _without_comment(line: str) -> str:
    match = UNCOMMENTED.match(line)
    return match[0].strip() if match else ""
