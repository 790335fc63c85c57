"""Phrase patterns match in any order, across wraps and escapes, but not if negated."""

import pytest

from authprobe.diagnosis.phrases import WordIndex, blank_escapes, check_phrase, parse_phrase

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
def test_a_phrase_matches_in_every_spelling(text: str) -> None:
    assert parse_phrase(EXPIRED).find(WordIndex(text)) is not None


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
def test_a_phrase_does_not_match_unrelated_or_negated_words(text: str) -> None:
    assert parse_phrase(EXPIRED).find(WordIndex(text)) is None


def test_a_negation_ends_with_its_clause() -> None:
    assert (
        parse_phrase(EXPIRED).find(WordIndex("it does not work: OAuth token expired")) is not None
    )


def test_several_marks_end_a_clause_as_one_does() -> None:
    text = WordIndex('it is not wrong."}),("token expired')
    assert parse_phrase("token expired").find(text) == 4


def test_any_of_several_sequences_is_found_in_the_order_of_the_text() -> None:
    text = WordIndex("key one, api key two, apis keys three, api")
    group = (("api", "key*"), ("key",), ("apis*", "keys"), ("none",))
    assert text.positions_of_any(group) == [0, 2, 3, 5]
    assert text.positions_of_any((("api",), ("none",))) == [2, 8]
    assert text.positions_of_any((("none",), ("api", "api"))) == []


def test_a_phrase_with_a_negation_matches_literally() -> None:
    assert parse_phrase("request+not allowed").find(WordIndex("Request not allowed")) is not None


def test_joined_words_must_be_consecutive() -> None:
    assert parse_phrase("not+found").find(WordIndex("not here, found there")) is None
    assert parse_phrase("not+found").find(WordIndex("it was NOT_FOUND")) is not None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("无效的令牌", "API Error: 401 无效的令牌 (request id: 1)"),
        ("登录|令牌 过期 /8", "两台电脑提示登录已过期"),
        ("anmeldung|token abgelaufen|ungültig", "Das Token ist UNGÜLTIG"),
        ("токен недействителен", "Токен больше недействителен"),
        ("ログイン 失敗", "ログインに失敗しました"),
        ("토큰 만료", "토큰이 만료되었습니다"),
    ],
)
def test_a_phrase_can_be_in_another_language(pattern: str, text: str) -> None:
    assert parse_phrase(pattern).find(WordIndex(text)) is not None


def test_ideographs_of_a_phrase_must_be_consecutive() -> None:
    assert parse_phrase("无效的令牌").find(WordIndex("令牌 是 无效的")) is None
    assert parse_phrase("令牌无效").find(WordIndex("令牌。无效")) is not None
    assert WordIndex("登录 failed again").ascii_count == 2


def test_a_number_limits_the_span_of_a_match() -> None:
    text = WordIndex("token one two three expired")
    assert parse_phrase("token expired /5").find(text) is not None
    assert parse_phrase("token expired /4").find(text) is None


@pytest.mark.parametrize("pattern", ["", "Token", "a /b", "a||b", "x-api-key"])
def test_an_invalid_phrase_is_rejected(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"a phrase is|slash"):
        check_phrase(pattern)


@pytest.mark.parametrize("text", ["a\\nb", "&quot;x&quot;&nbsp;", "\x1b[1mbold\x1b[0m", "plain"])
def test_blanking_escapes_keeps_the_length(text: str) -> None:
    assert len(blank_escapes(text)) == len(text)
