"""Wordings that are looked for by meaning: groups of words near one another, in any order.

A wording is written `oauth|access token expire*`: a word of each group, within a few words. `+`
joins words that follow one another (`not+found`), `*` ends the beginning of a word, and a number
behind a slash at the end is how many words it may take (`refresh token /6`). Case, punctuation,
line wraps and JSON escapes make no difference.
"""

import functools
import html
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

SPAN: Final = 10
"""Words that a wording may take, where it does not say."""
NEGATIONS: Final = frozenset(
    ("no", "not", "never", "without", "neither", "nor", "isn", "isnt", "doesn", "doesnt", "wasn")
) | {"wasnt", "aren", "arent", "don", "dont"}
LOOK_BACK: Final = 3
"""Words before a wording in which a negation of it stands."""
RULED_OUT: Final = 8
"""Words before a wording in which `ruled out` stands."""

_WORD: Final = re.compile(r"[a-z0-9]+|[.!?:;,\"\n(){}\[\]|·—•*]")
_ESCAPE: Final = re.compile(r"\\+(?=[nrt\"'/\\])|\x1b\[[0-9;?]*[A-Za-z]")
_ESCAPED_END: Final = re.compile(r"\\+[nrt]")


def smooth(text: str) -> str:
    """The text as it was meant, of the same length: escapes, colours and entities are spaces."""
    text = _ESCAPED_END.sub(_blank, text)
    text = _ESCAPE.sub(_blank, text)
    if "&" in text:
        text = re.sub(r"&(?:quot|#0*39|#x27|apos|lt|gt|amp|nbsp);", _entity, text)
    return text


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _entity(found: re.Match[str]) -> str:
    return html.unescape(found[0]).replace("\xa0", " ").ljust(len(found[0]))


class Phrase:
    """The words of a text, and where they stand."""

    __slots__ = ("_breaks", "_places", "_spelled", "starts", "words")

    def __init__(self, text: str) -> None:
        self.words: list[str] = []
        self.starts: list[int] = []
        self._breaks: set[int] = set()
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for found in _WORD.finditer(smooth(text).lower()):
            word = found[0]
            if not word[0].isalnum():
                self._breaks.add(len(self.words))
                continue
            self._places[word].append(len(self.words))
            self.words.append(word)
            self.starts.append(found.start())
        self._spelled = sorted(self._places)

    def __len__(self) -> int:
        return len(self.words)

    def places(self, phrase: tuple[str, ...]) -> list[int]:
        """Where the words follow one another, by the place of the first."""
        first, *rest = phrase
        found = self._of(first)
        if not rest:
            return found
        return [place for place in found if self._follow(place + 1, rest)]

    def _of(self, word: str) -> list[int]:
        if not word.endswith("*"):
            return self._places.get(word, [])
        beginning, found = word[:-1], list[int]()
        for spelled in self._spelled[bisect_left(self._spelled, beginning) :]:
            if not spelled.startswith(beginning):
                break
            found += self._places[spelled]
        return sorted(found)

    def _follow(self, place: int, rest: list[str]) -> bool:
        return len(self.words) >= place + len(rest) and all(
            self.words[place + n].startswith(word[:-1])
            if word.endswith("*")
            else self.words[place + n] == word
            for n, word in enumerate(rest)
        )

    def denied(self, place: int) -> bool:
        """Whether what begins here is said not to be so."""
        before = self.words[max(place - RULED_OUT, 0) : place]
        if ("ruled", "out") in pairwise(before):
            return True
        for back in range(place, max(place - LOOK_BACK, 0), -1):
            if back in self._breaks:
                return False
            if self.words[back - 1] in NEGATIONS:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Wording:
    """Groups of phrases, of each of which one must be near the others."""

    groups: tuple[tuple[tuple[str, ...], ...], ...]
    span: int
    negative: bool
    """It says itself that something is not so."""

    def find(self, words: Phrase) -> int | None:
        """The place of the first word of the first finding that nothing denies."""
        return next(self._found(words), None)

    def _found(self, words: Phrase) -> Iterator[int]:
        spots: list[list[int]] = []
        for group in self.groups:
            places = sorted({place for phrase in group for place in words.places(phrase)})
            if not places:
                return
            spots.append(places)
        spots.sort(key=len)
        rarest, *others = spots
        for place in rarest:
            near = [_nearest(spot, place) for spot in others]
            low, high = min([place, *near]), max([place, *near])
            if high - low < self.span and (self.negative or not words.denied(low)):
                yield low


def _nearest(places: list[int], place: int) -> int:
    at = bisect_left(places, place)
    return min(places[max(at - 1, 0) : at + 1], key=lambda other: abs(other - place))


@functools.cache
def matching_phrases(written: str) -> Wording:
    """The wording that is written so.

    Raises:
        ValueError: it has no words, or one that no text can hold.
    """
    text, slash, span = written.partition(" /")
    groups = tuple(
        tuple(tuple(phrase.split("+")) for phrase in group.split("|")) for group in text.split()
    )
    spelled = [word for group in groups for phrase in group for word in phrase]
    if not spelled or any(not re.fullmatch(r"[a-z0-9]+\*?", word) for word in spelled):
        raise ValueError("a wording is groups of words in small letters: oauth|access token")
    if slash and not span.isdecimal():
        raise ValueError("behind the slash stands how many words it may take: /12")
    return Wording(
        groups=groups,
        span=int(span) if slash else SPAN,
        negative=not NEGATIONS.isdisjoint(spelled),
    )
