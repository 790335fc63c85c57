"""The cases that failed in the last run of a folder, for `--last-failed`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from authprobe.errors import SettingsError
from authprobe.plan.case import Case
from authprobe.run.model import CaseRecord
from authprobe.run.partial_results import INTERRUPTED_FILE, PARTIAL_FILE, read_partial
from authprobe.run.results_file import read_run
from authprobe.verdict.model import Status

RESULTS_FILE: Final = "results.json"


def select_last_failed(cases: Sequence[Case], out: Path) -> tuple[Case, ...]:
    """Return the cases that failed or could not be tested in the last run in this folder.

    Raises:
        SettingsError: the folder has no run.
        RecordError: its results cannot be read.
    """
    failed = {record.id for record in _last_records(out) if _is_failed(record)}
    return tuple(case for case in cases if failed & {case.id, *case.formerly})


def was_interrupted(out: Path) -> bool:
    """Return True if the last run in this folder did not come to its end.

    Raises:
        RecordError: its results cannot be read.
    """
    path = out / RESULTS_FILE
    return not path.is_file() or read_run(path).interrupted


def _is_failed(record: CaseRecord) -> bool:
    return record.verdict.status in (Status.FAILED, Status.ERROR)


def _last_records(out: Path) -> Sequence[CaseRecord]:
    """Return the cases of the last run: from its results, or as far as it came if it was killed."""
    paths = [out / name for name in (RESULTS_FILE, PARTIAL_FILE, INTERRUPTED_FILE)]
    # A file without a case is of a run that was killed at once, or that could not begin.
    existing = [path for path in paths if path.is_file() and path.stat().st_size]
    if not existing:
        raise SettingsError(
            f"--last-failed: {out} has no results of an earlier run; leave the option out, or name "
            "the folder of that run with --out"
        )
    latest = max(existing, key=lambda path: path.stat().st_mtime_ns)
    return read_run(latest).cases if latest.name == RESULTS_FILE else read_partial(latest)
