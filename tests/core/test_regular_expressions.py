import pytest

from authprobe.core.regular_expressions import PatternError, compile_pattern, contains_match
from tests.support.speed import processor_time_below


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("^(?!.*secret)", "invalid perl operator; lookaround is not supported"),
        ("(?<=a)b", "invalid perl operator; lookaround is not supported"),
        (r"(a)\1", "invalid escape sequence; references to groups are not supported"),
        ("(?P<x>a)(?P=x)", "invalid perl operator; references to groups are not supported"),
        (r"end\Z", r"invalid escape sequence; write \z for the end of the text"),
        (r"\u00e9", r"invalid escape sequence; write a character by its number as \x{201c}"),
        ("(a", "missing ); see github.com/google/re2/wiki/Syntax"),
        ("a{1001}", "invalid repetition size; see github.com/google/re2/wiki/Syntax"),
        (r"(?:\pL?){9}", "it is too large; repeat less"),
        ("\ud800", "it contains a half of a character (a surrogate)"),
    ],
)
def test_unsupported_pattern_is_refused_with_a_remedy(pattern: str, reason: str) -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(pattern)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("^Invalid .* key", "Invalid API key", True),
        ("^key", "API key", False),
        ("(?i)STRASSE|straße", "Die Straße", True),
        ("(?s)a.b", "a\nb", True),
        ("a.b", "a\nb", False),
        ("a.b", "a\ud800b", True),
        ("end$", "the end", True),
    ],
)
def test_pattern_matches_as_in_the_syntax_of_re2(pattern: str, text: str, expected: bool) -> None:
    assert contains_match(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(?:.|[^\n]|[^\r]|[^\t])*Q",
        r"^(a+)+$",
        r"(a|aa|aaa)*b",
        "(((a?){10}){10})" * 14 + "b",
        "(?:.?){1000}x",
        "(.*)" * 150 + "x",
    ],
)
def test_pattern_that_backtracks_without_end_takes_linear_time(pattern: str) -> None:
    with processor_time_below(5):
        assert not contains_match(pattern, "a" * 9_999 + "!" + "a" * 1_000_000)
