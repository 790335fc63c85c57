"""Finished cases of a running or interrupted run, in a file of JSON lines."""

import contextlib
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import filelock
from pydantic import TypeAdapter

from authprobe.core.safe_files import check_places, create_file, make_folder, rename
from authprobe.errors import SettingsError
from authprobe.redaction.scanner import RecordScan
from authprobe.run import json_file
from authprobe.run.model import CaseRecord
from authprobe.run.results_file import dump_record

LOCK_FILE: Final = ".lock"
PARTIAL_FILE: Final = "results.partial.jsonl"
INTERRUPTED_FILE: Final = "results.interrupted.jsonl"
"""The partial file of the previous run, if that did not finish; older ones have a number."""
MAX_INTERRUPTED_FILES: Final = 20


@dataclass(slots=True)
class PartialResults:
    """File of finished cases, locked by one run at a time, as a context manager."""

    folder: Path
    _file: TextIO | None = None
    _lock: filelock.BaseFileLock | None = None
    _scan: RecordScan = field(default_factory=RecordScan)

    def __enter__(self) -> "PartialResults":
        self._lock = filelock.FileLock(self.folder / LOCK_FILE)
        try:
            make_folder(self.folder)
            check_places(self.folder, (LOCK_FILE, PARTIAL_FILE, *_interrupted_files()))
            self._lock.acquire(timeout=0)
            keep_partial_results(self.folder)
            self._file = create_file(self.folder / PARTIAL_FILE)
        except filelock.Timeout:
            reason = "another run is writing to this folder"
        except OSError as error:
            reason = f"cannot be written: {error.strerror}"
        else:
            return self
        raise SettingsError(f"{self.folder}: {reason}; choose another folder with --out")

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            if self._file:
                self._file.close()
        if self._lock:
            self._lock.release()

    def add(self, record: CaseRecord) -> None:
        """Write a case and flush; errors are ignored, as writing the results will report them.

        A case with credential-like text is left out: such a run writes no results either.
        """
        with contextlib.suppress(Exception):
            line = dump_record(record)
            if self._file and not self._scan.has_credential(line):
                self._file.write(line)
                self._file.flush()


def read_partial(path: Path) -> tuple[CaseRecord, ...]:
    """Return the cases of a run that did not finish, each once.

    Raises:
        RecordError: the file cannot be read, or has something else.
    """
    lines = json_file.read_content(path, _REMEDY).split(b"\n")
    # The last line is empty, or incomplete if the run was killed while it wrote.
    records = (json_file.validate(path, line, _reader(), _NOUN, _REMEDY) for line in lines[:-1])
    return tuple({record.id: record for record in records}.values())


@functools.cache
def _reader() -> TypeAdapter[CaseRecord]:
    return TypeAdapter(CaseRecord)


_NOUN: Final = "the cases of a run of authprobe"
_REMEDY: Final = "remove it, or write a new one with `authprobe run`"


def keep_partial_results(folder: Path) -> None:
    """Rename the results of a run that did not finish, and those that were kept before.

    Raises:
        OSError: a file cannot be renamed.
    """
    partial = folder / PARTIAL_FILE
    try:
        is_empty = partial.stat().st_size == 0
    except FileNotFoundError:
        return
    if is_empty:  # it was killed before the first case had ended
        partial.unlink()
        return
    names = _interrupted_files()
    free = next((n for n, name in enumerate(names) if not (folder / name).exists()), len(names) - 1)
    for number in range(free, 0, -1):
        rename(folder / names[number - 1], names[number])
    rename(partial, names[0])


def _interrupted_files() -> tuple[str, ...]:
    """Return the names of the files of earlier runs, the latest first."""
    stem, ending = INTERRUPTED_FILE.rsplit(".", 1)
    older = (f"{stem}.{number}.{ending}" for number in range(2, MAX_INTERRUPTED_FILES + 1))
    return (INTERRUPTED_FILE, *older)
