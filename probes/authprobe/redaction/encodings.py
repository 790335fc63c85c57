"""Encodings of bytes as characters, and compression beneath them."""

import binascii
import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from authprobe.redaction.decoding import SEPARATOR, Piece

_HEX: Final = "[0-9a-fA-F]"
PRINTABLE_RUN: Final = re.compile(r"[\0\t\n\r -~]{16,}")
"""A run of printable characters, which random bytes do not contain."""
MAX_EXPANSION: Final = 16
"""Bytes that are unpacked for each character of compressed data; the rest is not looked at."""
MAX_RAW_DEFLATE_LENGTH: Final = 4096
"""Characters of a run up to which it may be compressed data without a header."""
COMPRESSED: Final = re.compile(r"\x1f\x8b|[\x08-\x78][\x01\x5e\x9c\xda]")
"""Beginning of gzip (RFC 1952, 2.3.1) and zlib (RFC 1950, 2.2) data."""
BZIP2: Final = re.compile(rb"BZh[1-9]1AY&SY")
XZ: Final = b"\xfd7zXZ\0"
"""Beginning of xz data (tukaani.org/xz/xz-file-format.txt, 2.1.1.1)."""
XZ_MEMORY_BYTES: Final = 128 * 1024 * 1024
"""Memory that xz data may ask for; `xz -9` needs 65 MiB."""


class Encoding(NamedTuple):
    """An encoding of bytes as characters: `characters` of them stand for `bytes`."""

    name: str
    runs: re.Pattern[str]
    """Matches each run of characters that may be encoded."""
    shifts: int
    """Number of offsets in a run at which the encoded bytes may begin."""
    characters: int
    """0: a byte depends on all characters of the run."""
    bytes: int
    decode: Callable[[str], str]
    """Returns the decoded bytes as Latin-1: one character for each byte."""

    def origin(self, run: str, start: int, end: int) -> tuple[int, int]:
        """Return the part of a run that stands for a part of the decoded bytes."""
        if not self.characters:
            return 0, len(run)
        first = start * self.characters // self.bytes
        last = -(-end * self.characters // self.bytes)  # rounded up
        return first, min(last, len(run))


def _from_base64(run: str) -> str:
    padded = run.replace("-", "+").replace("_", "/") + "A" * (-len(run) % 4)
    return binascii.a2b_base64(padded).decode("latin-1")


def _from_hex(run: str) -> str:
    return binascii.unhexlify(run[: len(run) // 2 * 2]).decode("latin-1")


def _from_base32(run: str) -> str:
    size = len(run) * 5 // 8
    number = int(run.translate(_BASE32), 32) >> len(run) * 5 % 8
    return number.to_bytes(size + 1, "big")[1:].decode("latin-1")


def _from_base58(run: str) -> str:
    number = 0
    for character in run:
        number = number * 58 + _BASE58[character]
    return number.to_bytes(len(run), "big").lstrip(b"\0").decode("latin-1")


def inflate(data: str) -> str:
    """Return the beginning of what compressed data contains; nothing if it is not compressed."""
    packed, limit = data.encode("latin-1"), MAX_EXPANSION * len(data)
    if (other := _other_decompressor(packed)) is not None:
        try:
            return other.decompress(packed, limit).decode("latin-1")
        except (OSError, lzma.LZMAError):
            return ""
    if COMPRESSED.match(data):
        window = zlib.MAX_WBITS | 32
    elif len(data) <= MAX_RAW_DEFLATE_LENGTH:
        window = -zlib.MAX_WBITS
    else:
        return ""
    try:
        return zlib.decompressobj(window).decompress(packed, limit).decode("latin-1")
    except zlib.error:
        return ""


def _other_decompressor(data: bytes) -> bz2.BZ2Decompressor | lzma.LZMADecompressor | None:
    """Return the decompressor of bzip2 or xz data; None: it is neither."""
    if BZIP2.match(data):
        return bz2.BZ2Decompressor()
    if data.startswith(XZ):
        return lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES)
    return None


_BASE32: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv"
)
_BASE58: Final = {
    character: digit
    for digit, character in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
}
BASE64: Final = Encoding("base64", re.compile(r"[A-Za-z0-9+/_-]{16,}+"), 4, 4, 3, _from_base64)
HEX: Final = Encoding("hex", re.compile(rf"{_HEX}{{24,}}+"), 2, 2, 1, _from_hex)
BASE32: Final = Encoding("base32", re.compile(r"[A-Z2-7]{24,}+"), 1, 8, 5, _from_base32)
BASE58: Final = Encoding(
    "base58",
    re.compile(r"(?<![0-9A-Za-z+/_-])[1-9A-HJ-NP-Za-km-z]{24,256}+(?![0-9A-Za-z+/_-])"),
    1,
    0,
    0,
    _from_base58,
)
ENCODINGS: Final = (BASE64, HEX, BASE32, BASE58)
"""All but the first are looked for in the runs of the first, whose alphabet contains theirs."""


class MarkedEncoding(NamedTuple):
    """An encoding of 4 bytes as 5 characters, of which any text consists.

    So only the tokens whose beginning is known are looked for.
    """

    name: str
    markers: tuple[str, ...]
    """What the groups of 4 bytes within the beginning of every token become."""
    runs: str
    """Pattern of a marker with the group before it and the characters after it, compiled at its
    first use: few texts have a marker.
    """
    decode: Callable[[str], str]
    """Returns the bytes of a group as Latin-1."""

    def pieces(self, text: str) -> Callable[[], Iterator[Piece]]:
        """Return a function that yields what stands around the markers in a text, decoded."""

        def pieces() -> Iterator[Piece]:
            for run in re.finditer(self.runs, text):
                for start in range(run.start(), run.end(), GROUP_LENGTH):
                    group = text[start : min(start + GROUP_LENGTH, run.end())]
                    decoded = self.decode(group)
                    yield Piece(decoded[:-1], start)
                    yield Piece(decoded[-1:], start + len(decoded) - 1, 2)
                yield Piece(SEPARATOR, run.end(), 0)

        return pieces


GROUP_LENGTH: Final = 5
"""Characters for 4 bytes in ascii85, base85 and z85."""
_TOKEN_GROUPS: Final = (b"sk-a", b"k-an", b"-ant", b"ant-")
_DIGITS: Final = "0123456789"
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER: Final = _UPPER.lower()


def _base85(name: str, alphabet: str) -> MarkedEncoding:
    digits = {character: digit for digit, character in enumerate(alphabet)}

    def encode(group: bytes) -> str:
        number = int.from_bytes(group, "big")
        return "".join(alphabet[number // 85**place % 85] for place in (4, 3, 2, 1, 0))

    def decode(group: str) -> str:
        number = 0
        for character in group.ljust(GROUP_LENGTH, alphabet[-1]):
            number = number * 85 + digits[character]
        data = (number & 0xFFFFFFFF).to_bytes(4, "big")
        return data[: len(group) - 1].decode("latin-1")

    markers = tuple(map(encode, _TOKEN_GROUPS))
    any_marker, any_character = "|".join(map(re.escape, markers)), re.escape(alphabet)
    runs = rf"(?:[{any_character}]{{5}})?(?:{any_marker})[{any_character}]{{0,1024}}"
    return MarkedEncoding(name, markers, runs, decode)


MARKED_ENCODINGS: Final = (
    _base85("ascii85", "".join(map(chr, range(33, 118)))),
    _base85("base85", f"{_DIGITS}{_UPPER}{_LOWER}!#$%&()*+-;<=>?@^_`{{|}}~"),
    _base85("z85", f"{_DIGITS}{_LOWER}{_UPPER}.-:+=^!/*?&<>()[]{{}}@%$#"),
)

UU_MARKERS: Final = tuple(
    binascii.b2a_uu(group).decode()[1:5] for group in (b"sk-", b"-an", b"k-a")
)
"""What the groups of 3 bytes within the beginning of every token become in uuencode."""
UU_LINE: Final = re.compile(r"(?m)^([!-M])([ -`]{4,84})$")


def from_uu(line: re.Match[str]) -> str:
    """Return the bytes of a line in uuencode; nothing if its length is wrong."""
    size = ord(line[1]) - ord(" ")
    if not -(-size // 3) * 4 - 2 <= len(line[2]) <= -(-size // 3) * 4 + 1:
        return ""
    try:
        return binascii.a2b_uu(line[0]).decode("latin-1")
    except binascii.Error:
        return ""
