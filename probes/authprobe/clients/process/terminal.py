"""The emulated screen of a child's terminal, and the user who reads it and types."""

import contextlib
import re
import time
from collections.abc import Iterator
from typing import Final

import pyte

from authprobe.clients.process.child import COLUMNS, ROWS, Child

UNSUPPORTED_SEQUENCE: Final = re.compile(
    rb"\x1b(?:\[(?:[<=>?][0-9;:]*[ -/]*[a-gi-km-zA-Z]|[0-9;]*:[0-9;:]*[@-~])|[PX^_][^\x1b]*\x1b\\)"
)
"""Sequences of newer terminals, which pyte would misread."""
INCOMPLETE_SEQUENCE: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[PX^_][^\x1b]*\x1b?)?\Z")
"""An escape sequence (ECMA-48, 5.4 and 5.6) whose end has not arrived yet."""
MAX_SEQUENCE_BYTES: Final = 16 * 1024
OUTPUT_PART: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b?[^\x1b]+|\x1b")
LINK: Final = re.compile(rb"\x1b\]8;[^;\x07\x1b]*;([!-~]+?)(?:\x07|\x1b\\)")
"""OSC 8: the address of a hyperlink."""
ADDRESS: Final = re.compile(r"https?://[!-~]+")
ENTER: Final = b"\r"


class Terminal:
    """Screen and keyboard of a child that was started with `Stdin.TERMINAL`."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._drawn = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines on the screen now, without empty ones."""
        self._draw()
        return tuple(line.strip() for line in self._rows() if line.strip())

    @property
    def text(self) -> str:
        """Text on the screen now, without empty lines."""
        return "\n".join(self.lines)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Distinct addresses: those on the screen now, and every hyperlink so far."""
        links = (link.decode("ascii") for link in LINK.findall(self.child.output))
        self._draw()
        text = "".join(_unwrap(line) for line in self._rows())
        return tuple(dict.fromkeys([*ADDRESS.findall(text), *links]))

    def type(self, text: str) -> None:
        """Paste this text."""
        self.child.write(text.encode())

    def enter(self) -> None:
        """Press Enter."""
        self.child.write(ENTER)

    def wait_for_change(self, limit: float) -> bool:
        """Block until the screen changes; return False on exit or timeout."""
        lines = self.lines
        return self.child.read_until(lambda: self.lines != lines, limit)

    def wait_until_quiet(self, quiet: float, limit: float) -> None:
        """Block until nothing is written for `quiet` seconds, or `limit` seconds have passed."""
        deadline, length = time.monotonic() + limit, -1
        while length != len(self.child.output) and time.monotonic() < deadline:
            length = len(self.child.output)
            self.child.read_until(lambda: False, quiet)

    def _rows(self) -> Iterator[str]:
        """Yield each line of the screen up to its last written cell."""
        for number in range(ROWS):
            cells = self._screen.buffer[number]
            yield "".join(cells[column].data for column in range(max(cells, default=-1) + 1))

    def _draw(self) -> None:
        """Draw the new output, except an incomplete escape sequence at its end."""
        new = self.child.output[self._drawn :]
        tail = INCOMPLETE_SEQUENCE.search(new, max(0, len(new) - MAX_SEQUENCE_BYTES))
        new = new[: tail.start()] if tail else new
        self._drawn += len(new)
        for part in OUTPUT_PART.findall(UNSUPPORTED_SEQUENCE.sub(b"", new)):
            # pyte raises these for unexpected parameters: drop that one sequence.
            with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError):
                self._stream.feed(part)


def _unwrap(line: str) -> str:
    """Return the line with its line break, unless it is full and continues in the next row."""
    text = line.rstrip()
    return text if len(text) == COLUMNS else f"{text}\n"
