"""Accepted: one case of the baseline, as the judge compares it."""

import datetime
from dataclasses import dataclass

from authprobe.observation.fingerprint import Fingerprint
from authprobe.verdict.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A case with the status and fingerprint that were accepted."""

    id: str
    status: Status
    seen: Fingerprint
    client_version: str | None = None
    """Version that ran."""
    accepted_at: datetime.date
    tool: str
    """Version of authprobe that observed it."""
    note: str | None = None
    """Reason for accepting it."""
