"""The terminal of a child, read as a person reads it: what is on the screen, not what was sent."""

import contextlib
import re
import time
from collections.abc import Iterator
from typing import Final

import pyte

from authprobe.clients.process.child import COLUMNS, ROWS, Child

UNKNOWN: Final = re.compile(
    rb"\x1b(?:\[(?:[<=>?][0-9;:]*[ -/]*[a-gi-km-zA-Z]|[0-9;]*:[0-9;:]*[@-~])|[PX^_][^\x1b]*\x1b\\)"
)
"""What newer terminals are told or asked, and pyte would take for something else."""
UNFINISHED: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[PX^_][^\x1b]*\x1b?)?\Z")
"""The beginning of an escape sequence (ECMA-48, 5.4 and 5.6) whose end has not come yet."""
UNFINISHED_LIMIT_BYTES: Final = 16 * 1024
PARTS: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b?[^\x1b]+|\x1b")
LINK: Final = re.compile(rb"\x1b\]8;[^;\x07\x1b]*;([!-~]+?)(?:\x07|\x1b\\)")
"""OSC 8: an address behind a text on the screen."""
ADDRESS: Final = re.compile(r"https?://[!-~]+")
ENTER: Final = b"\r"


class Terminal:
    """What a child that was started with `Stdin.TERMINAL` shows, and what its user types."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._drawn = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines that are on the screen now, without those that are empty."""
        self._draw()
        return tuple(line.strip() for line in self._rows() if line.strip())

    @property
    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that is on the screen, or was behind a text on it, each once."""
        linked = (link.decode("ascii") for link in LINK.findall(self.child.output))
        self._draw()
        whole = "".join(_unwrapped(line) for line in self._rows())
        return tuple(dict.fromkeys([*ADDRESS.findall(whole), *linked]))

    def type(self, text: str) -> None:
        """Type this, all at once, as by pasting it."""
        self.child.write(text.encode())

    def enter(self) -> None:
        """Press Enter."""
        self.child.write(ENTER)

    def changes(self, limit: float) -> bool:
        """Whether something else is on the screen before the child ends, or the limit is over."""
        lines = self.lines
        return self.child.read_until(lambda: self.lines != lines, limit)

    def settle(self, quiet: float, limit: float) -> None:
        """Wait until nothing has been written for so many seconds."""
        deadline, written = time.monotonic() + limit, -1
        while written != len(self.child.output) and time.monotonic() < deadline:
            written = len(self.child.output)
            self.child.read_until(lambda: False, quiet)

    def _rows(self) -> Iterator[str]:
        """Every line of the screen up to the last cell that was written."""
        for number in range(ROWS):
            cells = self._screen.buffer[number]
            yield "".join(cells[place].data for place in range(max(cells, default=-1) + 1))

    def _draw(self) -> None:
        """Draw what has come since, but for an escape sequence that is not complete."""
        new = self.child.output[self._drawn :]
        tail = UNFINISHED.search(new, max(0, len(new) - UNFINISHED_LIMIT_BYTES))
        new = new[: tail.start()] if tail else new
        self._drawn += len(new)
        for part in PARTS.findall(UNKNOWN.sub(b"", new)):
            # A sequence with parameters that pyte does not expect is lost, and no other.
            with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError):
                self._stream.feed(part)


def _unwrapped(line: str) -> str:
    """The line with its end, unless it is full and goes on in the next one."""
    text = line.rstrip()
    return text if len(text) == COLUMNS else f"{text}\n"
