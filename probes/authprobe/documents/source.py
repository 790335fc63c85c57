"""The text of a scenario file, or the reason why it cannot be had; and how to speak of it."""

import difflib
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KeyPath = tuple[str | int, ...]
"""Keys and indexes that lead to a value."""
KEY: Final = "[key]"
"""At the end of a path: the key is meant, not its value. (pydantic writes it so.)"""

LIMIT_BYTES: Final = 1 << 20
EXCERPT_LENGTH: Final = 60
_SUGGESTION_LENGTH: Final = 80  # difflib is quadratic, and a name is never longer
_SUGGESTIONS: Final = 200

# What YAML 1.2 calls printable (5.1), without the three that only YAML 1.1 takes for line breaks.
_NOT_PRINTABLE: Final = re.compile(
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
class Mark:
    """A place in a file, counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Flaw:
    """What is wrong at a place."""

    at: Mark
    text: str


class SourceError(Exception):
    """A file that is not read any further, and why; `load` makes it a complaint."""

    def __init__(self, at: Mark, text: str) -> None:
        super().__init__(text)
        self.flaw = Flaw(at, text)


def read_text(path: Path) -> str:
    """The text of a regular file of UTF-8, without its byte order mark.

    Raises:
        SourceError: it is no such file, larger than `LIMIT_BYTES`, or has control characters.
    """
    text = _decode(_read_bytes(path)).removeprefix("\ufeff")
    if found := _NOT_PRINTABLE.search(text):
        code = f"U+{ord(found[0]):04X}"
        raise SourceError(
            _mark(text, found.start()),
            f"the control character {code}; leave it out, or write it as an escape",
        )
    return text


def _read_bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(Mark(), "a folder, not a file")
        if not stat.S_ISREG(mode):  # opening a FIFO would wait for a writer
            raise SourceError(Mark(), "not a regular file")
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except FileNotFoundError:
        broken = path.is_symlink()
        raise SourceError(Mark(), "a link to nothing" if broken else "no such file") from None
    except OSError as error:
        raise SourceError(Mark(), f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # the path itself: a NUL, or a surrogate
        raise SourceError(Mark(), f"cannot be read: {escape(str(error))}") from None
    if len(content) > LIMIT_BYTES:
        raise SourceError(Mark(), f"larger than {LIMIT_BYTES:,} bytes; a scenario is a small file")
    return content


def _decode(content: bytes) -> str:
    for mark, name in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise SourceError(Mark(), f"the file is {name}; save it as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        raise SourceError(
            _mark(before.removeprefix("\ufeff"), len(before)),
            f"byte 0x{content[error.start]:02x} at offset {error.start} is not UTF-8; "
            "save the file as UTF-8",
        ) from None


def _mark(text: str, index: int) -> Mark:
    before = text[:index]
    breaks = list(_LINE_BREAK.finditer(before))
    return Mark(len(breaks) + 1, len(before) - (breaks[-1].end() if breaks else 0) + 1)


def escape(text: str) -> str:
    """The text on one line, with all that is not printable (controls, bidi) as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(text: str) -> str:
    """The text as a complaint shows it: on one line, escaped, quoted, and cut where it is long."""
    shown = escape(text[: EXCERPT_LENGTH + 1])
    if len(shown) > EXCERPT_LENGTH:
        shown = shown[: EXCERPT_LENGTH - 1] + "…"
    return f"'{shown}'"


def choices(words: Iterable[str]) -> str:
    """The words as `'a', 'b' or 'c'`."""
    *others, last = map(quote, words)
    return f"{', '.join(others)} or {last}" if others else last


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of the words that was probably meant."""
    if len(word) > _SUGGESTION_LENGTH:
        return None
    known = {each.lower(): each for each in list(words)[:_SUGGESTIONS]}
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return known[near[0]] if near else None


def remedy(word: str, words: Iterable[str]) -> str:
    """How to go on: the nearest of the words, or all of them where none is near."""
    known = list(words)
    if (near := nearest(word, known)) is not None:
        return f"; did you mean {quote(near)}?"
    if not known:
        return ""
    return f"; use {choices(known)}" if len(known) <= 20 else ""
