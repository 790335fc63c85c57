"""The history: every run appended to a database, SQLite by default, PostgreSQL by one URL.

SQLAlchemy is imported only when a run is under way: it takes longer than to start.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authprobe.errors import HistoryError
from authprobe.observation.fingerprint import Fingerprint, fingerprint
from authprobe.run.history.tables import (
    MOVE,
    PATIENCE,
    make_tables,
    newest_digests,
    trouble_words,
    version_table,
)
from authprobe.run.model import CaseRecord, Run

if TYPE_CHECKING:
    import sqlalchemy as sa
from authprobe.run.history.model import NONE, TIMELINE_RUNS, PastRun, Point, redact_url

SCHEMA_VERSION: Final = 1
_LOOKED_AT: Final = 100
"""Runs among which they are looked for."""
_ADVISORY_LOCK: Final = 7_242_001


class History:
    """An open database; a context manager. Every trouble with it is a `HistoryError`."""

    def __init__(self, place: str, *, create: bool = True) -> None:
        self._place = place
        self._shown = redact_url(place)
        self._create = create

    def __enter__(self) -> "History":
        with self._told():
            import sqlalchemy as sa

            self._tables = make_tables()
            self._engine = sa.create_engine(self._url(), **self._options())
            try:
                self._prepare()
            except BaseException:
                self._engine.dispose()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def append(self, run: Run, *, keep: int) -> None:
        """Add a run, and take out the oldest beyond `keep`; whole or not at all."""
        import sqlalchemy as sa

        runs, results, _ = self._tables
        with self._told(), self._engine.begin() as connection:
            self._lock(connection)
            made = connection.execute(sa.insert(runs).values(**_run_values(run)))
            seq = int(made.inserted_primary_key[0])  # type: ignore[index]
            self._rename(connection, run.cases)
            texts = {
                r.id: json.dumps(dataclasses.asdict(fingerprint(r.observation))) for r in run.cases
            }
            self._add_facts(connection, texts.values())
            last = newest_digests(connection, results)
            rows = [
                _result_values(record, seq, _digest(texts[record.id]), last, _utc(run.started_at))
                for record in run.cases
            ]
            if rows:
                connection.execute(sa.insert(results), rows)
            self._prune(connection, keep)

    def _rename(self, connection: "sa.Connection", records: Sequence[CaseRecord]) -> None:
        """Let the past of a renamed scenario's cases go with them."""
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

    def _add_facts(self, connection: "sa.Connection", texts: Iterable[str]) -> None:
        """Keep what was seen, each once however often it is seen."""
        import sqlalchemy as sa

        facts = self._tables[2]
        new = {_digest(text): text for text in texts}
        there = set(connection.scalars(sa.select(facts.c.digest)))
        rows = [{"digest": d, "text": text} for d, text in new.items() if d not in there]
        if rows:
            connection.execute(sa.insert(facts), rows)

    def points(
        self, names: Mapping[str, str], limit: int = TIMELINE_RUNS
    ) -> dict[str, tuple[Point, ...]]:
        """The last points of each case, the oldest first; `names` has its id for each it had."""
        import sqlalchemy as sa

        runs, results, _ = self._tables
        with self._told(), self._engine.connect() as connection:
            newest = connection.scalar(sa.select(sa.func.max(runs.c.seq))) or 0
            query = self._select().where(results.c.seq > newest - _LOOKED_AT)
            found: dict[str, list[Point]] = {}
            for row in connection.execute(query):
                if row.case_id in names:
                    found.setdefault(names[row.case_id], []).append(_point(row))
        return {name: tuple(points[-limit:]) for name, points in found.items()}

    def case(self, case_id: str) -> tuple[Point, ...]:
        """Every point of a case that is kept, the oldest first."""
        query = self._select().where(self._tables[1].c.case_id == case_id)
        with self._told(), self._engine.connect() as connection:
            return tuple(map(_point, connection.execute(query)))

    def case_ids(self) -> tuple[str, ...]:
        """The ids of all cases that are kept, sorted."""
        import sqlalchemy as sa

        column = self._tables[1].c.case_id
        with self._told(), self._engine.connect() as connection:
            return tuple(connection.scalars(sa.select(column).distinct().order_by(column)))

    def runs(self) -> tuple[PastRun, ...]:
        """Every run that is kept, the oldest first."""
        import sqlalchemy as sa

        runs = self._tables[0]
        with self._told(), self._engine.connect() as connection:
            return tuple(
                PastRun(
                    id=row.id,
                    at=row.started_at.replace(tzinfo=datetime.UTC),
                    tool=row.tool,
                    elapsed=row.elapsed,
                    cases=row.cases,
                    failed=row.failed,
                    partial=row.partial,
                )
                for row in connection.execute(sa.select(runs).order_by(runs.c.seq))
            )

    def _select(self) -> "sa.Select[tuple[object, ...]]":
        import sqlalchemy as sa

        runs, results, facts = self._tables
        return (
            sa.select(results, runs.c.id, runs.c.started_at, runs.c.tool, facts.c.text)
            .join(runs, runs.c.seq == results.c.seq)
            .join(facts, facts.c.digest == results.c.digest)
            .order_by(results.c.seq)
        )

    def _url(self) -> "sa.URL":
        import sqlalchemy as sa

        if "://" not in self._place:
            path = Path(self._place)
            if not self._create and not path.exists():
                raise HistoryError(f"{path}: there is no history yet; `authprobe run` begins one")
            path.parent.mkdir(parents=True, exist_ok=True)
            return sa.URL.create("sqlite", database=str(path))
        url = sa.make_url(self._place)
        match url.get_backend_name():
            case "sqlite":
                return url
            case "postgresql":
                return url.set(drivername="postgresql+psycopg")
        raise HistoryError(f"history {self._shown}: use a file, or a postgresql:// address")

    def _options(self) -> dict[str, object]:
        if self._is_sqlite:
            return {"connect_args": {"timeout": PATIENCE}}
        # A server of encoding SQL_ASCII gives bytes for text unless it is told otherwise.
        options = {"connect_timeout": int(PATIENCE), "client_encoding": "utf8"}
        return {"connect_args": options}

    @property
    def _is_sqlite(self) -> bool:
        return not self._place.startswith("postgres")

    def _prepare(self) -> None:
        """Make the tables where they are not, and look whether they are ours."""
        import sqlalchemy as sa

        version = version_table(self._tables[0].metadata)
        with self._engine.connect() as connection:
            made = version.name in sa.inspect(connection).get_table_names()
        if not made:
            self._create_tables(version)
        with self._engine.connect() as connection:
            found = connection.scalar(sa.select(sa.func.max(version.c.version)))
        if found != SCHEMA_VERSION:
            raise HistoryError(
                f"history {self._shown}: it has schema version {found}, and this authprobe knows "
                f"{SCHEMA_VERSION}; use a newer authprobe, or another history with --history"
            )

    def _create_tables(self, version: "sa.Table") -> None:
        import sqlalchemy as sa

        with self._engine.begin() as connection:
            self._lock(connection)
            there = sa.inspect(connection).get_table_names()
            if version.name in there:
                return  # another run has made them in the meantime
            if there and self._is_sqlite:
                raise HistoryError(
                    f"history {self._shown}: this is the database of something else; {MOVE}"
                )
            version.metadata.create_all(connection)
            connection.execute(sa.insert(version).values(version=SCHEMA_VERSION))

    def _lock(self, connection: "sa.Connection") -> None:
        """One writer at a time, from before it reads; the others wait."""
        import sqlalchemy as sa

        if self._is_sqlite:
            # Python's own module would begin at the first change, and not for new tables.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))

    def _prune(self, connection: "sa.Connection", keep: int) -> None:
        import sqlalchemy as sa

        runs, results, facts = self._tables
        kept = connection.scalars(sa.select(runs.c.seq).order_by(runs.c.seq.desc()).limit(keep))
        oldest = min(kept)
        if connection.execute(sa.delete(runs).where(runs.c.seq < oldest)).rowcount:
            connection.execute(sa.delete(results).where(results.c.seq < oldest))
            used = sa.select(results.c.digest)
            connection.execute(sa.delete(facts).where(facts.c.digest.not_in(used)))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Trouble of the database's in our words, none of which is from an address."""
        try:
            yield
        except HistoryError:
            raise
        except ImportError as error:
            remedy = "pip install 'authprobe[postgresql]'"
            raise HistoryError(
                f"history {self._shown}: {error.name} is missing; {remedy}"
            ) from None
        except Exception as error:
            import sqlalchemy.exc

            if not isinstance(error, (sqlalchemy.exc.SQLAlchemyError, OSError, ValueError)):
                raise
            raise HistoryError(f"history {self._shown}: {trouble_words(error)}") from None


def _run_values(run: Run) -> dict[str, object]:
    bad = [r for r in run.cases if r.verdict.status.value in ("failed", "error")]
    return {
        "id": run.id,
        "started_at": _utc(run.started_at),
        "elapsed": run.elapsed,
        "tool": run.tool.version,
        "partial": run.partial,
        "cases": len(run.cases),
        "failed": len(bad),
    }


def _result_values(
    record: CaseRecord,
    seq: int,
    digest: str,
    last: Mapping[str, tuple[str, datetime.datetime]],
    now: datetime.datetime,
) -> dict[str, object]:
    before, since = last.get(record.id, ("", now))
    return {
        "seq": seq,
        "case_id": record.id,
        "status": record.verdict.status.value,
        "client_version": record.client_version,
        "digest": digest,
        "since": since if before == digest else now,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _point(row: "sa.Row[tuple[object, ...]]") -> Point:
    facts = json.loads(row.text)
    return Point(
        case_id=row.case_id,
        run_id=row.id,
        at=row.started_at.replace(tzinfo=datetime.UTC),
        tool=row.tool,
        client_version=row.client_version,
        status=row.status,
        seen=Fingerprint(**facts | {"requests": tuple(facts["requests"])}),
        since=row.since.replace(tzinfo=datetime.UTC),
    )


def _utc(at: datetime.datetime) -> datetime.datetime:
    """The time as databases keep it: of UTC, without saying so."""
    return at.astimezone(datetime.UTC).replace(tzinfo=None)


def last_points(
    place: str, cases: Iterable[tuple[str, Sequence[str]]]
) -> dict[str, tuple[Point, ...]]:
    """What is kept of these cases, each an id with those that it had before.

    Raises:
        HistoryError: the database cannot be used.
    """
    if place == NONE or ("://" not in place and not Path(place).exists()):
        return {}
    names = {name: id for id, former in cases for name in (*former, id)}
    with History(place) as history:
        return history.points(names)


def append(place: str, run: Run, keep: int) -> None:
    """Add a run, and take out the oldest beyond `keep`.

    Raises:
        HistoryError: the database cannot be used.
    """
    with History(place) as history:
        history.append(run, keep=keep)


def warm_up() -> None:
    """Import what takes long, before it is needed."""
    import sqlalchemy.dialects.sqlite  # noqa: F401

    make_tables()
