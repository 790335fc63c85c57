"""The exit code of a run: every gate alone, and what goes before what."""

from dataclasses import replace
from typing import Any

import pytest

from authprobe.core.gates import Gate
from authprobe.errors import ExitCode
from authprobe.observation.findings import Finding
from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Outcome
from authprobe.report.html.report import report_content
from authprobe.report.markdown.summary import summary_markdown
from authprobe.report.model.matrix import headline
from authprobe.run.gates import gate_result, gate_warnings
from authprobe.run.model import CaseRecord
from authprobe.scenario.model import Expectation
from authprobe.verdict.model import Attempt, BaselineState, Status, Verdict
from tests.support.make import make_record, make_run

FINDING = Finding(name="no-refresh", text="it did not refresh")
MISSED = Attempt(status=Status.FAILED, elapsed=1.0)
PASSED = Attempt(status=Status.PASSED, elapsed=1.0)
CHANGE = Transition(field="status", before="200", after="401")


def judged(status: Status = Status.PASSED, **verdict: Any) -> CaseRecord:
    """Return the record of a case with this verdict."""
    return make_record(verdict=Verdict(status=status, **verdict))


EXAMPLES: dict[Gate, dict[str, Any]] = {
    Gate.FAILED: {"cases": (judged(Status.FAILED),)},
    Gate.REGRESSED: {"cases": (judged(Status.FAILED, regressed=True),)},
    Gate.CHANGED: {"cases": (judged(baseline=BaselineState.UPDATED, transitions=(CHANGE,)),)},
    Gate.ABSENT: {"cases": (make_record(),), "absent": ("gone",)},
    Gate.FINDINGS: {"cases": (make_record(findings=(FINDING,)),)},
    Gate.UNTESTABLE: {"cases": (judged(Status.ERROR),)},
    Gate.FLAKY: {"cases": (judged(attempts=(MISSED, PASSED)),)},
}
ALSO = {Gate.REGRESSED: {Gate.FAILED, Gate.CHANGED}}
"""What a case that hits a gate is as well."""
REASONS = {
    Gate.FAILED: "1 case failed",
    Gate.REGRESSED: "1 case regressed",
    Gate.CHANGED: "1 case changed",
    Gate.ABSENT: "1 case is absent",
    Gate.FINDINGS: "1 case has an unexpected finding",
    Gate.UNTESTABLE: "1 case could not be tested",
    Gate.FLAKY: "1 case is flaky",
}


@pytest.mark.parametrize("occurred", Gate)
@pytest.mark.parametrize("chosen", Gate)
def test_a_run_fails_only_by_a_gate_that_was_chosen(occurred: Gate, chosen: Gate) -> None:
    cases = EXAMPLES[occurred]["cases"]
    run = make_run(*cases, fail_on=(chosen,), absent=EXAMPLES[occurred].get("absent", ()))
    result = gate_result(run)
    if chosen in {occurred} | ALSO.get(occurred, set()):
        assert result.exit_code is ExitCode.FAILURES
        assert result.reason == f"exit code 1: {REASONS[chosen]} (--fail-on {chosen})"
    elif occurred is Gate.UNTESTABLE:
        assert result.exit_code is ExitCode.UNTESTABLE
        assert result.reason == "exit code 6: nothing failed, but 1 case could not be tested"
    else:
        assert result.exit_code is ExitCode.OK


def test_every_chosen_gate_that_occurred_is_named() -> None:
    failed = judged(Status.FAILED, regressed=True)
    run = make_run(failed, failed, fail_on=(Gate.FAILED, Gate.REGRESSED, Gate.ABSENT))
    assert gate_result(run).reason == (
        "exit code 1: 2 cases failed, 2 cases regressed (--fail-on failed,regressed,absent)"
    )


def test_a_known_failure_that_is_out_of_date_fails_the_run_like_a_failed_case() -> None:
    run = make_run(make_record(), complaints=("k:1:1: expired",))
    assert gate_result(run).reason == (
        "exit code 1: 1 known failure is out of date (--fail-on failed)"
    )
    assert gate_result(replace(run, fail_on=(Gate.CHANGED,))).exit_code is ExitCode.OK


def test_an_interruption_goes_first() -> None:
    run = make_run(judged(Status.FAILED), interrupted=True)
    assert gate_result(run).exit_code is ExitCode.INTERRUPTED


def test_what_is_not_counted_is_told() -> None:
    failed, error = judged(Status.FAILED), judged(Status.ERROR)
    assert gate_result(make_run(failed, fail_on=(Gate.FLAKY,))).reason == (
        "exit code 0: 1 case failed, which --fail-on flaky does not count"
    )
    assert gate_result(make_run(failed, error, fail_on=())).reason == (
        "exit code 0: 1 case failed, 1 case could not be tested, "
        "which --fail-on never does not count"
    )
    assert gate_result(make_run(failed, error, fail_on=(Gate.FLAKY,))).reason == (
        "exit code 6: nothing that --fail-on flaky names, but 1 case could not be tested"
    )
    assert gate_result(make_run(make_record())).reason is None


def test_a_finding_that_the_scenario_expects_is_no_reason_to_fail() -> None:
    expected = Expectation(outcome=Outcome.ACCEPTED, findings=(FINDING.name,))
    record = make_record(findings=(FINDING,), expectation=expected)
    assert gate_result(make_run(record, fail_on=(Gate.FINDINGS,))).exit_code is ExitCode.OK


def test_a_gate_that_cannot_be_hit_is_a_warning() -> None:
    chosen = (Gate.FAILED, Gate.CHANGED, Gate.ABSENT)
    [warning] = gate_warnings(make_run(make_record(), fail_on=chosen))
    assert warning.startswith("--fail-on changed,absent has no effect: no case of this run is in")
    known = judged(baseline=BaselineState.UNCHANGED)
    assert list(gate_warnings(make_run(known, fail_on=chosen))) == []
    [warning] = gate_warnings(make_run(known, fail_on=chosen, partial=True))
    assert warning.startswith("--fail-on absent has no effect: a part of the cases")
    assert list(gate_warnings(make_run(make_record()))) == []


def test_the_reports_have_the_reason_and_a_headline_that_agrees() -> None:
    run = make_run(*EXAMPLES[Gate.CHANGED]["cases"], fail_on=(Gate.CHANGED,))
    assert headline(run).word == "Failed"
    assert headline(replace(run, fail_on=(Gate.FAILED,))).word == "Passed"
    assert "exit code 1: 1 case changed (--fail-on changed)" in report_content(run)
    assert "exit code 1: 1 case changed (--fail-on changed)" in summary_markdown(run)


def test_a_case_that_could_not_be_tested_did_not_change() -> None:
    untested = judged(status=Status.ERROR, baseline=BaselineState.UPDATED, transitions=(CHANGE,))
    run = make_run(untested, fail_on=(Gate.CHANGED,))
    assert gate_result(run).exit_code is ExitCode.UNTESTABLE
