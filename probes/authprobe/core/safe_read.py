"""Safe reading of untrusted files: size-limited, non-blocking, read-only; errors are data."""

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
OPEN_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
"""Opening does not block, even if the file was replaced by a FIFO after the check."""


class ReadProblem(enum.StrEnum):
    """Reasons why a file has no usable content, as the predicate of a sentence."""

    MISSING = "does not exist"
    NO_PERMISSION = "cannot be read by this user (permission denied)"
    NOT_A_FILE = "is not a regular file"
    LOOP = "is a symbolic link to itself"
    TOO_LARGE = "is larger than 1 MB, and was not read"
    NOT_TEXT = "is not UTF-8 text"
    NOT_JSON = "is not valid JSON"
    NOT_AN_OBJECT = "is JSON, but not an object"
    UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSnapshot:
    """Content and status of a file, or the problem that prevented reading it."""

    path: Path
    problem: ReadProblem | None = None
    text: str = field(default="", repr=False)
    data: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Object in a JSON file."""
    status: os.stat_result | None = None
    is_link: bool = False

    @property
    def exists(self) -> bool:
        """True if there is anything with this name, even if it is not a file."""
        return self.problem is not ReadProblem.MISSING

    @property
    def readable_by_others(self) -> bool:
        """True if users other than the owner have read permission."""
        return bool(self.status and self.status.st_mode & (stat.S_IRGRP | stat.S_IROTH))


def read_text_file(path: Path) -> FileSnapshot:
    """Return the text of a file, or the problem; never raises."""
    try:
        is_link = path.is_symlink()
        if not stat.S_ISREG(path.stat().st_mode):
            return FileSnapshot(path=path, problem=ReadProblem.NOT_A_FILE)
        content, status = _read(path)
    except (OSError, ValueError, RuntimeError) as error:
        return FileSnapshot(path=path, problem=_classify(error))
    snapshot = FileSnapshot(path=path, status=status, is_link=is_link)
    if content is None:
        return _with(snapshot, problem=ReadProblem.TOO_LARGE)
    try:
        return _with(snapshot, text=content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _with(snapshot, problem=ReadProblem.NOT_TEXT)


def read_json_file(path: Path) -> FileSnapshot:
    """Return the object in a JSON file, or the problem; never raises."""
    snapshot = read_text_file(path)
    if snapshot.problem:
        return snapshot
    try:
        data = json.loads(snapshot.text)
    except (ValueError, RecursionError):
        return _with(snapshot, problem=ReadProblem.NOT_JSON)
    if not isinstance(data, dict):
        return _with(snapshot, problem=ReadProblem.NOT_AN_OBJECT)
    return _with(snapshot, data=data)


def _with(
    snapshot: FileSnapshot,
    *,
    problem: ReadProblem | None = None,
    text: str = "",
    data: Mapping[str, object] | None = None,
) -> FileSnapshot:
    return FileSnapshot(
        path=snapshot.path,
        problem=problem,
        text=text,
        data=data or {},
        status=snapshot.status,
        is_link=snapshot.is_link,
    )


def _read(path: Path) -> tuple[bytes | None, os.stat_result]:
    """Return the content, or None if it is larger than the limit, and the status of that file."""
    file = os.open(path, OPEN_FLAGS)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "no longer a regular file")
        chunks, remaining = [], MAX_FILE_BYTES + 1
        while remaining and (chunk := os.read(file, remaining)):
            chunks.append(chunk)
            remaining -= len(chunk)
    finally:
        os.close(file)
    return b"".join(chunks) if remaining else None, status


def _classify(error: Exception) -> ReadProblem:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return ReadProblem.MISSING
        case PermissionError():
            return ReadProblem.NO_PERMISSION
        case RuntimeError() | OSError(errno=errno.ELOOP):
            return ReadProblem.LOOP
        case _:
            return ReadProblem.UNREADABLE
