"""Phrase patterns: groups of words near one another, in any order.

`oauth|access token expire*` matches one word of each group, all within a few words. `+` joins
consecutive words (`not+found`), `*` stands for the rest of a word, and a number after a slash at
the end is the span, in words, that the pattern may cover (`refresh token /6`). Case, punctuation,
line wraps and JSON escapes are ignored, and a negated match does not count. Each ideograph is a
word, and those that are written together are consecutive (`无效的令牌`).
"""

import functools
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import re2

DEFAULT_SPAN: Final = 10
"""Words that a pattern may cover if it does not state a number."""
NEGATIONS: Final = frozenset(
    ("no", "not", "never", "without", "neither", "nor", "isn", "isnt", "doesn", "doesnt", "wasn")
) | {"wasnt", "aren", "arent", "don", "dont"}
NEGATION_DISTANCE: Final = 3
"""Words before a match in which a negation applies to it."""
RULED_OUT_DISTANCE: Final = 8
"""Words before a match in which `ruled out` applies to it."""

_LETTERS: Final = r"a-z0-9\u00df-\u00f6\u00f8-\u024f\u0400-\u04ff"
_IDEOGRAPHS: Final = "\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3"
"""Chinese, Japanese and Korean characters, each a word: these scripts put no spaces between words,
or attach endings to them."""
_WORD_OR_BREAK: Final = (
    rf"[{_LETTERS}]+"
    r"|[.!?:;,\"\n(){}\[\]|·—•*\u3001\u3002\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f]+"
)
_TOKEN: Final = re.compile(_WORD_OR_BREAK)
_TOKEN_OR_IDEOGRAPH: Final = rf"{_WORD_OR_BREAK}|[{_IDEOGRAPHS}]"
"""Compiled for a text with ideographs only: `re` needs 4 ms for such large sets."""
# The next ones are compiled at their first use: few texts have escapes, and only a check of phrases
# needs the last. The first two do not search a run of backslashes again from each of them, which
# would take quadratic time.
_ESCAPE: Final = r"\\(?=[nrt\"'/\\])|\x1b\[[0-9;?]*+[A-Za-z]"
_ESCAPED_SPACE: Final = r"\\(?<!\\\\)\\*+[nrt]"
_PATTERN_WORD: Final = rf"[{_LETTERS}]+\*?|[{_IDEOGRAPHS}]"
_IDEOGRAPH: Final = re2.compile(f"([{_IDEOGRAPHS}])")


def blank_escapes(text: str) -> str:
    """Replace escapes, colours and HTML entities by spaces; the length stays the same."""
    if "\\" in text:
        text = re.sub(_ESCAPED_SPACE, _spaces, text)
    if "\\" in text or "\x1b" in text:
        text = re.sub(_ESCAPE, _spaces, text)
    if "&" in text:
        text = re.sub(r"&(?:quot|#0*39|#x27|apos|lt|gt|amp|nbsp);", _entity, text)
    return text


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _entity(match: re.Match[str]) -> str:
    import html  # only a text with entities needs it

    return html.unescape(match[0]).replace("\xa0", " ").ljust(len(match[0]))


class WordIndex:
    """The words of a text in lower case, with their positions."""

    __slots__ = ("_breaks", "_positions", "_vocabulary", "offsets", "words")

    def __init__(self, text: str) -> None:
        words, offsets, breaks = list[str](), list[int](), set[int]()
        positions = defaultdict[str, list[int]](list)
        text = blank_escapes(text).lower()
        has_ideographs = not text.isascii() and _IDEOGRAPH.search(text)
        pattern = re.compile(_TOKEN_OR_IDEOGRAPH) if has_ideographs else _TOKEN
        for match in pattern.finditer(text):
            word = match[0]
            if word[0].isalnum():
                positions[word].append(len(words))
                words.append(word)
                offsets.append(match.start())
            else:
                breaks.add(len(words))
        self.words, self.offsets, self._breaks, self._positions = words, offsets, breaks, positions
        self._vocabulary = sorted(self._positions)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def ascii_count(self) -> int:
        """Number of words without letters of other languages than English."""
        return sum(map(str.isascii, self.words))

    def positions(self, sequence: tuple[str, ...]) -> list[int]:
        """Return the positions at which these words follow one another."""
        if len(sequence) == 1:
            return self._positions_of(sequence[0])
        # Begin with the rarest word: `api` may be in every line of a log, `api key` in none.
        places = {
            number: self._positions.get(word, [])
            for number, word in enumerate(sequence)
            if not word.endswith("*")
        }
        if not places:
            first, *rest = sequence
            return [at for at in self._positions_of(first) if self._continues(at + 1, rest)]
        rarest = min(places, key=lambda number: len(places[number]))
        starts = (position - rarest for position in places[rarest])
        return [start for start in starts if start >= 0 and self._continues(start, sequence)]

    def positions_of_any(self, sequences: tuple[tuple[str, ...], ...]) -> list[int]:
        """Return the positions of all these sequences in their order, each once."""
        found = [places for each in sequences if (places := self.positions(each))]
        return found[0] if len(found) == 1 else sorted({p for places in found for p in places})

    def _positions_of(self, word: str) -> list[int]:
        if not word.endswith("*"):
            return self._positions.get(word, [])
        prefix, positions = word[:-1], list[int]()
        for candidate in self._vocabulary[bisect_left(self._vocabulary, prefix) :]:
            if not candidate.startswith(prefix):
                break
            positions += self._positions[candidate]
        return sorted(positions)

    def _continues(self, position: int, rest: Sequence[str]) -> bool:
        if len(self.words) < position + len(rest):
            return False
        # A loop, as a generator takes three times as long, and a log has a place in each line.
        for at, word in enumerate(rest, position):
            if self.words[at] != word and not (
                word[-1] == "*" and self.words[at].startswith(word[:-1])
            ):
                return False
        return True

    def is_negated(self, position: int) -> bool:
        """Return True if a negation before this position applies to it."""
        before = self.words[max(position - RULED_OUT_DISTANCE, 0) : position]
        if ("ruled", "out") in pairwise(before):
            return True
        for back in range(position, max(position - NEGATION_DISTANCE, 0), -1):
            if back in self._breaks:
                return False
            if self.words[back - 1] in NEGATIONS:
                return True
        return False


class PhrasePattern(NamedTuple):
    """Groups of word sequences; one of each group must be near the others."""

    groups: tuple[tuple[tuple[str, ...], ...], ...]
    span: int
    """Words that a match may cover."""
    has_negation: bool
    """True if the pattern itself contains a negation; then negated matches count."""

    def find(self, words: WordIndex) -> int | None:
        """Return the position of the first word of the first match, or None."""
        return next(self._matches(words), None)

    def _matches(self, words: WordIndex) -> Iterator[int]:
        candidates: list[list[int]] = []
        for group in self.groups:
            positions = words.positions_of_any(group)
            if not positions:
                return
            candidates.append(positions)
        candidates.sort(key=len)
        rarest, *others = candidates
        for position in rarest:
            near = [_nearest(positions, position) for positions in others]
            low, high = min([position, *near]), max([position, *near])
            if high - low < self.span and (self.has_negation or not words.is_negated(low)):
                yield low


def _nearest(positions: list[int], position: int) -> int:
    at = bisect_left(positions, position)
    return min(positions[max(at - 1, 0) : at + 1], key=lambda other: abs(other - position))


def _words(sequence: str) -> list[str]:
    """Return the words of a sequence, of which each ideograph is one."""
    return [
        part
        for word in sequence.split("+")
        for part in ([word] if word.isascii() else _IDEOGRAPH.split(word))
        if part or not word
    ]


@functools.cache
def parse_phrase(pattern: str) -> PhrasePattern:
    """Return a pattern, which must be valid (`check_phrase`)."""
    text, slash, span = pattern.partition(" /")
    groups = tuple(
        tuple(tuple(_words(sequence)) for sequence in group.split("|")) for group in text.split()
    )
    words = (word for group in groups for sequence in group for word in sequence)
    return PhrasePattern(
        groups=groups,
        span=int(span) if slash else DEFAULT_SPAN,
        has_negation=not NEGATIONS.isdisjoint(words),
    )


def check_phrase(pattern: str) -> str:
    """Return a pattern that is valid.

    Raises:
        ValueError: a group has no words, a word has other characters than letters in lower case
            and digits, or the span is not a number.
    """
    text, slash, span = pattern.partition(" /")
    sequences = [sequence for group in text.split() for sequence in group.split("|")]
    words = [word for sequence in sequences for word in _words(sequence)]
    if not words or any(not re.fullmatch(_PATTERN_WORD, word) for word in words):
        raise ValueError(
            "a phrase is groups of lower-case words, such as 'oauth|access token expire*'"
        )
    if slash and not span.isdecimal():
        raise ValueError(f"the span after the slash must be a number of words, not '{span}'")
    return pattern
