"""Patterns for escapes, invisible characters and encodings that can disguise a token."""

import binascii
import re
from collections.abc import Callable
from typing import Final, NamedTuple

_HEX: Final = "[0-9a-fA-F]"
ESCAPE: Final = re.compile(
    r"[\\%&](?:"  # a leading set is searched for much faster than alternatives
    # JSON and string literals; JSON within JSON has more backslashes.
    rf"(?<=\\)\\{{0,7}}+(?:u00({_HEX}{{2}})|u\{{0{{0,4}}({_HEX}{{2}})\}}|x({_HEX}{{2}}))"
    # URLs, also escaped more than once.
    rf"|(?<=%)(?:25){{0,4}}({_HEX}{{2}})"
    # HTML, also escaped more than once.
    r"|(?<=&)(?:amp;){0,4}(?!#3[49];|#x27;)(?:#0{0,7}(\d{1,3})(?!\d);?|#[xX]0{0,7}("
    rf"{_HEX}{{1,2}})(?!{_HEX});?|(amp|num|semi|percnt|bsol|lowbar|UnderBar);))"
)
"""An escaped character; the code or name of the character is in one of seven groups."""
HTML_ENTITIES: Final = {
    "amp": "&",
    "num": "#",
    "semi": ";",
    "percnt": "%",
    "bsol": "\\",
    "lowbar": "_",
    "UnderBar": "_",
}
RELEVANT_CHARACTERS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=:@ %&#;\\"
)
"""Characters whose escapes are undone: those of credentials, and those that begin escapes."""

_TAG: Final = r"/?(?:a|b|br|code|em|i|mark|span|strong|u|wbr)\b[^<>]{0,256}+>"
INVISIBLE: Final = re.compile(
    r"[\x1b\x9b\\<\0\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff](?:"
    # Terminal sequences (ECMA-48, 5.4 and 5.6), also as JSON escapes them.
    r"(?:(?<=\x1b)|(?<=\\)\\{0,7}+(?:u001[bB]|x1[bB]|e|033))"
    r"(?:\[[0-?]{0,64}+[ -/]{0,4}+[@-~]|\][^\x07\x1b]{0,512}+(?:\x07|\x1b\\)|[@-Z^_])"
    r"|(?<=\x9b)[0-?]{0,64}+[@-~]"
    # NUL of UTF-16, soft hyphens, bidi and zero-width characters.
    r"|(?<![\x1b\x9b\\<])"
    r"|(?<=\\)\\{0,7}+u(?:0000|00[aA][dD]|200[b-fB-F]|202[a-eA-E]|206\d|[fF][eE][fF][fF])"
    # JSON may escape a solidus.
    r"|(?<=\\)\\{0,7}+(?=/)"
    # HTML tags within a word.
    rf"|(?<=[\w+/=;-]<){_TAG}(?:<{_TAG})*+(?=[\w+/=&%\\-]))"
)
"""Characters and sequences that a reader does not see within a token."""
LINE_END: Final = re.compile(
    r"[\r\\%&](?:(?<=\r)\n?|(?<=\\)\\{0,7}+(?:r\\{1,8}+)?n|(?<=%)0[dD](?:%0[aA])?|(?<=%)0[aA]"
    r"|(?<=&)#(?:10|13|[xX][aAdD]);)"
)
r"""A line end other than `\n`: CR, or an escaped one."""
LINE_MARGIN: Final = " \t\r│┃|>\\"
"""Characters around the content of a line: indentation, frames, quote marks, continuations."""


class Encoding(NamedTuple):
    """An encoding of bytes as characters: `characters` of them stand for `bytes`."""

    name: str
    runs: re.Pattern[str]
    """Matches each run of characters that may be encoded."""
    shifts: int
    """Number of offsets in a run at which the encoded bytes may begin."""
    characters: int
    bytes: int
    decode: Callable[[str], str]
    """Returns the decoded bytes as Latin-1: one character for each byte."""


def _from_base64(run: str) -> str:
    padded = run.translate(_STANDARD) + "A" * (-len(run) % 4)
    return binascii.a2b_base64(padded).decode("latin-1")


def _from_hex(run: str) -> str:
    return binascii.unhexlify(run[: len(run) // 2 * 2]).decode("latin-1")


_STANDARD: Final = str.maketrans("-_", "+/")
BASE64: Final = Encoding("base64", re.compile(r"[A-Za-z0-9+/_-]{16,}+"), 4, 4, 3, _from_base64)
HEX: Final = Encoding("hex", re.compile(rf"{_HEX}{{24,}}+"), 2, 2, 1, _from_hex)
PRINTABLE_RUN: Final = re.compile(r"[\0\t\n\r -~]{16,}")
"""A run of printable characters, which random bytes do not contain."""
SEAM_CHARACTERS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=%&;\\."
)
"""Characters on both sides of a line break that may split a credential."""
SEPARATOR: Final = "!"
"""Separates runs or lines: part of neither a credential nor an encoded run."""
NEEDS_DECODING: Final = re.compile(
    r"[\\%&\x1b\x9b<\r\n\0\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
    rf"|{BASE64.runs.pattern}"
)
"""Matches every text that has decodings other than itself."""
