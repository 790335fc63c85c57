"""Check of a regular expression in a document."""

from collections.abc import Iterator
from typing import Final

from authprobe.core.regular_expressions import PatternError, compile_pattern
from authprobe.documents.source import KeyPath, PathProblem, escape, quote

MAX_PATTERN_LENGTH: Final = 1000


def check_pattern(path: KeyPath, pattern: str) -> Iterator[PathProblem]:
    """Yield what is wrong with a regular expression, which is compiled."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        yield path, f"this regular expression has more than {MAX_PATTERN_LENGTH:,} characters"
        return
    try:
        compile_pattern(pattern)
    except PatternError as error:
        yield path, f"{quote(pattern)} is not a regular expression: {escape(str(error))}"
