"""Number of tokens of a text, estimated by its length."""

from collections.abc import Iterator
from typing import Any, Final

CHARACTERS_PER_TOKEN: Final = 3.5
"""An approximation for English (platform.claude.com/docs/en/about-claude/glossary)."""
COUNTED_FIELDS: Final = ("system", "tools", "messages")
"""Fields of a request that the model reads."""

NAMES: Final = ("type", "role")
"""Fields that only name what a part of a request is."""


def token_count(text: str) -> int:
    """Return the number of tokens of a text; of a text that is not empty, at least 1."""
    return max(1, round(len(text) / CHARACTERS_PER_TOKEN)) if text else 0


def cut_to_tokens(text: str, limit: int) -> str:
    """Return the beginning of a text that has at most this number of tokens."""
    if token_count(text) <= limit:
        return text
    return text[: int(limit * CHARACTERS_PER_TOKEN)]


def input_token_count(fields: dict[str, Any]) -> int:
    """Return the number of tokens of a request; at least 1."""
    texts = (text for name in COUNTED_FIELDS for text in _texts(fields.get(name)))
    return max(1, sum(map(token_count, texts)))


def _texts(value: object) -> Iterator[str]:
    """Yield the strings in a JSON value; not by recursion, as a client chooses the depth."""
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text:
                yield text
            case list() as items:
                pending += items
            case dict() as items:
                pending += [item for name, item in items.items() if name not in NAMES]
