import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.core.escaping import (
    changed_parts,
    escape_nonprintable,
    for_json,
    for_log,
    is_visible,
    one_line,
    truncate,
)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[31m", "\\u001b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("a\xa0b", "a\\u00a0b"),
        ("é漢\n\tb", "é漢\n\tb"),
        ("a\ufe0fb\u034f", "a\\ufe0fb\\u034f"),
        ("\u3164", "\\u3164"),
        ("\U000e0100", "\\U000e0100"),
    ],
)
def test_invisible_characters_are_escaped(text: str, escaped: str) -> None:
    assert escape_nonprintable(text) == escaped


def test_truncated_text_states_the_number_of_missing_characters() -> None:
    assert truncate("x" * 1234, 4) == "xxxx… (1,230 more characters)"
    assert truncate("xxxx", 4) == "xxxx"


def test_whitespace_is_joined_into_one_line() -> None:
    assert one_line(" a \r\n b\n\nc\td\u2028\n") == "a b c d\\u2028"


@pytest.mark.parametrize(
    "line",
    ["::set-output name=a::b", "  ::error::x", "a\n::add-mask::x", "x ##[error]y", "\r\n::debug::"],
)
def test_ci_commands_are_escaped(line: str) -> None:
    escaped = for_log(line)
    assert not [part for part in escaped.splitlines() if part.lstrip().startswith("::")]
    assert "##[" not in escaped
    assert "\r" not in escaped


@pytest.mark.parametrize(
    "line", ["a::b", "std::vector", "#[derive]", "## [x]", "::1 is loopback"[1:]]
)
def test_text_that_is_no_ci_command_stays(line: str) -> None:
    assert for_log(line) == line


@given(text=st.text())
def test_escaped_json_has_the_same_value_and_no_invisible_characters(text: str) -> None:
    escaped = for_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(escaped) == text
    assert all(map(is_visible, escaped))


@pytest.mark.parametrize("text", ["##[error]x", "a \U000e0041", "\ufe0f\x7f\x9b", "\ud800", "😀"])
def test_json_keeps_its_value_without_commands_and_hidden_characters(text: str) -> None:
    escaped = for_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(escaped) == text
    assert "##[" not in escaped
    assert all(map(is_visible, escaped))


@given(text=st.text())
def test_escaping_twice_is_escaping_once(text: str) -> None:
    assert for_log(for_log(text)) == for_log(text)


BODY = '{"error": {"type": "forbidden", "message": "Request not allowed"}} ' * 5


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("old", "new", ("old", "new")),
        (
            f"{BODY}at cli.js:77:1 {BODY}",
            f"{BODY}at cli.js:79:12 {BODY}",
            (
                '…est not allowed"}} at cli.js:77:1 {"error": {"type": "forbidden…',
                '…est not allowed"}} at cli.js:79:12 {"error": {"type": "forbidden…',
            ),
        ),
        (BODY, f"{BODY}and more", ("…", "and more")),
        ("short", BODY, ("short", "more characters)")),
    ],
)
def test_of_long_texts_the_changed_part_is_shown(
    before: str, after: str, expected: tuple[str, str]
) -> None:
    parts = changed_parts(before, after)
    assert parts[0].startswith(expected[0])
    assert parts[1].endswith(expected[1])
    assert max(map(len, parts)) < 160


@given(st.text("ab", max_size=400), st.text("ab", max_size=400))
def test_parts_of_different_texts_differ(before: str, after: str) -> None:
    parts = changed_parts(before, after)
    assert (parts[0] == parts[1]) == (before == after)
