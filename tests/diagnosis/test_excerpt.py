"""Excerpt of a long text: both ends, and the errors between them."""

import random

import pytest

from authprobe.diagnosis.excerpt import MAX_PASSAGES_OF_BLOCK, excerpt_of
from tests.support.speed import processor_time, processor_time_below

ERROR = 'API Error: 401 {"type":"error","error":{"type":"authentication_error"}}'
BUDGET = 100_000


def log(size: int, seed: int) -> str:
    """Return lines without an error, no two of them equal."""
    numbers = random.Random(seed)  # noqa: S311
    count = size // 50
    return "".join(f"DEBUG request ok, id={numbers.getrandbits(120):030x}\n" for _ in range(count))


def test_a_short_text_is_read_whole() -> None:
    excerpt = excerpt_of("a\nb", 10)
    assert [(each.line, each.text) for each in excerpt.passages] == [(1, "a\nb")]
    assert (excerpt.first_unread, excerpt.last_unread, excerpt.omitted) == (0, 0, 0)


@pytest.mark.parametrize("size", [200_000, 2_000_000])
def test_the_only_error_of_a_long_text_is_read_with_its_line(size: int) -> None:
    before = log(size, 1)
    excerpt = excerpt_of(f"{before}{ERROR}\n{log(size, 2)}", BUDGET)
    (passage,) = (each for each in excerpt.passages[1:-1] if ERROR in each.text)
    assert passage.line == before.count("\n") + 1
    assert excerpt.first_unread < passage.line < excerpt.last_unread
    assert excerpt.omitted == 0


def test_both_ends_take_the_room_that_errors_leave() -> None:
    text = "x\n" * BUDGET
    excerpt = excerpt_of(text, BUDGET)
    assert sum(len(each.text) for each in excerpt.passages) == BUDGET
    assert excerpt.passages[-1].line == text.count("\n", 0, len(text) - BUDGET // 2) + 1


def test_each_line_is_read_once() -> None:
    lines = [f"line {number} failed: {'abcdefgh'[number % 8] * 9}" for number in range(9_000)]
    excerpt = excerpt_of("\n".join(lines), BUDGET)
    starts = [each.line for each in excerpt.passages]
    assert starts == sorted(set(starts))


def test_an_error_within_one_long_line_is_read() -> None:
    excerpt = excerpt_of(f"{'x ' * BUDGET}{ERROR}{' y' * BUDGET}", BUDGET)
    assert any(ERROR in each.text for each in excerpt.passages)
    assert {each.line for each in excerpt.passages} == {1}


def test_errors_of_authentication_come_before_others_and_the_rest_is_counted() -> None:
    letters = random.Random(3)  # noqa: S311
    others = "".join(
        f"ERROR failed: {''.join(letters.choices('ghijklmnop', k=60))}\n" for _ in range(9_000)
    )
    excerpt = excerpt_of(f"{others}{ERROR}\n{others}", BUDGET)
    assert any(ERROR in each.text for each in excerpt.passages)
    assert excerpt.omitted > 5_000
    assert sum(len(each.text) + 2 for each in excerpt.passages) <= BUDGET + 4


@pytest.mark.parametrize("part", ["error ", "401", "x", "\n", "é\ud800"])
def test_a_hostile_text_is_searched_in_limited_time(part: str) -> None:
    with processor_time_below(10):
        excerpt_of(part * (10_000_000 // len(part)), 1_000_000)


@pytest.mark.parametrize("line", ["401\n", "error\n", "500 \n", "invalid token\n", "error 401 "])
def test_a_flood_of_one_error_takes_as_long_as_a_text_without_errors(line: str) -> None:
    def read(part: str) -> object:
        return excerpt_of(part * (8_000_000 // len(part)), BUDGET)

    read(ERROR)  # warm up
    assert processor_time(lambda: read(line)) < 4 * processor_time(lambda: read("ok.\n"))


@pytest.mark.parametrize("flood", ["error\n", "500 \n", "403\n"])
def test_an_error_within_a_flood_of_others_is_read(flood: str) -> None:
    before = flood * 700_000
    excerpt = excerpt_of(f"{before}{ERROR}\n{before}", BUDGET)
    assert any(each.line == 700_001 and ERROR in each.text for each in excerpt.passages)
    assert not excerpt.is_cut


def test_lines_that_differ_in_a_status_are_told_apart() -> None:
    filler = "x" * BUDGET
    text = f"{filler}\nreply 201\nreply 409\nreply 401\nreply 411 8\nreply 411 9\n{filler}"
    middles = excerpt_of(text, BUDGET).passages[1:-1]
    assert [(each.line, each.text) for each in middles] == [
        (3, "reply 409"),
        (4, "reply 401"),
        (5, "reply 411 8"),
    ]


def test_so_many_different_errors_that_some_are_not_looked_at_are_told() -> None:
    letters = random.Random(4)  # noqa: S311
    lines = (f"error {''.join(letters.choices('ghijklmnop', k=9))}\n" for _ in range(90_000))
    text = "".join(lines)
    assert text.count("\n") > MAX_PASSAGES_OF_BLOCK
    assert excerpt_of(text, BUDGET).is_cut
    assert not excerpt_of(text[: 4 * BUDGET // 3], BUDGET).is_cut


def test_a_flood_in_one_part_leaves_the_others_to_be_read() -> None:
    letters = random.Random(5)  # noqa: S311
    lines = [f"401 {''.join(letters.choices('ghijklmnop', k=9))}" for _ in range(90_000)]
    filler = "x" * 6 * BUDGET
    excerpt = excerpt_of("\n".join((*lines, filler, ERROR, filler)), 10 * BUDGET)
    assert excerpt.is_cut
    assert [each.line for each in excerpt.passages if ERROR in each.text] == [90_002]
