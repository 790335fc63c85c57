"""Forms of the type multipart/form-data (RFC 7578), read by python-multipart."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM: Final = b"multipart/form-data"
MAX_PARTS: Final = 100
MAX_FIELD_BYTES: Final = 1024
"""Content of a part that is kept, which is enough for a number."""


@dataclass(slots=True, kw_only=True)
class Part:
    """A part of a form, with the beginning of its content."""

    name: str = ""
    filename: str | None = None
    """None: the part is not a file."""
    content_type: str | None = None
    beginning: bytes = b""
    size_bytes: int = 0


class _TooManyPartsError(Exception):
    """The form has more parts than are read."""


def parts_of(content_type: str, body: bytes) -> tuple[Part, ...] | None:
    """Return the parts of a form; None: the body is not one, is damaged, or has too many parts."""
    kind, options = parse_options_header(content_type)
    if kind != FORM or b"boundary" not in options:
        return None
    reader = _Reader()
    try:
        parser = MultipartParser(options[b"boundary"], reader.callbacks())
        parser.write(body)
        parser.finalize()
    except (FormParserError, _TooManyPartsError, ValueError):
        return None
    return tuple(reader.parts) if reader.is_complete else None


class _Reader:
    """Collects the parts while the parser reads them."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.is_complete = False
        self._name = self._value = b""

    def callbacks(self) -> "MultipartCallbacks":
        """Return the functions that the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise _TooManyPartsError
        self.parts.append(Part())

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        part, name = self.parts[-1], self._name.lower()
        if name == b"content-type":
            part.content_type = self._value.decode("utf-8", "replace")
        elif name == b"content-disposition":
            _, options = parse_options_header(self._value)
            part.name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                part.filename = options[b"filename"].decode("utf-8", "replace")
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self.parts[-1]
        part.size_bytes += end - start
        if len(part.beginning) < MAX_FIELD_BYTES:
            part.beginning += data[start : min(end, start + MAX_FIELD_BYTES)]

    def _end(self) -> None:
        self.is_complete = True
