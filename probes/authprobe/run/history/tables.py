"""Tables of the history, and messages for the errors of its databases."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authprobe.plan.case_ids import client_version_of, without_version

if TYPE_CHECKING:
    import sqlalchemy as sa

SCHEMA_VERSION: Final = 2
READABLE_VERSIONS: Final = (1, SCHEMA_VERSION)
"""Version 1 has no questions; it is read as it is, and migrated when a run is appended."""
LOCK_TIMEOUT: Final = 10.0
"""Seconds to wait for another writer, or for a connection."""
REPLACE_REMEDY: Final = "move it away, or choose another history with --history"


def make_tables() -> "tuple[sa.Table, sa.Table, sa.Table]":
    """Return the tables of runs, results and fingerprints; their metadata has the schema table."""
    import sqlalchemy as sa

    metadata = sa.MetaData()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    runs = sa.Table(
        "authprobe_runs",
        metadata,
        sa.Column("seq", number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("elapsed", sa.Float, nullable=False),
        sa.Column("tool", sa.String(60), nullable=False),
        sa.Column("partial", sa.Boolean, nullable=False),
        sa.Column("cases", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sqlite_autoincrement=True,
    )
    results = sa.Table(
        "authprobe_results",
        metadata,
        sa.Column("case_id", sa.Text, primary_key=True),
        sa.Column("question", sa.Text),  # null only while an older database is migrated
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("client_version", sa.Text),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
    )
    facts = sa.Table(
        "authprobe_facts",
        metadata,
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    version_table(metadata)
    return runs, results, facts


def version_table(metadata: "sa.MetaData") -> "sa.Table":
    """Return the table of the schema version."""
    import sqlalchemy as sa

    column = sa.Column("version", sa.Integer, nullable=False)
    return sa.Table("authprobe_schema", metadata, column, keep_existing=True)


def error_text(error: Exception) -> str:
    """Return a phrase for a database error, with a remedy, without text of the database.

    The database's own text may contain the URL, and so a password.
    """
    if isinstance(error, (ValueError, TypeError, ArithmeticError)):
        return f"it has values that authprobe did not write; {REPLACE_REMEDY}"
    text = str(getattr(error, "orig", None) or error).lower()
    if "interrupted" in text:
        return f"reading it takes too long; {REPLACE_REMEDY}"
    if "locked" in text:
        return f"another program kept it locked for {LOCK_TIMEOUT:.0f} s; try again"
    if "not a database" in text or "malformed" in text:
        return f"the file is damaged; {REPLACE_REMEDY}"
    if "no such column" in text or "no such table" in text or "undefined" in text:
        return f"its tables have unexpected columns; {REPLACE_REMEDY}"
    if "readonly" in text or "unable to open" in text or isinstance(error, OSError):
        return "it cannot be opened or written; choose another history with --history"
    if "password" in text or "authentication" in text or "role" in text:
        return "the database rejects this user; check AUTHPROBE_HISTORY or --history"
    if "connection" in text or "connect" in text or "could not" in text:
        return "the database cannot be reached; check AUTHPROBE_HISTORY or --history"
    return f"{type(error).__name__}; {REPLACE_REMEDY}"


@dataclass(frozen=True, slots=True)
class Newest:
    """Newest result of a case."""

    case_id: str
    version: str
    digest: str
    since: datetime.datetime


def newest_results(
    connection: "sa.Connection", results: "sa.Table"
) -> Mapping[str, Mapping[str, Newest]]:
    """Return the newest result of each case, by question and case id."""
    import sqlalchemy as sa

    columns = results.c.case_id, results.c.client_version, results.c.digest, results.c.since
    newest = (
        sa.select(results.c.case_id, sa.func.max(results.c.seq).label("seq"))
        .group_by(results.c.case_id)
        .subquery()
    )
    query = sa.select(*columns).join(
        newest, sa.and_(results.c.case_id == newest.c.case_id, results.c.seq == newest.c.seq)
    )
    questions: dict[str, dict[str, Newest]] = {}
    for id, version, digest, since in connection.execute(query):
        result = Newest(id, version or client_version_of(id), digest, since)
        questions.setdefault(without_version(id), {})[id] = result
    return questions


def migrate(connection: "sa.Connection", results: "sa.Table", version: "sa.Table") -> None:
    """Add the questions to a database of schema version 1, in the transaction of the caller."""
    import sqlalchemy as sa

    table, column = results.name, results.c.question
    kind = column.type.compile(connection.dialect)
    connection.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {column.name} {kind}"))
    ids = connection.scalars(sa.select(results.c.case_id).distinct()).all()
    if ids:
        update = sa.update(results).where(results.c.case_id == sa.bindparam("id"))
        values = [{"id": id, "value": without_version(id)} for id in ids]
        connection.execute(update.values(question=sa.bindparam("value")), values)
    connection.execute(sa.update(version).values(version=SCHEMA_VERSION))
