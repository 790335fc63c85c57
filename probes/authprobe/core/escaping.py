"""Makes text from outside harmless: nothing is hidden in it, and it commands nothing.

HTML and Markdown escape what is left for themselves.
"""

import re
from typing import Final

LONG: Final = 2000
SHORT: Final = 300
COMMAND: Final = re.compile(r"(?m)(^\s*):(?=:)|#(?=#\[)")
"""What a CI log obeys: `::set-output` at the beginning of a line, `##[command]` anywhere
(docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
HIDDEN_IN_JSON: Final = re.compile(
    r"[\x7f-\x9f\xad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""What JSON need not escape, and a terminal obeys or does not show."""


def escape_nonprintable(text: str) -> str:
    r"""The text with controls, direction marks and odd spaces as `\u202e`; lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def truncate(text: str, limit: int = LONG) -> str:
    """The text, or its beginning and how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def for_display(text: str, limit: int = LONG) -> str:
    """The text as a report may show it: capped, and nothing hidden in it."""
    return escape_nonprintable(truncate(text.replace("\r\n", "\n").strip(" \n"), limit))


def one_line(text: str, limit: int = SHORT) -> str:
    """What `shown` gives, on one line."""
    return for_display(re.sub(r"[ \r\n\t]+", " ", text), limit)


def for_log(text: str) -> str:
    """Text of several lines for a terminal, which may be that of a CI job."""
    return COMMAND.sub(_first_escaped, escape_nonprintable(text.replace("\r\n", "\n")))


def for_json(text: str) -> str:
    """A text in JSON, with what is not seen in it as JSON escapes it."""
    return HIDDEN_IN_JSON.sub(lambda found: _escaped(found[0]), text)


def _first_escaped(found: re.Match[str]) -> str:
    before, character = found[0][:-1], found[0][-1]
    return before + _escaped(character)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
