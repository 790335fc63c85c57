"""Every likely spelling of a secret is redacted, whether its value is known or only its format."""

import unicodedata

import pytest

from authprobe.redaction.characters import is_invisible, plain_character
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.scanner import scan_text
from tests.support.spellings import SPELLINGS

TOKEN = "sk-ant-oat01-x3Pq9ZbT-aL7vK2mW_sQ8rJ5nYc4Hd6Gf1Ue0BtXiRoMzNpDhSkVlCgFw"
CODE = "xQ7pL2vN8rT4wZ6bK1mD-9sJ3hF5gY0cV_uE8aR2"
MARKED = {"ascii85", "ascii85, Adobe", "base85", "base85 of more", "z85", "uuencode", "reversed"}
"""Spellings in which only the tokens whose beginning is known are looked for."""
ONLY_KNOWN = {"JSON list of characters", "swapped case"}
"""Spellings in which only a known value is found."""


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


@pytest.mark.parametrize("name", [name for name in SPELLINGS if name not in MARKED])
def test_a_known_value_without_a_format_is_redacted(name: str) -> None:
    redacted = redactor_with(CODE)(f"the start {SPELLINGS[name](CODE)} the end")
    assert "[redacted:key]" in redacted


@pytest.mark.parametrize("name", [name for name in SPELLINGS if name not in ONLY_KNOWN])
def test_an_unknown_token_is_redacted(name: str) -> None:
    redacted = Redactor()(f"the start {SPELLINGS[name](TOKEN)} the end")
    assert "[redacted:" in redacted
    assert scan_text(redacted) == ()
