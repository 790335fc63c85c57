"""Symptoms: facts with their evidence, taken from a recorded observation or from text."""

import datetime
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from authprobe.diagnosis.phrases import WordIndex

MAX_QUOTE_LENGTH: Final = 200
"""Characters of a line that are quoted as evidence."""


class FactKind(enum.StrEnum):
    """Subjects of a fact; also the keys of a condition in `causes.yaml`."""

    STATUS = "status"
    ERROR_TYPE = "type"
    HOST = "host"
    PATH = "path"
    CREDENTIAL = "credential"
    """Credential that a request carried: `api-key`, `access-token`, `foreign`, `none`, ..."""
    HEADER = "header"
    """Place of the credential: `authorization`, `x-api-key` or `body`."""
    BETA = "beta"
    CONTENT = "content"
    """Content type of a response; `none` if it has no body."""
    CODE = "code"
    """Error code of the operating system, the resolver or TLS, such as `ENOTFOUND`."""
    EXCEPTION = "exception"
    VARIABLE = "variable"
    OUTCOME = "outcome"
    EVENT = "event"
    """Fact that only a sequence or a measurement shows, such as `broke-off`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Proof of a fact: a line of text, or the description of an exchange."""

    text: str
    line: int | None = None
    source: str | None = None
    """Name of the text; None: there is only one."""
    weight: float | None = field(default=None, compare=False)
    """How much the line speaks for the cause, for the trained model."""

    def __str__(self) -> str:
        place = " ".join(filter(None, (self.source, f"line {self.line}" if self.line else "")))
        if not place:
            return self.text
        weight = f" ({self.weight:+.1f})" if self.weight is not None else ""
        return f"{place}{weight}: {self.text}"


Fact = tuple[FactKind, str, Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSet:
    """Facts that occurred together: in one exchange, in a client's output, or in one text."""

    facts: Mapping[FactKind, Mapping[str, Evidence]]
    text: str = ""
    words: WordIndex = field(default_factory=lambda: WordIndex(""))
    place: Evidence | None = None
    """Place of the whole text in a file, if its lines are not those of the file."""

    def quote(self, word: int) -> Evidence:
        """Return the line of the text that contains the word with this number."""
        evidence = quote_line(self.text, self.words.offsets[word])
        if self.place is None:
            return evidence
        return replace(evidence, line=self.place.line, source=self.place.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """All facts about one rejection or failure."""

    fact_sets: tuple[FactSet, ...]
    version: str | None = None
    """Version of Claude Code, if one is named."""
    date: datetime.date | None = None
    is_text: bool = False


def quote_line(text: str, offset: int) -> Evidence:
    """Return the line at an offset with its number; a long line is cut around the offset."""
    begin = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[begin : end if end >= 0 else len(text)]
    if len(line) > MAX_QUOTE_LENGTH:
        first = max(offset - begin - MAX_QUOTE_LENGTH // 4, 0)
        line = ("…" if first else "") + line[first : first + MAX_QUOTE_LENGTH] + "…"
    return Evidence(line.strip(), text.count("\n", 0, offset) + 1)


def quote_line_number(text: str, number: int) -> Evidence:
    """Return the line with this number, from 1."""
    offset = -1
    for _ in range(number - 1):
        offset = text.index("\n", offset + 1)
    return quote_line(text, offset + 1)


def group_facts(facts: Iterable[Fact]) -> dict[FactKind, dict[str, Evidence]]:
    """Return the facts by kind and value, each with its first evidence."""
    groups: dict[FactKind, dict[str, Evidence]] = {}
    for kind, value, evidence in facts:
        groups.setdefault(kind, {}).setdefault(value, evidence)
    return groups
