"""Values that the history returns."""

import datetime
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.observation.fingerprint import Fingerprint

TIMELINE_RUNS: Final = 20
"""Maximum number of runs in the timeline of a case."""
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


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

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False)

    id: str
    at: datetime.datetime
    tool: str
    elapsed: float
    cases: Count
    failed: Count
    partial: bool
