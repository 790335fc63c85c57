"""Spellings of a secret that a program is likely to print."""

import base64
import binascii
import bz2
import gzip
import html
import json
import lzma
import quopri
import textwrap
import urllib.parse
import zlib
from collections.abc import Callable, Iterable

Spelling = Callable[[str], str]
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
BASE85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"


def b64(data: str | bytes) -> str:
    """Return the data in base64."""
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def each(form: str, between: str = "") -> Spelling:
    """Return a spelling of each character by its code."""
    return lambda value: between.join(form.format(ord(character)) for character in value)


def groups(size: int, between: str, spell: Spelling = str) -> Spelling:
    """Return a spelling in groups of equal length."""
    return lambda value: between.join(cut(spell(value), size))


def cut(text: str, size: int) -> list[str]:
    """Return the text in parts of this length."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def as_hex(value: str) -> str:
    """Return the bytes of the value in hex."""
    return value.encode().hex()


def threaded(character: str) -> Spelling:
    """Return a spelling with this character after each other."""
    return lambda value: character.join(value)


def dump(
    columns: Callable[[bytes], str], ascii_form: str = "", offset: str = "{:08x} "
) -> Spelling:
    """Return a dump of 16 bytes a line: offset, columns, and the characters."""

    def spell(value: str) -> str:
        lines = []
        for start in range(0, len(value), 16):
            part = value[start : start + 16]
            lines.append(
                offset.format(start)
                + columns(part.encode()).ljust(50 if ascii_form else 0)
                + ascii_form.format(part)
            )
        return "\n" + "\n".join(lines) + "\n"

    return spell


def base58(value: str) -> str:
    """Return the value in base58, as Bitcoin writes it."""
    number, digits = int.from_bytes(value.encode(), "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = BASE58[digit] + digits
    return digits


def uuencode(value: str) -> str:
    """Return the value in uuencode."""
    parts = (binascii.b2a_uu(part.encode()).decode() for part in cut(value, 45))
    return f"\nbegin 644 secret\n{''.join(parts)}`\nend\n"


def deflate(value: str) -> bytes:
    """Return the value as deflated data without a header."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(value.encode()) + packer.flush()


def words(parts: Iterable[bytes]) -> str:
    """Return pairs of bytes as the numbers that they are on most machines."""
    return " ".join(f"{int.from_bytes(part, 'little'):04x}" for part in parts)


def pairs(data: bytes) -> list[bytes]:
    """Return the data in pairs."""
    return [data[start : start + 2] for start in range(0, len(data), 2)]


def full_width(value: str) -> str:
    """Return the value in full-width letters."""
    return "".join(chr(ord(character) + 0xFEE0) for character in value)


def mathematical(value: str) -> str:
    """Return the value in bold mathematical letters."""
    return "".join(
        chr(0x1D41A + ord(character) - ord("a")) if character.islower() else character
        for character in value
    )


SPELLINGS: dict[str, Spelling] = {
    "hex": as_hex,
    "HEX": lambda value: as_hex(value).upper(),
    "hex, 0x before": lambda value: f"0x{as_hex(value)}",
    "hex, h after": lambda value: f"{as_hex(value)}h",
    "hex, spaces": groups(2, " ", as_hex),
    "HEX, spaces": lambda value: value.encode().hex(" ").upper(),
    "hex, two spaces": groups(2, "  ", as_hex),
    "hex, colons": groups(2, ":", as_hex),
    "hex, dashes": groups(2, "-", as_hex),
    "hex, commas": groups(2, ",", as_hex),
    "hex, commas and spaces": groups(2, ", ", as_hex),
    "hex, lines": groups(2, "\n", as_hex),
    "hex in lines of 32": groups(32, "\n", as_hex),
    "hex in lines of 60, as xxd -p": groups(60, "\n", as_hex),
    "hex in groups of 4": groups(4, " ", as_hex),
    "hex in groups of 8": groups(8, " ", as_hex),
    "hex, quoted": lambda value: json.dumps(cut(as_hex(value), 2)),
    "Buffer": lambda value: f"<Buffer {value.encode().hex(' ')}>",
    "0x": each("0x{:02x}", ", "),
    "0X": each("0X{:02X}", " "),
    "0x without separators": each("0x{:02x}"),
    "0x in lines": lambda value: textwrap.fill(each("0x{:02x}", ", ")(value), 72),
    "backslash x": each("\\x{:02x}"),
    "backslash X": each("\\x{:02X}"),
    "two backslashes x": each("\\\\x{:02x}"),
    "backslash x, spaces": each("\\x{:02x}", " "),
    "xxd": dump(lambda part: part.hex(" ", -2), " {}", "{:08x}: "),
    "xxd -g1": dump(lambda part: part.hex(" "), " {}", "{:08x}: "),
    "hexdump -C": dump(lambda part: f" {part[:8].hex(' ')}  {part[8:].hex(' ')}", "|{}|"),
    "hexdump": dump(lambda part: words(pairs(part)), "", "{:07x} "),
    "od -tx1": dump(lambda part: part.hex(" "), "", "{:07o} "),
    "od -An -tx1": dump(lambda part: part.hex(" "), "", " "),
    "od -c": dump(lambda part: "   ".join(map(chr, part)), "", "{:07o}   "),
    "od": dump(
        lambda part: " ".join(f"{int.from_bytes(pair, 'little'):06o}" for pair in pairs(part)),
        "",
        "{:07o} ",
    ),
    "od -b": dump(lambda part: " ".join(f"{byte:03o}" for byte in part), "", "{:07o} "),
    "od -tu1": dump(lambda part: " ".join(f"{byte:3}" for byte in part), "", "{:07o} "),
    "list": lambda value: str(list(value.encode())),
    "list without spaces": each("{}", ","),
    "list in lines": lambda value: json.dumps(list(value.encode()), indent=2),
    "decimal, spaces": each("{}", " "),
    "decimal, semicolons": each("{}", "; "),
    "decimal, three digits": each("{:03}", " "),
    "fromCharCode": lambda value: f"String.fromCharCode({each('{}', ',')(value)})",
    "Uint8Array": lambda value: f"Uint8Array({len(value)}) [ {each('{}', ', ')(value)} ]",
    "Buffer in JSON": lambda value: json.dumps({"type": "Buffer", "data": list(value.encode())}),
    "octal": each("\\{:03o}"),
    "octal, spaces": each("{:03o}", " "),
    "0o": each("0o{:o}", ", "),
    "binary": each("{:08b}", " "),
    "u": each("\\u{:04x}"),
    "u, upper case": each("\\u{:04X}"),
    "u in JSON": each("\\\\u{:04x}"),
    "u in braces": each("\\u{{{:x}}}"),
    "U": each("\\U{:08x}"),
    "CSS": each("\\{:x} "),
    "CSS, six digits": each("\\{:06x}"),
    "HTML, decimal": each("&#{};"),
    "HTML, hex": each("&#x{:x};"),
    "HTML, no semicolon": each("&#{:03} "),
    "HTML, names": lambda value: value.replace("-", "&hyphen;").replace("_", "&lowbar;"),
    "HTML in HTML": lambda value: html.escape(each("&#{};")(value)),
    "percent": each("%{:02x}"),
    "percent, upper case": each("%{:02X}"),
    "percent twice": lambda value: urllib.parse.quote(each("%{:02X}")(value)),
    "percent thrice": lambda value: urllib.parse.quote(urllib.parse.quote(each("%{:02X}")(value))),
    "quoted-printable": each("={:02X}"),
    "quoted-printable, soft line breaks": lambda value: quopri.encodestring(
        b"x" * 60 + f" {value}".encode()
    ).decode(),
    "quoted-printable, all in lines": lambda value: "=\n".join(cut(each("={:02X}")(value), 72)),
    "quoted-printable, CRLF": lambda value: "=\r\n".join(cut(value, 30)),
    "Markdown": lambda value: value.replace("-", "\\-").replace("_", "\\_"),
    "base64": b64,
    "base64 of more": lambda value: b64(f"user:{value}"),
    "base64, no padding": lambda value: b64(value).rstrip("="),
    "base64url": lambda value: base64.urlsafe_b64encode(f"??>{value}".encode()).decode(),
    "base64 in lines": lambda value: "\n".join(textwrap.wrap(b64(value), 64)),
    "base64 in short lines": lambda value: "\n".join(textwrap.wrap(b64(value), 20)),
    "base64 in CRLF lines": lambda value: "\r\n".join(textwrap.wrap(b64(value), 40)),
    "base64 in base64": lambda value: b64(b64(value)),
    "base64 thrice": lambda value: b64(b64(b64(value))),
    "base64 of hex": lambda value: b64(as_hex(value)),
    "hex of base64": lambda value: as_hex(b64(value)),
    "base64 of a list": lambda value: b64(str(list(value.encode()))),
    "base64 of JSON": lambda value: b64(json.dumps({"token": value})),
    "base64 in groups of 4": groups(4, " ", b64),
    "base64 in groups of 8": groups(8, " ", b64),
    "base64 in percent": lambda value: urllib.parse.quote(b64(value + "?>"), safe=""),
    "data URL": lambda value: f"data:text/plain;base64,{b64(value)}",
    "base32": lambda value: base64.b32encode(value.encode()).decode(),
    "base32, no padding": lambda value: base64.b32encode(value.encode()).decode().rstrip("="),
    "base32 of more": lambda value: base64.b32encode(f"user:{value}".encode()).decode(),
    "base58": base58,
    "ascii85": lambda value: base64.a85encode(value.encode()).decode(),
    "ascii85, Adobe": lambda value: base64.a85encode(value.encode(), adobe=True).decode(),
    "base85": lambda value: base64.b85encode(value.encode()).decode(),
    "base85 of more": lambda value: base64.b85encode(f"it: {value}x".encode()).decode(),
    "z85": lambda value: (
        base64.b85encode(value.encode()).decode().translate(str.maketrans(BASE85, Z85))
    ),
    "uuencode": uuencode,
    "gzip in base64": lambda value: b64(gzip.compress(value.encode())),
    "gzip in hex": lambda value: gzip.compress(value.encode()).hex(),
    "gzip in base64 of more": lambda value: b64(
        gzip.compress(json.dumps({"token": value, "x": "y" * 200}).encode())
    ),
    "bzip2 in base64": lambda value: b64(bz2.compress(value.encode())),
    "bzip2 in hex": lambda value: bz2.compress(value.encode()).hex(),
    "xz in base64": lambda value: b64(lzma.compress(f"{value}{value}".encode())),
    "xz in hex": lambda value: lzma.compress(f"{value}{value}".encode()).hex(),
    "zlib in base64": lambda value: b64(zlib.compress(value.encode())),
    "zlib in hex": lambda value: zlib.compress(value.encode()).hex(),
    "deflate in base64": lambda value: b64(deflate(value)),
    "gzip of base64 in base64": lambda value: b64(gzip.compress(b64(value).encode())),
    "utf-16": lambda value: value.encode("utf-16-le").decode("latin-1"),
    "utf-16 in hex": lambda value: value.encode("utf-16-be").hex(),
    "utf-16 in hex, spaces": lambda value: value.encode("utf-16-le").hex(" "),
    "utf-16 in base64": lambda value: b64(value.encode("utf-16-le")),
    "utf-32 in base64": lambda value: b64(value.encode("utf-32-le")),
    "spaces": threaded(" "),
    "tabs": threaded("\t"),
    "dots": threaded("."),
    "commas": threaded(","),
    "lines of one": threaded("\n"),
    "list of characters": lambda value: str(list(value)),
    "JSON list of characters": lambda value: json.dumps(list(value), indent=1),
    "groups of 2": groups(2, " "),
    "groups of 4": groups(4, " "),
    "groups of 8": groups(8, " "),
    "groups of 10": groups(10, " "),
    "groups of 4, tabs": groups(4, "\t"),
    "groups of 16": groups(16, " "),
    "lines of 12": groups(12, "\n"),
    "lines of 30": groups(30, "\r\n  "),
    "escaped line ends": groups(30, "\\n"),
    "sum": groups(20, '" + "'),
    "sum of two": lambda value: f'"{value[:7]}" + "{value[7:]}"',
    "sum without spaces": groups(20, "'+'"),
    "sum over lines": groups(20, '" +\n    "'),
    "adjacent literals": groups(20, '" "'),
    "adjacent literals in lines": groups(20, "'\n    '"),
    "shell continuation": groups(20, '"\\\n"'),
    "SQL": groups(20, "' || '"),
    "PHP": groups(20, "' . '"),
    "reversed": lambda value: value[::-1],
    "upper case": str.upper,
    "lower case": str.lower,
    "swapped case": str.swapcase,
    "full width": full_width,
    "full width in JSON": lambda value: json.dumps(full_width(value)),
    "full width in percent": lambda value: urllib.parse.quote(full_width(value)),
    "mathematical letters": mathematical,
    "accents": threaded("\u0301"),
    "strikethrough": threaded("\u0336"),
    "variation selector": threaded("\ufe0f"),
    "zero-width space": threaded("\u200b"),
    "zero-width space in JSON": threaded("\\u200b"),
    "zero-width space in HTML": threaded("&#8203;"),
    "zero-width space by name": threaded("&ZeroWidthSpace;"),
    "soft hyphen": threaded("\xad"),
    "tag characters": threaded("\U000e0041"),
    "tag characters in JSON": threaded("\\udb40\\udc41"),
    "Hangul filler": threaded("\u3164"),
    "backspace": threaded("\b"),
    "NUL": threaded("\0"),
    "NUL in JSON": threaded("\\u0000"),
    "colours": lambda value: "\x1b[0m\x1b[1;31m".join(cut(value, 9)),
    "bold": lambda value: "<b>" + "</b><b>".join(cut(value, 9)) + "</b>",
}
