"""Escaping of untrusted text: control and bidi characters, terminal sequences, CI commands.

HTML and Markdown writers do the escaping of their own format after this.
"""

import re
from typing import Final

MAX_TEXT_LENGTH: Final = 2000
MAX_LINE_LENGTH: Final = 300
CI_COMMAND: Final = re.compile(r"(?m)(^\s*):(?=:)|#(?=#\[)")
"""Workflow commands of CI logs: `::set-output` at the start of a line, `##[command]` anywhere
(docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
INVISIBLE_IN_JSON: Final = re.compile(
    r"[\x7f-\x9f\xad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
"""Characters that JSON does not escape, and that a terminal obeys or hides."""


def escape_nonprintable(text: str) -> str:
    r"""Return the text with control, bidi and unusual space characters as `\u202e`.

    Line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escape_character(c) for c in text)


def truncate(text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """Return the text, or its first `limit` characters and the number of those missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def for_display(text: str, limit: int = MAX_TEXT_LENGTH) -> str:
    """Return the text for a report: truncated, and with nothing invisible in it."""
    return escape_nonprintable(truncate(text.replace("\r\n", "\n").strip(" \n"), limit))


def one_line(text: str, limit: int = MAX_LINE_LENGTH) -> str:
    """Return the text for a report, on one line."""
    return for_display(re.sub(r"[ \r\n\t]+", " ", text), limit)


def for_log(text: str) -> str:
    """Return the text for a terminal or a CI log, without terminal sequences or CI commands."""
    return CI_COMMAND.sub(_escape_last, escape_nonprintable(text.replace("\r\n", "\n")))


def for_json(text: str) -> str:
    """Return a JSON text with its invisible characters as JSON escapes."""
    return INVISIBLE_IN_JSON.sub(lambda match: _escape_character(match[0]), text)


def _escape_last(match: re.Match[str]) -> str:
    return match[0][:-1] + _escape_character(match[0][-1])


def _escape_character(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
