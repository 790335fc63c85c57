"""Credentials stay nameable and unreadable: each value has a slot name, and texts show the name."""

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from authprobe.redaction.decoding import UNESCAPED, Decoding, Span, multiline_decodings, readings
from authprobe.redaction.token_patterns import shapes_in, spaced_shapes_in, vagueness

PUBLIC: Final = re.compile(r"sk-ant-[a-z]+[0-9]*-|")
"""How a value begins that says nothing but its kind."""
PRINTABLE: Final = re.compile(r"[ -~]+")
"""What a header can carry of a value; the rest of it stands between parts."""
WORD: Final = re.compile(r"[A-Za-z0-9_-]{8,}+")
ANCHOR: Final = 8
"""Characters of a value by which the rest of it is found."""
FRAGMENT: Final = 12
"""Secret characters in a row that are too many to be shown."""
VARIED: Final = 4
"""Different characters that a part must have, or it is a line of dashes."""
FEW: Final = 100
"""Anchors up to which each is looked for; of more, it is asked for each word whether it has one."""
ROUNDS: Final = 4
LONG: Final = 64 * 1024
MANY: Final = 3
"""How often a word of a long text is there, on average, for it to be worth a look at each once."""
CUT: Final = 16
"""How many times longer than what is kept a text may be to be looked at whole."""


class Anchor(NamedTuple):
    """A few characters of a value, and where they are in it."""

    slot: str
    value: str
    at: int


class Redactor:
    """Replaces every value that it knows, and all that looks like one, by `[redacted:SLOT]`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._anchors: dict[str, tuple[Anchor, ...]] = {}
        self._no_words: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self._names,)

    def learn(self, slot: str, value: str) -> None:
        """Remember a value from the moment it exists; an empty value is nothing to hide."""
        for part in PRINTABLE.findall(value):
            self._names[part] = slot
            for text, at in _anchors(part):
                self._anchors[text] = (*self._anchors.get(text, ()), Anchor(slot, part, at))
                if not WORD.fullmatch(text):
                    self._no_words.add(text)

    def learn_from(self, other: "Redactor") -> None:
        """Remember what another one knows."""
        for value, slot in tuple(other._names.items()):
            self.learn(slot, value)

    def __call__(self, text: str) -> str:
        """The text with names in the place of values, without their length."""
        for _ in range(ROUNDS):  # what has been taken out may have kept something apart
            spans = _merge_overlapping(place for _, place in self.find(text))
            if not spans:
                return text
            text = _replaced(text, spans)
        return text

    def cut(self, text: str, limit: int) -> str:
        """The same of a text from outside, which is kept up to this length, and is a text."""
        looked_at = text[: limit * CUT]
        shown = self(looked_at).encode("utf-8", "replace").decode()
        if len(shown) <= limit and len(looked_at) == len(text):
            return shown
        more = max(len(shown) - limit, 0) + len(text) - len(looked_at)
        return f"{shown[:limit]}… ({more:,} more characters)"

    def find(self, text: str) -> Iterator[tuple[Decoding, Span]]:
        """Each way to read the text that shows something, with the place of it in the text."""
        for reading in () if self._says_nothing(text) else readings(text):
            known = tuple(self._known(reading.text))
            for place in reading.origins((*known, *_beside(known, shapes_in(reading)))):
                yield reading, place

    def slots_in(self, text: str) -> frozenset[str]:
        """The slots of the values that the text shows, however they are written."""
        return frozenset(place.name for _, place in self.find(text))

    def _says_nothing(self, text: str) -> bool:
        """Whether it is a long text of few words, as reports are, and none of them says anything.

        What is more than a word is asked for as well: a scheme and its value, or lines that
        belong together.
        """
        if len(text) < LONG:
            return False
        words = " ".join(dict.fromkeys(text.split()))
        if len(words) * MANY > len(text) or any(True for _ in spaced_shapes_in(text)):
            return False
        over_lines = (reading for reading in multiline_decodings(text) if reading.before)
        read = (*readings(words), *over_lines)
        return not any(
            UNESCAPED in reading.path
            or any(True for _ in self._known(reading.text))
            or any(True for _ in shapes_in(reading))
            for reading in read
        )

    def _known(self, text: str) -> Iterator[Span]:
        """Values in a text, and long parts of values."""
        found = {
            _extend_match(text, place, anchor)
            for place, anchors in self._places(text)
            for anchor in anchors
        }
        yield from (span for span in found if span is not None)

    def _places(self, text: str) -> Iterator[tuple[int, tuple[Anchor, ...]]]:
        """Where in the text an anchor is."""
        wanted = tuple(self._anchors)
        if len(wanted) > FEW:
            words = {word for word in set(WORD.findall(text)) if self._has_anchor(word)}
            for word in WORD.finditer(text) if words else ():
                if word[0] in words:
                    for place in range(word.start(), word.end() - ANCHOR + 1):
                        if anchors := self._anchors.get(text[place : place + ANCHOR]):
                            yield place, anchors
            wanted = tuple(self._no_words)
        for spelling in wanted:
            place = text.find(spelling)
            while place >= 0:
                yield place, self._anchors[spelling]
                place = text.find(spelling, place + 1)

    def _has_anchor(self, word: str) -> bool:
        places = range(len(word) - ANCHOR + 1)
        return any(word[place : place + ANCHOR] in self._anchors for place in places)


def _remake(names: dict[str, str]) -> Redactor:
    made = Redactor()
    for value, slot in names.items():
        made.learn(slot, value)
    return made


def _anchors(value: str) -> Iterator[tuple[str, int]]:
    """Parts of a value, one of which is in each fragment of it; a short value is one itself."""
    begin, last = _public(value), len(value) - ANCHOR
    if last < begin:
        yield value, 0
        return
    for place in dict.fromkeys((*range(begin, last, FRAGMENT - ANCHOR + 1), last)):
        yield value[place : place + ANCHOR], place


def _public(value: str) -> int:
    """How many characters at its beginning are no secret."""
    found = PUBLIC.match(value)
    return found.end() if found else 0


def _extend_match(text: str, place: int, anchor: Anchor) -> Span | None:
    """As much of the value as is around an anchor of it; None: that little says nothing."""
    value, start, first = anchor.value, place, anchor.at
    if text.startswith(value, place - first) and place >= first:
        return Span(place - first, place - first + len(value), anchor.slot)
    while start and first and text[start - 1] == value[first - 1]:
        start, first = start - 1, first - 1
    end, over = place, anchor.at
    while end < len(text) and over < len(value) and text[end] == value[over]:
        end, over = end + 1, over + 1
    secret = value[max(first, _public(value)) : over]
    shows = len(secret) >= FRAGMENT and len(set(secret)) >= VARIED
    return Span(start, end, anchor.slot) if shows else None


def _beside(known: Sequence[Span], spans: Iterable[Span]) -> Iterator[Span]:
    """Those that do not begin within what is known better."""
    within = sorted(known)
    starts = [span.start for span in within]
    for span in spans:
        number = bisect.bisect_right(starts, span.start)
        if not number or within[number - 1].end <= span.start:
            yield span


def _merge_overlapping(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap as one, with the name that says most."""
    apart: list[Span] = []
    for span in sorted(spans):
        if apart and span.start < apart[-1].end:
            last = apart.pop()
            name = min(last.name, span.name, key=vagueness)
            span = Span(last.start, max(last.end, span.end), name)
        apart.append(span)
    return apart


def _replaced(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    over = 0
    for span in spans:
        parts += text[over : span.start], f"[redacted:{span.name}]"
        over = span.end
    return "".join((*parts, text[over:]))


def find_token(text: str) -> int | None:
    """Where a text holds what looks like a token, in whatever way it is written."""
    return min((place.start for _, place in Redactor().find(text)), default=None)
