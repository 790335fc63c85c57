"""Excerpt of a long text: its two ends, and between them the lines that tell of errors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

REACH: Final = 300
"""Bytes of a long line that are read before and after an error."""
MAX_SHAPES: Final = 20_000
"""Passages of the middle that are compared; equal ones, but for their numbers, count once."""
BLOCK_LENGTH: Final = 1_000_000
"""Bytes of the middle that are searched at once, with the rest of their last line."""
MAX_PASSAGES_OF_BLOCK: Final = 10_000
"""Passages that are looked at in such a part, unlike as lines: all, if each line has 100 bytes."""
AUTHENTICATION: Final = (
    rb"\b40[13]\b|oauth|authenti|unauthori|forbidden|credential|api[ _-]?key|bearer|/login"
    rb"|log ?in again|expired|revoked|invalid_"
)
OTHER_ERRORS: Final = (
    rb"error|fail|denied|refused|reject|exception|timed? ?out|unable|cannot|could not|not found"
    rb"|\b[45]\d\d\b|certificate|econn|enotfound|invalid|limit"
)
ALIKE: Final = bytes.maketrans(b"6789", b"2222")
"""Digits that no sign has: lines that differ in them only have the same signs, and one shape."""
NUMBERS: Final = rb"[0-9a-fA-F]*[0-9][0-9a-fA-F]*"


@dataclass(frozen=True, slots=True)
class ExcerptPassage:
    """Consecutive characters of a text, and the number of their first line."""

    line: int
    text: str = field(repr=False)


class Excerpt(NamedTuple):
    """Passages of a text in their order, and what is not in them."""

    passages: tuple[ExcerptPassage, ...]
    first_unread: int = 0
    """First line of the middle of which only errors are read; 0: all is read."""
    last_unread: int = 0
    omitted: int = 0
    """Passages with errors for which there was no room."""
    is_cut: bool = False
    """True if there were too many errors to look at each of them."""


_Finding = tuple[int, ExcerptPassage, bool]
"""A passage, with its place among the others and whether its error is of authentication."""


class _Findings(NamedTuple):
    """Passages with errors, and whether there were too many to look at each of them."""

    passages: list[_Finding]
    is_cut: bool


def excerpt_of(text: str, budget: int) -> Excerpt:
    """Return what to read of a text in at most so many characters."""
    if len(text) <= budget:
        return Excerpt((ExcerptPassage(1, text),))
    end = budget // 4
    first = text.count("\n", 0, end) + 1
    middle = text[end:-end].encode("utf-8", "surrogatepass")
    found = _error_passages(middle, first)
    kept, omitted, room = _fitting(found.passages, budget - 2 * end)
    # The ends take what is left of the room, but nothing twice.
    end += room // 2
    first = text.count("\n", 0, end) + 1
    last = first + text.count("\n", end, len(text) - end)
    is_one_line = first == last
    middles = [each for each in kept if is_one_line or first <= each.line <= last]
    passages = (ExcerptPassage(1, text[:end]), *middles, ExcerptPassage(last, text[-end:]))
    return Excerpt(passages, first, last, omitted, found.is_cut)


def _fitting(found: list[_Finding], room: int) -> tuple[list[ExcerptPassage], int, int]:
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


def _error_passages(data: bytes, line: int) -> _Findings:
    """Return the passages with errors.

    Of passages that differ in numbers only, the first counts.
    """
    found: list[_Finding] = []
    authentication = _Search(AUTHENTICATION)
    others = _Search(OTHER_ERRORS)
    for block in _blocks(data, line):
        found += ((*each, True) for each in authentication.findings(block))
        found += (
            (*each, False)
            for each in others.findings(block)
            if not authentication.pattern.search(each[1].text.encode())
        )
    return _Findings(found, is_cut=authentication.is_cut or others.is_cut)


class _Block(NamedTuple):
    """Lines of the middle, of those that are alike only the first."""

    offset: int
    data: bytes
    numbers: list[int]
    """Number of each line in the text."""


def _blocks(data: bytes, line: int) -> Iterator[_Block]:
    """Yield the lines in parts, so that a flood in one of them uses up no other's share."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + BLOCK_LENGTH) + 1 or len(data)
        lines = data[start:end].split(b"\n")
        alike = data[start:end].translate(ALIKE).split(b"\n")
        # From the last to the first, so that the first of those that are alike stays. Without a
        # step of Python for each line, of which a log may have ten million.
        backwards = zip(reversed(alike), reversed(range(len(alike))), strict=True)
        firsts = sorted(dict(backwards).values())
        content = b"\n".join([lines[number] for number in firsts])
        yield _Block(start, content, [line + number for number in firsts])
        line += len(lines) - 1
        start = end


class _Search:
    """Search for signs of errors in all blocks."""

    def __init__(self, signs: bytes) -> None:
        self.pattern = _compiled(signs)
        self.is_cut = False
        """True if there were too many to look at each of them."""
        self._shapes = set[bytes]()

    def findings(self, block: _Block) -> Iterator[tuple[int, ExcerptPassage]]:
        """Yield the passages of a block that are unlike those before, with their offsets."""
        data, index = block.data, 0
        done = counted = looked_at = 0
        while match := self.pattern.search(data, done):
            if looked_at == MAX_PASSAGES_OF_BLOCK or len(self._shapes) == MAX_SHAPES:
                self.is_cut = True
                return
            looked_at += 1
            at = match.start()
            start = max(data.rfind(b"\n", max(at - REACH, 0), at) + 1, at - REACH, done, 0)
            newline = data.find(b"\n", at, at + REACH)
            done = newline if newline >= 0 else min(at + REACH, len(data))
            content = data[start:done]
            shape = re.sub(NUMBERS, b"0", content)
            if shape in self._shapes:
                continue
            self._shapes.add(shape)
            index += data.count(b"\n", counted, start)
            counted = start
            text = content.decode("utf-8", "ignore")
            yield block.offset + start, ExcerptPassage(block.numbers[index], text)


@cache
def _compiled(signs: bytes) -> Any:
    # RE2 reads all alternatives at once; imported here because only long texts need it.
    import re2

    return re2.compile(rb"(?i)" + signs)
