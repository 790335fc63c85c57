"""Runs that contain every kind of result."""

from dataclasses import replace
from typing import Final

from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Observation, Outcome
from authprobe.run.baseline import EMPTY_BASELINE, Baseline, absent_cases, baseline_from_run
from authprobe.run.model import CaseRecord, Reason, Run, Selection
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Attempt, BaselineState, Mismatch, Status, Verdict
from tests.support.make import make_case, make_observation, make_record, make_run

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


def flaky() -> CaseRecord:
    """Return a case that failed once, and passed when it was probed again."""
    attempts = (
        Attempt(status=Status.FAILED, elapsed=1.0, mismatches=(MISMATCH,)),
        Attempt(status=Status.PASSED, elapsed=1.0),
    )
    return make_record(id="example/flaky", verdict=Verdict(status=Status.PASSED, attempts=attempts))


def failed_again() -> CaseRecord:
    """Return a case that failed twice."""
    attempts = (Attempt(status=Status.FAILED, elapsed=0.5, mismatches=(MISMATCH,)),) * 2
    verdict = Verdict(status=Status.FAILED, mismatches=(MISMATCH,), attempts=attempts)
    return make_record(
        id="example/failed-again", credential="other", observation=REFUSED, verdict=verdict
    )


QUESTION: Final = "example/claude-code@{}/default/{}"
OLD, NEW = "2.1.112", "2.1.332"


def upgraded() -> Run:
    """Return a run of `claude` 2.1.332, compared by the judge with a baseline of 2.1.112.

    Of its cases one broke, one has another message, one is as before and one is absent.
    """
    before = {"broken": make_observation(), "message": REFUSED, "same": REFUSED, "gone": REFUSED}
    accepted = make_run(*(asked(OLD, name, seen) for name, seen in before.items()))
    baseline = baseline_from_run(accepted)
    after = {"broken": REFUSED, "message": replace(REFUSED, message="other"), "same": REFUSED}
    cases = [asked(NEW, name, seen, baseline) for name, seen in after.items()]
    return make_run(*cases, absent=absent_cases(baseline, cases, (), Selection()))


def asked(
    version: str, name: str, observation: Observation, baseline: Baseline = EMPTY_BASELINE
) -> CaseRecord:
    """Return the record of a question to one version, judged as a run judges it.

    Only the case `broken` expects that the client is accepted.
    """
    case_id = QUESTION.format(version, name)
    expect = {} if name == "broken" else {"outcome": Outcome.REJECTED}
    seen = replace(observation, client_version=version)
    previous = baseline.previous(case_id, version=version)
    verdict = judge(make_case(**expect), seen, previous)
    reason = Reason(id="no-token", summary="It sent no token.", remedy="Log in again.")
    return make_record(
        id=case_id,
        client=f"claude-code@{version}",
        client_version=version,
        credential=name,
        observation=seen,
        verdict=verdict,
        reasons=(reason,) if verdict.status is Status.FAILED else (),
    )


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
