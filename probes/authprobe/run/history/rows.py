"""Rows of the history's tables: what is written to them, and the validation of what is read."""

import dataclasses
import datetime
import functools
import hashlib
import json
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from authprobe.observation.fingerprint import Fingerprint, fingerprint
from authprobe.plan.case_ids import without_version
from authprobe.run.history.model import PastRun, Point
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import MAX_YEAR, MIN_YEAR
from authprobe.verdict.model import Status

if TYPE_CHECKING:
    import sqlalchemy as sa


def run_values(run: Run) -> dict[str, object]:
    """Return the row of a run."""
    failed = [r for r in run.cases if r.verdict.status in (Status.FAILED, Status.ERROR)]
    return {
        "id": run.id,
        "started_at": utc(run.started_at),
        "elapsed": run.elapsed,
        "tool": run.tool.version,
        "partial": run.partial,
        "cases": len(run.cases),
        "failed": len(failed),
    }


def result_values(
    record: CaseRecord, seq: int, digest: str, since: datetime.datetime
) -> dict[str, object]:
    """Return the row of a case."""
    return {
        "seq": seq,
        "case_id": record.id,
        "question": without_version(record.id),
        "status": record.verdict.status.value,
        "client_version": record.client_version,
        "digest": digest,
        "since": since,
    }


def fingerprint_text(record: CaseRecord) -> str:
    """Return the stored text of a fingerprint."""
    return json.dumps(dataclasses.asdict(fingerprint(record.observation)))


def digest_of(text: str) -> str:
    """Return the key under which a fingerprint is stored."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_point(row: "sa.Row[tuple[object, ...]]") -> Point:
    """Return the result in a row."""
    fields = {
        "case_id": row.case_id,
        "run_id": row.id,
        "at": _time(row.started_at),
        "tool": row.tool,
        "client_version": row.client_version,
        "status": row.status,
        "fingerprint": read_fingerprint(row.text),
        "since": _time(row.since),
    }
    return _readers()[0].validate_python(fields)


def read_run(row: "sa.Row[tuple[object, ...]]") -> PastRun:
    """Return the run in a row."""
    fields = {
        "id": row.id,
        "at": _time(row.started_at),
        "tool": row.tool,
        "elapsed": row.elapsed,
        "cases": row.cases,
        "failed": row.failed,
        "partial": row.partial,
    }
    return _readers()[1].validate_python(fields)


@functools.cache
def _readers() -> tuple[TypeAdapter[Point], TypeAdapter[PastRun]]:
    return TypeAdapter(Point), TypeAdapter(PastRun)


@functools.cache
def _fingerprint_reader() -> TypeAdapter[Fingerprint]:
    return TypeAdapter(Fingerprint)


@functools.lru_cache(maxsize=10_000)
def read_fingerprint(text: str) -> Fingerprint:
    """Return a stored fingerprint; most points share one with the run before."""
    return _fingerprint_reader().validate_json(text)


def _time(at: datetime.datetime) -> datetime.datetime:
    """Return a stored time with its time zone.

    Raises:
        ValueError: no run was at that time, and it could not be converted to another time zone.
    """
    if not MIN_YEAR <= at.year <= MAX_YEAR:
        raise ValueError("no year of a run")
    return at.replace(tzinfo=datetime.UTC)


def utc(at: datetime.datetime) -> datetime.datetime:
    """Return the time in UTC without a time zone, as the databases store it."""
    return at.astimezone(datetime.UTC).replace(tzinfo=None)
