r"""Escaping of untrusted text: one function for each kind of output.

- terminal and CI log: `for_log`
- JSON: `for_json`
- command to copy: `for_shell`
- reports on one line: `one_line`; on more lines: `for_display`; HTML and Markdown writers do the
  escaping of their own format after this

A character that is not visible becomes its escape, such as `\u202e`: control and format characters
(with bidi), unusual spaces, surrogates, unassigned code points, and what Unicode calls
default-ignorable, though Python calls some of it printable.
"""

import re
import shlex
from collections.abc import Iterable
from typing import Final

MAX_TEXT_LENGTH: Final = 2000
MAX_LINE_LENGTH: Final = 300
MAX_CHANGE_LENGTH: Final = 120
"""Characters of a changed text that are shown whole."""
CONTEXT_LENGTH: Final = 30
"""Characters around the changed part of a longer one."""
CI_COMMAND: Final = re.compile(r"(?m)(^\s*):(?=:)|#(?=#\[)")
"""Workflow commands of CI logs: `::set-output` at the start of a line, `##[command]` anywhere
(docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
_CI_COMMAND_IN_JSON: Final = re.compile(r"#(?=#\[)")
_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, as far as printable."""
_NOT_ASCII: Final = re.compile("[^\x00-\x7e]")


def is_visible(character: str) -> bool:
    """Return True if readers see a character, and terminals do not obey it."""
    return character.isprintable() and not _IGNORABLE.match(character)


def escape_nonprintable(text: str) -> str:
    r"""Return the text with characters that are not visible as `\u202e`; line feeds and tabs stay.

    Escaping twice is the same as escaping once.
    """
    if text.isprintable() and (text.isascii() or not _IGNORABLE.search(text)):
        return text
    return "".join(c if c in "\n\t" or is_visible(c) else _escape_character(c) for c in text)


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


def changed_parts(before: str, after: str, limit: int = MAX_CHANGE_LENGTH) -> tuple[str, str]:
    """Return two texts for a line; of long ones, the part that differs, with what is around it."""
    if max(len(before), len(after)) <= limit:
        return before, after
    shorter = min(len(before), len(after))
    start = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    rest = shorter - start
    end = next((n for n in range(rest) if before[-1 - n] != after[-1 - n]), rest)
    first = max(0, start - CONTEXT_LENGTH)
    return _part(before, first, len(before) - end, limit), _part(
        after, first, len(after) - end, limit
    )


def _part(text: str, first: int, end: int, limit: int) -> str:
    """Return a part of a text with a little more, and how it was cut."""
    last = min(len(text), end + CONTEXT_LENGTH)
    if last - first > limit:
        last = first + limit
    more = len(text) - last
    after = "" if not more else f"… ({more:,} more characters)" if last < end else "…"
    return f"{'…' if first else ''}{text[first:last]}{after}"


def for_log(text: str) -> str:
    """Return the text for a terminal or a CI log, without terminal sequences or CI commands."""
    return CI_COMMAND.sub(_escape_last, escape_nonprintable(text.replace("\r\n", "\n")))


def for_shell(words: Iterable[str]) -> str:
    """Return words as a command to copy, on one line, of which a shell expands nothing."""
    visible = (
        escape_nonprintable(word).replace("\n", "\\n").replace("\t", "\\t") for word in words
    )
    return shlex.join(visible)


def for_json(text: str) -> str:
    """Return a JSON text with the same value, and nothing invisible and no CI command in it."""
    text = _NOT_ASCII.sub(_escape_in_json, text)
    return _CI_COMMAND_IN_JSON.sub(r"\\u0023", text) if "##[" in text else text


def _escape_last(match: re.Match[str]) -> str:
    return match[0][:-1] + _escape_character(match[0][-1])


def _escape_character(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _escape_in_json(match: re.Match[str]) -> str:
    if is_visible(match[0]):
        return match[0]
    units = match[0].encode("utf-16-be", "surrogatepass")  # JSON has no escape above U+FFFF
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
