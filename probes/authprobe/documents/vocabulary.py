"""Vocabulary: the words with which errors name a kind of document and the values in it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Words for one kind of document; each kind defines its own beside its loader."""

    document: str
    """The kind with its article: `a scenario`."""
    start: str
    """First key of such a file, as shown for an empty one: `'id'`."""
    nouns: Mapping[type[enum.Enum], str] = field(default_factory=dict)
    """Noun with its article for each choice: `{Outcome: "an outcome"}`."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """Noun for each regular expression, with the remedy: `a name; use a-z, 0-9 and . + _ -`."""
    scalars: frozenset[type] = frozenset()
    """Dataclasses that are written as text and not as a mapping."""
