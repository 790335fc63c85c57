"""What was observed, as facts with their evidence; made of a record, or of a text."""

import datetime
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from authprobe.diagnosis.phrases import Phrase

LENGTH: Final = 200
"""Of a line that is shown as evidence."""


class FactKind(enum.StrEnum):
    """What a fact is about."""

    STATUS = "status"
    ERROR_TYPE = "type"
    HOST = "host"
    PATH = "path"
    CREDENTIAL = "credential"
    """What a request carried: `api-key`, `access-token`, `foreign`, `none`, ..."""
    HEADER = "header"
    """Where: `authorization`, `x-api-key` or `body`."""
    BETA = "beta"
    CONTENT = "content"
    """Content type of an answer; `none`: it had no body."""
    CODE = "code"
    """Of the operating system, the resolver or TLS: `ENOTFOUND`."""
    EXCEPTION = "exception"
    VARIABLE = "variable"
    OUTCOME = "outcome"
    EVENT = "event"
    """What only a sequence or a measurement shows, such as `broke-off`."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows a fact: a line of a text, or what was seen."""

    text: str
    line: int | None = None

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What was seen together: one exchange, what the user was told, or a whole text."""

    facts: Mapping[FactKind, Mapping[str, Evidence]]
    text: str = ""
    words: Phrase = field(default_factory=lambda: Phrase(""))

    def quote(self, place: int) -> Evidence:
        """The line of the text in which this word stands."""
        return quote_line(self.text, self.words.starts[place])


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """All that is known of one trouble."""

    scenes: tuple[Scene, ...]
    version: str | None = None
    """Of Claude Code, where one is named."""
    date: datetime.date | None = None
    is_text: bool = False


def quote_line(text: str, index: int) -> Evidence:
    """The line of a text around an index, with its number; the middle of a long one."""
    begin = text.rfind("\n", 0, index) + 1
    end = text.find("\n", index)
    line = text[begin : end if end >= 0 else len(text)]
    if len(line) > LENGTH:
        first = max(index - begin - LENGTH // 4, 0)
        line = ("…" if first else "") + line[first : first + LENGTH] + "…"
    return Evidence(line.strip(), text.count("\n", 0, index) + 1)


def collect(facts: Iterable[tuple[FactKind, str, Evidence]]) -> dict[FactKind, dict[str, Evidence]]:
    """The facts by kind and value, each with what shows it first."""
    found: dict[FactKind, dict[str, Evidence]] = {}
    for kind, value, evidence in facts:
        found.setdefault(kind, {}).setdefault(value, evidence)
    return found
