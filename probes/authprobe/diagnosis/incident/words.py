"""The words of an incident as one text, with a map of its lines to the texts that they are from."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from authprobe.core.claude_api import HOSTS, is_inference_path
from authprobe.diagnosis.excerpt import Excerpt, excerpt_of
from authprobe.diagnosis.incident.facts import IncidentFact
from authprobe.diagnosis.symptom import Evidence, quote_line
from authprobe.diagnosis.text_facts import MAX_ANALYZED_CHARACTERS, symptom_from_text
from authprobe.service.addresses import parse_address

SEPARATOR: Final = "\n\n"
SEPARATOR_LINES: Final = 2
REQUEST_URL: Final = re.compile(r"https?://[^\s\"'<>`,;)\]}\\]+")
MAX_HOSTS: Final = 20
"""Hosts of requests that are facts: each is compared with every other fact."""
MANY_VALUES: Final = 1_000
"""Values from which they are looked up in the text, as a search for each would take too long."""
RANK: Final = 40
"""A request that was sent shows more than a setting."""


class TextPart(NamedTuple):
    """Consecutive lines of one text: the first line of them here and there."""

    start: int
    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Words:
    """Several texts as one, of which each line has a place in one of them."""

    text: str = field(repr=False)
    parts: tuple[TextPart, ...]
    notes: tuple[str, ...] = ()
    """What was not read."""

    def without(self, values: Collection[str]) -> "Words":
        """Return the words without these values, of which none has a line break."""
        text = self.text
        for value in sorted(_likely_in(text, values), key=len, reverse=True):
            text = text.replace(value, "[redacted:credential]")
        return replace(self, text=text)

    def place(self, evidence: Evidence) -> Evidence:
        """Return the evidence with the name and the line of the text that it is from."""
        if evidence.line is None or evidence.source is not None or not self.parts:
            return evidence
        at = bisect_right(self.parts, evidence.line, key=lambda part: part.start) - 1
        part = self.parts[max(at, 0)]
        return replace(evidence, line=evidence.line - part.start + part.line, source=part.name)


def _likely_in(text: str, values: Collection[str]) -> Collection[str]:
    """Return the values that may be in the text; of few, all."""
    if len(values) <= MANY_VALUES:
        return values
    length = min(map(len, values))
    parts = {text[at : at + length] for at in range(len(text) - length + 1)}
    return [value for value in values if value[:length] in parts]


@dataclass(frozen=True, slots=True)
class TextPassage:
    """A text, or a line that stands for a request of an archive."""

    name: str
    text: str = field(repr=False)
    line: int = 1
    """Number of its first line."""


def join_passages(passages: Iterable[TextPassage]) -> Words:
    """Return the passages as one text; of long ones the two ends, and the errors between them."""
    passages = tuple(passages)
    budget = _budget([len(passage.text) for passage in passages])
    chunks: list[str] = []
    parts: list[TextPart] = []
    notes: list[str] = []
    line = 1
    for passage in passages:
        whole = len(passage.text) <= budget
        excerpt = excerpt_of(_as_words(passage.text) if whole else passage.text, budget)
        notes += _notes(passage.name, excerpt)
        for each in excerpt.passages:
            parts.append(TextPart(line, passage.name, passage.line + each.line - 1))
            chunks.append(each.text)
            line += each.text.count("\n") + SEPARATOR_LINES
    return Words(SEPARATOR.join(chunks), tuple(parts), tuple(notes))


def _notes(name: str, excerpt: Excerpt) -> Iterator[str]:
    """Yield what was not read of a text."""
    if not excerpt.last_unread:
        return
    of_text = f"{name}: " if name else ""
    yield (
        f"{of_text}the text is long: of the lines {excerpt.first_unread} to {excerpt.last_unread}, "
        "only those that tell of errors were read"
    )
    if excerpt.is_cut:
        yield (
            f"{of_text}these are too many to look at each of them; give the part around the error"
        )
    if excerpt.omitted:
        yield (
            f"{of_text}{excerpt.omitted} of these were left out, as they are too many; "
            "give the part around the error"
        )


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


def _as_words(text: str) -> str:
    """Return a web page without its markup, which is recognised only at the start of a text."""
    if text.lstrip().startswith("<"):
        return symptom_from_text(text).fact_sets[0].text
    return text


def request_facts(words: Words, text: str) -> Iterator[IncidentFact]:
    """Yield to which hosts the requests that the (redacted) text names were sent."""
    hosts, urls = set[str](), set[str]()
    for match in REQUEST_URL.finditer(text):
        url = match[0]
        if url in urls:
            continue
        urls.add(url)
        address = parse_address(url)
        path = "/" + url.partition("://")[2].partition("/")[2].partition("?")[0].rstrip(".:")
        if address is None or address.host in hosts or not is_inference_path(path):
            continue
        if len(hosts) == MAX_HOSTS:
            limit = f"requests went to more than {MAX_HOSTS} hosts; these are the first"
            yield IncidentFact(evidence=Evidence(limit), is_from_words=True)
            return
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
