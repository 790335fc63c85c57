"""The tables of the history, and what its databases say when something is wrong with them."""

import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlalchemy as sa

PATIENCE: Final = 10.0
"""Seconds that a run waits for another one to write, or for an answer."""
MOVE: Final = "move it away, or use another one with --history"


def make_tables() -> "tuple[sa.Table, sa.Table, sa.Table]":
    import sqlalchemy as sa

    data = sa.MetaData()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    runs = sa.Table(
        "authprobe_runs",
        data,
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
        data,
        sa.Column("case_id", sa.Text, primary_key=True),
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("client_version", sa.Text),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("since", sa.DateTime, nullable=False),
    )
    facts = sa.Table(
        "authprobe_facts",
        data,
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    version_table(data)
    return runs, results, facts


def version_table(data: "sa.MetaData") -> "sa.Table":
    import sqlalchemy as sa

    column = sa.Column("version", sa.Integer, nullable=False)
    return sa.Table("authprobe_schema", data, column, keep_existing=True)


def trouble_words(error: Exception) -> str:
    """What is wrong, and what to do."""
    said = str(getattr(error, "orig", None) or error).lower()
    if "locked" in said:
        return f"another program has kept it locked for {PATIENCE:.0f} s; try again"
    if "not a database" in said or "malformed" in said:
        return f"the file is damaged; {MOVE}"
    if "no such column" in said or "no such table" in said or "undefined" in said:
        return f"its tables are not as they should be; {MOVE}"
    if "readonly" in said or "unable to open" in said or isinstance(error, OSError):
        return "it cannot be opened or written; use another one with --history"
    if "password" in said or "authentication" in said or "role" in said:
        return "the database refuses this user; look at AUTHPROBE_HISTORY or --history"
    if "connection" in said or "connect" in said or "could not" in said:
        return "the database cannot be reached; look at AUTHPROBE_HISTORY or --history"
    return f"{type(error).__name__}; {MOVE}"


def newest_digests(
    connection: "sa.Connection", results: "sa.Table"
) -> dict[str, tuple[str, datetime.datetime]]:
    """The newest digest of each case, and since when it has been so."""
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
