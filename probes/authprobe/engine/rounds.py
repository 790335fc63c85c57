"""Rounds of probes: failed cases are probed again, and none is started after too many failures."""

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

from authprobe.engine.progress import Reporter
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Attempt, Status

MayStart = Callable[[], bool]
"""Returns False if no further case is to be started."""
ProbeCases = Callable[[Sequence[Case], MayStart], Generator[tuple[Case, Observation]]]


@dataclass(slots=True)
class Rounds:
    """Probing of the cases of a run, each until it passes or its attempts are used up."""

    probe: ProbeCases
    judge: Callable[[Case, Observation], CaseRecord]
    keep: Callable[[CaseRecord], None]
    """Takes the record of each attempt; a later one replaces an earlier one of the same case."""
    reporter: Reporter
    retries: int = 0
    max_failures: int | None = None
    stage: str = "probing"
    """Name of the first round."""
    _failures: int = 0

    def run(self, cases: Sequence[Case]) -> None:
        """Probe the cases; return early if `max_failures` have failed in all their attempts.

        The failed ones are probed again one at a time when no other client runs, because a busy
        machine is the usual reason for a failure that does not repeat.
        """
        remaining = cases
        while remaining and self._may_start():
            self.reporter.begin_stage(self.stage, len(remaining))
            ended = self._probe_once(remaining)
            failed = [(c, r) for c, r in ended if r.verdict.status is Status.FAILED]
            if failed and self.retries:
                self.reporter.begin_stage("probing failed cases again", len(failed))
                failed = [(case, self._probe_again(case, record)) for case, record in failed]
            self._failures += sum(r.verdict.status is Status.FAILED for _, r in failed)
            ids = {case.id for case, _ in ended}
            remaining = [case for case in remaining if case.id not in ids]

    def _may_start(self, more: int = 0) -> bool:
        return self.max_failures is None or self._failures + more < self.max_failures

    def _probe_once(self, cases: Sequence[Case]) -> list[tuple[Case, CaseRecord]]:
        """Return the record of each case that was started: all, unless too many fail."""
        ended: list[tuple[Case, CaseRecord]] = []
        failures = 0
        with contextlib.closing(self.probe(cases, lambda: self._may_start(failures))) as probes:
            for case, observation in probes:
                record = self.judge(case, observation)
                failures += record.verdict.status is Status.FAILED
                self._keep(record)
                ended.append((case, record))
        return ended

    def _probe_again(self, case: Case, record: CaseRecord) -> CaseRecord:
        """Return the record of the first attempt that does not fail, else of the last that does."""
        attempts = [attempt_of(record)]
        for _ in range(self.retries):
            with contextlib.closing(self.probe([case], lambda: True)) as probes:
                for _, observation in probes:
                    again = self.judge(case, observation)
            attempts.append(attempt_of(again))
            if again.verdict.status is Status.ERROR:
                continue  # it says nothing about the failure
            record = again
            if record.verdict.status is not Status.FAILED:
                break
        verdict = replace(record.verdict, attempts=tuple(attempts))
        record = replace(record, verdict=verdict)
        self._keep(record)
        return record

    def _keep(self, record: CaseRecord) -> None:
        self.keep(record)
        self.reporter.finish_step(record.id)


def attempt_of(record: CaseRecord) -> Attempt:
    """Return what is kept of one of several probes of a case."""
    return Attempt(
        status=record.verdict.status,
        elapsed=record.observation.elapsed,
        mismatches=record.verdict.mismatches,
    )
