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
    if rule.matches is None:
        return
    if len(rule.matches) > MAX_PATTERN_LENGTH:
        message = f"this regular expression has more than {MAX_PATTERN_LENGTH:,} characters"
        yield (*path, "matches"), message
        return
    try:
        compile_pattern(rule.matches)
    except PatternError as error:
        message = f"{quote(rule.matches)} is not a regular expression: {escape(str(error))}"
        yield (*path, "matches"), message
