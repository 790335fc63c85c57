"""Scanner for credentials in finished texts, files and archives.

Data that cannot be scanned counts as a match: it might contain anything.
"""

import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from authprobe.redaction.decoding import Span
from authprobe.redaction.encodings import BZIP2, XZ, XZ_MEMORY_BYTES
from authprobe.redaction.redactor import Redactor
from authprobe.redaction.token_patterns import PATTERN_NAMES, specificity

SCAN_LIMIT_BYTES: Final = 64 * 1024 * 1024
"""Limit for a file and all that is unpacked from it; larger files are not scanned."""
MAX_ARCHIVE_DEPTH: Final = 4
MAX_MEMBERS: Final = 10_000
"""Members of an archive that are looked at."""
MAX_MEMBER_NAME_LENGTH: Final = 200
MEMBER: Final = re.compile(r',(?="[a-z_]+":)')
"""Stands before the name of a member of an object in JSON: letters that are within no secret."""
MAX_CLEAN_MEMBERS: Final = 4096
"""Members that are remembered; then all are forgotten."""
CHUNK_BYTES: Final = 1024 * 1024
XZ_READ_BYTES: Final = 8 * 1024
UNSCANNED: Final = "unscanned"
GZIP: Final = b"\x1f\x8b"
ZIP: Final = b"PK\x03\x04"
ZIP_END: Final = b"PK\x05\x06"
MAX_ZIP_END_BYTES: Final = 22 + 0xFFFF
"""Length of the last record of a zip archive with the longest comment (APPNOTE, 4.3.16)."""
UNREADABLE: Final = (RuntimeError, ValueError, lzma.LZMAError, zlib.error)
"""Errors of zipfile where it cannot read on: encryption, another version or compression
(NotImplementedError is a RuntimeError), a name that is not UTF-8 or a place before the beginning
(both ValueErrors), and damaged data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMatch:
    """The name and place of a credential, never its value."""

    name: str
    """Its slot, or the credential format that it matches, or `unscanned`."""
    place: str
    """`line 3, column 14` or `byte 159`, after the names of the archive members around it."""
    decoding_steps: tuple[str, ...] = ()
    """Steps that reveal it, from the original text on."""

    def __str__(self) -> str:
        """Return name, place and decoding steps as a phrase for a message."""
        if self.name == UNSCANNED:
            return self.place
        article = "an" if self.name[0] in "aeiou" else "a"
        is_format = self.name in PATTERN_NAMES
        name = f"what looks like {article} {self.name}" if is_format else self.name
        steps = f" ({', '.join(self.decoding_steps)})" if self.decoding_steps else ""
        return f"{name}, at {self.place}{steps}"


def scan_text(text: str, redactor: Redactor | None = None) -> tuple[SecretMatch, ...]:
    """Return the credentials in a text, in order."""
    if len(text) > SCAN_LIMIT_BYTES:
        return (_unscanned(f"more than {SCAN_LIMIT_BYTES:,} characters"),)
    lines = _LineCounter(text)
    return tuple(
        SecretMatch(name=span.name, place=lines.place(span.start), decoding_steps=path)
        for span, path in _distinct_spans(text, redactor or Redactor())
    )


class RecordScan:
    """Scan of records in JSON, one after another: equal members of their objects are read once."""

    def __init__(self) -> None:
        self._clean: set[str] = set()
        """Members without a credential, with their names."""

    def has_credential(self, record: str) -> bool:
        """Return True if there is a credential in the JSON of a record, which is on one line."""
        members = [part for part in MEMBER.split(record) if part not in self._clean]
        if scan_text(",".join(members)):
            return True
        if len(self._clean) > MAX_CLEAN_MEMBERS:
            self._clean.clear()
        self._clean.update(members)
        return False


def scan_data(data: bytes, redactor: Redactor | None = None) -> tuple[SecretMatch, ...]:
    """Return the credentials in the content of a file, unpacking gzip, bzip2, xz and zip."""
    return tuple(_FileScan(redactor or Redactor()).scan(data, "", MAX_ARCHIVE_DEPTH))


@dataclass(slots=True)
class _FileScan:
    """Scan of one file, with the bytes that may still be unpacked from it."""

    redactor: Redactor
    remaining_bytes: int = SCAN_LIMIT_BYTES
    is_exhausted: bool = False
    """True if data exceeded the limit: no more is unpacked, which may take long in vain."""

    def scan(self, data: bytes, member: str, depth: int) -> Iterator[SecretMatch]:
        """Yield the credentials in a file, or in the member of an archive with this prefix."""
        if len(data) > self.remaining_bytes:
            self.is_exhausted = True
            yield _unscanned(f"{member}more than {SCAN_LIMIT_BYTES:,} bytes, packed or unpacked")
            return
        self.remaining_bytes -= len(data)
        text, is_text = _decode_bytes(data)
        lines = _LineCounter(text)
        for span, path in _distinct_spans(text, self.redactor):
            place = lines.place(span.start) if is_text else f"byte {span.start:,}"
            yield SecretMatch(name=span.name, place=member + place, decoding_steps=path)
        kind = _compression(data)
        is_zip = _is_zip(data)
        if (kind or is_zip) and not depth:
            yield _unscanned(f"{member}an archive within {MAX_ARCHIVE_DEPTH} others")
            return
        if kind:
            yield from self._stream(kind, data, member, depth)
        if is_zip:
            yield from self._zip(data, member, depth)

    def _stream(self, kind: str, data: bytes, member: str, depth: int) -> Iterator[SecretMatch]:
        unpacked = bytearray()
        try:
            for chunk in _chunks(kind, data):
                unpacked += chunk
                if len(unpacked) > self.remaining_bytes:
                    break
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            yield _unscanned(f"{member}damaged {kind} data")
        yield from self.scan(bytes(unpacked), f"{member}unpacked, ", depth - 1)

    def _zip(self, data: bytes, member: str, depth: int) -> Iterator[SecretMatch]:
        import io
        import zipfile

        damaged = _unscanned(f"{member}a damaged zip archive")
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, EOFError, *UNREADABLE):
            yield damaged
            return
        with archive:
            for number, entry in enumerate(archive.infolist()):
                if self.is_exhausted or number == MAX_MEMBERS:
                    yield _unscanned(f"{member}all members after the first {number:,}")
                    return
                filename = self.redactor.cut(entry.filename, MAX_MEMBER_NAME_LENGTH)
                prefix = f"{member}{filename!r}, "
                try:
                    with archive.open(entry) as file:
                        unpacked = file.read(self.remaining_bytes + 1)
                except UNREADABLE:
                    yield _unscanned(f"{prefix}encrypted, damaged or of unknown compression")
                    continue
                except (zipfile.BadZipFile, OSError, EOFError):
                    yield damaged
                    return
                yield from self.scan(unpacked, prefix, depth - 1)


def _is_zip(data: bytes) -> bool:
    """Return True for a zip archive, also after other data, such as the program that unpacks it."""
    if data.startswith(ZIP):
        return True
    if ZIP_END not in data[-MAX_ZIP_END_BYTES:]:
        return False
    import io
    import zipfile

    try:
        zipfile.ZipFile(io.BytesIO(data)).close()
    except zipfile.BadZipFile:  # a program may have these four bytes as well
        return False
    except UNREADABLE:
        return True  # one of which nothing can be read
    return True


def _compression(data: bytes) -> str | None:
    """Return the compression of data that is no archive of several files."""
    if data.startswith(GZIP):
        return "gzip"
    if data.startswith(XZ):
        return "xz"
    return "bzip2" if BZIP2.match(data) else None


def _chunks(kind: str, data: bytes) -> Iterator[bytes]:
    """Yield what compressed data contains, in parts.

    Raises:
        OSError, EOFError, zlib.error, lzma.LZMAError: it is damaged, or xz data that asks for too
            much memory.
    """
    import bz2
    import gzip
    import io

    if kind == "xz":
        yield from _xz_chunks(data)
        return
    stream = io.BytesIO(data)
    with gzip.GzipFile(fileobj=stream) if kind == "gzip" else bz2.BZ2File(stream) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _xz_chunks(data: bytes) -> Iterator[bytes]:
    """Yield what xz data contains; `lzma.LZMAFile` has no limit of memory.

    It is read in parts, as every stream leaves a copy of the rest of its part: with all the data
    in one, 64 MiB of empty streams would take an hour.
    """
    import io

    file = io.BytesIO(data)
    rest = file.read(XZ_READ_BYTES)
    while rest:
        stream = lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES)
        yield stream.decompress(rest, CHUNK_BYTES)
        while not stream.eof:
            part = file.read(XZ_READ_BYTES) if stream.needs_input else b""
            if stream.needs_input and not part:
                raise EOFError
            yield stream.decompress(part, CHUNK_BYTES)
        rest = stream.unused_data.lstrip(b"\0")  # padding between streams
        while not rest and (part := file.read(XZ_READ_BYTES)):
            rest = part.lstrip(b"\0")


TracedSpan = tuple[Span, tuple[str, ...]]
"""A span with the decoding steps that reveal it."""


def _distinct_spans(text: str, redactor: Redactor) -> Iterator[TracedSpan]:
    """Yield the secrets of a text; of overlapping spans, only the most specific."""
    traced_spans = sorted((span, decoding.path) for decoding, span in redactor.find(text))
    overlapping: list[TracedSpan] = []
    end = 0
    for span, path in traced_spans:
        if overlapping and span.start >= end:
            yield min(overlapping, key=_preference)
            overlapping.clear()
        end = max(end, span.end)
        overlapping.append((span, path))
    if overlapping:
        yield min(overlapping, key=_preference)


def _preference(traced_span: TracedSpan) -> tuple[int, int, int]:
    span, path = traced_span
    return -specificity(span.name), span.start, len(path)


def _decode_bytes(data: bytes) -> tuple[str, bool]:
    """Return the data as text, and True if it is text; else as Latin-1, and False."""
    has_utf16_mark = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if has_utf16_mark else "utf-8"), True
    except UnicodeDecodeError:
        return data.decode("latin-1"), False


class _LineCounter:
    """Lines and columns of ascending offsets in a text, which is read once for all of them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._counted = 0
        self._line = 1

    def place(self, offset: int) -> str:
        """Return the line and column of an offset that is not before the last one."""
        self._line += self._text.count("\n", self._counted, offset)
        self._counted = offset
        column = offset - self._text.rfind("\n", 0, offset)
        return f"line {self._line:,}, column {column:,}"


def _unscanned(reason: str) -> SecretMatch:
    return SecretMatch(name=UNSCANNED, place=f"data that could not be scanned: {reason}")
