"""Wordings are found by meaning: in any order, wrapped, escaped, and not where they are denied."""

import pytest

from authprobe.diagnosis.phrases import Phrase, matching_phrases, smooth

EXPIRED = "oauth|access token expire*"


@pytest.mark.parametrize(
    "text",
    [
        "OAuth token has expired.",
        '{\\"message\\":\\"OAuth\\n     token has expired\\"}',
        "OAuth token\n    has\n    EXPIRED",
        "&quot;oauth&quot; token expires",
        "the expired access token",
        "\x1b[31mOAuth\x1b[0m token has expired",
    ],
)
def test_a_wording_is_found_however_it_is_written(text: str) -> None:
    assert matching_phrases(EXPIRED).find(Phrase(text)) is not None


@pytest.mark.parametrize(
    "text",
    [
        "OAuth token",
        "the certificate has expired",
        "oauth " + "word " * 20 + "token expired",
        "this is not an OAuth token expired error",
        "Ruled out: the OAuth token has expired",
    ],
)
def test_a_wording_is_not_found_where_it_is_not_meant(text: str) -> None:
    assert matching_phrases(EXPIRED).find(Phrase(text)) is None


def test_a_denial_ends_with_its_sentence() -> None:
    assert (
        matching_phrases(EXPIRED).find(Phrase("it does not work: OAuth token expired")) is not None
    )


def test_a_wording_that_denies_is_found_as_it_is() -> None:
    assert matching_phrases("request+not allowed").find(Phrase("Request not allowed")) is not None


def test_joined_words_follow_one_another() -> None:
    assert matching_phrases("not+found").find(Phrase("not here, found there")) is None
    assert matching_phrases("not+found").find(Phrase("it was NOT_FOUND")) is not None


def test_a_number_says_how_many_words_it_may_take() -> None:
    text = Phrase("token one two three expired")
    assert matching_phrases("token expired /5").find(text) is not None
    assert matching_phrases("token expired /4").find(text) is None


@pytest.mark.parametrize("written", ["", "Token", "a /b", "a||b", "x-api-key"])
def test_what_is_no_wording_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"wording|slash"):
        matching_phrases(written)


@pytest.mark.parametrize("text", ["a\\nb", "&quot;x&quot;&nbsp;", "\x1b[1mbold\x1b[0m", "plain"])
def test_a_smoothed_text_is_as_long_as_before(text: str) -> None:
    assert len(smooth(text)) == len(text)
