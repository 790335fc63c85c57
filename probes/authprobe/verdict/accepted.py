"""Accepted: one case of the baseline, as the judge compares it."""

import datetime
from dataclasses import dataclass

from authprobe.observation.fingerprint import Fingerprint
from authprobe.plan.case_ids import client_version_of
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

    @property
    def version(self) -> str:
        """Version that ran, or else the one in the id, such as `latest`."""
        return self.client_version or client_version_of(self.id)
