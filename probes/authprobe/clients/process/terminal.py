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
MAX_PART_BYTES: Final = 4096
MAX_DRAWING_TIME: Final = 10.0
"""Seconds of processor time for all output of a program."""
CUT_LINE: Final = "(authprobe: the rest of the output takes too long to draw)"
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
        self._drawing_time = 0.0
        self._is_cut = False

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines on the screen now, without empty ones."""
        self._draw()
        lines = tuple(line.strip() for line in self._rows() if line.strip())
        return (*lines, CUT_LINE) if self._is_cut else lines

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
        """Draw the new output, except an incomplete escape sequence at its end.

        What is sent in a few bytes can take long to draw, such as an erased screen, so all drawing
        together has a limit, after which the screen stays as it is.
        """
        new = self.child.output[self._drawn :]
        tail = INCOMPLETE_SEQUENCE.search(new, max(0, len(new) - MAX_SEQUENCE_BYTES))
        new = new[: tail.start()] if tail else new
        self._drawn += len(new)
        began = time.thread_time()
        for part in _parts(UNSUPPORTED_SEQUENCE.sub(b"", new)):
            if self._drawing_time + time.thread_time() - began > MAX_DRAWING_TIME:
                self._is_cut = True
                break
            # pyte raises these for unexpected parameters: drop that one sequence.
            with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError):
                self._stream.feed(part)
        self._drawing_time += time.thread_time() - began


def _parts(output: bytes) -> Iterator[bytes]:
    """Yield the escape sequences and the texts between them, in short parts."""
    for match in OUTPUT_PART.finditer(output):
        for start in range(match.start(), match.end(), MAX_PART_BYTES):
            yield output[start : min(start + MAX_PART_BYTES, match.end())]


def _unwrap(line: str) -> str:
    """Return the line with its line break, unless it is full and continues in the next row."""
    text = line.rstrip()
    return text if len(text) == COLUMNS else f"{text}\n"
