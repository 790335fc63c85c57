"""TODO module docstring."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import filelock

from authprobe.errors import SettingsError
from authprobe.redaction.scanner import scan_text
from authprobe.run.model import CaseRecord
from authprobe.run.results_file import dump_record

PARTIAL: Final = "results.partial.jsonl"


INTERRUPTED: Final = "results.interrupted.jsonl"


@dataclass(slots=True)
class PartialResults:
    """The file of finished records, held by one run at a time; a context manager."""

    folder: Path
    _file: TextIO | None = None
    _lock: filelock.BaseFileLock | None = None

    def __enter__(self) -> "PartialResults":
        self._lock = filelock.FileLock(self.folder / ".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            path = self.folder / PARTIAL
            if path.exists():
                path.replace(self.folder / INTERRUPTED)
            self._file = path.open("w", encoding="utf-8")
        except filelock.Timeout:
            trouble = "another run is writing there"
        except OSError as error:
            trouble = f"cannot be written: {error.strerror}"
        else:
            return self
        raise SettingsError(f"{self.folder}: {trouble}; choose another folder with --out")

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            if self._file:
                self._file.close()
        if self._lock:
            self._lock.release()

    def add(self, record: CaseRecord) -> None:
        """Keep a record, whatever happens next; a full disk is told of when the run is over.

        One that holds what looks like a credential is not kept: its run ends without a report.
        """
        line = dump_record(record)
        with contextlib.suppress(OSError):
            if self._file and not scan_text(line):
                self._file.write(line)
                self._file.flush()
