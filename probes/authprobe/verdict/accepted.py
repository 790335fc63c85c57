"""TODO module docstring."""

import datetime
from dataclasses import dataclass

from authprobe.observation.fingerprint import Fingerprint
from authprobe.verdict.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One case as it was accepted."""

    id: str
    status: Status
    seen: Fingerprint
    client_version: str | None = None
    """What really ran."""
    accepted_at: datetime.date
    tool: str
    """The version of authprobe that saw it."""
    note: str | None = None
    """Why it was accepted."""
