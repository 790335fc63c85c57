"""TODO module docstring."""

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authprobe.observation.fingerprint import Fingerprint

if TYPE_CHECKING:
    pass


NONE: Final = "none"


TIMELINE_RUNS: Final = 20
"""Runs of a case in its timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A case in one run of the past."""

    case_id: str
    run_id: str
    at: datetime.datetime
    tool: str
    client_version: str | None
    status: str
    seen: Fingerprint
    since: datetime.datetime
    """When it was first seen so, and was not otherwise in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run of the past, in numbers."""

    id: str
    at: datetime.datetime
    tool: str
    elapsed: float
    cases: int
    failed: int
    partial: bool


def redact_url(place: str) -> str:
    """Where the history is, without a password and without options, which may hold one."""
    if "://" not in place:
        return place
    scheme, _, rest = place.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    user, at, name = host.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{name}{slash}{path}"
