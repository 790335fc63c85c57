"""Redactor: replaces known secret values and credential-like text by `[redacted:SLOT]`."""

import bisect
import functools
import itertools
import operator
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from authprobe.redaction.characters import UNESCAPED
from authprobe.redaction.decoding import Decoding, Span
from authprobe.redaction.readings import decodings, multiword_decodings
from authprobe.redaction.token_patterns import (
    find_spaced_values,
    find_token_patterns,
    specificity,
)

PUBLIC_PREFIX: Final = re.compile(r"sk-ant-[a-z]+[0-9]*-|")
"""Start of a value that reveals only its kind."""
PRINTABLE_RUN: Final = re.compile(r"[ -~]+")
"""Part of a value that a header can carry; each such part is remembered by itself."""
LINE_BREAK: Final = re.compile(r"\r?\n")
ANCHOR_LENGTH: Final = 8
"""Characters of a value that are searched for, to find the rest around them."""
MIN_FRAGMENT_LENGTH: Final = 12
"""Consecutive secret characters from which a fragment of a value is redacted."""
ANCHOR_STEP: Final = MIN_FRAGMENT_LENGTH - ANCHOR_LENGTH + 1
"""Distance of the characters that are looked up, in a text or in a value: every fragment contains
some."""
MAX_DENSE_VALUES: Final = 500
"""Number of values of which all characters are anchors, so that texts are looked up in steps. Of
more, it is the other way round: a text takes longer, and the anchors a fifth of the memory."""
TOKEN68: Final = re.compile(r"[a-z0-9._~+/=-]*+")
"""A value that may follow a scheme (RFC 7235, 2.1), in lower case: nearly every credential."""
TOKEN68_RUN: Final = re.compile(rf"[a-z0-9._~+/=-]{{{MIN_FRAGMENT_LENGTH},}}+")
ANY_RUN: Final = re.compile(rf"(?s).{{{MIN_FRAGMENT_LENGTH},}}+")
MAX_ANCHORS: Final = 8
"""Places of equal characters in values that are tried."""
MIN_DISTINCT_CHARACTERS: Final = 4
"""Different characters that a fragment needs: a line of dashes is not a secret."""
MAX_REDACTION_ROUNDS: Final = 4
LONG_TEXT_LENGTH: Final = 64 * 1024
BLOCK_LENGTH: Final = 512 * 1024
"""Characters of a long text that are read at a time, if it has boundaries."""
BOUNDARY: Final = re.compile(
    r'(\n(?= *"[a-z_]+":)|<(?=(?:d[dt]|details|div|li|p|summary|t[dhr])\b))'
)
"""The start of a key of JSON, or of an element of HTML that is no part of a line: letters that
stand within no secret, and whose equal parts of a report need be read once."""
PART_LENGTH: Final = 1024 * 1024
"""Characters of a long text whose words are listed at a time."""
SPACE: Final = re.compile(r"\s")
MIN_WORD_REPETITION: Final = 3
"""Mean repetitions of the words of a long text from which scanning each word once is faster."""
MAX_CACHED_LENGTH: Final = 256
"""Characters of texts whose readings are remembered, and of runs that are looked up only once."""
CACHED_TEXTS: Final = 256
MAX_CUT_FACTOR: Final = 16
"""Multiple of `cut`'s limit beyond which a text is not looked at."""


class _Value(NamedTuple):
    """A learned value in lower case, and the number of its characters that reveal only its kind."""

    slot: str
    text: str
    public: int


class _Index:
    """Learned values by their anchors, and the short ones, which have none."""

    def __init__(self, *, is_dense: bool) -> None:
        self.is_dense = is_dense
        self.short_values: dict[str, str] = {}
        self.anchors: dict[str, tuple[tuple[_Value, int], ...]] = {}
        """Characters of values, with their offset in each; a text is looked up in these."""
        self.runs = TOKEN68_RUN
        """Matches what can contain a fragment of a value."""

    @property
    def text_step(self) -> int:
        """Distance of the places in a text to look up."""
        return ANCHOR_STEP if self.is_dense else 1

    def add(self, value: str, slot: str) -> None:
        """Add a value that is printable."""
        public = _public_prefix_length(value)
        if len(value) - public < MIN_FRAGMENT_LENGTH:
            self.short_values[value] = slot
            return
        learned = _Value(slot, value.lower(), public)
        if not TOKEN68.fullmatch(learned.text):
            self.runs = ANY_RUN
        step = 1 if self.is_dense else ANCHOR_STEP
        for offset in range(public, len(value) - ANCHOR_LENGTH + 1, step):
            anchor = learned.text[offset : offset + ANCHOR_LENGTH]
            places = self.anchors.get(anchor, ())
            if len(places) < MAX_ANCHORS:
                self.anchors[anchor] = (*places, (learned, offset))


class Redactor:
    """Replaces each value it has learned, and all credential-like text, by `[redacted:SLOT]`.

    Equal values have equal slots, so which credential was sent stays checkable.
    """

    def __init__(self) -> None:
        self._slots: dict[str, str] = {}
        self._index = _Index(is_dense=True)
        self._unindexed: dict[str, str] = {}
        """Values that were learned since the last text: many redactors never see one."""
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._slots,)

    def learn(self, slot: str, value: str) -> None:
        """Redact `value` as `slot` from now on; an empty value is ignored."""
        parts = dict.fromkeys(PRINTABLE_RUN.findall(value), slot)
        with self._lock:
            self._slots |= parts
            self._unindexed |= parts

    def learn_from(self, other: "Redactor") -> None:
        """Learn all values of another redactor."""
        with other._lock:
            slots = dict(other._slots)
        with self._lock:
            self._slots |= slots
            self._unindexed |= slots

    def _indexed(self) -> _Index:
        """Return the index of all values that have been learned."""
        with self._lock:
            is_dense = len(self._slots) <= MAX_DENSE_VALUES
            if is_dense is not self._index.is_dense:
                self._index = _Index(is_dense=is_dense)
                self._unindexed = dict(self._slots)
            for value, slot in self._unindexed.items():
                self._index.add(value, slot)
            self._unindexed = {}
            return self._index

    def __call__(self, text: str) -> str:
        """Return the text with every secret as `[redacted:SLOT]`, without its length."""
        if (slot := self._slots.get(text)) is not None:
            text = f"[redacted:{slot}]"  # as below, without the readings of a value seen only here
        for _ in range(MAX_REDACTION_ROUNDS):  # a removal may bring two parts of a secret together
            spans = _merge_overlapping(span for _, span in self.find(text))
            if not spans:
                return text
            text = _replace(text, spans)
        return text

    def cut(self, text: str, limit: int) -> str:
        """Return an untrusted text redacted, truncated to `limit` and encodable as UTF-8."""
        start = text[: limit * MAX_CUT_FACTOR]
        redacted = self(start).encode("utf-8", "replace").decode()
        if len(redacted) <= limit and len(start) == len(text):
            return redacted
        missing = max(len(redacted) - limit, 0) + len(text) - len(start)
        return f"{redacted[:limit]}… ({missing:,} more characters)"

    def find(self, text: str) -> Iterator[tuple[Decoding, Span]]:
        """Yield each secret as its span in `text`, with the decoding that reveals it."""
        for decoding, patterns in () if self._is_clean_fast(text) else _readings(text):
            values = tuple(self._find_values(decoding.text))
            spans = (*values, *_outside(values, patterns))
            for span in decoding.origins(spans):
                yield decoding, span

    def slots_in(self, text: str) -> frozenset[str]:
        """Return the slots of the values in the text, in any encoding."""
        return frozenset(span.name for _, span in self.find(text))

    def _is_clean_fast(self, text: str) -> bool:
        """Return True for a long, repetitive text, such as a report, that contains no secret.

        Its parts are scanned in blocks, equal ones once. False: not decided.
        """
        if len(text) < LONG_TEXT_LENGTH:
            return False
        known_words: set[str] = set()
        return all(
            self._is_clean_block(block, known_words, is_whole=len(block) == len(text))
            for block in _blocks(text)
        )

    def _is_clean_block(self, block: str, known_words: set[str], *, is_whole: bool) -> bool:
        """Return True if there is no secret in a block of a text; False: not decided.

        In a repetitive block each different word is scanned once, and by themselves what a single
        word does not show: a scheme and its value, and tokens that are wrapped over lines.
        """
        new_words = [word for word in _distinct_words(block) if word not in known_words]
        words = " ".join(new_words)
        if len(words) * MIN_WORD_REPETITION > len(block):
            # A block that is the whole text is read anyway, with the places of its secrets.
            return not is_whole and not self._has_secret(decodings(block))
        known_words.update(new_words)
        if any(True for _ in find_spaced_values(block)):
            return False
        over_words = (decoding for decoding in multiword_decodings(block) if decoding.source)
        for decoding in itertools.chain(decodings(words), over_words):
            if UNESCAPED in decoding.path or self._has_secret((decoding,)):
                return False
        return True

    def _has_secret(self, readings: Iterable[Decoding]) -> bool:
        return any(
            any(True for _ in self._find_values(decoding.text))
            or any(True for _ in find_token_patterns(decoding))
            for decoding in readings
        )

    def _find_values(self, text: str) -> Iterator[Span]:
        """Yield the spans of learned values, and of long fragments of them."""
        index = self._indexed()
        for value, slot in tuple(index.short_values.items()):
            start = text.find(value)
            while start >= 0:
                yield Span(start, start + len(value), slot)
                start = text.find(value, start + len(value))
        yield from _find_fragments(index, _lower(text))


def _find_fragments(index: _Index, text: str) -> Iterator[Span]:
    """Yield the spans of learned values, and of long fragments of them, in any case."""
    anchors, done = index.anchors, 0
    for place in _anchored_places(index, text) if anchors else ():
        if place + ANCHOR_LENGTH <= done:
            continue
        for value, offset in anchors[text[place : place + ANCHOR_LENGTH]]:
            start, end, first = _common_part(text, place, value.text, offset)
            public = max(value.public - first, 0)
            secret = text[start + public : end]
            if len(secret) >= MIN_FRAGMENT_LENGTH:
                done = max(done, end)  # nothing in it can be a fragment if it is none
                is_whole = end - start == len(value.text)
                if is_whole or len(set(secret)) >= MIN_DISTINCT_CHARACTERS:
                    yield Span(start, end, value.slot)


def _anchored_places(index: _Index, text: str) -> Iterator[int]:
    """Yield the places in the text where an anchor is; each different short run is read once."""
    anchors, step = index.anchors, index.text_step
    clean: set[str] = set()
    for run in index.runs.finditer(text):
        start, end = run.span()
        word = run[0] if end - start <= MAX_CACHED_LENGTH else ""
        if word in clean:
            continue
        places = [
            place
            for place in range(start, end - ANCHOR_LENGTH + 1, step)
            if text[place : place + ANCHOR_LENGTH] in anchors
        ]
        if word and not places:
            clean.add(word)
        yield from places


def _readings(text: str) -> Iterable[tuple[Decoding, Iterable[Span]]]:
    """Return the decodings of a text, each with the credential-like text in it."""
    if len(text) <= MAX_CACHED_LENGTH:
        return _cached_readings(text)
    return ((decoding, find_token_patterns(decoding)) for decoding in decodings(text))


@functools.lru_cache(CACHED_TEXTS)
def _cached_readings(text: str) -> tuple[tuple[Decoding, tuple[Span, ...]], ...]:
    """Return the same of a short text: most of those of one case are also those of the next."""
    return tuple((decoding, tuple(find_token_patterns(decoding))) for decoding in decodings(text))


def _rebuild(slots: dict[str, str]) -> Redactor:
    redactor = Redactor()
    redactor._slots, redactor._unindexed = slots, dict(slots)
    return redactor


def _blocks(text: str) -> Iterator[str]:
    """Yield the different parts of a text between its boundaries, in order, in blocks."""
    known: set[str] = set()
    block: list[str] = []
    start = length = 0
    while start < len(text):
        boundary = BOUNDARY.search(text, start + BLOCK_LENGTH)
        end = boundary.start() if boundary else len(text)
        first, *rest = BOUNDARY.split(text[start:end])
        parts = dict.fromkeys((first, *map(operator.add, rest[::2], rest[1::2])))
        new = [part for part in parts if part not in known]
        known.update(new)
        block += new
        length += sum(map(len, new))
        start = end
        if length >= BLOCK_LENGTH:
            yield "".join(block)
            block, length = [], 0
    yield "".join(block)


def _distinct_words(text: str) -> dict[str, None]:
    """Return the different words of a text, in order; a list of all would be larger than it."""
    words: dict[str, None] = {}
    start = 0
    while start < len(text):
        space = SPACE.search(text, start + PART_LENGTH)
        end = space.start() if space else len(text)
        words |= dict.fromkeys(text[start:end].split())
        start = end
    return words


def _lower(text: str) -> str:
    """Return the text in lower case, with the same length."""
    return text.replace("İ", "i").lower()


def _common_part(text: str, place: int, value: str, offset: int) -> tuple[int, int, int]:
    """Return the start and end of the longest part around a place that a value has in common with
    the text there, and the offset of its start in the value.
    """
    if offset <= place and text.startswith(value, place - offset):
        return place - offset, place - offset + len(value), 0
    start, first = place, offset
    while start and first and text[start - 1] == value[first - 1]:
        start, first = start - 1, first - 1
    end, last = place, offset
    while end < len(text) and last < len(value) and text[end] == value[last]:
        end, last = end + 1, last + 1
    return start, end, first


def _public_prefix_length(value: str) -> int:
    match = PUBLIC_PREFIX.match(value)
    return match.end() if match else 0


def _outside(values: Sequence[Span], spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans that do not begin within the span of a learned value."""
    ordered = sorted(values)
    starts = [value.start for value in ordered]
    for span in spans:
        number = bisect.bisect_right(starts, span.start)
        if not number or ordered[number - 1].end <= span.start:
            yield span


def _merge_overlapping(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, overlapping ones merged under their most specific name."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged.pop()
            name = max(last.name, span.name, key=specificity)
            span = Span(last.start, max(last.end, span.end), name)
        merged.append(span)
    return merged


def _replace(text: str, spans: Iterable[Span]) -> str:
    """Return the text without the spans, with as many lines as before."""
    parts: list[str] = []
    end = 0
    for span in spans:
        parts += text[end : span.start], f"[redacted:{span.name}]"
        parts += LINE_BREAK.findall(text, span.start, span.end)
        end = span.end
    return "".join((*parts, text[end:]))


def find_token(text: str) -> int | None:
    """Return the offset of the first credential-like text, in any encoding; None: there is none."""
    return min((span.start for _, span in Redactor().find(text)), default=None)
