"""Every likely spelling of a secret is redacted, whether its value is known or only its format."""

import json
from pathlib import Path

import pytest

from authprobe.redaction.characters import is_invisible
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from tests.support.speed import processor_time
from tests.support.spellings import SPELLINGS

PROJECT = Path(__file__).parent.parent.parent
TOKEN = "sk-ant-oat01-x3Pq9ZbT-aL7vK2mW_sQ8rJ5nYc4Hd6Gf1Ue0BtXiRoMzNpDhSkVlCgFw"
CODE = "xQ7pL2vN8rT4wZ6bK1mD-9sJ3hF5gY0cV_uE8aR2"
MARKED = {"ascii85", "ascii85, Adobe", "base85", "base85 of more", "z85", "uuencode", "reversed"}
"""Spellings in which only the tokens whose beginning is known are looked for."""
ONLY_KNOWN = {"JSON list of characters", "swapped case"}
"""Spellings in which only a known value is found."""

NOT_OF_OTHERS = {"lower case", "upper case", "groups of 16", "Uint8Array"}
"""Spellings in which no unknown token of another service is found."""


def redactor_with(value: str) -> Redactor:
    """Return a redactor that has learned this value as `key`."""
    redactor = Redactor()
    redactor.learn("key", value)
    return redactor


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_known_token_is_redacted(name: str) -> None:
    redactor = redactor_with(TOKEN)
    spelled = SPELLINGS[name](TOKEN)
    redacted = redactor(f"the start {spelled} the end")
    assert "[redacted:key]" in redacted
    assert redacted.startswith("the start")
    assert redacted.endswith("the end")
    assert scan_text(redacted, redactor) == ()
    left = redacted.replace("[redacted:key]", "")
    parts = (spelled[at : at + 24] for at in range(len(spelled) // 4, len(spelled) - 23))
    assert not [part for part in parts if len(set(part)) > 8 and part in left]


@pytest.mark.parametrize("token", [TOKEN, "sk-ant-api03-q7Zp" + "A1b2C3d4E5f6G7h8" * 5])
@pytest.mark.parametrize("name", SPELLINGS)
def test_a_text_of_nothing_but_a_known_token_is_redacted(name: str, token: str) -> None:
    assert "[redacted:key]" in redactor_with(token)(SPELLINGS[name](token))


@pytest.mark.parametrize("name", [name for name in SPELLINGS if name not in MARKED])
def test_a_known_value_without_a_format_is_redacted(name: str) -> None:
    redacted = redactor_with(CODE)(f"the start {SPELLINGS[name](CODE)} the end")
    assert "[redacted:key]" in redacted


@pytest.mark.parametrize(
    "name", [name for name in SPELLINGS if name not in MARKED | ONLY_KNOWN | NOT_OF_OTHERS]
)
@pytest.mark.parametrize("beginning", ["sk-proj-", "sk-or-v1-", "GOCSPX-"])
def test_an_unknown_token_of_another_service_is_redacted(name: str, beginning: str) -> None:
    spelled = SPELLINGS[name](f"{beginning}Qw7Er9Ty2Ui4Op6As8Df1Gh3")
    assert "[redacted:token]" in Redactor()(f"the start {spelled} the end")


@pytest.mark.parametrize("name", [name for name in SPELLINGS if name not in ONLY_KNOWN])
def test_an_unknown_token_is_redacted(name: str) -> None:
    redacted = Redactor()(f"the start {SPELLINGS[name](TOKEN)} the end")
    assert "[redacted:" in redacted
    assert scan_text(redacted) == ()


# Default_Ignorable_Code_Point in DerivedCoreProperties.txt of Unicode 14.0: 4,174 code points.
DEFAULT_IGNORABLE = (
    "AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF "
    "FFA0 FFF0-FFF8 1BCA0-1BCA3 1D173-1D17A E0000-E0FFF"
)


def test_every_default_ignorable_character_is_invisible() -> None:
    codes = [
        code
        for part in DEFAULT_IGNORABLE.split()
        for code in range(int(part.split("-")[0], 16), int(part.split("-")[-1], 16) + 1)
    ]
    assert len(codes) == 4174
    assert [f"{code:x}" for code in codes if not is_invisible(chr(code))] == []
    redactor = redactor_with(TOKEN)
    for code in codes[::7]:
        for threaded in (chr(code).join(TOKEN), json.dumps(chr(code).join(TOKEN))):
            assert "[redacted:key]" in redactor(threaded), f"{code:x}"
            assert "[redacted:token]" in Redactor()(threaded), f"{code:x}"


@pytest.mark.parametrize("character", "aZ09-_é漢ß")
def test_a_character_that_is_seen_stays(character: str) -> None:
    assert not is_invisible(character)


def test_a_part_of_a_token_in_a_host_name_is_redacted() -> None:
    host = f"{TOKEN[20:50].lower().replace('_', '-')}.example.org:443"
    assert "[redacted:key]" in redactor_with(TOKEN)(host)


def test_the_documents_of_the_project_stay_unchanged() -> None:
    redactor = redactor_with(TOKEN)
    for path in (*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")):
        text = path.read_text("utf-8")
        example = redactor(text).replace(":[redacted:password]@", ":password@")
        assert example == text, path.name


FLOODS = (
    "\\ a. eyJ eyJ- %25 0x \u200b 115,107, =73=6B A c2s sk-ant- \x1b] x<b> ://a: &amp; '+' AbC+"
)


@pytest.mark.parametrize(
    "part",
    [*FLOODS.split(), "a\n", "1 ", "begin 644 a\nM", "0x73, "],
)
def test_twice_the_text_takes_about_twice_the_time(part: str) -> None:
    def seconds(length: int) -> float:
        text = part * (length // len(part))
        return processor_time(lambda: scan_text(text))

    seconds(1_000)  # warm up
    assert seconds(240_000) < 6 * seconds(80_000) + 0.5
