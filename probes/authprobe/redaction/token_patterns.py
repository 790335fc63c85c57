"""What credentials look like, for those whose values nobody has told us."""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from authprobe.redaction.decoding import JOINED, Decoding, Span

TOKEN: Final = "token"
JWT: Final = "jwt"


# A pattern begins with a character or a set: nothing else is looked for as fast.
class Shape(NamedTuple):
    """A kind of credential, and how it is known from other text."""

    name: str
    signs: tuple[str, ...]
    """One of them is in every text that holds one: looked for first, as that is quick."""
    pattern: re.Pattern[str]
    """Its group is what is secret."""
    fits: Callable[[str], bool] = lambda value: True
    """Whether that looks like a secret, where the pattern alone says too little."""
    spaced: bool = False
    """Whether there may be space within."""


def looks_random(value: str) -> bool:
    """Whether it is no word: it has a digit, and a letter."""
    return bool(re.search(r"\d", value)) and bool(re.search(r"[A-Za-z]", value))


SHAPES: Final = (
    # Any kind: outside scanners know the API keys only.
    Shape(TOKEN, ("sk-ant-",), re.compile(r"(sk-ant-[a-z]+[0-9]*-[A-Za-z0-9_-]{8,}+)")),
    # RFC 7519, 3.1: an identity token. A JSON object in base64 begins so.
    Shape(
        JWT,
        ("eyJ",),
        re.compile(r"(eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+)"),
    ),
    # RFC 6750, 2.1 and RFC 7617, 2: whatever stands behind the scheme.
    Shape(
        "authorization",
        ("earer ", "asic ", "EARER ", "ASIC "),
        re.compile(r"[bB](?i:earer|asic) ++([A-Za-z0-9._~+/-]{20,}+=*+)"),
        looks_random,
        spaced=True,
    ),
    Shape(
        "authorization",
        ("uthorization", "UTHORIZATION", "-api-key", "-API-KEY", "-Api-Key"),
        re.compile(
            r"[uU-](?:(?<=[uU])(?i:thorization)|(?<=-)(?i:api-key))"
            r"""\\{0,4}["']?\s{0,4}[:=]\s{0,4}\\{0,4}["']?([A-Za-z0-9._~+/-]{20,}+=*+)"""
        ),
        looks_random,
        spaced=True,
    ),
    # RFC 3986, 3.2.1: a password in an address.
    Shape(
        "password",
        ("://",),
        re.compile(r"""://[^\s/@:"'<>\\]{0,128}+:([^\s/@:"'<>\[\]{}*$\\]{3,256}+)@"""),
    ),
    # Of package registries and forges, as their owners shape them for scanners to find.
    Shape(
        TOKEN,
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "npm_", "glpat-", "pypi-"),
        re.compile(
            r"(gh[pousr]_[A-Za-z0-9]{30,}+|github_pat_[A-Za-z0-9_]{30,}+|glpat-[A-Za-z0-9_-]{20,}+"
            r"|npm_[A-Za-z0-9]{30,}+|pypi-[A-Za-z0-9_-]{40,}+)"
        ),
    ),
)
SIGNS: Final = re.compile("|".join(re.escape(sign) for shape in SHAPES for sign in shape.signs))
SHORT: Final = 4096
"""Characters up to which all signs are looked for at once."""
VAGUE: Final = tuple(dict.fromkeys(shape.name for shape in SHAPES))
"""Names that say no more than what it looks like, the most telling first."""
GOES_ON: Final = re.compile(r"(?=.*(?:\d|[a-z][A-Z])).{8,}")
"""What a wrapped token has on its second line, and an ordinary word has not."""
LINE: Final = 256


def vagueness(name: str) -> int:
    """How little a name says: nothing says more than the name of a slot."""
    return VAGUE.index(name) + 1 if name in VAGUE else 0


def shapes_in(reading: Decoding) -> Iterator[Span]:
    """Whatever looks like a credential in this reading."""
    text = reading.text
    if len(text) < SHORT and not SIGNS.search(text):
        return
    for shape in SHAPES:
        if any(sign in text for sign in shape.signs):
            found = shape.pattern.finditer(text)
            spans = (Span(*each.span(1), shape.name) for each in found if shape.fits(each[1]))
            yield from _joined(reading, shape, spans) if reading.how == JOINED else spans


def spaced_shapes_in(text: str) -> Iterator[str]:
    """Whatever looks like a credential in this text and is more than a word."""
    for shape in SHAPES:
        if shape.spaced and any(sign in text for sign in shape.signs):
            yield from (each[1] for each in shape.pattern.finditer(text) if shape.fits(each[1]))


def _joined(reading: Decoding, shape: Shape, spans: Iterator[Span]) -> Iterator[Span]:
    """Of these the ones which are not just the end of a line and the beginning of the next."""
    if reading.before is None or shape.name not in (TOKEN, JWT):
        return
    whole = {each[1] for each in shape.pattern.finditer(reading.before.text)}
    for span in spans:
        value = reading.text[span.start : span.end]
        ends = range(len(value) - 1, max(len(value) - LINE, 0), -1)
        first = next((end for end in ends if value[:end] in whole), 0)
        if value not in whole and GOES_ON.search(value[first:]):
            yield span
