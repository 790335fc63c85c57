import io

import pytest

from authprobe.core.wrapping import terminal_width, wrap_line, wrap_lines


@pytest.mark.parametrize(
    ("line", "width", "wrapped"),
    [
        ("one two three", None, "one two three"),
        ("one two three", 13, "one two three"),
        ("one two three", 8, "one two\n    three"),
        ("  one two three", 10, "  one two\n      three"),
        ("set PROBE_API_KEY_OF_OURS now", 9, "set\n    PROBE_API_KEY_OF_OURS\n    now"),
        ("x live-api-key/raw-http y", 8, "x\n    live-api-key/raw-http\n    y"),
    ],
)
def test_lines_break_at_spaces_only(line: str, width: int | None, wrapped: str) -> None:
    assert wrap_line(line, width) == wrapped


def test_what_is_no_terminal_has_no_width() -> None:
    assert terminal_width(io.StringIO()) is None


def test_commands_are_not_wrapped() -> None:
    lines = ("    $ claude auth login --now", "  one two three")
    assert list(wrap_lines(lines, 10)) == [lines[0], "  one two\n      three"]
