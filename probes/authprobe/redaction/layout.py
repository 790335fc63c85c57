"""Steps that join what a layout separates: lines, literals, groups, dumps, lists of bytes."""

import bisect
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from authprobe.redaction.decoding import (
    SEPARATOR,
    Decoding,
    Piece,
    Span,
    assemble,
    remove,
    substitute,
)
from authprobe.redaction.encodings import UU_LINE, UU_MARKERS, from_uu

JOINED: Final = "joined"
LINE_END: Final = re.compile(
    r"[\r\\%&](?:(?<=\r)\n?|(?<=\\)\\{0,7}+(?:r\\{1,8}+)?n|(?<=%)0[dD](?:%0[aA])?|(?<=%)0[aA]"
    r"|(?<=&)#(?:10|13|[xX][aAdD]);)"
)
r"""A line end other than `\n`: CR, or an escaped one."""
_MARGIN: Final = r"[ \t\r│┃|>\\]"
"""Characters around the content of a line: indentation, frames, quote marks, continuations."""
_SEAM: Final = r"[A-Za-z0-9_+/=%&;\\.-]"
"""Characters on both sides of a line break that may split a credential."""
RIGHT_MARGIN: Final = re.compile(rf"{_MARGIN}(?<!{_MARGIN}{_MARGIN}){_MARGIN}*+(?=\n)")
LINE_SEAM: Final = re.compile(rf"\n(?<={_SEAM}\n){_MARGIN}*+(?={_SEAM})")
JOINED_LINES: Final = re.compile(rf"(?m)^[^\n]++(?:(?<={_SEAM})\n{_MARGIN}*+(?={_SEAM})[^\n]++)++")
CONCATENATION: Final = re.compile(
    r"""["'`](?<=[\w-].)(?:[ \t\r\n]{0,16}(?:[+.&\\]|\|\||\.\.)?[ \t\r\n]{1,16}"""
    r"""|[+.&])["'`](?=[\w-])"""
)
"""The end of a string literal, and the beginning of the next one."""
DUMP_LINE: Final = re.compile(
    r"(?m)^[ \t]*+[0-9a-fA-F]{4,16}:?[ \t]++(?:"
    r"((?:(?:\S|\\\S|[0-9]{2,3})(?:[ \t]{1,3}|$)){1,16})"
    r"|((?:(?:[0-9a-fA-F]{2}){1,4}(?:[ \t]{1,2}|$)){1,16}).*)$"
)
"""A line of `xxd`, `hexdump` or `od`: an offset, the bytes in a group, and what they look like."""
COMPACT_DELETED: Final = bytes(
    code for code in range(128) if not re.match(rb"[\w-]", bytes([code]))
)
NOT_COMPACT: Final = re.compile(r"[^A-Za-z0-9_-]++")


def normal_line_ends(decoding: Decoding) -> Decoding:
    r"""Return the decoding with every line end as `\n`."""
    return substitute(decoding, LINE_END, lambda match: "\n", "")


def join_lines(decoding: Decoding) -> Decoding:
    """Return the lines that may continue in the next one, joined to it; the decoding itself: none.

    All other lines are left out.
    """
    if "\n" not in decoding.text:
        return decoding
    lines = remove(decoding, RIGHT_MARGIN, "")
    text = lines.text
    if not LINE_SEAM.search(text):
        return decoding
    parts: list[str] = []
    seams: list[int] = []
    length = 0
    for block in JOINED_LINES.finditer(text):
        contents = LINE_SEAM.split(block[0])
        seams += itertools.accumulate(map(len, contents[:-1]), initial=length)
        joined = "".join(contents)
        parts.append(joined)
        length += len(joined) + 1

    def pieces() -> Iterator[Piece]:
        for block in JOINED_LINES.finditer(text):
            start = block.start()
            for seam in LINE_SEAM.finditer(text, start, block.end()):
                yield Piece(text[start : seam.start()], start)
                start = seam.end()
            yield Piece(text[start : block.end()], start)
            yield Piece(SEPARATOR, block.end(), 0)

    return assemble(lines, JOINED, pieces, text=SEPARATOR.join(parts), seams=seams)


def join_literals(decoding: Decoding) -> Decoding:
    """Return the decoding with adjacent string literals joined; the decoding itself: none."""
    seams = [
        match.start() - removed
        for match, removed in _with_lengths_before(CONCATENATION, decoding.text)
    ]
    if not seams:
        return decoding
    joined = remove(decoding, CONCATENATION, JOINED)
    return Decoding(joined.text, decoding, JOINED, joined.trace, seams)


def _with_lengths_before(
    pattern: re.Pattern[str], text: str
) -> Iterator[tuple[re.Match[str], int]]:
    removed = 0
    for match in pattern.finditer(text):
        yield match, removed
        removed += len(match[0])


def compact(decoding: Decoding) -> Decoding:
    """Return the decoding without spaces and punctuation; the decoding itself: there is none."""
    data = decoding.text.encode("ascii", "ignore").translate(None, COMPACT_DELETED)
    if len(data) == len(decoding.text):
        return decoding
    return substitute(
        decoding, NOT_COMPACT, lambda match: "", JOINED, text=data.decode(), is_squeezed=True
    )


def read_dumps(decoding: Decoding) -> Decoding:
    """Return the bytes in dumps, as the dumps write them; the decoding itself: there is no dump."""

    def pieces() -> Iterator[Piece]:
        for line in DUMP_LINE.finditer(decoding.text):
            column = line.lastindex or 0
            yield Piece(line[column], line.start(column))
            yield Piece("\n", line.end(), 0)

    return _with_whole_lines(assemble(decoding, "dump", pieces), DUMP_LINE)


def read_uuencoded(decoding: Decoding) -> Decoding:
    """Return the lines in uuencode, decoded; the decoding itself: there is no token in any."""

    def pieces() -> Iterator[Piece]:
        for line in UU_LINE.finditer(decoding.text):
            yield Piece(from_uu(line), line.start())

    if not any(marker in decoding.text for marker in UU_MARKERS):
        return decoding
    return _with_whole_lines(assemble(decoding, "uuencode", pieces), UU_LINE)


def _with_whole_lines(decoding: Decoding, line: re.Pattern[str]) -> Decoding:
    """Return a decoding of lines so that each match in it comes from whole lines, also when they
    show its characters beside the bytes; its source if it has no lines.
    """
    source = decoding.source
    if source is None or not decoding.text:
        return source or decoding

    def trace(spans: Sequence[Span]) -> list[Span]:
        lines = [match.span() for match in line.finditer(source.text)]
        starts = [start for start, _ in lines]
        return [
            Span(
                lines[bisect.bisect_right(starts, span.start) - 1][0],
                lines[bisect.bisect_left(starts, span.end) - 1][1],
                span.name,
            )
            for span in decoding.trace(spans)
        ]

    return Decoding(decoding.text, source, decoding.step, trace)


_PUNCTUATION: Final = b""",;:.'"`|<>()[]{}+\t\r\n\v\f!?"""
WORD_BOUNDARIES: Final = bytes.maketrans(_PUNCTUATION, b" " * len(_PUNCTUATION))
GROUPS: Final = re.compile(
    rb"([\x01-\x07])\1{4,}+[\x01-\x07]?|([\x08-\x20])\2{2,}+[\x01-\x20]?", re.DOTALL
)
"""Lengths of consecutive words that may be groups of a longer text."""
PART_LENGTH: Final = 1024 * 1024
"""Bytes of a long text whose words are listed at a time."""
MIN_GROUPED_CHARACTERS: Final = 16
MAX_WORD_LENGTH: Final = 255
WORD: Final = re.compile(rb"[^ ]++")


class _Numerals(NamedTuple):
    """A spelling of bytes as numbers."""

    lists: re.Pattern[bytes]
    """Matches a list of them, with spaces for all punctuation."""
    number: re.Pattern[bytes]
    read: Callable[[bytes], str]
    """Returns the characters that a number stands for."""


def _little_endian(base: int) -> Callable[[bytes], str]:
    def read(number: bytes) -> str:
        code = int(number, base)
        return chr(code & 0xFF) + chr(code >> 8)

    return read


def _spelling(
    form: str, read: Callable[[bytes], str], *, between: str = " ++", minimum: int = 12
) -> _Numerals:
    lists = rf"(?<![0-9A-Za-z_])(?:{form}{between}){{{minimum},}}+(?:{form})?"
    return _Numerals(re.compile(lists.encode()), re.compile(form.encode()), read)


@functools.cache
def _numerals() -> tuple[_Numerals, ...]:
    """Return those in decimal, octal, hex and binary, and of pairs of bytes (`hexdump`, `od`).

    They are compiled at their first use: few texts have a list of numbers.
    """
    return (
        _spelling(r"(?:2[0-5][0-9]|[01]?[0-9]?[0-9])(?![0-9])", lambda number: chr(int(number))),
        _spelling(
            r"(?:0o[0-7]{2,3}|[01][0-7]{2})", lambda number: chr(int(number[-3:].lstrip(b"o"), 8))
        ),
        _spelling(r"0[xX][0-9a-fA-F]{2}", lambda number: chr(int(number, 16)), between="[ -]*+"),
        _spelling(r"[0-9a-fA-F]{2}", lambda number: chr(int(number, 16)), between="-"),
        _spelling(r"[01]{8}", lambda number: chr(int(number, 2)), between="[ _-]"),
        _spelling(r"[0-9a-fA-F]{4}", _little_endian(16), minimum=7),
        _spelling(r"[01][0-7]{5}", _little_endian(8), minimum=7),
    )


MAY_HAVE_NUMERALS: Final = re.compile(
    rb"[0-9a-fA-F](?<![0-9A-Za-z_].)[0-9a-fA-FoxX]{0,7}+"
    rb"(?:[ -]++[0-9a-fA-F][0-9a-fA-FoxX]{0,7}+){6}"
    rb"|0[xX][0-9a-fA-F]{2}(?:0[xX][0-9a-fA-F]{2}){6}"
)
"""Matches the beginning of every list of numbers."""


def read_words(decoding: Decoding) -> Iterator[Decoding]:
    """Yield the groups of equal length in a text, joined, and the bytes of its lists of numbers."""
    data = decoding.text.encode("ascii", "replace").translate(WORD_BOUNDARIES)
    lengths = b"".join(_lengths(part.split()) for part in _parts(data))
    groups = [
        run.span()
        for run in GROUPS.finditer(lengths)
        if sum(lengths[run.start() : run.end()]) >= MIN_GROUPED_CHARACTERS
    ]
    if groups:
        yield _grouped(decoding, data, groups)
    for numerals in _numerals() if MAY_HAVE_NUMERALS.search(data) else ():
        if numerals.lists.search(data):
            yield _byte_lists(decoding, data, numerals)


def _parts(data: bytes) -> Iterator[bytes]:
    """Yield parts that end at a space: a list of all words would be larger than the text."""
    start = 0
    while start < len(data):
        end = data.find(b" ", start + PART_LENGTH)
        end = len(data) if end < 0 else end
        yield data[start:end]
        start = end


def _lengths(words: Sequence[bytes]) -> bytes:
    try:
        return bytes(map(len, words))
    except ValueError:  # a word of more than 255 characters
        return bytes(min(len(word), MAX_WORD_LENGTH) for word in words)


def _grouped(decoding: Decoding, data: bytes, groups: list[tuple[int, int]]) -> Decoding:
    """Return the words with these numbers, each run of them joined."""
    words = data.split()
    parts = [b"".join(words[first:last]).decode() for first, last in groups]

    def pieces() -> Iterator[Piece]:
        offsets = [word.start() for word in WORD.finditer(data)]
        for first, last in groups:
            for number in range(first, last):
                yield Piece(words[number].decode(), offsets[number])
            yield Piece(SEPARATOR, offsets[last - 1] + len(words[last - 1]), 0)

    return assemble(decoding, "grouped", pieces, text=SEPARATOR.join(parts))


def _byte_lists(decoding: Decoding, data: bytes, numerals: _Numerals) -> Decoding:
    """Return the bytes of all lists of numbers."""

    def pieces() -> Iterator[Piece]:
        for numbers in numerals.lists.finditer(data):
            for number in numerals.number.finditer(data, *numbers.span()):
                text = numerals.read(number[0])
                yield Piece(text, number.start(), len(number[0]) // len(text))
            yield Piece(SEPARATOR, numbers.end(), 0)

    return assemble(decoding, "byte list", pieces)
