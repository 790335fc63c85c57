"""Regular expressions of scenario files, matched in time linear in the text by RE2.

Python's `re` backtracks, so that a file could make it run for years. RE2 has no lookaround and no
backreferences; its syntax is described at github.com/google/re2/wiki/Syntax.
"""

import functools
from typing import Final

import re2

SYNTAX: Final = "github.com/google/re2/wiki/Syntax"
MAX_MEMORY_BYTES: Final = 8 * 1024 * 1024
MAX_PROGRAM_SIZE: Final = 10_000
"""Instructions of a compiled expression: the time per character grows with them."""
MAX_TEXT_LENGTH: Final = 10_000
"""Characters of a text that are searched; the messages of clients are shorter."""
_REMEDIES: Final = (
    (("(?=", "(?!", "(?<"), "lookaround is not supported"),
    (("(?P", "\\1", "\\2", "\\3"), "references to groups are not supported"),
    (("\\Z",), r"write \z for the end of the text"),
    (("\\u", "\\U", "\\N"), r"write a character by its number as \x{201c}"),
)
"""Remedies by the beginning of what Python's syntax has and RE2's has not."""


class PatternError(ValueError):
    """A regular expression that is invalid, not supported or too large."""


@functools.lru_cache(maxsize=256)
def compile_pattern(pattern: str, *, captures: bool = False) -> "re2._Regexp":
    """Return a compiled regular expression; with `captures`, one that remembers its groups.

    Raises:
        PatternError: it is invalid, not supported or too large.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY_BYTES
    options.never_capture = not captures
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(_reason(pattern, error)) from None
    except UnicodeEncodeError:
        raise PatternError("it contains a half of a character (a surrogate)") from None
    if compiled.programsize > MAX_PROGRAM_SIZE:
        raise PatternError("it is too large; repeat less")
    return compiled


def contains_match(pattern: str, text: str) -> bool:
    """Return True if the first `MAX_TEXT_LENGTH` characters of a text contain a match.

    Raises:
        PatternError: the pattern is invalid, not supported or too large.
    """
    # As bytes, because a client's message may contain halves of characters, which UTF-8 has not.
    data = text[:MAX_TEXT_LENGTH].encode("utf-8", "replace")
    return compile_pattern(pattern).search(data) is not None


def find_match(pattern: str, text: str, limit: int = MAX_TEXT_LENGTH) -> str | None:
    """Return the first group of the first match in a text, or the whole match if the expression
    has no group; None: nothing in the first `limit` characters matches, or not that group.

    Raises:
        PatternError: the pattern is invalid, not supported or too large.
    """
    compiled = compile_pattern(pattern, captures=True)
    match = compiled.search(text[:limit].encode("utf-8", "replace"))
    if match is None:
        return None
    group = match.group(1 if compiled.groups else 0)
    return None if group is None else group.decode("utf-8", "replace")


def _reason(pattern: str, error: Exception) -> str:
    """Return RE2's reason, and the remedy for what only Python's syntax has."""
    first = error.args[0] if error.args else b""
    reason = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    kind, _, place = reason.partition(": ")
    remedies = (remedy for starts, remedy in _REMEDIES if place.startswith(starts))
    return f"{kind}; {next(remedies, f'see {SYNTAX}')}"
