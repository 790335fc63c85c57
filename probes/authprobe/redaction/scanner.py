"""Looks through what is finished for credentials: texts, files and what is packed in them.

What cannot be looked through counts as found: better no report than one that nobody has read.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.redaction.decoding import Span
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.token_patterns import VAGUE, vagueness

LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Of a file, and of all that is packed in it: what is larger is not looked through."""
NESTED: Final = 4
"""How deep archives are opened within archives."""
UNSCANNED: Final = "unscanned"
GZIP: Final = b"\x1f\x8b"
ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMatch:
    """Where a credential is, and what it is called; never what it is."""

    name: str
    """Its slot, or what it looks like; `unscanned`: nobody knows."""
    place: str
    """`line 3, column 14` or `byte 159`, in a member of an archive after its name."""
    read_as: tuple[str, ...] = ()
    """What had to be undone to see it, step by step."""

    def __str__(self) -> str:
        """In words."""
        if self.name == UNSCANNED:
            return self.place
        article = "an" if self.name[0] in "aeiou" else "a"
        what = f"what looks like {article} {self.name}" if self.name in VAGUE else self.name
        how = f" ({', '.join(self.read_as)})" if self.read_as else ""
        return f"{what}, at {self.place}{how}"


def scan_text(text: str, redactor: Redactor | None = None) -> tuple[SecretMatch, ...]:
    """What is in a text, in the order in which it comes."""
    if len(text) > LIMIT_BYTES:
        return (_unscanned(f"more than {LIMIT_BYTES:,} characters"),)
    return tuple(
        SecretMatch(name=span.name, place=_line_and_column(text, span.start), read_as=path)
        for span, path in _spans(text, redactor or Redactor())
    )


def scan_file(path: Path, redactor: Redactor | None = None) -> tuple[SecretMatch, ...]:
    """What is in a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return scan_data(file.read(LIMIT_BYTES + 1), redactor)


def scan_data(data: bytes, redactor: Redactor | None = None) -> tuple[SecretMatch, ...]:
    """What is in the bytes of a file, and in what they are packed from."""
    return tuple(_Scan(redactor or Redactor()).look_through(data, "", NESTED))


@dataclass(slots=True)
class _Scan:
    """One file, and how much of what it holds may still be unpacked."""

    redactor: Redactor
    left: int = LIMIT_BYTES

    def look_through(self, data: bytes, member: str, depth: int) -> Iterator[SecretMatch]:
        """What is in a file, or in a member of an archive."""
        if len(data) > self.left:
            yield _unscanned(f"{member}more than {LIMIT_BYTES:,} bytes, or that much unpacked")
            return
        self.left -= len(data)
        text, is_text = _decoded(data)
        for span, path in _spans(text, self.redactor):
            where = _line_and_column(text, span.start) if is_text else f"byte {span.start:,}"
            yield SecretMatch(name=span.name, place=member + where, read_as=path)
        if data.startswith((GZIP, ZIP)) and not depth:
            yield _unscanned(f"{member}an archive in {NESTED} others")
        elif data.startswith(GZIP):
            yield from self._gzip(data, member, depth)
        elif data.startswith(ZIP):
            yield from self._zip(data, member, depth)

    def _gzip(self, data: bytes, member: str, depth: int) -> Iterator[SecretMatch]:
        unpacked = bytearray()
        try:
            while data.startswith(GZIP) and len(unpacked) <= self.left:
                unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
                unpacked += unpacking.decompress(data, self.left + 1 - len(unpacked))
                if not unpacking.eof and len(unpacked) <= self.left:
                    raise zlib.error("it ends too early")
                data = unpacking.unused_data
        except zlib.error:
            yield _unscanned(f"{member}gzip that is damaged")
        yield from self.look_through(bytes(unpacked), f"{member}unpacked, ", depth - 1)

    def _zip(self, data: bytes, member: str, depth: int) -> Iterator[SecretMatch]:
        import io
        import zipfile

        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for entry in archive.infolist():
                    name = f"{member}{self.redactor.cut(entry.filename, 200)!r}, "
                    try:
                        with archive.open(entry) as file:
                            unpacked = file.read(self.left + 1)
                    except (RuntimeError, NotImplementedError, zlib.error):
                        yield _unscanned(f"{name}which cannot be unpacked")
                        continue
                    yield from self.look_through(unpacked, name, depth - 1)
        except (zipfile.BadZipFile, OSError, EOFError):
            yield _unscanned(f"{member}zip that is damaged")


Seen = tuple[Span, tuple[str, ...]]
"""A place, and how it was read."""


def _spans(text: str, redactor: Redactor) -> Iterator[Seen]:
    """Each place of a text once: of those that overlap, the one that says most."""
    places = sorted((place, reading.path) for reading, place in redactor.find(text))
    overlapping: list[Seen] = []
    over = 0
    for place, path in places:
        if overlapping and place.start >= over:
            yield min(overlapping, key=_vagueness)
            overlapping.clear()
        over = max(over, place.end)
        overlapping.append((place, path))
    if overlapping:
        yield min(overlapping, key=_vagueness)


def _vagueness(seen: Seen) -> tuple[int, int, int]:
    place, path = seen
    return vagueness(place.name), place.start, len(path)


def _decoded(data: bytes) -> tuple[str, bool]:
    """The bytes as text, and whether they are: else each is the character of its number."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if marked else "utf-8"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), False


def _line_and_column(text: str, place: int) -> str:
    begin = text.rfind("\n", 0, place) + 1
    return f"line {text.count(chr(10), 0, begin) + 1:,}, column {place - begin + 1:,}"


def _unscanned(why: str) -> SecretMatch:
    return SecretMatch(name=UNSCANNED, place=f"what could not be looked through: {why}")
