"""Verdicts as they come: a line for each client whose cases have all been probed."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence

from authprobe.engine.progress import Reporter
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status


class Tally:
    """Counts of the verdicts of each client; a run with one client has only its result."""

    def __init__(self, cases: Sequence[Case], reporter: Reporter, redactor: Redactor) -> None:
        self._reporter = reporter
        self._redactor = redactor
        self._clients = {case.id: str(case.client) for case in cases}
        self._remaining = Counter(self._clients.values())
        self._statuses: dict[str, Counter[Status]] = defaultdict(Counter)
        self._is_shown = len(self._remaining) > 1
        self._began = time.monotonic()

    def add(self, record: CaseRecord) -> None:
        """Count the first verdict of a case; a later one is of a retry."""
        client = self._clients.pop(record.id, None)
        if client is None or not self._is_shown:
            return
        self._statuses[client][record.verdict.status] += 1
        self._remaining[client] -= 1
        if not self._remaining[client]:
            self._reporter.notify(self._redactor(self._line(client)))

    def _line(self, client: str) -> str:
        counts = self._statuses.pop(client)
        words = ", ".join(f"{counts[status]:,} {status}" for status in Status if counts[status])
        return f"{client}: {words} after {time.monotonic() - self._began:.0f} s"
