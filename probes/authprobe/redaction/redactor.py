"""Redactor: replaces known secret values and credential-like text by `[redacted:SLOT]`."""

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from authprobe.redaction.decoding import (
    UNESCAPED,
    Decoding,
    Span,
    decodings,
    multiline_decodings,
)
from authprobe.redaction.token_patterns import (
    find_spaced_values,
    find_token_patterns,
    specificity,
)

PUBLIC_PREFIX: Final = re.compile(r"sk-ant-[a-z]+[0-9]*-|")
"""Start of a value that reveals only its kind."""
PRINTABLE_RUN: Final = re.compile(r"[ -~]+")
"""Part of a value that a header can carry; each such part is remembered by itself."""
WORD: Final = re.compile(r"[A-Za-z0-9_-]{8,}+")
ANCHOR_LENGTH: Final = 8
"""Characters of a value that are searched for, to find the rest around them."""
MIN_FRAGMENT_LENGTH: Final = 12
"""Consecutive secret characters from which a fragment of a value is redacted."""
MIN_DISTINCT_CHARACTERS: Final = 4
"""Different characters that a fragment needs: a line of dashes is not a secret."""
MAX_SEARCHED_ANCHORS: Final = 100
"""Anchors up to which the text is searched for each; with more, each word is looked up instead."""
MAX_REDACTION_ROUNDS: Final = 4
LONG_TEXT_LENGTH: Final = 64 * 1024
MIN_WORD_REPETITION: Final = 3
"""Mean repetitions of the words of a long text from which scanning each word once is faster."""
MAX_CUT_FACTOR: Final = 16
"""Multiple of `cut`'s limit beyond which a text is not looked at."""


class Anchor(NamedTuple):
    """A few characters of a value, and their offset in it."""

    slot: str
    value: str
    offset: int


class Redactor:
    """Replaces each value it has learned, and all credential-like text, by `[redacted:SLOT]`.

    Equal values have equal slots, so which credential was sent stays checkable.
    """

    def __init__(self) -> None:
        self._slots: dict[str, str] = {}
        self._anchors: dict[str, tuple[Anchor, ...]] = {}
        self._non_word_anchors: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._slots,)

    def learn(self, slot: str, value: str) -> None:
        """Redact `value` as `slot` from now on; an empty value is ignored."""
        for part in PRINTABLE_RUN.findall(value):
            self._slots[part] = slot
            for text, offset in _anchors(part):
                self._anchors[text] = (*self._anchors.get(text, ()), Anchor(slot, part, offset))
                if not WORD.fullmatch(text):
                    self._non_word_anchors.add(text)

    def learn_from(self, other: "Redactor") -> None:
        """Learn all values of another redactor."""
        for value, slot in tuple(other._slots.items()):
            self.learn(slot, value)

    def __call__(self, text: str) -> str:
        """Return the text with every secret as `[redacted:SLOT]`, without its length."""
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
        for decoding in () if self._is_clean_fast(text) else decodings(text):
            values = tuple(self._find_values(decoding.text))
            spans = (*values, *_outside(values, find_token_patterns(decoding)))
            for span in decoding.origins(spans):
                yield decoding, span

    def slots_in(self, text: str) -> frozenset[str]:
        """Return the slots of the values in the text, in any encoding."""
        return frozenset(span.name for _, span in self.find(text))

    def _is_clean_fast(self, text: str) -> bool:
        """Return True for a long, repetitive text, such as a report, that contains no secret.

        Each different word is scanned once, and by themselves what a single word does not show:
        a scheme and its value, and tokens that are wrapped over lines. False: not decided.
        """
        if len(text) < LONG_TEXT_LENGTH:
            return False
        words = " ".join(dict.fromkeys(text.split()))
        if len(words) * MIN_WORD_REPETITION > len(text) or any(
            True for _ in find_spaced_values(text)
        ):
            return False
        over_lines = (decoding for decoding in multiline_decodings(text) if decoding.source)
        return not any(
            UNESCAPED in decoding.path
            or any(True for _ in self._find_values(decoding.text))
            or any(True for _ in find_token_patterns(decoding))
            for decoding in (*decodings(words), *over_lines)
        )

    def _find_values(self, text: str) -> Iterator[Span]:
        """Yield the spans of learned values, and of long fragments of them."""
        spans = {
            _extend_match(text, offset, anchor)
            for offset, anchors in self._find_anchors(text)
            for anchor in anchors
        }
        yield from (span for span in spans if span is not None)

    def _find_anchors(self, text: str) -> Iterator[tuple[int, tuple[Anchor, ...]]]:
        """Yield the offsets in the text at which anchors stand."""
        searched = tuple(self._anchors)
        if len(searched) > MAX_SEARCHED_ANCHORS:
            yield from self._find_word_anchors(text)
            searched = tuple(self._non_word_anchors)
        for anchor in searched:
            offset = text.find(anchor)
            while offset >= 0:
                yield offset, self._anchors[anchor]
                offset = text.find(anchor, offset + 1)

    def _find_word_anchors(self, text: str) -> Iterator[tuple[int, tuple[Anchor, ...]]]:
        words = {word for word in set(WORD.findall(text)) if self._has_anchor(word)}
        for word in WORD.finditer(text) if words else ():
            if word[0] in words:
                for offset in range(word.start(), word.end() - ANCHOR_LENGTH + 1):
                    if anchors := self._anchors.get(text[offset : offset + ANCHOR_LENGTH]):
                        yield offset, anchors

    def _has_anchor(self, word: str) -> bool:
        offsets = range(len(word) - ANCHOR_LENGTH + 1)
        return any(word[offset : offset + ANCHOR_LENGTH] in self._anchors for offset in offsets)


def _rebuild(slots: dict[str, str]) -> Redactor:
    redactor = Redactor()
    for value, slot in slots.items():
        redactor.learn(slot, value)
    return redactor


def _anchors(value: str) -> Iterator[tuple[str, int]]:
    """Yield parts of a value such that each redactable fragment contains one; short values whole.

    Each comes with its offset.
    """
    begin, last = _public_prefix_length(value), len(value) - ANCHOR_LENGTH
    if last < begin:
        yield value, 0
        return
    step = MIN_FRAGMENT_LENGTH - ANCHOR_LENGTH + 1
    for offset in dict.fromkeys((*range(begin, last, step), last)):
        yield value[offset : offset + ANCHOR_LENGTH], offset


def _public_prefix_length(value: str) -> int:
    match = PUBLIC_PREFIX.match(value)
    return match.end() if match else 0


def _extend_match(text: str, offset: int, anchor: Anchor) -> Span | None:
    """Return the longest part of the value around an anchor in the text; None: too short."""
    value, start, first = anchor.value, offset, anchor.offset
    if text.startswith(value, offset - first) and offset >= first:
        return Span(offset - first, offset - first + len(value), anchor.slot)
    while start and first and text[start - 1] == value[first - 1]:
        start, first = start - 1, first - 1
    end, last = offset, anchor.offset
    while end < len(text) and last < len(value) and text[end] == value[last]:
        end, last = end + 1, last + 1
    secret = value[max(first, _public_prefix_length(value)) : last]
    is_fragment = len(secret) >= MIN_FRAGMENT_LENGTH and len(set(secret)) >= MIN_DISTINCT_CHARACTERS
    return Span(start, end, anchor.slot) if is_fragment else None


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
    parts: list[str] = []
    end = 0
    for span in spans:
        parts += text[end : span.start], f"[redacted:{span.name}]"
        end = span.end
    return "".join((*parts, text[end:]))


def find_token(text: str) -> int | None:
    """Return the offset of the first credential-like text, in any encoding; None: there is none."""
    return min((span.start for _, span in Redactor().find(text)), default=None)
