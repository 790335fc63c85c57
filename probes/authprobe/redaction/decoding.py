"""Decodings of a text, with offsets into the text that each was produced from.

A match in a decoding can so be removed from the original text. Nothing here searches for
credentials.
"""

import bisect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

SEPARATOR: Final = "!"
"""Separates runs or lines: part of neither a credential nor an encoded run."""


class Span(NamedTuple):
    """Part of a text, with a name for its content."""

    start: int
    end: int
    name: str


class Piece(NamedTuple):
    """Consecutive characters of a decoding, and where they come from."""

    text: str
    offset: int
    """Offset in the source."""
    width: int = 1
    """Source characters for each character of the text."""


Trace = Callable[[Sequence[Span]], list[Span]]


@dataclass(frozen=True, slots=True)
class Decoding:
    """A text, the step that produced it, and the decoding it was produced from."""

    text: str
    source: "Decoding | None" = None
    step: str = ""
    trace: Trace = field(default=list, repr=False)
    """Maps spans of this text to all spans of the source text that decode to them."""
    seams: Sequence[int] = ()
    """Offsets at which parts meet that something separates in the source, ascending."""
    is_squeezed: bool = False
    """True if words that do not belong together meet too: no pattern can be trusted in it."""

    @property
    def path(self) -> tuple[str, ...]:
        """Steps from the original text to this one; unnamed steps are left out."""
        steps = self.source.path if self.source else ()
        return (*steps, self.step) if self.step else steps

    def origins(self, spans: Sequence[Span]) -> list[Span]:
        """Return the spans of the original text that decode to these spans."""
        decoding, origins = self, list(spans)
        while decoding.source is not None and origins:
            origins = decoding.trace(origins)
            decoding = decoding.source
        return origins


class _OffsetMap:
    """Piecewise linear map from offsets in a decoding to offsets in its source."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._decoded: list[int] = []
        self._pieces: list[Piece] = []
        length = 0
        for piece in pieces:
            if piece.text:
                self._decoded.append(length)
                self._pieces.append(piece)
                length += len(piece.text)

    def origin(self, span: Span) -> Span:
        first = bisect.bisect_right(self._decoded, span.start) - 1
        last = bisect.bisect_right(self._decoded, span.end - 1) - 1
        start, end = self._pieces[first], self._pieces[last]
        return Span(
            start.offset + (span.start - self._decoded[first]) * start.width,
            end.offset + (span.end - self._decoded[last]) * end.width,
            span.name,
        )


def assemble(
    source: Decoding,
    step: str,
    pieces: Callable[[], Iterable[Piece]],
    *,
    text: str | None = None,
    seams: Sequence[int] = (),
    is_squeezed: bool = False,
) -> Decoding:
    """Return the decoding that consists of these pieces of its source.

    `text` is the text of all pieces, if that is known before; the pieces are then only produced to
    trace a match.
    """

    def trace(spans: Sequence[Span]) -> list[Span]:
        offsets = _OffsetMap(pieces())
        return [offsets.origin(span) for span in spans]

    text = "".join(piece.text for piece in pieces()) if text is None else text
    return Decoding(text, source, step, trace, seams, is_squeezed)


def substitute(
    source: Decoding,
    pattern: re.Pattern[str],
    replacement: Callable[[re.Match[str]], str],
    step: str,
    *,
    text: str | None = None,
    is_squeezed: bool = False,
) -> Decoding:
    """Return the decoding with all matches replaced; the source itself if that changes nothing.

    A replacement has at most one character. `text` is the result, if that is known before.
    """
    if text is None:
        text = pattern.sub(replacement, source.text)
    if text == source.text:
        return source

    def pieces() -> Iterable[Piece]:
        end = 0
        for match in pattern.finditer(source.text):
            replaced = replacement(match)
            if len(replaced) <= 1:  # else it stays as it is
                yield Piece(source.text[end : match.start()], end)
                yield Piece(replaced, match.start(), len(match[0]))
                end = match.end()
        yield Piece(source.text[end:], end)

    return assemble(source, step, pieces, text=text, is_squeezed=is_squeezed)


def remove(
    source: Decoding, pattern: re.Pattern[str], step: str, *, text: str | None = None
) -> Decoding:
    """Return the decoding without all matches; the source itself if there is none."""
    return substitute(source, pattern, _nothing, step, text=text)


def _nothing(match: re.Match[str]) -> str:
    return ""
