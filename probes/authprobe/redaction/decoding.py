"""A text as others may read it: escapes undone, wraps joined, and what is encoded in it decoded.

Each reading knows where its characters come from, so that what is found in it can be taken out of
the text itself. Nothing here looks for anything.
"""

import bisect
import itertools
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from authprobe.redaction.encodings import (
    BASE64,
    BETWEEN,
    EDGES,
    ESCAPE,
    HEX,
    LINE_END,
    NAMED,
    NEEDS_DECODING,
    PLAIN,
    SEAM_CHARACTERS,
    TEXTUAL,
    UNSEEN,
    Coding,
)

JOINED: Final = "joined"
UNESCAPED: Final = "unescaped"
PASSES: Final = 3
"""How often escapes are undone of what other escapes were undone of."""
DEPTH: Final = 2
"""How often something is decoded that was decoded itself."""


class Span(NamedTuple):
    """A part of a text, and the name of what it is."""

    start: int
    end: int
    name: str


Trace = Callable[[Sequence[Span]], list[Span]]


@dataclass(frozen=True, slots=True)
class Decoding:
    """A text, how it was read, and the text that it was read from."""

    text: str
    before: "Decoding | None" = None
    how: str = ""
    trace: Trace = field(default=list, repr=False)
    """From spans of this text to those of the text before, every one that reads alike."""

    @property
    def path(self) -> tuple[str, ...]:
        """How it was read, step by step."""
        steps = self.before.path if self.before else ()
        return (*steps, self.how) if self.how else steps

    def origins(self, spans: Sequence[Span]) -> list[Span]:
        """What in the very first text these come from."""
        reading, found = self, list(spans)
        while reading.before is not None and found:
            found = reading.trace(found)
            reading = reading.before
        return found


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Where the characters of a reading begin in the text before it, and how many stand for one."""

    here: list[int] = field(default_factory=list)
    there: list[int] = field(default_factory=list)
    width: list[int] = field(default_factory=list)

    def add(self, here: int, there: int, width: int = 1) -> None:
        self.here.append(here)
        self.there.append(there)
        self.width.append(width)

    def origin(self, span: Span) -> Span:
        first = bisect.bisect_right(self.here, span.start) - 1
        last = bisect.bisect_right(self.here, span.end - 1) - 1
        start = self.there[first] + (span.start - self.here[first]) * self.width[first]
        end = self.there[last] + (span.end - self.here[last]) * self.width[last]
        return Span(start, end, span.name)


def readings(text: str) -> Iterator[Decoding]:
    """The text itself, and every other way to read it that may show more."""
    if NEEDS_DECODING.search(text):
        yield from _readings(Decoding(text), DEPTH)
    else:
        yield Decoding(text)


def multiline_decodings(text: str) -> Iterator[Decoding]:
    """Those for which single words of the text are not enough."""
    whole = yield from _with_lines_joined(Decoding(text))
    for reading in whole:
        if reading.before:
            for decoded in _decoded(reading):
                yield from _readings(decoded, DEPTH - 1)


def _readings(first: Decoding, depth: int) -> Iterator[Decoding]:
    yield first
    whole = yield from _with_lines_joined(first)
    plain = first
    for _ in range(PASSES):
        undone = _unescaped(plain)
        if undone is plain:
            break
        yield undone
        plain = undone
    if plain is not first:
        whole = yield from _with_lines_joined(plain)
    for reading in whole if depth else ():
        for decoded in _decoded(reading):
            yield from _readings(decoded, depth - 1)


def _with_lines_joined(reading: Decoding) -> Generator[Decoding, None, tuple[Decoding, ...]]:
    """The reading without what is not seen, and of that what may go on in the next line.

    Comes back with both: all that is encoded in the reading is in one of them.
    """
    bare = _bare(reading)
    if bare is not reading:
        yield bare
    lines = _with_line_ends(bare)
    joined = _joined(lines)
    if joined is lines:
        return (bare,)
    yield joined
    return bare, joined


def _bare(reading: Decoding) -> Decoding:
    """The reading without sequences of terminals and what else is not seen."""
    return _substituted(reading, UNSEEN, "", "bare")


def _with_line_ends(reading: Decoding) -> Decoding:
    """The reading with every end of line as one character."""
    return _substituted(reading, LINE_END, "\n", "")


def _substituted(reading: Decoding, pattern: re.Pattern[str], by: str, how: str) -> Decoding:
    text = reading.text
    changed, count = pattern.subn(by, text)
    if not count:
        return reading

    def trace(spans: Sequence[Span]) -> list[Span]:
        pieces, here, there = _Pieces(), 0, 0
        for found in pattern.finditer(text):
            pieces.add(here, there)
            here += found.start() - there
            if by:
                pieces.add(here, found.start(), len(found[0]))
                here += len(by)
            there = found.end()
        pieces.add(here, there)
        return [pieces.origin(span) for span in spans]

    return Decoding(changed, reading, how, trace)


def _joined(reading: Decoding) -> Decoding:
    """What is left of the reading if only lines count that may go on in the next one, joined."""
    lines = reading.text.split("\n")
    if len(lines) == 1:
        return reading
    parts = [line.strip(EDGES) for line in lines]
    goes_on = [
        bool(one)
        and bool(next_one)
        and one[-1] in SEAM_CHARACTERS
        and next_one[0] in SEAM_CHARACTERS
        for one, next_one in itertools.pairwise(parts)
    ]
    if not any(goes_on):
        return reading
    kept = [
        before or after for before, after in zip((False, *goes_on), (*goes_on, False), strict=True)
    ]
    ends = ["" if each else BETWEEN for each in (*goes_on, False)]
    shown = [part + end if keep else "" for part, end, keep in zip(parts, ends, kept, strict=True)]

    def trace(spans: Sequence[Span]) -> list[Span]:
        pieces, here, there = _Pieces(), 0, 0
        for line, part in zip(lines, shown, strict=True):
            if part:
                pieces.add(here, there + len(line) - len(line.lstrip(EDGES)))
            here += len(part)
            there += len(line) + 1
        return [pieces.origin(span) for span in spans]

    return Decoding("".join(shown), reading, JOINED, trace)


def _unescaped(reading: Decoding) -> Decoding:
    """The reading with the escapes undone that stand for what a credential may be made of."""
    text = reading.text
    if "\\" not in text and "%" not in text and "&" not in text:
        return reading
    undone = ESCAPE.sub(_meant, text)
    if undone == text:
        return reading

    def trace(spans: Sequence[Span]) -> list[Span]:
        pieces, here, there = _Pieces(), 0, 0
        pieces.add(0, 0)
        for escape in ESCAPE.finditer(text):
            if len(_meant(escape)) > 1:
                continue
            here += escape.start() - there
            there = escape.end()
            pieces.add(here, escape.start(), there - escape.start())
            here += 1
            pieces.add(here, there)
        return [pieces.origin(span) for span in spans]

    return Decoding(undone, reading, UNESCAPED, trace)


def _meant(escape: re.Match[str]) -> str:
    """The character that is meant, if it matters; else the escape as it is."""
    number = escape.lastindex or 0
    if number == 7:
        return NAMED[escape[7]]
    meant = chr(int(escape[number], 10 if number == 5 else 16))
    return meant if meant in PLAIN else escape[0]


def _decoded(reading: Decoding) -> Iterator[Decoding]:
    """What is encoded in the reading as base64 or hex, at each place where it may begin."""
    text = reading.text
    for coding in (BASE64, HEX):
        runs = tuple(dict.fromkeys(coding.runs.findall(text)))
        text = BETWEEN.join(runs)  # what may be hex may be base64 as well
        if runs:
            for shift in range(coding.shifts):
                decoded = _runs_decoded(reading, coding, runs, shift)
                if TEXTUAL.search(decoded.text):
                    yield decoded


def _runs_decoded(reading: Decoding, coding: Coding, runs: tuple[str, ...], shift: int) -> Decoding:
    """All different runs, decoded from so many characters on."""
    parts = [coding.decode(run[shift:]) for run in runs]

    def trace(spans: Sequence[Span]) -> list[Span]:
        begins = list(itertools.accumulate((len(part) + 1 for part in parts), initial=0))
        inside: dict[str, list[Span]] = {}
        for span in spans:
            number = bisect.bisect_right(begins, span.start) - 1
            start, end = (
                (place - begins[number]) * coding.characters for place in (span.start, span.end)
            )
            run = runs[number]
            inside.setdefault(run, []).append(
                Span(
                    shift + start // coding.bytes,
                    min(shift - (-end // coding.bytes), len(run)),
                    span.name,
                )
            )
        return [
            Span(found.start() + span.start, found.start() + span.end, span.name)
            for found in coding.runs.finditer(reading.text)
            for span in inside.get(found[0], ())
        ]

    return Decoding(BETWEEN.join(parts), reading, coding.name, trace)
