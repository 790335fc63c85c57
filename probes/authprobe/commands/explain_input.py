"""Texts that `authprobe explain` reads: files, and standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authprobe.commands.printing import print_error
from authprobe.diagnosis.incident.recognition import IncidentText, recognise
from authprobe.diagnosis.text_facts import MAX_INPUT_BYTES
from authprobe.diagnosis.text_redaction import redact_text
from authprobe.documents.source import escape
from authprobe.errors import SettingsError

BINARY_CHECK_LENGTH: Final = 10_000
"""Characters at the beginning in which a NUL shows a binary file."""
MAX_TEXTS: Final = 20
STANDARD_INPUT: Final = "-"
SIZE: Final = f"{MAX_INPUT_BYTES // 1_000_000} MB"


def read_texts(paths: tuple[str, ...]) -> tuple[IncidentText, ...]:
    """Return the texts in files and on standard input, each once.

    Raises:
        SettingsError: a text is missing, unreadable, too large or binary.
    """
    paths = tuple(dict.fromkeys(paths)) or (STANDARD_INPUT,)
    if len(paths) > MAX_TEXTS:
        raise SettingsError(
            f"{len(paths)} files are given, more than {MAX_TEXTS}; "
            "give only those that belong to one incident"
        )
    if len(paths) == 1:
        text = _read(paths[0], MAX_INPUT_BYTES)
        return (recognise(paths[0], text),)
    return tuple(_read_all(paths))


def _read_all(paths: tuple[str, ...]) -> Iterator[IncidentText]:
    """Yield several texts, after each of them was read."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    left = MAX_INPUT_BYTES
    for path in paths:
        try:
            texts[path] = text = _read(path, left)
        except SettingsError as error:
            problems.append(str(error))
        else:
            left -= len(text.encode("utf-8", "surrogatepass"))
    if problems:
        raise SettingsError("\n".join(problems))
    for path, text in texts.items():
        yield recognise(path, text, _name(path))


def _name(path: str) -> str:
    """Return the name of a text for the output."""
    return "standard input" if path == STANDARD_INPUT else escape(redact_text(path))


def _read(path: str, limit: int) -> str:
    """Return a text of at most so many bytes."""
    place = _name(path)
    try:
        if path == STANDARD_INPUT:
            if sys.stdin.isatty():
                print_error("paste the text, then press Ctrl-D on an empty line")
            content = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"{place}: cannot be read: {reason}; give a text file, or `-` for standard input"
        ) from None
    if len(content) > limit:
        whole = "the text is" if limit == MAX_INPUT_BYTES else "the texts together are"
        raise SettingsError(f"{place}: {whole} larger than {SIZE}; give the part around the error")
    text = _decode(content)
    if not text.strip():
        raise SettingsError(f"{place}: the text is empty; give a file, or text on standard input")
    if "\0" in text[:BINARY_CHECK_LENGTH]:
        raise SettingsError(
            f"{place}: the input is binary; give the error, the log or the web page as plain text"
        )
    return text


def _decode(content: bytes) -> str:
    """Return the content as text: UTF-16 with a byte order mark, as PowerShell writes, or UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "replace")
