"""All decodings of a text: unescaped, joined, ungrouped, decoded, and these within one another."""

import bisect
import functools
import itertools
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, NamedTuple

from authprobe.redaction.characters import unescapings, visible
from authprobe.redaction.decoding import SEPARATOR, Decoding, Span, assemble
from authprobe.redaction.encodings import (
    BASE64,
    ENCODINGS,
    MARKED_ENCODINGS,
    PRINTABLE_RUN,
    Encoding,
    inflate,
)
from authprobe.redaction.layout import (
    compact,
    join_lines,
    join_literals,
    normal_line_ends,
    read_dumps,
    read_uuencoded,
    read_words,
)

MAX_UNESCAPE_PASSES: Final = 3
"""Levels of escapes within escapes that are undone."""
MAX_DECODE_DEPTH: Final = 3
"""Levels of base64, hex and similar encodings within one another that are decoded."""
MAX_WHOLE_LENGTH: Final = 4096
"""Decoded characters of a run up to which all are read on if any part is readable."""
READABLE_MARGIN: Final = 256
"""Characters before and after a readable part that are read on with it."""
MAX_CACHED_LENGTH: Final = 256
"""Characters of runs whose decodings are remembered."""
CACHED_RUNS: Final = 4096
MIN_WORDS_LENGTH: Final = 24
"""Characters of a text from which its words may be parts of a token."""
_MARKERS: Final = "|".join(
    re.escape(each) for encoding in MARKED_ENCODINGS for each in encoding.markers
)
NEEDS_DECODING: Final = re.compile(
    rf"[^ !#$(-;>-\[\]-~\"=']|=[\r\n2-7]|[\"'`][ +.]{{1,4}}[\"'`]|(?i:tna-ks)|{BASE64.runs.pattern}"
    rf"|{_MARKERS}"
)
"""Matches every text that has decodings other than itself and those that join its words."""
TERMINAL_SEQUENCE: Final = re.compile(r"[\x1b\x9b]|\\(?:u001[bB]|x1[bB]|e|033)")


def decodings(text: str) -> Iterator[Decoding]:
    """Yield the text itself, then every decoding of it that differs."""
    first = Decoding(text)
    if NEEDS_DECODING.search(text):
        yield from _decodings_from(first, MAX_DECODE_DEPTH)
        return
    yield first
    if len(text) >= MIN_WORDS_LENGTH:
        joined = yield from _join_words(first)
        yield from _decode_all(joined, MAX_DECODE_DEPTH)


def multiword_decodings(text: str) -> Iterator[Decoding]:
    """Yield the decodings that need more than one word of the text at a time."""
    first = Decoding(text)
    joined = yield from _join(first)
    yield from _decode_all(
        [decoding for decoding in joined if decoding is not first], MAX_DECODE_DEPTH
    )


def _decodings_from(first: Decoding, depth: int) -> Iterator[Decoding]:
    yield first
    joined = yield from _join(first)
    plain = first
    for unescaped in unescapings(first, MAX_UNESCAPE_PASSES):
        yield unescaped
        plain = unescaped
    if plain is not first:
        joined = yield from _join(plain)
    yield from _decode_all(joined, depth)


def _join(decoding: Decoding) -> Generator[Decoding, None, list[Decoding]]:
    """Yield the text without invisible characters, and everything in it that is separated joined.

    Returns those in which there may be encoded runs.
    """
    bare = visible(decoding)
    if bare is not decoding:
        yield bare
    joined, lines = [bare], normal_line_ends(bare)
    if bare is not decoding and TERMINAL_SEQUENCE.search(decoding.text):
        joined.append(decoding)  # the last character of a sequence may be the first of a run
    for step in (join_lines, join_literals, read_uuencoded):
        if (changed := step(lines)) is not lines:
            yield changed
            joined.append(changed)
    joined += yield from _join_words(bare)
    if (dumped := read_dumps(lines)) is not lines:
        joined += yield from _join_words(dumped)
    if "tna-ks" in bare.text.lower():
        yield _reversed(bare)
    return joined


def _join_words(decoding: Decoding) -> Generator[Decoding, None, list[Decoding]]:
    if (squeezed := compact(decoding)) is not decoding:
        yield squeezed
    words = list(read_words(decoding))
    yield from words
    return words


def _reversed(decoding: Decoding) -> Decoding:
    text = decoding.text

    def trace(spans: Sequence[Span]) -> list[Span]:
        return [Span(len(text) - span.end, len(text) - span.start, span.name) for span in spans]

    return Decoding(text[::-1], decoding, "reversed", trace)


def _decode_all(joined: Sequence[Decoding], depth: int) -> Iterator[Decoding]:
    for decoding in joined if depth else ():
        for decoded in (*_decode_runs(decoding), *_decode_marked_runs(decoding)):
            yield from _decodings_from(decoded, depth - 1)


def _decode_runs(decoding: Decoding) -> Iterator[Decoding]:
    """Yield what the runs of each encoding decode to, for each possible first byte."""
    text = decoding.text
    for encoding in ENCODINGS:
        runs = tuple(dict.fromkeys(encoding.runs.findall(text)))
        if encoding is BASE64:
            text = SEPARATOR.join(runs)  # the other alphabets are part of this one
        for shift in range(encoding.shifts if runs else 0):
            yield from _decode_with_shift(decoding, encoding, runs, shift)


def _decode_with_shift(
    decoding: Decoding, encoding: Encoding, runs: tuple[str, ...], shift: int
) -> Iterator[Decoding]:
    """Yield the runs, decoded without the first `shift` characters of each, and then unpacked.

    Runs without readable text are left out.
    """
    name = encoding.name
    steps = _CACHED_STEPS if max(map(len, runs)) <= MAX_CACHED_LENGTH else _STEPS
    readable = [(run, *part) for run in runs for part in steps.decode(name, run, shift)]
    if readable:
        yield _decoded_runs(decoding, encoding, readable, shift)
    if shift or name not in ("base64", "hex"):
        return
    unpacked = [(run, *part) for run in runs for part in steps.unpack(name, run)]
    if unpacked:
        yield _decoded_runs(decoding, encoding, unpacked, 0, "unpacked")


def _readable_parts(text: str) -> Iterator[tuple[str, int]]:
    """Yield the parts of a decoded run that may be read on, with their offsets.

    These are all of it, but of a long one, what is near a printable run.
    """
    if len(text) <= MAX_WHOLE_LENGTH:
        if PRINTABLE_RUN.search(text):
            yield text, 0
        return
    start = end = 0
    for printable in PRINTABLE_RUN.finditer(text):
        if printable.start() - READABLE_MARGIN > end:
            if end:
                yield text[start:end], start
            start = printable.start() - READABLE_MARGIN
        end = printable.end() + READABLE_MARGIN
    if end:
        yield text[start:end], start


def _decode(encoding: str, run: str, shift: int) -> tuple[tuple[str, int], ...]:
    """Return the readable parts of what a run decodes to."""
    return tuple(_readable_parts(_BY_NAME[encoding].decode(run[shift:])))


def _unpack(encoding: str, run: str) -> tuple[tuple[str, int], ...]:
    """Return the readable parts of what a run of compressed data contains."""
    return tuple(_readable_parts(inflate(_BY_NAME[encoding].decode(run))))


class _Steps(NamedTuple):
    """The functions that decode a run; an encoding's name has a faster hash than itself."""

    decode: Callable[[str, str, int], tuple[tuple[str, int], ...]]
    unpack: Callable[[str, str], tuple[tuple[str, int], ...]]


_BY_NAME: Final = {encoding.name: encoding for encoding in ENCODINGS}
_STEPS: Final = _Steps(_decode, _unpack)
_CACHED_STEPS: Final = _Steps(
    functools.lru_cache(CACHED_RUNS)(_decode), functools.lru_cache(CACHED_RUNS)(_unpack)
)
"""The same for short runs: the words of one case are also those of the next."""


def _decoded_runs(
    decoding: Decoding,
    encoding: Encoding,
    decoded: list[tuple[str, str, int]],
    shift: int,
    step: str = "",
) -> Decoding:
    """Return parts of what these runs decode to, each with its offset, as one decoding."""

    def trace(spans: Sequence[Span]) -> list[Span]:
        starts = [0, *itertools.accumulate(len(text) + 1 for _, text, _ in decoded)]
        spans_by_run: dict[str, list[Span]] = {}
        for span in spans:
            number = bisect.bisect_right(starts, span.start) - 1
            run, _, first = decoded[number]
            offset = starts[number] - first
            start, end = 0, len(run)
            if not step:
                start, end = encoding.origin(run[shift:], span.start - offset, span.end - offset)
                start, end = start + shift, end + shift
            spans_by_run.setdefault(run, []).append(Span(start, end, span.name))
        return [
            Span(match.start() + span.start, match.start() + span.end, span.name)
            for match in encoding.runs.finditer(decoding.text)
            for span in spans_by_run.get(match[0], ())
        ]

    text = SEPARATOR.join(text for _, text, _ in decoded)
    name = f"{encoding.name}, {step}" if step else encoding.name
    return Decoding(text, decoding, name, trace)


def _decode_marked_runs(decoding: Decoding) -> Iterator[Decoding]:
    """Yield what stands around the beginnings of tokens in encodings that any text resembles."""
    for encoding in MARKED_ENCODINGS:
        if any(marker in decoding.text for marker in encoding.markers):
            yield assemble(decoding, encoding.name, encoding.pieces(decoding.text))
