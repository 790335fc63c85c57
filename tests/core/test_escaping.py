import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.escaping import escape_nonprintable, for_json, for_log, one_line, truncate


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("\x1b[31m", "\\u001b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("a\xa0b", "a\\u00a0b"),
        ("é漢\n\tb", "é漢\n\tb"),
    ],
)
def test_what_is_hidden_is_made_visible(hidden: str, shown: str) -> None:
    assert escape_nonprintable(hidden) == shown


def test_long_text_says_how_much_is_missing() -> None:
    assert truncate("x" * 1234, 4) == "xxxx… (1,230 more characters)"
    assert truncate("xxxx", 4) == "xxxx"


def test_one_line_is_one_line() -> None:
    assert one_line(" a \r\n b\n\nc\td\u2028\n") == "a b c d\\u2028"


@pytest.mark.parametrize(
    "line",
    ["::set-output name=a::b", "  ::error::x", "a\n::add-mask::x", "x ##[error]y", "\r\n::debug::"],
)
def test_a_ci_log_obeys_nothing(line: str) -> None:
    shown = for_log(line)
    assert not [each for each in shown.splitlines() if each.lstrip().startswith("::")]
    assert "##[" not in shown
    assert "\r" not in shown


@pytest.mark.parametrize(
    "line", ["a::b", "std::vector", "#[derive]", "## [x]", "::1 is loopback"[1:]]
)
def test_what_a_ci_log_does_not_obey_stays(line: str) -> None:
    assert for_log(line) == line


@given(text=st.text())
def test_json_means_the_same_and_hides_nothing(text: str) -> None:
    written = for_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert not {"\x9b", "\u202e", "\u200b", "\x7f"} & set(written)
