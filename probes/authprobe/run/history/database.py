"""History database: past runs and their results, in SQLite by default or in PostgreSQL.

A file may come from elsewhere, so nothing in it is trusted: `sqlite_file.py` opens it, and every
value that is read from it is validated.

The functions import SQLAlchemy themselves, as its import takes longer than starting authprobe.
"""

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from authprobe.core.history_location import (
    NO_HISTORY,
    check_location,
    database_file,
    redact_location,
)
from authprobe.core.safe_files import FileError
from authprobe.errors import HistoryError
from authprobe.observation.fingerprint import Fingerprint, fingerprint
from authprobe.run.history import sqlite_file
from authprobe.run.history.model import TIMELINE_RUNS, PastRun, Point
from authprobe.run.history.tables import (
    LOCK_TIMEOUT,
    REPLACE_REMEDY,
    error_text,
    make_tables,
    newest_digests,
    version_table,
)
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status

if TYPE_CHECKING:
    import sqlalchemy as sa

SCHEMA_VERSION: Final = 1
TIMELINE_WINDOW_RUNS: Final = 100
"""Newest runs in which the points of a timeline are searched."""
MIN_YEAR, MAX_YEAR = 1970, 9998
_ADVISORY_LOCK_ID: Final = 7_242_001


class EmptyHistoryError(HistoryError):
    """A history that no run has been added to."""


class History:
    """Open history database, as a context manager; all of its errors are `HistoryError`.

    Only `writable` creates what is missing.
    """

    def __init__(self, location: str, *, writable: bool = False) -> None:
        self._location = location
        self._redacted_location = redact_location(location)
        self._file = database_file(location)
        self._writable = writable

    def __enter__(self) -> "History":
        with self._translate_errors():
            self._tables = make_tables()
            self._engine = self._make_engine()
            try:
                self._prepare()
            except BaseException:
                self._engine.dispose()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def append(self, run: Run, *, max_runs: int) -> None:
        """Append a run and delete the oldest beyond `max_runs`, in one transaction."""
        import sqlalchemy as sa

        runs, results, _ = self._tables
        with self._translate_errors(), self._engine.begin() as connection:
            self._lock(connection)
            inserted = connection.execute(sa.insert(runs).values(**_run_values(run)))
            seq = int(inserted.inserted_primary_key[0])  # type: ignore[index]
            self._rename(connection, run.cases)
            fingerprints = {record.id: _fingerprint_text(record) for record in run.cases}
            self._add_fingerprints(connection, fingerprints.values())
            previous, started_at = newest_digests(connection, results), _utc(run.started_at)
            rows = [
                _result_values(record, seq, _digest(fingerprints[record.id]), previous, started_at)
                for record in run.cases
            ]
            if rows:
                connection.execute(sa.insert(results), rows)
            self._prune(connection, max_runs)

    def _rename(self, connection: "sa.Connection", records: Sequence[CaseRecord]) -> None:
        """Move the results of renamed cases to their new ids."""
        import sqlalchemy as sa

        results = self._tables[1]
        for record in records:
            for former in record.formerly:
                newer = sa.select(results.c.seq).where(results.c.case_id == record.id)
                connection.execute(
                    sa.update(results)
                    .where(results.c.case_id == former, results.c.seq.not_in(newer))
                    .values(case_id=record.id)
                )

    def _add_fingerprints(self, connection: "sa.Connection", texts: Iterable[str]) -> None:
        """Insert the fingerprints that are not stored yet."""
        import sqlalchemy as sa

        facts = self._tables[2]
        new = {_digest(text): text for text in texts}
        stored = set(connection.scalars(sa.select(facts.c.digest)))
        rows = [
            {"digest": digest, "text": text} for digest, text in new.items() if digest not in stored
        ]
        if rows:
            connection.execute(sa.insert(facts), rows)

    def points(
        self, current_ids: Mapping[str, str], limit: int = TIMELINE_RUNS
    ) -> dict[str, tuple[Point, ...]]:
        """Return the last points of each case, oldest first.

        `current_ids` maps each id that a case has had to its current one.
        """
        import sqlalchemy as sa

        runs, results, _ = self._tables
        with self._translate_errors(), self._engine.connect() as connection:
            newest = connection.scalar(sa.select(sa.func.max(runs.c.seq))) or 0
            query = self._select().where(results.c.seq > newest - TIMELINE_WINDOW_RUNS)
            points: dict[str, list[Point]] = {}
            for row in connection.execute(query):
                if row.case_id in current_ids:
                    points.setdefault(current_ids[row.case_id], []).append(_point(row))
        return {id: tuple(own_points[-limit:]) for id, own_points in points.items()}

    def case(self, case_id: str) -> tuple[Point, ...]:
        """Return all points of a case, oldest first."""
        query = self._select().where(self._tables[1].c.case_id == case_id)
        with self._translate_errors(), self._engine.connect() as connection:
            return tuple(map(_point, connection.execute(query)))

    def case_ids(self) -> tuple[str, ...]:
        """Return the ids of all cases, sorted."""
        import sqlalchemy as sa

        column = self._tables[1].c.case_id
        with self._translate_errors(), self._engine.connect() as connection:
            return tuple(connection.scalars(sa.select(column).distinct().order_by(column)))

    def runs(self) -> tuple[PastRun, ...]:
        """Return all runs, oldest first."""
        import sqlalchemy as sa

        runs = self._tables[0]
        with self._translate_errors(), self._engine.connect() as connection:
            rows = connection.execute(sa.select(runs).order_by(runs.c.seq))
            return tuple(map(_past_run, rows))

    def _select(self) -> "sa.Select[tuple[object, ...]]":
        import sqlalchemy as sa

        runs, results, facts = self._tables
        return (
            sa.select(results, runs.c.id, runs.c.started_at, runs.c.tool, facts.c.text)
            .join(runs, runs.c.seq == results.c.seq)
            .join(facts, facts.c.digest == results.c.digest)
            .order_by(results.c.seq)
        )

    def _make_engine(self) -> "sa.Engine":
        import sqlalchemy as sa

        try:
            check_location(self._location)
        except ValueError as error:
            raise HistoryError(str(error)) from None
        if self._file is not None:
            if not self._writable and not os.path.lexists(self._file):
                raise self._empty()
            connect = functools.partial(sqlite_file.connect, self._file, writable=self._writable)
            url = sa.URL.create("sqlite", database=str(self._file))
            return sa.create_engine(url, creator=connect)
        url = sa.make_url(self._location).set(drivername="postgresql+psycopg")
        # With encoding SQL_ASCII a server returns bytes instead of text, unless this is set.
        options = {"connect_timeout": int(LOCK_TIMEOUT), "client_encoding": "utf8"}
        return sa.create_engine(url, connect_args=options)

    def _empty(self) -> EmptyHistoryError:
        return EmptyHistoryError(
            f"{self._redacted_location}: there is no history yet; `authprobe run` creates one"
        )

    def _prepare(self) -> None:
        """Create missing tables, and check the schema version."""
        import sqlalchemy as sa

        version = version_table(self._tables[0].metadata)
        with self._engine.connect() as connection:
            exists = version.name in sa.inspect(connection).get_table_names()
        if not exists:
            self._create_tables(version)
        with self._engine.connect() as connection:
            schema_version = connection.scalar(sa.select(sa.func.max(version.c.version)))
        if schema_version != SCHEMA_VERSION:
            raise HistoryError(
                f"history {self._redacted_location}: schema version {schema_version}, but this "
                f"authprobe supports {SCHEMA_VERSION}; use a newer authprobe, or choose another "
                "history with --history"
            )

    def _create_tables(self, version: "sa.Table") -> None:
        import sqlalchemy as sa

        with self._engine.begin() as connection:
            if self._writable:
                self._lock(connection)
            tables = sa.inspect(connection).get_table_names()
            if version.name in tables:
                return  # another run has created them since `_prepare` looked
            if tables and self._file:
                raise HistoryError(
                    f"history {self._redacted_location}: the file is the database of another "
                    f"program; {REPLACE_REMEDY}"
                )
            if not self._writable:
                raise self._empty()
            version.metadata.create_all(connection)
            connection.execute(sa.insert(version).values(version=SCHEMA_VERSION))

    def _lock(self, connection: "sa.Connection") -> None:
        """Block until this is the only writer, before it reads anything."""
        import sqlalchemy as sa

        if self._file:
            # The sqlite3 module itself begins a transaction only before INSERT, UPDATE and DELETE.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK_ID)))

    def _prune(self, connection: "sa.Connection", max_runs: int) -> None:
        """Delete the oldest runs beyond `max_runs`, and the fingerprints that only they used."""
        import sqlalchemy as sa

        runs, results, facts = self._tables
        newest = sa.select(runs.c.seq).order_by(runs.c.seq.desc()).limit(max_runs)
        oldest = min(connection.scalars(newest))
        if connection.execute(sa.delete(runs).where(runs.c.seq < oldest)).rowcount:
            connection.execute(sa.delete(results).where(results.c.seq < oldest))
            used = sa.select(results.c.digest)
            connection.execute(sa.delete(facts).where(facts.c.digest.not_in(used)))

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Convert database errors to HistoryError, without echoing the URL."""
        try:
            yield
        except HistoryError:
            raise
        except ImportError as error:
            remedy = "pip install 'authprobe[postgresql]'"
            raise HistoryError(
                f"history {self._redacted_location}: module {error.name} is missing; {remedy}"
            ) from None
        except FileError as error:
            raise HistoryError(f"history {self._redacted_location}: {error.strerror}") from None
        except Exception as error:  # noqa: BLE001 - its text, or a traceback, may have the password
            raise HistoryError(f"history {self._redacted_location}: {error_text(error)}") from None


def _run_values(run: Run) -> dict[str, object]:
    failed = [r for r in run.cases if r.verdict.status in (Status.FAILED, Status.ERROR)]
    return {
        "id": run.id,
        "started_at": _utc(run.started_at),
        "elapsed": run.elapsed,
        "tool": run.tool.version,
        "partial": run.partial,
        "cases": len(run.cases),
        "failed": len(failed),
    }


def _result_values(
    record: CaseRecord,
    seq: int,
    digest: str,
    previous: Mapping[str, tuple[str, datetime.datetime]],
    started_at: datetime.datetime,
) -> dict[str, object]:
    previous_digest, since = previous.get(record.id, ("", started_at))
    return {
        "seq": seq,
        "case_id": record.id,
        "status": record.verdict.status.value,
        "client_version": record.client_version,
        "digest": digest,
        "since": since if previous_digest == digest else started_at,
    }


def _fingerprint_text(record: CaseRecord) -> str:
    return json.dumps(dataclasses.asdict(fingerprint(record.observation)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _point(row: "sa.Row[tuple[object, ...]]") -> Point:
    fields = {
        "case_id": row.case_id,
        "run_id": row.id,
        "at": _time(row.started_at),
        "tool": row.tool,
        "client_version": row.client_version,
        "status": row.status,
        "fingerprint": _read_fingerprint(row.text),
        "since": _time(row.since),
    }
    return _readers()[0].validate_python(fields)


def _past_run(row: "sa.Row[tuple[object, ...]]") -> PastRun:
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
def _read_fingerprint(text: str) -> Fingerprint:
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


def _utc(at: datetime.datetime) -> datetime.datetime:
    """Return the time in UTC without a time zone, as the databases store it."""
    return at.astimezone(datetime.UTC).replace(tzinfo=None)


def last_points(
    location: str, cases: Iterable[tuple[str, Sequence[str]]]
) -> dict[str, tuple[Point, ...]]:
    """Return the last points of these cases, each an id with its former ids.

    Raises:
        HistoryError: the database cannot be used.
    """
    if location == NO_HISTORY:
        return {}
    current_ids = {any_id: id for id, former in cases for any_id in (*former, id)}
    try:
        with History(location) as history:
            return history.points(current_ids)
    except EmptyHistoryError:
        return {}


def append(location: str, run: Run, max_runs: int) -> None:
    """Append a run and delete the oldest beyond `max_runs`.

    Raises:
        HistoryError: the database cannot be used.
    """
    with History(location, writable=True) as history:
        history.append(run, max_runs=max_runs)


def warm_up() -> None:
    """Import slow modules before the first request."""
    import sqlalchemy.dialects.sqlite  # noqa: F401

    make_tables()
