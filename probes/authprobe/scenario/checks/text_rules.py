"""Check of a condition on a text, in scenarios and known failures."""

from collections.abc import Iterator

from authprobe.documents.source import KeyPath, PathProblem, quote
from authprobe.scenario.checks.patterns import check_pattern
from authprobe.scenario.model import TextRule


def check_text_rule(path: KeyPath, rule: TextRule) -> Iterator[PathProblem]:
    """Yield the problems of a rule; its regular expression is compiled."""
    if (rule.contains is None) == (rule.matches is None):
        yield path, f"{quote(str(path[-1]))} must have one of 'contains' and 'matches'"
    if rule.matches is not None:
        yield from check_pattern((*path, "matches"), rule.matches)
