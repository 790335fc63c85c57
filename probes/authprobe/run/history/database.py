"""History database: past runs and their results, in SQLite by default or in PostgreSQL.

A file may come from elsewhere, so nothing in it is trusted: `sqlite_file.py` opens it, and every
value that is read from it is validated.

The functions import SQLAlchemy themselves, as its import takes longer than starting authprobe.
"""

import contextlib
import datetime
import functools
import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from authprobe.core.history_location import (
    NO_HISTORY,
    check_location,
    database_file,
    redact_location,
)
from authprobe.core.safe_files import FileError
from authprobe.errors import HistoryError
from authprobe.observation.fingerprint import Fingerprint, fingerprint, is_same
from authprobe.plan.case_ids import client_version_of, nearest_version, without_version
from authprobe.run.history import sqlite_file
from authprobe.run.history.model import TIMELINE_RUNS, PastRun, Point
from authprobe.run.history.rows import (
    digest_of,
    fingerprint_text,
    read_fingerprint,
    read_point,
    read_run,
    result_values,
    run_values,
    utc,
)
from authprobe.run.history.tables import (
    LOCK_TIMEOUT,
    READABLE_VERSIONS,
    REPLACE_REMEDY,
    SCHEMA_VERSION,
    Newest,
    error_text,
    make_tables,
    migrate,
    newest_results,
    version_table,
)
from authprobe.run.history.timelines import follow
from authprobe.run.model import CaseRecord, Run

if TYPE_CHECKING:
    import sqlalchemy as sa

TIMELINE_WINDOW_RUNS: Final = 100
"""Newest runs in which the points of a timeline are searched."""
MAX_PARAMETERS: Final = 500
"""Values in one query, below the limits of the databases."""
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
            inserted = connection.execute(sa.insert(runs).values(**run_values(run)))
            seq = int(inserted.inserted_primary_key[0])  # type: ignore[index]
            self._rename(connection, run.cases)
            fingerprints = {record.id: fingerprint_text(record) for record in run.cases}
            self._add_fingerprints(connection, fingerprints.values())
            since = self._since(connection, run)
            rows = [
                result_values(record, seq, digest_of(fingerprints[record.id]), since[record.id])
                for record in run.cases
            ]
            if rows:
                connection.execute(sa.insert(results), rows)
            self._prune(connection, max_runs)

    def _since(self, connection: "sa.Connection", run: Run) -> dict[str, datetime.datetime]:
        """Return since when each case is the same, also at an earlier version of its client."""
        newest = newest_results(connection, self._tables[1])
        previous = {record.id: _previous(record, newest) for record in run.cases}
        now = {record.id: fingerprint(record.observation) for record in run.cases}
        texts = self._fingerprints(connection, {each.digest for each in previous.values() if each})
        started_at = utc(run.started_at)
        return {
            id: each.since if each and is_same(texts[each.digest], now[id]) else started_at
            for id, each in previous.items()
        }

    def _fingerprints(
        self, connection: "sa.Connection", digests: Collection[str]
    ) -> dict[str, Fingerprint]:
        import sqlalchemy as sa

        facts = self._tables[2]
        ordered, found = sorted(digests), {}
        for start in range(0, len(ordered), MAX_PARAMETERS):
            part = facts.c.digest.in_(ordered[start : start + MAX_PARAMETERS])
            for digest, text in connection.execute(sa.select(facts).where(part)):
                found[digest] = read_fingerprint(text)
        return found

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
                    .values(case_id=record.id, question=without_version(record.id))
                )

    def _add_fingerprints(self, connection: "sa.Connection", texts: Iterable[str]) -> None:
        """Insert the fingerprints that are not stored yet."""
        import sqlalchemy as sa

        facts = self._tables[2]
        new = {digest_of(text): text for text in texts}
        stored = set(connection.scalars(sa.select(facts.c.digest)))
        rows = [
            {"digest": digest, "text": text} for digest, text in new.items() if digest not in stored
        ]
        if rows:
            connection.execute(sa.insert(facts), rows)

    def points(
        self, cases: Sequence[tuple[str, Sequence[str]]], limit: int = TIMELINE_RUNS
    ) -> dict[str, tuple[Point, ...]]:
        """Return the last points of each case and of the version before it, oldest first.

        A case is its id with its former ids.
        """
        import sqlalchemy as sa

        runs, results, _ = self._tables
        questions = {without_version(id) for case, former in cases for id in (case, *former)}
        with self._translate_errors(), self._engine.connect() as connection:
            newest = connection.scalar(sa.select(sa.func.max(runs.c.seq))) or 0
            query = self._select().where(results.c.seq > newest - TIMELINE_WINDOW_RUNS)
            if len(questions) <= MAX_PARAMETERS:
                query = query.where(self._asks(connection, questions))
            points: dict[str, list[Point]] = {}
            for row in connection.execute(query):
                if (question := without_version(row.case_id)) in questions:
                    points.setdefault(question, []).append(read_point(row))
        timelines = {
            id: follow(_merged(points, map(without_version, (id, *former))), (id, *former))
            for id, former in cases
        }
        return {id: timeline[-limit:] for id, timeline in timelines.items() if timeline}

    def case(self, case_id: str) -> tuple[Point, ...]:
        """Return all points of a case and of the versions before it, oldest first."""
        return follow(self.question(without_version(case_id)), (case_id,))

    def question(self, question: str) -> tuple[Point, ...]:
        """Return all points of a question, of every version of its client, oldest first."""
        with self._translate_errors(), self._engine.connect() as connection:
            query = self._select().where(self._asks(connection, {question}))
            return tuple(map(read_point, connection.execute(query)))

    def _asks(
        self, connection: "sa.Connection", questions: Collection[str]
    ) -> "sa.ColumnElement[bool]":
        """Return the condition for results of these questions."""
        import sqlalchemy as sa

        results = self._tables[1]
        if self._schema_version == SCHEMA_VERSION:
            return results.c.question.in_(questions)
        ids = connection.scalars(sa.select(results.c.case_id).distinct())
        return results.c.case_id.in_([id for id in ids if without_version(id) in questions])

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
            return tuple(map(read_run, rows))

    def _select(self) -> "sa.Select[tuple[object, ...]]":
        import sqlalchemy as sa

        runs, results, facts = self._tables
        return (
            sa.select(
                *(results.c.case_id, results.c.status, results.c.client_version, results.c.since),
                *(runs.c.id, runs.c.started_at, runs.c.tool, facts.c.text),
            )
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
        """Create missing tables, check the schema version, and migrate an older one to write."""
        import sqlalchemy as sa

        version = version_table(self._tables[0].metadata)
        with self._engine.connect() as connection:
            exists = version.name in sa.inspect(connection).get_table_names()
        if not exists:
            self._create_tables(version)
        newest = sa.select(sa.func.max(version.c.version))
        with self._engine.connect() as connection:
            self._schema_version: int | None = connection.scalar(newest)
        if self._schema_version not in READABLE_VERSIONS:
            raise HistoryError(
                f"history {self._redacted_location}: schema version {self._schema_version}, but "
                f"this authprobe supports {SCHEMA_VERSION}; use a newer authprobe, or choose "
                "another history with --history"
            )
        if self._writable and self._schema_version != SCHEMA_VERSION:
            with self._engine.begin() as connection:
                self._lock(connection)
                if connection.scalar(newest) != SCHEMA_VERSION:  # no other run has migrated it
                    migrate(connection, self._tables[1], version)
            self._schema_version = SCHEMA_VERSION

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


def _previous(record: CaseRecord, newest: Mapping[str, Mapping[str, Newest]]) -> Newest | None:
    """Return the newest result of the case, or else of the version before it."""
    results = newest.get(without_version(record.id), {})
    if record.id in results:
        return results[record.id]
    version = record.client_version or client_version_of(record.id)
    return nearest_version(results.values(), lambda result: result.version, version)


def _merged(points: Mapping[str, list[Point]], questions: Iterable[str]) -> list[Point]:
    """Return the points of a question under all of its names, oldest first."""
    lists = [points[question] for question in dict.fromkeys(questions) if question in points]
    if len(lists) < 2:
        return lists[0] if lists else []
    return sorted(itertools.chain.from_iterable(lists), key=lambda point: point.at)


def last_points(
    location: str, cases: Iterable[tuple[str, Sequence[str]]]
) -> dict[str, tuple[Point, ...]]:
    """Return the last points of these cases, each an id with its former ids.

    Raises:
        HistoryError: the database cannot be used.
    """
    if location == NO_HISTORY:
        return {}
    try:
        with History(location) as history:
            return history.points(tuple(cases))
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
