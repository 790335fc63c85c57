"""Runs that contain every kind of result."""

from dataclasses import replace

from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Outcome
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import BaselineState, Mismatch, Status, Verdict
from tests.support.make import make_observation, make_record, make_run

MISMATCH = Mismatch(field="status", expected="200", actual="401")
CHANGE = Transition(field="message", before="<old> & \x1b[31m", after="new, 100%: “so”\nit is")
REFUSED = make_observation(outcome=Outcome.REJECTED, status=401, message="no", elapsed=1.25)


def regressed(case_id: str = "example/regressed") -> CaseRecord:
    """Return a failed case that passed in the baseline."""
    verdict = Verdict(
        status=Status.FAILED,
        baseline=BaselineState.UPDATED,
        regressed=True,
        mismatches=(MISMATCH,),
        transitions=(CHANGE,),
    )
    return make_record(id=case_id, observation=REFUSED, verdict=verdict)


def known_failure() -> CaseRecord:
    """Return a case with an excused failure."""
    issue = "https://example.org/issue/7"
    verdict = Verdict(status=Status.SKIPPED, known=issue, mismatches=(MISMATCH,))
    return make_record(id="example/known", observation=REFUSED, verdict=verdict)


def every_kind() -> Run:
    """Return a run with a case of each status, two scenarios, an absent case and a complaint."""
    untestable = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="no npm")
    error = Verdict(status=Status.ERROR)
    broken = make_record(id="example/b", observation=untestable, verdict=error)
    other = replace(make_record(id="other/passed"), scenario="other")
    return make_run(
        broken,
        known_failure(),
        make_record(id="example/passed"),
        regressed(),
        other,
        absent=("gone/raw-http",),
        complaints=("known.yaml:3:5: this known failure no longer occurs",),
    )
