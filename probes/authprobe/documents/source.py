"""Text of a document, positions in it, and the wording that all error messages share."""

import itertools
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.core.escaping import is_visible
from authprobe.core.suggestions import closest

KeyPath = tuple[str | int, ...]
"""Keys and indexes that lead to a value."""
PathProblem = tuple[KeyPath, str]
"""An error message, and the path of the value that it is about."""
KEY: Final = "[key]"
"""Last part of a path that means a key instead of its value (pydantic's spelling)."""

MAX_FILE_BYTES: Final = 1 << 20
MAX_QUOTE_LENGTH: Final = 60
_MAX_CHOICES_LISTED: Final = 20
# difflib is quadratic, and the words come from an untrusted file.
_MAX_WORD_LENGTH: Final = 80
_MAX_WORDS_COMPARED: Final = 200

# What YAML 1.2 calls printable (5.1), without the three that only YAML 1.1 takes for line breaks.
# Compiled at its first use, as that takes 3 ms and few commands read a file.
_NOT_PRINTABLE: Final = (
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
_OTHER_ENCODINGS: Final = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A position in a file, counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """An error in a document, with its position."""

    position: Position
    message: str


class SourceError(Exception):
    """A file that cannot be read or is not YAML; carries the one problem."""

    def __init__(self, position: Position, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(position, message)


def read_text(path: Path) -> str:
    """Return the text of a regular UTF-8 file, without its byte order mark.

    Raises:
        SourceError: the file cannot be read, is larger than `MAX_FILE_BYTES`, is not UTF-8 or
            contains control characters.
    """
    text = _decode(_read_bytes(path)).removeprefix("\ufeff")
    if match := re.search(_NOT_PRINTABLE, text):
        code = f"U+{ord(match[0]):04X}"
        raise SourceError(
            _position(text, match.start()),
            f"the control character {code}; leave it out, or write it as an escape",
        )
    return text


def _read_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(Position(), "a directory, not a file")
        if not stat.S_ISREG(mode):  # opening a FIFO would wait, opening a device may act
            raise SourceError(Position(), "not a regular file")
        # The file may have been replaced since.
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(Position(), "not a regular file")
            content: bytes | None = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        reason = "a broken symbolic link" if path.is_symlink() else "no such file"
        raise SourceError(Position(), reason) from None
    except OSError as error:
        raise SourceError(Position(), f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # the path itself: a NUL, or a surrogate
        raise SourceError(Position(), f"cannot be read: {escape(str(error))}") from None
    if content is None:  # such as /proc/kmsg, which has nothing without waiting
        raise SourceError(Position(), "cannot be read: it has no content yet")
    if len(content) > MAX_FILE_BYTES:
        raise SourceError(Position(), f"larger than {MAX_FILE_BYTES:,} bytes (limit)")
    return content


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _decode(content: bytes) -> str:
    for mark, encoding in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise SourceError(Position(), f"the file is {encoding}; save it as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        raise SourceError(
            _position(before.removeprefix("\ufeff"), len(before)),
            f"byte 0x{content[error.start]:02x} at offset {error.start} is not UTF-8; "
            "save the file as UTF-8",
        ) from None


def _position(text: str, index: int) -> Position:
    before = text[:index]
    breaks = list(_LINE_BREAK.finditer(before))
    return Position(len(breaks) + 1, len(before) - (breaks[-1].end() if breaks else 0) + 1)


def escape(text: str) -> str:
    """Return the text on one line, with everything invisible (controls, bidi) escaped."""
    return "".join(c if is_visible(c) else c.encode("unicode_escape").decode() for c in text)


def quote(text: str) -> str:
    """Return the text for an error message: quoted, escaped, on one line and truncated."""
    escaped = escape(text[: MAX_QUOTE_LENGTH + 1])
    if len(escaped) > MAX_QUOTE_LENGTH:
        escaped = escaped[: MAX_QUOTE_LENGTH - 1] + "…"
    return f"'{escaped}'"


def choices(words: Iterable[str]) -> str:
    """Return the words as `'a', 'b' or 'c'`."""
    *others, last = map(quote, words)
    return f"{', '.join(others)} or {last}" if others else last


def nearest(word: str, words: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the allowed word that was probably meant, or None."""
    if len(word) > _MAX_WORD_LENGTH:
        return None
    return closest(word, itertools.islice(words, _MAX_WORDS_COMPARED), cutoff=cutoff)


def remedy(word: str, words: Iterable[str]) -> str:
    """Return the end of an error message: the nearest allowed word, else all of them."""
    allowed = list(words)
    if (suggestion := nearest(word, allowed)) is not None:
        return f"; did you mean {quote(suggestion)}?"
    if not allowed or len(allowed) > _MAX_CHOICES_LISTED:
        return ""
    return f"; use {choices(allowed)}"
