"""Tables of the history, and messages for the errors of its databases."""

import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlalchemy as sa

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


def newest_digests(
    connection: "sa.Connection", results: "sa.Table"
) -> dict[str, tuple[str, datetime.datetime]]:
    """Return the newest digest of each case, and the start of the first run that had it."""
    import sqlalchemy as sa

    newest = (
        sa.select(results.c.case_id, sa.func.max(results.c.seq).label("seq"))
        .group_by(results.c.case_id)
        .subquery()
    )
    query = sa.select(results.c.case_id, results.c.digest, results.c.since).join(
        newest, sa.and_(results.c.case_id == newest.c.case_id, results.c.seq == newest.c.seq)
    )
    return {row.case_id: (row.digest, row.since) for row in connection.execute(query)}
