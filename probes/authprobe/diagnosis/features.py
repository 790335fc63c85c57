"""Features of a text, for the trained model: its words, facts and speakers.

Each feature keeps the line on which it first occurs, so that an answer can name its lines.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import re2

from authprobe.diagnosis.concepts import concepts
from authprobe.diagnosis.speakers import mentions
from authprobe.diagnosis.symptom import FactKind, FactSet, Symptom

MAX_LINES: Final = 60
"""Lines of which the words are read; of a longer text those with errors."""
MAX_LINE_LENGTH: Final = 600
WORDS: Final = "w:"
PAIRS: Final = "b:"
PARTS: Final = "c:"
FACTS: Final = "f:"
SPEAKERS: Final = "s:"
CONCEPTS: Final = "k:"
PART_LENGTHS: Final = (3, 4, 5)
SYMBOL_LENGTHS: Final = (1, 2, 3)
"""Lengths of parts in writing without spaces between words."""
LENGTHS: Final = ((8, "few"), (20, "some"), (60, "many"))

_ERROR: Final = (
    r"(?i)error|fail|invalid|expired|denied|unauthori|forbidden|refused|reject|exception"
    r"|not found|timed? ?out|unable|cannot|could not|missing|revoked|limit"
    r"|错误|失败|エラー|오류|ошибк"
)
_SYMBOLS: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_SYMBOL: Final = re2.compile(f"[{_SYMBOLS}]")
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_WORD_OR_SYMBOLS: Final = rf"[{_SYMBOLS}]+|[^\W\d_{_SYMBOLS}]+|\d+"
"""Compiled for a line with symbols only: `re` needs 8 ms for such large sets."""
_NUMBERED: Final = re.compile(r"\b[^\W\d]*\d\w*")
_LINE_BREAK: Final = re.compile(r"\n")
_STATUS: Final = re.compile(r"[345]\d\d")


class TextFeature(NamedTuple):
    """A property of a text: its value, and the line that shows it."""

    value: float
    line: int | None = None


def features(symptom: Symptom) -> Mapping[str, TextFeature]:
    """Return the features of a text by name."""
    fact_set = symptom.fact_sets[0]
    result: dict[str, TextFeature] = {}
    lines = dict(_lines(fact_set))
    for line, text in lines.items():
        for name in _line_features(text):
            result.setdefault(name, TextFeature(1.0, line))
    for name, line in _concept_features(lines):
        result.setdefault(name, TextFeature(1.0, line))
    for name, number in (*_fact_features(fact_set, lines), *_speaker_features(fact_set)):
        result.setdefault(name, TextFeature(1.0, number))
    return result


def _lines(fact_set: FactSet) -> list[tuple[int, str]]:
    """Return the numbered lines that are read, each text once."""
    lines = fact_set.text.split("\n")
    numbers: Iterable[int] = range(len(lines))
    if len(lines) > MAX_LINES:
        numbers = _numbers_of_interest(fact_set, lines)
    chosen: dict[str, tuple[int, str]] = {}
    for number in numbers:
        text = lines[number].strip()[:MAX_LINE_LENGTH].lower()
        if text:
            chosen.setdefault(_shape(text), (number + 1, text))
        if len(chosen) == MAX_LINES:
            break
    return sorted(chosen.values())


def _shape(line: str) -> str:
    """Return the line without its numbers and ids, in which lines of one kind differ."""
    return _NUMBERED.sub("0", line)


def _concept_features(lines: Mapping[int, str]) -> Iterator[tuple[str, int]]:
    numbers, text = list(lines), "\n".join(lines.values())
    for name, offset in concepts(text):
        yield CONCEPTS + name, numbers[text.count("\n", 0, offset)]


def _numbers_of_interest(fact_set: FactSet, lines: list[str]) -> list[int]:
    """Return the numbers of lines with facts and errors, and last of those with statuses only: a
    log has more lines than are read, and any number may look like a status.
    """
    facts, statuses, shapes = list[int](), list[int](), set[str]()
    for kind, values in fact_set.facts.items():
        found = statuses if kind is FactKind.STATUS else facts
        found += [evidence.line - 1 for evidence in values.values() if evidence.line]
    errors, seen = list[int](), set[str]()
    # RE2 needs a tenth of the time; only beyond ASCII does it find something else.
    error, ascii_error = re.compile(_ERROR), re2.compile(_ERROR)
    for number, line in enumerate(lines):
        if line in seen:
            continue  # a log may have the same one a hundred thousand times
        seen.add(line)
        if (ascii_error if line.isascii() else error).search(line):
            shape = _shape(line[:MAX_LINE_LENGTH])
            if shape not in shapes:
                shapes.add(shape)
                errors.append(number)
        if len(shapes) >= MAX_LINES:
            break
    return list(dict.fromkeys((*sorted(facts), *errors, *sorted(statuses))))


def _line_features(text: str) -> Iterator[str]:
    words = [_normal(match[0]) for match in _words(text)]
    for word in words:
        yield WORDS + word
        yield from _parts(word)
    for first, second in pairwise(words):
        yield f"{PAIRS}{first} {second}"


def _words(text: str) -> Iterator[re.Match[str]]:
    return re.finditer(_WORD_OR_SYMBOLS, text) if _has_symbols(text) else _WORD.finditer(text)


def _has_symbols(text: str) -> bool:
    return not text.isascii() and _SYMBOL.search(text) is not None


def _normal(word: str) -> str:
    """Return the word; of numbers only those that may be a status differ."""
    return "0" if word.isdecimal() and not _STATUS.fullmatch(word) else word


def _parts(word: str) -> Iterator[str]:
    if word.isdecimal():
        return
    is_symbols = _has_symbols(word)
    marked = word if is_symbols else f"<{word}>"
    for length in SYMBOL_LENGTHS if is_symbols else PART_LENGTHS:
        for start in range(len(marked) - length + 1):
            yield PARTS + marked[start : start + length]


def _fact_features(fact_set: FactSet, lines: Mapping[int, str]) -> Iterator[tuple[str, int | None]]:
    for kind, facts in fact_set.facts.items():
        for value, evidence in facts.items():
            yield f"{FACTS}{kind.value}:{value}", evidence.line
    count = sum(1 for text in lines.values() for _ in _words(text))
    yield f"{FACTS}words:{next((name for most, name in LENGTHS if count < most), 'lots')}", None


def _speaker_features(fact_set: FactSet) -> Iterator[tuple[str, int | None]]:
    found = sorted(mentions(fact_set.words), key=lambda mention: mention.distance)
    breaks = [match.start() for match in _LINE_BREAK.finditer(fact_set.text)]
    for rank, mention in enumerate(found):
        line = bisect_right(breaks, fact_set.words.offsets[mention.position]) + 1
        yield f"{SPEAKERS}{mention.name}", line
        yield f"{SPEAKERS}role:{mention.role}", line
        if mention.is_near:
            yield f"{SPEAKERS}near:{mention.role}", line
            if not rank:
                yield f"{SPEAKERS}nearest:{mention.role}", line
