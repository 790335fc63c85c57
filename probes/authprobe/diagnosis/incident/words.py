"""The words of an incident as one text, with a map of its lines to the texts that they are from."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from authprobe.core.claude_api import HOSTS, is_inference_path
from authprobe.diagnosis.incident.facts import IncidentFact, line_of
from authprobe.diagnosis.symptom import Evidence, quote_line
from authprobe.diagnosis.text_facts import (
    MAX_ANALYZED_CHARACTERS,
    TOKEN_PREFIX,
    redact_text,
    symptom_from_text,
)
from authprobe.service.addresses import parse_address

SEPARATOR: Final = "\n\n"
SEPARATOR_LINES: Final = 2
REQUEST_URL: Final = re.compile(r"https?://[^\s\"'<>`,;)\]}\\]+")
RANK: Final = 40
"""A request that was sent shows more than a setting."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """Consecutive lines of one text: the first line of them here and there."""

    start: int
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Words:
    """Several texts as one, of which each line has a place in one of them."""

    text: str = field(repr=False)
    parts: tuple[TextPart, ...]

    def without(self, values: Iterable[str]) -> "Words":
        """Return the words without these values, of which none has a line break."""
        text = self.text
        for value in sorted(values, key=len, reverse=True):
            text = text.replace(value, "[redacted:credential]")
        return replace(self, text=text)

    def place(self, evidence: Evidence) -> Evidence:
        """Return the evidence with the name and the line of the text that it is from."""
        if evidence.line is None or evidence.source is not None or not self.parts:
            return evidence
        at = bisect_right([part.start for part in self.parts], evidence.line) - 1
        part = self.parts[max(at, 0)]
        return replace(evidence, line=evidence.line - part.start + part.line, source=part.name)


@dataclass(frozen=True, slots=True)
class TextPassage:
    """A text, or a line that stands for a request of an archive."""

    name: str
    text: str = field(repr=False)
    line: int = 1
    """Number of its first line."""


def join_passages(passages: Iterable[TextPassage]) -> Words:
    """Return the passages as one text; of long ones only the beginning and the end."""
    passages = tuple(passages)
    budget = _budget([len(passage.text) for passage in passages])
    chunks: list[str] = []
    parts: list[TextPart] = []
    line = 1
    for passage in passages:
        for first, chunk in _ends(passage.text, budget):
            parts.append(TextPart(line, passage.name, passage.line + first - 1))
            if len(passages) > 1:
                chunk = _with_stable_lines(chunk)
            chunks.append(chunk)
            line += chunk.count("\n") + SEPARATOR_LINES
    return Words(SEPARATOR.join(chunks), tuple(parts))


def _budget(lengths: list[int]) -> int:
    """Return how long each passage may be, so that short ones leave their room to the others."""
    room = MAX_ANALYZED_CHARACTERS - 2 * len(SEPARATOR) * len(lengths)
    budget = room
    for number, length in enumerate(sorted(lengths)):
        budget = room // (len(lengths) - number)
        if length > budget:
            break
        room -= length
    return budget


def _ends(text: str, budget: int) -> Iterator[tuple[int, str]]:
    """Yield the text, or its two ends, each with the number of its first line."""
    if len(text) <= budget:
        yield 1, _as_words(text)
        return
    half = budget // 2
    yield 1, text[:half]
    yield line_of(text, len(text) - half), text[-half:]


def _with_stable_lines(chunk: str) -> str:
    """Return the text, redacted already if that removes lines, which would move other texts.

    Words that tell the kind of a token stay, as they are read before the redaction.
    """
    redacted = redact_text(chunk)
    if redacted.count("\n") == chunk.count("\n"):
        return chunk
    kinds = " ".join(dict.fromkeys(match[0] for match in TOKEN_PREFIX.finditer(chunk)))
    return redacted.replace("[redacted:token]", f"{kinds} [redacted:token]".strip(), 1)


def _as_words(text: str) -> str:
    """Return a web page without its markup, which is recognised only at the start of a text."""
    if text.lstrip().startswith("<"):
        return symptom_from_text(text).fact_sets[0].text
    return text


def request_facts(words: Words, text: str) -> Iterator[IncidentFact]:
    """Yield to which hosts the requests that the (redacted) text names were sent."""
    hosts = set[str]()
    for match in REQUEST_URL.finditer(text):
        address = parse_address(match[0])
        path = "/" + match[0].partition("://")[2].partition("/")[2].partition("?")[0].rstrip(".:")
        if address is None or address.host in hosts or not is_inference_path(path):
            continue
        hosts.add(address.host)
        place = words.place(quote_line(text, match.start()))
        yield IncidentFact(
            evidence=replace(place, text=f"a request went to {address}"),
            question="base-url",
            answer="no" if address.host in HOSTS else "yes",
            value=address.host,
            rank=RANK,
            is_from_words=True,
        )
