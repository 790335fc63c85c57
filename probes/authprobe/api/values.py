"""Results of a run for Python programs: the lasting part of `results.json`, as values."""

import datetime
from collections import Counter
from dataclasses import dataclass, field

from authprobe import arguments
from authprobe.core.isolation import Isolation
from authprobe.core.suggestions import did_you_mean
from authprobe.errors import SettingsError
from authprobe.observation.findings import Finding
from authprobe.observation.model import Exchange, Outcome
from authprobe.run.model import CaseRecord, Diagnosis, Reason, Run
from authprobe.verdict.model import Mismatch, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """Result of one case: what the client did, and whether its scenario expects that."""

    id: str
    scenario: str
    """Id of the scenario."""
    title: str
    client: str
    """Client and version as the scenario names them, such as `claude-code@latest`."""
    client_version: str | None
    """Version that ran; None: no client ran."""
    credential: str
    """Name of the credential in the scenario."""
    status: Status
    """Verdict."""
    outcome: Outcome
    http_status: int | None
    """Status of the refusal that the client reports, else of the last request to a model."""
    message: str | None
    """Message that the client showed its user, without credentials."""
    detail: str | None
    """Reason why there is no response, or why the case could not be tested."""
    elapsed: float
    """Seconds."""
    mismatches: tuple[Mismatch, ...]
    """Differences from the expectation."""
    reasons: tuple[Reason, ...]
    """Explanation of the mismatches or changes, the most important first."""
    findings: tuple[Finding, ...]
    """Misbehaviour of the client, whether the scenario expects it or not."""
    diagnosis: Diagnosis | None
    """Cause of a refusal that the scenario did not arrange."""
    requests: tuple[Exchange, ...]
    """Requests that reached the backend, with their answers; tokens appear by name only."""
    regressed: bool
    """True: it passed in the baseline, and fails now."""
    fixed: bool
    """True: it failed in the baseline, and passes now."""
    flaky: bool
    """True: it failed, and passed when it was probed again."""
    known_failure: str | None
    """Issue or note of the known failure that the case matches; its status is `skipped` then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Result of a run."""

    id: str
    started_at: datetime.datetime
    elapsed: float
    """Seconds."""
    isolation: Isolation | None
    """Isolation of the clients; None: no client was started."""
    partial: bool
    """True if an option left out cases of the scenarios."""
    cases: tuple[CaseResult, ...]
    """Every case that was probed, sorted by id."""
    results_json: str = field(repr=False)
    """Text of `results.json`: everything that is known of the run (docs/results.schema.json)."""

    @property
    def passed(self) -> bool:
        """True if no case failed, and each could be tested."""
        return not any(each.status in (Status.FAILED, Status.ERROR) for each in self.cases)

    @property
    def counts(self) -> dict[Status, int]:
        """Number of cases of each status that occurs."""
        counts = Counter(each.status for each in self.cases)
        return {status: counts[status] for status in Status if counts[status]}

    def case(self, id: str) -> CaseResult:
        """Return the case with this id.

        Raises:
            SettingsError: the run has no such case.
        """
        id = arguments.text(id, "id")
        by_id = {each.id: each for each in self.cases}
        if id not in by_id:
            remedy = did_you_mean(id, by_id, otherwise="`cases` has them all")
            raise SettingsError(f"{id}: no such case in this run{remedy}")
        return by_id[id]


def make_result(run: Run, results_json: str) -> RunResult:
    """Return a run, with its text, as a value for programs."""
    return RunResult(
        id=run.id,
        started_at=run.started_at,
        elapsed=run.elapsed,
        isolation=run.client_isolation,
        partial=run.partial,
        cases=tuple(map(_case, run.cases)),
        results_json=results_json,
    )


def _case(record: CaseRecord) -> CaseResult:
    observation, verdict = record.observation, record.verdict
    return CaseResult(
        id=record.id,
        scenario=record.scenario,
        title=record.title,
        client=record.client,
        client_version=record.client_version,
        credential=record.credential,
        status=verdict.status,
        outcome=observation.outcome,
        http_status=observation.status,
        message=observation.message,
        detail=observation.detail,
        elapsed=observation.elapsed,
        mismatches=verdict.mismatches,
        reasons=record.reasons,
        findings=record.findings,
        diagnosis=record.diagnosis,
        requests=observation.exchanges,
        regressed=verdict.regressed,
        fixed=verdict.fixed,
        flaky=verdict.flaky,
        known_failure=verdict.known,
    )
