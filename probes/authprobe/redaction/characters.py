"""Steps that undo escapes, and remove or replace characters that look like nothing or another."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from authprobe.redaction.decoding import Decoding, remove, substitute

UNESCAPED: Final = "unescaped"
BARE: Final = "bare"
RELEVANT_CHARACTERS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/=:@ %&#;\\"
)
"""Characters whose escapes are undone: those of credentials, and those that begin escapes."""
_HEX: Final = "[0-9a-fA-F]"
ESCAPE: Final = re.compile(
    r"[\\%&](?:"  # a leading set is searched for much faster than alternatives
    # JSON and string literals; JSON within JSON has more backslashes.
    rf"(?<=\\)\\{{0,7}}+(?:u(?P<high>[dD][89abAB]{_HEX}{{2}})\\{{1,8}}u(?P<low>[dD][c-fC-F]{_HEX}{{2}})"
    rf"|u(?P<u>{_HEX}{{4}})|U(?P<U>{_HEX}{{8}})|u\{{0{{0,4}}(?P<brace>{_HEX}{{1,6}})\}}"
    rf"|x(?P<x>{_HEX}{{2}})|(?P<octal>0[4-7][0-7]|1[0-7]{{2}})"
    rf"|0{{0,4}}(?P<css>[2-7]{_HEX})(?!{_HEX})[ \t\n]?)"  # CSS
    # URLs, also escaped more than once.
    rf"|(?<=%)(?:25){{0,4}}(?:(?P<utf8>[c-fC-F]{_HEX}(?:%(?:25){{0,4}}[89abAB]{_HEX}){{1,3}})"
    rf"|(?P<percent>{_HEX}{{2}}))"
    # HTML, also escaped more than once.
    r"|(?<=&)(?:amp;){0,4}(?!#3[49];|#x27;)(?:#0{0,7}(?P<decimal>\d{1,7})(?!\d);?"
    rf"|#[xX]0{{0,7}}(?P<hex>{_HEX}{{1,6}})(?!{_HEX});?"
    r"|(?P<name>amp|num|semi|percnt|bsol|lowbar|UnderBar|hyphen|dash|shy|zwj|zwnj|NoBreak"
    r"|ZeroWidthSpace);))"
)
"""An escaped character, its code or name in a group."""
HTML_ENTITIES: Final = {
    "amp": "&",
    "num": "#",
    "semi": ";",
    "percnt": "%",
    "bsol": "\\",
    "lowbar": "_",
    "UnderBar": "_",
    "hyphen": "-",
    "dash": "-",
}
"""Characters of the names in `ESCAPE`; those of the other names are invisible."""
QUOTED_PRINTABLE: Final = re.compile(r"=(?:([2-7][0-9A-F])|[ \t]{0,8}\r?\n)")
USES_QUOTED_PRINTABLE: Final = re.compile(r"=\r?\n|(?:=[2-7][0-9A-F]){3}|=(?:2D|5F)")
"""Shows that `=2D` is an escape (RFC 2045, 6.7) and not a number after an equals sign."""

_TAG: Final = r"/?(?:a|b|br|code|em|i|mark|span|strong|u|wbr)\b[^<>]{0,256}+>"
INVISIBLE: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\\<](?:"
    # Terminal sequences (ECMA-48, 5.4 and 5.6), also as JSON escapes them.
    r"(?:(?<=\x1b)|(?<=\\)\\{0,7}+(?:u001[bB]|x1[bB]|e|033))"
    r"(?:\[[0-?]{0,64}+[ -/]{0,4}+[@-~]|\][^\x07\x1b\\]{0,512}+(?:\x07|\x1b\\)|[()*+][0-9A-Z])"
    r"|(?<=\x9b)[0-?]{0,64}+[@-~]"
    # Control characters, such as the NUL of UTF-16.
    r"|(?<![\\<])"
    r"|(?<=\\)\\{0,7}+u0000"
    # JSON may escape a solidus; Markdown escapes more.
    r"|(?<=\\)\\{0,7}+(?=[/_.-])"
    # HTML tags within a word.
    rf"|(?<=[\w+/=;-]<){_TAG}(?:<{_TAG})*+(?=[\w+/=&%\\-]))"
)
"""Characters and sequences that a reader does not see within a token."""
UNASSIGNED_IGNORABLES: Final = (
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x2065, 0x2066),
    range(0x3164, 0x3165),
    range(0xFFA0, 0xFFA1),
    range(0xFFF0, 0xFFF9),
    range(0xE0000, 0xE1000),
)
"""Default-ignorable code points that are neither format characters nor marks (Unicode 14.0,
DerivedCoreProperties): fillers, and code points that are reserved for such characters."""


def visible(decoding: Decoding) -> Decoding:
    """Return the decoding without terminal sequences and other invisible characters.

    Letters and digits in another width or style, or with accents, become those of ASCII.
    """
    bare = remove(decoding, INVISIBLE, BARE)
    if bare.text.isascii():
        return bare
    replacements = {
        character: plain
        for character in set(bare.text)
        if not character.isascii() and (plain := plain_character(character)) != character
    }
    if not replacements:
        return bare
    pattern = re.compile(f"[{''.join(map(re.escape, replacements))}]")
    text = bare.text.translate({ord(key): value for key, value in replacements.items()})
    return substitute(bare, pattern, lambda match: replacements[match[0]], BARE, text=text)


def plain_character(character: str) -> str:
    """Return the relevant character that looks like this one, nothing if it is invisible.

    Any other is returned as it is.
    """
    if is_invisible(character):
        return ""
    plain = "".join(
        part for part in unicodedata.normalize("NFKD", character) if not is_invisible(part)
    )
    return plain if plain in RELEVANT_CHARACTERS and not plain.isspace() else character


def is_invisible(character: str) -> bool:
    """Return True for a default-ignorable character, a combining mark or a control character."""
    if unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return True
    code = ord(character)
    return any(code in codes for codes in UNASSIGNED_IGNORABLES) or 0x7F <= code < 0xA0


def unescapings(decoding: Decoding, passes: int) -> Iterator[Decoding]:
    """Yield the decoding with escapes undone, and with those within them, until none is left."""
    for _ in range(passes):
        unescaped = _unescape(decoding)
        if unescaped is decoding:
            return
        yield unescaped
        decoding = unescaped


def _unescape(decoding: Decoding) -> Decoding:
    text, unescaped = decoding.text, decoding
    if "\\" in text or "%" in text or "&" in text:
        unescaped = substitute(decoding, ESCAPE, _unescape_character, UNESCAPED)
    if unescaped is decoding and "=" in text and USES_QUOTED_PRINTABLE.search(text):
        return substitute(decoding, QUOTED_PRINTABLE, _unescape_quoted_printable, UNESCAPED)
    return unescaped


def _unescape_character(escape: re.Match[str]) -> str:
    """Return the character that the escape stands for if it is relevant, else the escape."""
    kind = escape.lastgroup or ""
    if kind == "name":
        return HTML_ENTITIES.get(escape[kind], "")
    if kind == "utf8":
        return _relevant(_from_utf8(escape[kind]), escape[0])
    if kind == "low":
        code = 0x10000 + (int(escape["high"], 16) - 0xD800) * 0x400 + int(escape[kind], 16) - 0xDC00
    else:
        code = int(escape[kind], {"decimal": 10, "octal": 8}.get(kind, 16))
    return _relevant(chr(code) if code <= 0x10FFFF else "", escape[0])


def _from_utf8(percent_codes: str) -> str:
    """Return the character of percent-encoded bytes; nothing if they are not one."""
    data = bytes.fromhex("".join(code[-2:] for code in percent_codes.split("%")))
    text = data.decode("utf-8", "ignore")
    return text if len(text) == 1 else ""


def _relevant(character: str, escape: str) -> str:
    if character in RELEVANT_CHARACTERS and character:
        return character
    if not character or character.isascii():
        return escape
    plain = plain_character(character)
    return escape if plain == character else plain


def _unescape_quoted_printable(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return ""
    character = chr(int(escape[1], 16))
    return character if character in RELEVANT_CHARACTERS else escape[0]
