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

MAX_FILE_BYTES: Final = 1_000_000
FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
"""Opening waits for nobody, even if the file has just become a FIFO."""


class ReadProblem(enum.StrEnum):
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
class FileSnapshot:
    """A file that was looked at."""

    path: Path
    trouble: ReadProblem | None = None
    text: str = field(default="", repr=False)
    tree: Mapping[str, object] = field(default_factory=dict, repr=False)
    """What a JSON file holds."""
    status: os.stat_result | None = None
    is_link: bool = False

    @property
    def is_there(self) -> bool:
        """Whether there is something of this name."""
        return self.trouble is not ReadProblem.MISSING

    @property
    def open_to_others(self) -> bool:
        """Whether other users than its owner can read it."""
        return bool(self.status and self.status.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def read_text_file(path: Path) -> FileSnapshot:
    """The text of a file, or why there is none."""
    try:
        is_link = path.is_symlink()
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return FileSnapshot(path=path, trouble=ReadProblem.NOT_A_FILE)
        content = _read(path)
    except (OSError, ValueError, RuntimeError) as error:
        return FileSnapshot(path=path, trouble=_trouble(error))
    known = FileSnapshot(path=path, status=status, is_link=is_link)
    if content is None:
        return _with(known, trouble=ReadProblem.TOO_LARGE)
    try:
        return _with(known, text=content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _with(known, trouble=ReadProblem.NOT_TEXT)


def read_json_file(path: Path) -> FileSnapshot:
    """The object in a JSON file, or why there is none."""
    document = read_text_file(path)
    if document.trouble:
        return document
    try:
        tree = json.loads(document.text)
    except (ValueError, RecursionError):
        return _with(document, trouble=ReadProblem.NOT_JSON)
    if not isinstance(tree, dict):
        return _with(document, trouble=ReadProblem.NOT_AN_OBJECT)
    return _with(document, tree=tree)


def _with(
    document: FileSnapshot,
    *,
    trouble: ReadProblem | None = None,
    text: str = "",
    tree: Mapping[str, object] | None = None,
) -> FileSnapshot:
    return FileSnapshot(
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
        parts, left = [], MAX_FILE_BYTES + 1
        while left and (part := os.read(file, left)):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(file)
    return b"".join(parts) if left else None


def _trouble(error: Exception) -> ReadProblem:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return ReadProblem.MISSING
        case PermissionError():
            return ReadProblem.NO_PERMISSION
        case RuntimeError() | OSError(errno=errno.ELOOP):
            return ReadProblem.LOOP
        case _:
            return ReadProblem.UNREADABLE
