"""Location of the history: a file, the URL of a database, or `none`; redacted for messages."""

import re
from pathlib import Path
from typing import Final

NO_HISTORY: Final = "none"
"""Location that disables the history."""
_SQLITE: Final = re.compile(r"sqlite(?:\+pysqlite)?:///([^?#]+)")
_POSTGRESQL: Final = re.compile(r"postgresql(?:\+\w+)?://.*", re.DOTALL)
_NOT_A_FILE: Final = re.compile(
    r"(?s).*://.*"
    r"|[A-Za-z][\w+.-]+:/.*"  # `postgresql:/host/db`
    r"|postgres(?:ql)?\b[^\w./-].*"  # `postgresql:u@h`
    r"|[^./][^:]*:.*@.*"  # `u:password@host`
    r"|.*\b(?:host|hostaddr|port|user|password|dbname|service)\s*=.*"  # libpq's own form
    r"|.*\0.*"
    r"|"
)
_READABLE_URL: Final = re.compile(
    r"(?P<scheme>postgresql(?:\+\w+)?)://"
    r"(?:(?P<user>[\w.-]*)(?::[^?]*)?@)?"
    r"(?P<host>[\w.-]*|\[[0-9A-Fa-f:.]+\])"
    r"(?P<port>(?::\d{1,5})?)"
    r"(?P<database>(?:/[\w.-]*)?)"
    r"(?:\?[^@]*)?",
    re.ASCII,
)
"""A URL whose parts cannot be confused: a plain host after the last `@`, no `@` in the options."""


def check_location(location: str) -> None:
    """Check the form of a location.

    Raises:
        ValueError: it is neither `none` nor a file nor the URL of a supported database; the
            message does not repeat it.
    """
    if location == NO_HISTORY or _POSTGRESQL.fullmatch(location) or database_file(location):
        return
    raise ValueError(
        f"history {redact_location(location)}: neither a file nor a postgresql:// URL; "
        "write one of these, or 'none'"
    )


def database_file(location: str) -> Path | None:
    """Return the SQLite file of a location; None: it is not a file."""
    if location == NO_HISTORY:
        return None
    if url := _SQLITE.fullmatch(location):
        return Path(url[1])
    return None if _NOT_A_FILE.fullmatch(location) else Path(location)


def redact_location(location: str) -> str:
    """Return a location without password and options; of an unclear one, only the scheme."""
    if (path := database_file(location)) or location == NO_HISTORY:
        return str(path or location)
    if url := _READABLE_URL.fullmatch(location):
        at = "@" if "@" in location.partition("?")[0] else ""
        parts = (url["scheme"], "://", url["user"] or "", at, url["host"], url["port"])
        return "".join((*parts, url["database"]))
    scheme = re.match(r"([a-z][a-z0-9+]{0,19}):", location)
    return f"{scheme[1]}:…" if scheme and scheme[1].startswith(("postgres", "sqlite")) else "…"
