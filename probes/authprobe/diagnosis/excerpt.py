"""Excerpt of a long text: its two ends, and between them the lines that tell of errors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

REACH: Final = 300
"""Bytes of a long line that are read before and after an error."""
MAX_SHAPES: Final = 20_000
"""Passages of the middle that are looked at; equal ones, but for their numbers, count once."""
AUTHENTICATION: Final = (
    rb"\b40[13]\b|oauth|authenti|unauthori|forbidden|credential|api[ _-]?key|bearer|/login"
    rb"|log ?in again|expired|revoked|invalid_"
)
OTHER_ERRORS: Final = (
    rb"error|fail|denied|refused|reject|exception|timed? ?out|unable|cannot|could not|not found"
    rb"|\b[45]\d\d\b|certificate|econn|enotfound|invalid|limit"
)
NUMBERS: Final = re.compile(rb"[0-9a-fA-F]*[0-9][0-9a-fA-F]*")


@dataclass(frozen=True, slots=True)
class ExcerptPassage:
    """Consecutive characters of a text, and the number of their first line."""

    line: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Passages of a text in their order, and what is not in them."""

    passages: tuple[ExcerptPassage, ...]
    first_unread: int = 0
    """First line of the middle of which only errors are read; 0: all is read."""
    last_unread: int = 0
    omitted: int = 0
    """Passages with errors for which there was no room."""


def excerpt_of(text: str, budget: int) -> Excerpt:
    """Return what to read of a text in at most so many characters."""
    if len(text) <= budget:
        return Excerpt((ExcerptPassage(1, text),))
    end = budget // 4
    first = text.count("\n", 0, end) + 1
    middle = text[end:-end].encode("utf-8", "surrogatepass")
    kept, omitted, room = _fitting(_error_passages(middle, first), budget - 2 * end)
    # The ends take what is left of the room, but nothing twice.
    end += room // 2
    first = text.count("\n", 0, end) + 1
    last = first + text.count("\n", end, len(text) - end)
    is_one_line = first == last
    middles = [each for each in kept if is_one_line or first <= each.line <= last]
    passages = (ExcerptPassage(1, text[:end]), *middles, ExcerptPassage(last, text[-end:]))
    return Excerpt(passages, first, last, omitted)


def _fitting(
    found: list[tuple[int, ExcerptPassage, bool]], room: int
) -> tuple[list[ExcerptPassage], int, int]:
    """Return the passages for which there is room, how many there are more, and the room left."""
    kept: list[tuple[int, ExcerptPassage]] = []
    omitted = 0
    # Those of authentication come first: a log may have any number of other errors.
    for place, passage, _ in sorted(found, key=lambda each: (not each[2], each[0])):
        length = len(passage.text) + 2
        if length > room:
            omitted += 1
            continue
        room -= length
        kept.append((place, passage))
    return [passage for _, passage in sorted(kept, key=lambda each: each[0])], omitted, room


def _error_passages(data: bytes, line: int) -> list[tuple[int, ExcerptPassage, bool]]:
    """Return the passages with errors, each with its offset and whether it is of authentication.

    Of passages that differ in numbers only, the first counts.
    """
    authentication = [(*each, True) for each in _matches(data, line, AUTHENTICATION)]
    others = [
        (*each, False)
        for each in _matches(data, line, OTHER_ERRORS)
        if not _compiled(AUTHENTICATION).search(each[1].text.encode())
    ]
    return authentication + others


def _matches(data: bytes, line: int, signs: bytes) -> Iterator[tuple[int, ExcerptPassage]]:
    shapes = set[bytes]()
    done = counted = 0
    for match in _compiled(signs).finditer(data):
        at = match.start()
        if at < done:
            continue
        start = max(data.rfind(b"\n", max(at - REACH, 0), at) + 1, at - REACH, done, 0)
        newline = data.find(b"\n", at, at + REACH)
        done = newline if newline >= 0 else min(at + REACH, len(data))
        content = data[start:done]
        shape = NUMBERS.sub(b"0", content)
        if shape in shapes:
            continue
        shapes.add(shape)
        line += data.count(b"\n", counted, start)
        counted = start
        yield start, ExcerptPassage(line, content.decode("utf-8", "ignore"))
        if len(shapes) >= MAX_SHAPES:
            return


@cache
def _compiled(signs: bytes) -> Any:
    # RE2 reads all alternatives at once; imported here because only long texts need it.
    import re2

    return re2.compile(rb"(?i)" + signs)
