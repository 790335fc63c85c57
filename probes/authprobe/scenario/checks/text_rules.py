"""Check of a condition on a text, in scenarios and known failures."""

from collections.abc import Iterator
from typing import Final

from authprobe.core.regular_expressions import PatternError, compile_pattern
from authprobe.documents.source import KeyPath, PathProblem, escape, quote
from authprobe.scenario.model import TextRule

MAX_PATTERN_LENGTH: Final = 1000


def check_text_rule(path: KeyPath, rule: TextRule) -> Iterator[PathProblem]:
    """Yield the problems of a rule; its regular expression is compiled."""
    if (rule.contains is None) == (rule.matches is None):
        yield path, f"{quote(str(path[-1]))} must have one of 'contains' and 'matches'"
    if rule.matches is not None:
        yield from check_pattern((*path, "matches"), rule.matches)


def check_pattern(path: KeyPath, pattern: str) -> Iterator[PathProblem]:
    """Yield what is wrong with a regular expression, which is compiled."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        yield path, f"this regular expression has more than {MAX_PATTERN_LENGTH:,} characters"
        return
    try:
        compile_pattern(pattern)
    except PatternError as error:
        yield path, f"{quote(pattern)} is not a regular expression: {escape(str(error))}"
