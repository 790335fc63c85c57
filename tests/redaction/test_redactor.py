import base64
import html
import json
import secrets
import string
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authprobe.emulator.state.tokens import PREFIXES
from authprobe.redaction.redactor import (
    ANCHOR_STEP,
    MAX_DENSE_VALUES,
    MIN_FRAGMENT_LENGTH,
    PART_LENGTH,
    Redactor,
    _distinct_words,
    find_token,
)

Encoder = Callable[[str], str]

FOREIGN = "Qw7Er9Ty2Ui4Op6As8Df1Gh3Qw7Er9Ty2"

URLSAFE = string.ascii_letters + string.digits + "_-"
TOKENS = st.builds(
    str.__add__,
    st.sampled_from(sorted(set(PREFIXES.values()))),
    st.text(URLSAFE, min_size=40, max_size=70),
)
TEXTS = st.text(max_size=20)


def in_base64(text: str, shift: int, alphabet: bytes = b"+/") -> str:
    """Return the text in base64, after `shift` other bytes and before some more."""
    data = b"abc"[:shift] + text.encode() + b"xyz"
    return base64.b64encode(data, altchars=alphabet).decode()


ENCODERS: dict[str, Encoder] = {
    "plain": str,
    "percent": lambda text: urllib.parse.quote(f"{text}&a b", safe=""),
    "form": lambda text: urllib.parse.urlencode({"refresh_token": text, "x": "ü"}),
    "json": lambda text: json.dumps({"a": text, "b": 'x"y'}),
    "json in json": lambda text: json.dumps(json.dumps({"a": text})),
    "html": lambda text: html.escape(f"<td title='{text}'>&</td>"),
    "base64, 0": lambda text: in_base64(text, 0),
    "base64, 1": lambda text: in_base64(text, 1),
    "base64, 2": lambda text: in_base64(text, 2),
    "urlsafe base64, 0": lambda text: in_base64(text, 0, b"-_"),
    "urlsafe base64, 1": lambda text: in_base64(text, 1, b"-_"),
    "urlsafe base64, 2": lambda text: in_base64(text, 2, b"-_"),
    "basic pair": lambda text: "Basic " + in_base64(f"user:{text}", 0),
    "base64 in json": lambda text: json.dumps({"a": in_base64(text, 1)}),
}


def make_token() -> str:
    """Return a made-up token."""
    return "sk-ant-oat01-" + secrets.token_urlsafe(48)


def redactor_with(**values: str) -> Redactor:
    """Return a redactor that has learned these values, by slot."""
    redactor = Redactor()
    for slot, value in values.items():
        redactor.learn(slot, value)
    return redactor


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_a_learned_value_is_replaced_by_its_slot(encode: Encoder) -> None:
    for _ in range(20):
        token = make_token()
        redacted = redactor_with(key=token)(encode(token))
        assert "[redacted:key]" in redacted
        assert find_token(redacted) is None
        assert token[-16:-2] not in redacted


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_a_learned_value_without_a_token_format_is_replaced(encode: Encoder) -> None:
    value = "0123456789-ABCDEF_abcdef"
    redacted = redactor_with(key=value)(encode(value))
    assert "[redacted:key]" in redacted


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
def test_an_unknown_token_is_found_and_replaced_by_its_format(encode: Encoder) -> None:
    for _ in range(20):
        text = encode(make_token())
        assert find_token(text) is not None
        assert find_token(Redactor()(text)) is None


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@pytest.mark.parametrize("start", ["\x1b[", "\x1b[1", "\x9b", "\x9b1", "\x1b(", "\\u001b["])
def test_no_token_is_hidden_by_an_open_terminal_sequence(start: str, encode: Encoder) -> None:
    text = f"x {start}{encode(make_token())} y"
    assert find_token(text) is not None
    assert find_token(Redactor()(text)) is None


@given(token=TOKENS, before=TEXTS, after=TEXTS, encoder=st.sampled_from(sorted(ENCODERS)))
@example(token="sk-ant-oat01-" + "-" * 40, before="", after="", encoder="base64, 2")
def test_no_token_is_left_in_any_text(token: str, before: str, after: str, encoder: str) -> None:
    text = before + ENCODERS[encoder](token) + after
    for redactor in (Redactor(), redactor_with(slot=token)):
        redacted = redactor(text)
        assert token not in redacted
        assert find_token(redacted) is None
    assert find_token(text) is not None


@given(token=TOKENS, before=TEXTS, after=TEXTS)
def test_the_text_around_a_value_stays(token: str, before: str, after: str) -> None:
    redacted = redactor_with(slot=token)(f"{before} {token} {after}")
    assert redacted == f"{before} [redacted:slot] {after}"


@given(text=st.text(), token=TOKENS)
def test_redacting_twice_changes_nothing(text: str, token: str) -> None:
    redactor = redactor_with(slot=token)
    once = redactor(f"{text}{token}{text}")
    assert redactor(once) == once


def test_the_length_of_a_value_is_not_revealed() -> None:
    short, long = make_token(), make_token() * 2
    assert redactor_with(key=short)(short) == redactor_with(key=long)(long) == "[redacted:key]"


def test_each_value_has_its_own_slot() -> None:
    one, two = make_token(), make_token()
    redacted = redactor_with(one=one, two=two)(f"{two} {one} {two}")
    assert redacted == "[redacted:two] [redacted:one] [redacted:two]"


@pytest.mark.parametrize("value", ["hunter2", f"sk-ant-api03-{URLSAFE}", "a value with spaces"])
def test_a_text_that_is_a_learned_value_is_its_slot(value: str) -> None:
    redactor = Redactor()
    redactor.learn("alice", value)
    assert redactor(value) == redactor.cut(value, 100) == "[redacted:alice]"
    assert redactor(f"{value}\n{value}") == "[redacted:alice]\n[redacted:alice]"


def test_an_empty_value_is_ignored() -> None:
    assert redactor_with(key="")("some text") == "some text"


def test_values_may_be_learned_while_texts_are_redacted() -> None:
    """The emulator's thread issues tokens while other threads redact."""
    redactor, tokens = Redactor(), [make_token() for _ in range(300)]
    with ThreadPoolExecutor(2) as pool:
        redacted = pool.submit(lambda: [redactor(token) for token in tokens])
        for number, token in enumerate(tokens):
            redactor.learn(str(number), token)
        assert all(text.startswith("[redacted:") for text in redacted.result())


@pytest.mark.parametrize("start", range(2 * ANCHOR_STEP))
def test_every_fragment_of_one_of_many_values_is_redacted(start: int) -> None:
    values = {f"slot-{n}": f"{n:06}-{secrets.token_hex(20)}" for n in range(MAX_DENSE_VALUES + 1)}
    redactor = redactor_with(**values)
    for slot in ("slot-0", f"slot-{MAX_DENSE_VALUES}"):
        fragment = values[slot][start : start + MIN_FRAGMENT_LENGTH]
        for before in ("", "x", "x " * 3):
            assert redactor(f"{before}{fragment} y") == f"{before}[redacted:{slot}] y"


def test_a_value_with_spaces_is_redacted_among_many_others() -> None:
    values = {f"slot-{n}": secrets.token_hex(20) for n in range(MAX_DENSE_VALUES)}
    redactor = redactor_with(**values, phrase="correct horse battery staple")
    assert redactor("a correct horse battery staple b") == "a [redacted:phrase] b"
    assert redactor("rect horse batt") == "[redacted:phrase]"


def test_the_words_of_a_text_of_several_parts_are_found_once_each() -> None:
    words = [f"word-{n}" for n in range(1000)]
    text = " \n".join(words * (3 * PART_LENGTH // 8000))
    assert len(text) > 2 * PART_LENGTH
    assert list(_distinct_words(text)) == words


@pytest.mark.parametrize(
    "text",
    [
        *(f"{prefix}AbCdEfGh12345678" for prefix in sorted(set(PREFIXES.values()))),
        "x sk-ant-oat01-AbCdEfGh, y",
        "sk-ant-admin-AbCdEfGh",
        "sk-ant-sid02-AbCdEfGh",
        "'sk-ant-oat01-AbCdEfGh'",
        "sk-ant-oat01-AbCdEfGh".lower(),
        "sk&#45;ant&#45;oat01&#45;AbCdEfGh",
        "sk&#x2d;ant&#x2D;oat01-AbCdEfGh",
        "&#115;k-ant-oat01-AbCdEfGh",
        "sk%2Dant%2doat01%2DAbCdEfGh",
        "%73k-ant-oat01-AbCdEfGh",
    ],
)
def test_a_token_is_found(text: str) -> None:
    assert find_token(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a token such as sk-ant-oat01-... from `claude setup-token`",
        "a token such as sk-ant-oat01-… of yours",
        "it begins with sk-ant-oat01- and goes on",
        "sk-ant-<kind>, sk-ant-api03-*, sk-ant-*-short",
        "sk-ant-",
        "sk-ant-oat01-[redacted:access-token]",
        "[redacted:access-token] Bearer [redacted:foreign]",
        "risk-antenna",
        "c2stYW50LQ",
        "sk-proj-AbCdEfGh12345678",
    ],
)
def test_text_about_tokens_is_not_a_token(text: str) -> None:
    assert find_token(text) is None
    assert Redactor()(text) == text


@pytest.mark.parametrize(
    "token",
    [
        f"https://hooks.slack.com/services/T0AB12CD3/B0AB12CD3/{FOREIGN}",
        f"https://discord.com/api/webhooks/123456789012345678/{FOREIGN}",
        f"https://api.telegram.org/bot123456789:AA{FOREIGN}/getMe",
        f"xoxb-123456789012-{FOREIGN}",
        "AKIAQ7W8E9R0T1Y2U3I4",
    ],
)
def test_a_token_of_another_service_is_redacted_also_in_base64_and_escapes(token: str) -> None:
    encoded = base64.b64encode(token.encode()).decode()
    escaped = "".join(f"%{ord(character):02x}" for character in token)
    for text in (token, encoded, escaped):
        redacted = Redactor()(f"a {text} b")
        assert "[redacted:token]" in redacted
        assert FOREIGN not in redacted
        assert redacted.startswith("a ")


@pytest.mark.parametrize(
    "text",
    [
        "sk-proj-, GOCSPX-..., xoxb-your-token-goes-in-here and AKIA",
        "robot123456789:AAAA bot 123 https://hooks.slack.com/services/your/hook",
        "https://gw.example/api/webhooks/github-for-the-team",
        "MAKIAQ7W8E9R0T1Y2U3I4 AKIAQ7W8E9R0T1Y2U3I45 AKIAMADEUP",
        "sk-proj-Q7w8E9r0T1y2",
    ],
)
def test_text_about_tokens_of_other_services_stays(text: str) -> None:
    assert Redactor()(text) == text


def test_a_word_after_a_token_of_another_service_stays() -> None:
    redacted = Redactor()(f"the sk-proj-{FOREIGN}\nError: bad")
    assert redacted == "the sk-proj-[redacted:token]\nError: bad"


def test_a_token_is_found_at_its_first_character() -> None:
    assert find_token("0123456789 sk-ant-oat01-AbCdEfGh") == 11


@pytest.mark.parametrize("form", ["&#{0};", "&#0{0};", "&#{0}", "&#x{0:x};", "&#X{0:X};"])
@pytest.mark.parametrize("character", "sk-ant9Z_")
def test_a_token_is_found_with_any_character_as_an_entity(form: str, character: str) -> None:
    hidden = "sk-ant-oat01-Zz9_canary".replace(character, form.format(ord(character)), 1)
    assert find_token(f"<p>{hidden}</p>") is not None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_redaction_leaves_as_many_lines(end: str) -> None:
    wrapped = f"sk-ant-api03-{'Ab3' * 12}{end}{'Cd4' * 15}"
    assert Redactor()(f"a{end}key {wrapped}{end}{end}z") == (
        f"a{end}key [redacted:token]{end}{end}{end}z"
    )


def test_the_line_after_a_wrapped_token_stays() -> None:
    wrapped = f"sk-ant-api03-{'Ab3' * 12}\n{'Cd4' * 15}\n"
    assert Redactor()(f"{wrapped}Error: refused").endswith("]\n\nError: refused")
