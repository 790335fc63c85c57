import pytest

from authprobe.core.suggestions import MAX_COMPARED_LENGTH, closest, did_you_mean

WORDS = ("accepted", "rejected", "Timed-Out")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("acepted", "accepted"), ("ACCEPTED", "accepted"), ("timed-out", "Timed-Out"), ("x", None)],
)
def test_the_closest_word_is_found_whatever_its_case(word: str, expected: str | None) -> None:
    assert closest(word, WORDS) == expected


def test_a_cutoff_of_zero_always_finds_a_word() -> None:
    assert closest("zzz", WORDS, cutoff=0) in WORDS


def test_only_the_beginning_of_a_long_word_is_compared() -> None:
    beginning = "a" * MAX_COMPARED_LENGTH
    assert closest(beginning + "b" * 1_000_000, (beginning,)) == beginning


@pytest.mark.parametrize(
    ("word", "otherwise", "expected"),
    [
        ("acepted", "", "; did you mean 'accepted'?"),
        ("acepted", "list them", "; did you mean 'accepted'?"),
        ("x", "", ""),
        ("x", "list them", "; list them"),
    ],
)
def test_a_suggestion_is_worded_for_an_error_message(
    word: str, otherwise: str, expected: str
) -> None:
    assert did_you_mean(word, WORDS, otherwise=otherwise) == expected
