"""How a text can be written so that it reads otherwise: escapes, what is not seen, encodings."""

import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple

_HEX: Final = "[0-9a-fA-F]"
ESCAPE: Final = re.compile(
    r"[\\%&](?:"  # a set first: it is looked for much faster than alternatives are
    # Of JSON and of programs; a JSON text within another has more backslashes.
    rf"(?<=\\)\\{{0,7}}+(?:u00({_HEX}{{2}})|u\{{0{{0,4}}({_HEX}{{2}})\}}|x({_HEX}{{2}}))"
    # Of addresses, also more than once.
    rf"|(?<=%)(?:25){{0,4}}({_HEX}{{2}})"
    # Of HTML, also more than once.
    r"|(?<=&)(?:amp;){0,4}(?!#3[49];|#x27;)(?:#0{0,7}(\d{1,3})(?!\d);?|#[xX]0{0,7}("
    rf"{_HEX}{{1,2}})(?!{_HEX});?|(amp|num|semi|percnt|bsol|lowbar|UnderBar);))"
)
"""A character that is written with others."""
NAMED: Final = {
    "amp": "&",
    "num": "#",
    "semi": ";",
    "percnt": "%",
    "bsol": "\\",
    "lowbar": "_",
    "UnderBar": "_",
}
PLAIN: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=:@ %&#;\\"
)
"""What an escape may stand for that matters: what credentials are made of, and other escapes."""

_TAG: Final = r"/?(?:a|b|br|code|em|i|mark|span|strong|u|wbr)\b[^<>]{0,256}+>"
UNSEEN: Final = re.compile(
    r"[\x1b\x9b\\<\0\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff](?:"
    # Sequences of terminals (ECMA-48, 5.4 and 5.6), also as JSON has them.
    r"(?:(?<=\x1b)|(?<=\\)\\{0,7}+(?:u001[bB]|x1[bB]|e|033))"
    r"(?:\[[0-?]{0,64}+[ -/]{0,4}+[@-~]|\][^\x07\x1b]{0,512}+(?:\x07|\x1b\\)|[@-Z^_])"
    r"|(?<=\x9b)[0-?]{0,64}+[@-~]"
    # NUL of UTF-16, soft hyphens, marks of direction and of no width.
    r"|(?<![\x1b\x9b\\<])"
    r"|(?<=\\)\\{0,7}+u(?:0000|00[aA][dD]|200[b-fB-F]|202[a-eA-E]|206\d|[fF][eE][fF][fF])"
    # JSON may write a solidus so.
    r"|(?<=\\)\\{0,7}+(?=/)"
    # Tags within a word.
    rf"|(?<=[\w+/=;-]<){_TAG}(?:<{_TAG})*+(?=[\w+/=&%\\-]))"
)
"""What may stand within a text without being part of it."""
LINE_END: Final = re.compile(
    r"[\r\\%&](?:(?<=\r)\n?|(?<=\\)\\{0,7}+(?:r\\{1,8}+)?n|(?<=%)0[dD](?:%0[aA])?|(?<=%)0[aA]"
    r"|(?<=&)#(?:10|13|[xX][aAdD]);)"
)
"""An end of line that is none to a program that reads lines."""
EDGES: Final = " \t\r│┃|>\\"
"""What stands at both ends of a line: indentation, a frame, marks of quotation and continuation."""


class Coding(NamedTuple):
    """A way to write bytes as characters."""

    name: str
    runs: re.Pattern[str]
    """What may be written so."""
    shifts: int
    """At how many places a run may begin."""
    characters: int
    bytes: int
    """For which so many characters stand."""
    decode: Callable[[str], str]
    """The bytes, each as the character of its number."""


def _from_base64(run: str) -> str:
    whole = run.translate(_STANDARD) + "A" * (-len(run) % 4)
    return binascii.a2b_base64(whole).decode("latin-1")


def _from_hex(run: str) -> str:
    return binascii.unhexlify(run[: len(run) // 2 * 2]).decode("latin-1")


_STANDARD: Final = str.maketrans("-_", "+/")
BASE64: Final = Coding("base64", re.compile(r"[A-Za-z0-9+/_-]{16,}+"), 4, 4, 3, _from_base64)
HEX: Final = Coding("hex", re.compile(rf"{_HEX}{{24,}}+"), 2, 2, 1, _from_hex)
TEXTUAL: Final = re.compile(r"[\0\t\n\r -~]{16,}")
"""What random bytes do not have."""
SEAM_CHARACTERS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=%&;\\."
)
"""What stands at a seam, if a credential goes on in the next line."""
BETWEEN: Final = "!"
"""Between runs, or lines: neither part of a credential nor of what is joined."""
NEEDS_DECODING: Final = re.compile(
    r"[\\%&\x1b\x9b<\r\n\0\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
    rf"|{BASE64.runs.pattern}"
)
"""What a text has that can be read in more ways than one."""
