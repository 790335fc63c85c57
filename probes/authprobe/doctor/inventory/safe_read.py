"""Reads a file of somebody else's: bounded, never waiting, never writing."""

import enum
import errno
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 1_000_000
FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
"""Opening waits for nobody, even if the file has just become a FIFO."""


class Trouble(enum.StrEnum):
    """Why there is nothing to be read."""

    MISSING = "is not there"
    NO_PERMISSION = "may not be read by this user"
    NOT_A_FILE = "is no regular file"
    LOOP = "is a symbolic link that leads back to itself"
    TOO_LARGE = "is larger than 1 MB, and was not read"
    NOT_TEXT = "is no text in UTF-8"
    NOT_JSON = "is no JSON"
    NOT_AN_OBJECT = "is JSON, and no object"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that was looked at."""

    path: Path
    trouble: Trouble | None = None
    text: str = field(default="", repr=False)
    tree: Mapping[str, object] = field(default_factory=dict, repr=False)
    """What a JSON file holds."""
    status: os.stat_result | None = None
    is_link: bool = False

    @property
    def is_there(self) -> bool:
        """Whether there is something of this name."""
        return self.trouble is not Trouble.MISSING

    @property
    def open_to_others(self) -> bool:
        """Whether other users than its owner can read it."""
        return bool(self.status and self.status.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def read_text(path: Path) -> Document:
    """The text of a file, or why there is none."""
    try:
        is_link = path.is_symlink()
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Document(path=path, trouble=Trouble.NOT_A_FILE)
        content = _read(path)
    except (OSError, ValueError, RuntimeError) as error:
        return Document(path=path, trouble=_trouble(error))
    known = Document(path=path, status=status, is_link=is_link)
    if content is None:
        return _with(known, trouble=Trouble.TOO_LARGE)
    try:
        return _with(known, text=content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _with(known, trouble=Trouble.NOT_TEXT)


def read_json(path: Path) -> Document:
    """The object in a JSON file, or why there is none."""
    document = read_text(path)
    if document.trouble:
        return document
    try:
        tree = json.loads(document.text)
    except (ValueError, RecursionError):
        return _with(document, trouble=Trouble.NOT_JSON)
    if not isinstance(tree, dict):
        return _with(document, trouble=Trouble.NOT_AN_OBJECT)
    return _with(document, tree=tree)


def _with(
    document: Document,
    *,
    trouble: Trouble | None = None,
    text: str = "",
    tree: Mapping[str, object] | None = None,
) -> Document:
    return Document(
        path=document.path,
        trouble=trouble,
        text=text,
        tree=tree or {},
        status=document.status,
        is_link=document.is_link,
    )


def _read(path: Path) -> bytes | None:
    """The content; None: there is too much of it."""
    file = os.open(path, FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it has become something else")
        parts, left = [], LIMIT_BYTES + 1
        while left and (part := os.read(file, left)):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(file)
    return b"".join(parts) if left else None


def _trouble(error: Exception) -> Trouble:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return Trouble.MISSING
        case PermissionError():
            return Trouble.NO_PERMISSION
        case RuntimeError() | OSError(errno=errno.ELOOP):
            return Trouble.LOOP
        case _:
            return Trouble.UNREADABLE
