"""Values that the history returns, and the redacted form of its location."""

import datetime
from dataclasses import dataclass
from typing import Final

from authprobe.observation.fingerprint import Fingerprint

NO_HISTORY: Final = "none"
"""Location that disables the history."""
TIMELINE_RUNS: Final = 20
"""Maximum number of runs in the timeline of a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Result of a case in one past run."""

    case_id: str
    run_id: str
    at: datetime.datetime
    tool: str
    client_version: str | None
    status: str
    fingerprint: Fingerprint
    since: datetime.datetime
    """Start of the first run since which the fingerprint is unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """Totals of a past run."""

    id: str
    at: datetime.datetime
    tool: str
    elapsed: float
    cases: int
    failed: int
    partial: bool


def redact_url(location: str) -> str:
    """Return a location without password, and without options, which may contain one."""
    if "://" not in location:
        return location
    scheme, _, rest = location.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    user, at, name = host.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{name}{slash}{path}"
