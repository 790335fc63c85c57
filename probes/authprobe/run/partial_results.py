"""Finished cases of a running or interrupted run, in a file of JSON lines."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import filelock

from authprobe.errors import SettingsError
from authprobe.redaction.scanner import scan_text
from authprobe.run.model import CaseRecord
from authprobe.run.results_file import dump_record

PARTIAL_FILE: Final = "results.partial.jsonl"
INTERRUPTED_FILE: Final = "results.interrupted.jsonl"
"""The partial file of the previous run, if that did not finish."""


@dataclass(slots=True)
class PartialResults:
    """File of finished cases, locked by one run at a time, as a context manager."""

    folder: Path
    _file: TextIO | None = None
    _lock: filelock.BaseFileLock | None = None

    def __enter__(self) -> "PartialResults":
        self._lock = filelock.FileLock(self.folder / ".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            path = self.folder / PARTIAL_FILE
            if path.exists():
                path.replace(self.folder / INTERRUPTED_FILE)
            self._file = path.open("w", encoding="utf-8")
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
        line = dump_record(record)
        with contextlib.suppress(OSError):
            if self._file and not scan_text(line):
                self._file.write(line)
                self._file.flush()
