"""Opening of an SQLite file that may come from elsewhere: what is in it is data, never code.

sqlite.org/security.html lists the defences against such files.
"""

import re
import sqlite3
import time
from pathlib import Path
from typing import Final

from authprobe.core.safe_files import FileError, check_database, make_folder
from authprobe.run.history.tables import LOCK_TIMEOUT, REPLACE_REMEDY, make_tables

TIME_LIMIT: Final = 30.0
"""Seconds for everything that one command asks of the file, beside waiting for its lock."""
STEPS_BETWEEN_CHECKS: Final = 10_000
"""Instructions of SQLite's virtual machine, of which it does some million a second."""
MAX_VALUE_BYTES: Final = 10_000_000
_COMPUTED: Final = re.compile(
    r"\b(?:VIRTUAL|GENERATED|AS|CHECK|DEFAULT|COLLATE|REFERENCES)\b", re.IGNORECASE
)
"""Words of a table definition by which reading or writing a row computes something."""


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open a file, and check it before anything is asked of it.

    Raises:
        OSError: the file is not opened, as it could lead to another one or does not end.
        sqlite3.Error: it is no database, or is locked.
    """
    if writable:
        make_folder(path.parent)
    check_database(path)
    mode = "rwc" if writable else "rw"  # also a reader may have to undo what a crash left half done
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=LOCK_TIMEOUT
    )
    try:
        _protect(connection, writable=writable)
    except BaseException:
        connection.close()
        raise
    return connection


def _protect(connection: sqlite3.Connection, *, writable: bool) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    deadline = time.monotonic() + TIME_LIMIT
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_CHECKS)
    connection.execute("PRAGMA trusted_schema = OFF")
    if not writable:
        connection.execute("PRAGMA query_only = ON")
    own = {table.name for table in make_tables()[0].metadata.sorted_tables}
    schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
    for kind, name, table, sql in schema:
        is_code = kind in ("view", "trigger") or (kind == "index" and sql and table in own)
        if is_code or (name in own and (kind != "table" or _COMPUTED.search(str(sql)))):
            raise FileError(f"the file has a {kind} that authprobe did not make; {REPLACE_REMEDY}")
