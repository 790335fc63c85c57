"""All decodings of a text (unescaped, unwrapped, base64, hex), with offsets into the source.

Each decoding maps its spans back to the text before it, so that a match in it can be removed from
the original text. Nothing here searches for credentials.
"""

import bisect
import itertools
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from authprobe.redaction.encodings import (
    BASE64,
    ESCAPE,
    HEX,
    HTML_ENTITIES,
    INVISIBLE,
    LINE_END,
    LINE_MARGIN,
    NEEDS_DECODING,
    PRINTABLE_RUN,
    RELEVANT_CHARACTERS,
    SEAM_CHARACTERS,
    SEPARATOR,
    Encoding,
)

JOINED: Final = "joined"
UNESCAPED: Final = "unescaped"
MAX_UNESCAPE_PASSES: Final = 3
"""Levels of escapes within escapes that are undone."""
MAX_DECODE_DEPTH: Final = 2
"""Levels of base64 or hex within base64 or hex that are decoded."""


class Span(NamedTuple):
    """Part of a text, with a name for its content."""

    start: int
    end: int
    name: str


Trace = Callable[[Sequence[Span]], list[Span]]


@dataclass(frozen=True, slots=True)
class Decoding:
    """A text, the step that produced it, and the decoding it was produced from."""

    text: str
    source: "Decoding | None" = None
    step: str = ""
    trace: Trace = field(default=list, repr=False)
    """Maps spans of this text to all spans of the source text that decode to them."""

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


@dataclass(frozen=True, slots=True)
class _OffsetMap:
    """Piecewise linear map from offsets in a decoding to offsets in its source."""

    decoded: list[int] = field(default_factory=list)
    """Offsets where the pieces begin, ascending."""
    source: list[int] = field(default_factory=list)
    """Offsets of the same pieces in the source."""
    width: list[int] = field(default_factory=list)
    """Source characters per decoded character, for each piece."""

    def add(self, decoded: int, source: int, width: int = 1) -> None:
        self.decoded.append(decoded)
        self.source.append(source)
        self.width.append(width)

    def origin(self, span: Span) -> Span:
        first = bisect.bisect_right(self.decoded, span.start) - 1
        last = bisect.bisect_right(self.decoded, span.end - 1) - 1
        start = self.source[first] + (span.start - self.decoded[first]) * self.width[first]
        end = self.source[last] + (span.end - self.decoded[last]) * self.width[last]
        return Span(start, end, span.name)


def decodings(text: str) -> Iterator[Decoding]:
    """Yield the text itself, then every decoding of it that differs."""
    if NEEDS_DECODING.search(text):
        yield from _decodings_from(Decoding(text), MAX_DECODE_DEPTH)
    else:
        yield Decoding(text)


def multiline_decodings(text: str) -> Iterator[Decoding]:
    """Yield the decodings that need more than one word of the text at a time."""
    joined = yield from _join_lines(Decoding(text))
    for decoding in joined:
        if decoding.source:
            for decoded in _decode_runs(decoding):
                yield from _decodings_from(decoded, MAX_DECODE_DEPTH - 1)


def _decodings_from(first: Decoding, depth: int) -> Iterator[Decoding]:
    yield first
    joined = yield from _join_lines(first)
    plain = first
    for _ in range(MAX_UNESCAPE_PASSES):
        unescaped = _unescape(plain)
        if unescaped is plain:
            break
        yield unescaped
        plain = unescaped
    if plain is not first:
        joined = yield from _join_lines(plain)
    for decoding in joined if depth else ():
        for decoded in _decode_runs(decoding):
            yield from _decodings_from(decoded, depth - 1)


def _join_lines(decoding: Decoding) -> Generator[Decoding, None, tuple[Decoding, ...]]:
    """Yield the text without invisible characters, then with its wrapped lines joined.

    Returns both, even if they equal `decoding`: every encoded run of it is in one of them.
    """
    visible = _strip_invisible(decoding)
    if visible is not decoding:
        yield visible
    lines = _normalize_line_ends(visible)
    joined = _join_continued_lines(lines)
    if joined is lines:
        return (visible,)
    yield joined
    return visible, joined


def _strip_invisible(decoding: Decoding) -> Decoding:
    """Return the decoding without terminal sequences and other invisible characters."""
    return _substitute(decoding, INVISIBLE, "", "bare")


def _normalize_line_ends(decoding: Decoding) -> Decoding:
    r"""Return the decoding with every line end as `\n`."""
    return _substitute(decoding, LINE_END, "\n", "")


def _substitute(
    decoding: Decoding, pattern: re.Pattern[str], replacement: str, step: str
) -> Decoding:
    text = decoding.text
    substituted, count = pattern.subn(replacement, text)
    if not count:
        return decoding

    def trace(spans: Sequence[Span]) -> list[Span]:
        offsets, decoded, source = _OffsetMap(), 0, 0
        for match in pattern.finditer(text):
            offsets.add(decoded, source)
            decoded += match.start() - source
            if replacement:
                offsets.add(decoded, match.start(), len(match[0]))
                decoded += len(replacement)
            source = match.end()
        offsets.add(decoded, source)
        return [offsets.origin(span) for span in spans]

    return Decoding(substituted, decoding, step, trace)


def _join_continued_lines(decoding: Decoding) -> Decoding:
    """Join each line that may continue in the next one to it; drop all other lines."""
    lines = decoding.text.split("\n")
    if len(lines) == 1:
        return decoding
    stripped = [line.strip(LINE_MARGIN) for line in lines]
    continues = [_may_continue(line, next_line) for line, next_line in itertools.pairwise(stripped)]
    if not any(continues):
        return decoding
    parts = [
        line + ("" if into_next else SEPARATOR) if from_previous or into_next else ""
        for line, from_previous, into_next in zip(
            stripped, (False, *continues), (*continues, False), strict=True
        )
    ]

    def trace(spans: Sequence[Span]) -> list[Span]:
        offsets, decoded, source = _OffsetMap(), 0, 0
        for line, part in zip(lines, parts, strict=True):
            if part:
                offsets.add(decoded, source + len(line) - len(line.lstrip(LINE_MARGIN)))
            decoded += len(part)
            source += len(line) + 1
        return [offsets.origin(span) for span in spans]

    return Decoding("".join(parts), decoding, JOINED, trace)


def _may_continue(line: str, next_line: str) -> bool:
    """Return True if a credential may be wrapped from the end of `line` to `next_line`."""
    return (
        bool(line and next_line) and line[-1] in SEAM_CHARACTERS and next_line[0] in SEAM_CHARACTERS
    )


def _unescape(decoding: Decoding) -> Decoding:
    """Return the decoding with the escapes of `RELEVANT_CHARACTERS` undone."""
    text = decoding.text
    if "\\" not in text and "%" not in text and "&" not in text:
        return decoding
    unescaped = ESCAPE.sub(_unescape_character, text)
    if unescaped == text:
        return decoding

    def trace(spans: Sequence[Span]) -> list[Span]:
        offsets, decoded, source = _OffsetMap(), 0, 0
        offsets.add(0, 0)
        for escape in ESCAPE.finditer(text):
            if len(_unescape_character(escape)) > 1:
                continue
            decoded += escape.start() - source
            source = escape.end()
            offsets.add(decoded, escape.start(), source - escape.start())
            decoded += 1
            offsets.add(decoded, source)
        return [offsets.origin(span) for span in spans]

    return Decoding(unescaped, decoding, UNESCAPED, trace)


def _unescape_character(escape: re.Match[str]) -> str:
    """Return the character that the escape stands for if it is relevant, else the escape."""
    group = escape.lastindex or 0
    if group == 7:
        return HTML_ENTITIES[escape[7]]
    character = chr(int(escape[group], 10 if group == 5 else 16))
    return character if character in RELEVANT_CHARACTERS else escape[0]


def _decode_runs(decoding: Decoding) -> Iterator[Decoding]:
    """Yield what the base64 and hex runs of the text decode to, for each possible first byte."""
    text = decoding.text
    for encoding in (BASE64, HEX):
        runs = tuple(dict.fromkeys(encoding.runs.findall(text)))
        text = SEPARATOR.join(runs)  # a hex run is a base64 run too, so the others need no search
        if runs:
            for shift in range(encoding.shifts):
                decoded = _decode_with_shift(decoding, encoding, runs, shift)
                if PRINTABLE_RUN.search(decoded.text):
                    yield decoded


def _decode_with_shift(
    decoding: Decoding, encoding: Encoding, runs: tuple[str, ...], shift: int
) -> Decoding:
    """Return the decoded runs, without the first `shift` characters of each."""
    parts = [encoding.decode(run[shift:]) for run in runs]

    def trace(spans: Sequence[Span]) -> list[Span]:
        starts = list(itertools.accumulate((len(part) + 1 for part in parts), initial=0))
        spans_by_run: dict[str, list[Span]] = {}
        for span in spans:
            number = bisect.bisect_right(starts, span.start) - 1
            run, offset = runs[number], starts[number]
            start = (span.start - offset) * encoding.characters // encoding.bytes
            end = -(-(span.end - offset) * encoding.characters // encoding.bytes)  # rounded up
            part = Span(shift + start, min(shift + end, len(run)), span.name)
            spans_by_run.setdefault(run, []).append(part)
        return [
            Span(match.start() + span.start, match.start() + span.end, span.name)
            for match in encoding.runs.finditer(decoding.text)
            for span in spans_by_run.get(match[0], ())
        ]

    return Decoding(SEPARATOR.join(parts), decoding, encoding.name, trace)
