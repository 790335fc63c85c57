"""What broke: grouping by reason, versions, and commands."""

import dataclasses

from authprobe.observation.fingerprint import Transition
from authprobe.observation.model import Outcome
from authprobe.report.model.breakages import breakages, other_changes
from authprobe.report.model.news import problem_lines
from authprobe.run.model import CaseRecord, Diagnosis, Reason, Selection
from authprobe.verdict.model import Mismatch, Status, Verdict
from tests.support.make import make_observation, make_record, make_run

CLIENT = Transition(field="client", before="2.1.112", after="2.1.332")
STATUS = Transition(field="status", before="200", after="401")
MISMATCH = Mismatch(field="status", expected="200", actual="401")
REASON = Reason(id="no-refresh", summary="It does not refresh.", remedy="Report it.")
REGRESSED = Verdict(
    status=Status.FAILED, regressed=True, mismatches=(MISMATCH,), transitions=(CLIENT, STATUS)
)


def regressed(name: str, **changes: object) -> CaseRecord:
    """Return a case that passed in 2.1.112 and fails in 2.1.332."""
    return make_record(
        **{
            "id": f"example/claude-code@latest/{name}",
            "client": "claude-code@latest",
            "client_version": "2.1.332",
            "observation": make_observation(outcome=Outcome.REJECTED, status=401),
            "verdict": REGRESSED,
            "reasons": (REASON,),
        }
        | changes
    )


def test_cases_with_the_same_reason_are_one_entry() -> None:
    other = dataclasses.replace(
        REGRESSED, mismatches=(MISMATCH, Mismatch(field="exit_code", expected="0", actual="1"))
    )
    cases = [regressed("a"), regressed("b"), regressed("c", verdict=other)]
    (entry,) = breakages(make_run(*cases))
    assert entry.client_words == "claude-code 2.1.112 → 2.1.332"
    assert entry.word == "failed, regressed"
    assert entry.what == ("status: expected 200, saw 401",)
    assert entry.why() == ("Why: It does not refresh.", "Remedy: Report it.")
    assert entry.cases == (*cases,)


def test_another_reason_or_other_mismatches_are_another_entry() -> None:
    other = dataclasses.replace(REGRESSED, mismatches=())
    entries = breakages(
        make_run(
            regressed("a"),
            regressed("b", reasons=()),
            regressed("c", reasons=(), verdict=other),
            regressed("d", reasons=(Reason(id="x", summary="It crashes."),)),
        )
    )
    assert [len(entry.cases) for entry in entries] == [1, 1, 1, 1]


def test_cases_with_different_causes_are_different_entries() -> None:
    cause = Diagnosis(id="x", summary="A gateway.", remedy="Ask.", sources=(), confidence=0.9)
    entries = breakages(make_run(regressed("a"), regressed("b", diagnosis=cause)))
    assert ["Another remedy: Ask." in entry.why() for entry in entries] == [False, True]


def test_the_commands_find_the_version_and_run_the_case_again() -> None:
    run = make_run(regressed("a"), selection=Selection(scenarios=("mine.yaml",)))
    (entry,) = breakages(run)
    assert entry.commands == (
        (
            "Find the version that broke it",
            "authprobe bisect example/claude-code/a --good 2.1.112 --bad 2.1.332 "
            "--scenarios mine.yaml",
        ),
        ("Run it again", "authprobe run mine.yaml --case example/claude-code@latest/a"),
    )


def test_a_downgrade_has_no_command_that_finds_the_version() -> None:
    back = dataclasses.replace(
        REGRESSED, transitions=(Transition(field="client", before="2.1.400", after="2.1.332"),)
    )
    (entry,) = breakages(make_run(regressed("a", verdict=back)))
    assert [purpose for purpose, _ in entry.commands] == ["Run it again"]


def test_without_a_baseline_the_last_good_version_is_that_of_the_run() -> None:
    older = make_record(
        id="example/claude-code@2.1.31/a", client="claude-code@2.1.31", client_version="2.1.31"
    )
    failed = dataclasses.replace(REGRESSED, regressed=False, transitions=())
    (entry,) = breakages(make_run(older, regressed("a", verdict=failed)))
    assert entry.client_words == "claude-code 2.1.31 → 2.1.332"


def test_the_same_error_of_many_clients_is_one_entry() -> None:
    lost = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="no network")
    broken = Verdict(status=Status.ERROR)
    errors = [
        make_record(id=f"{n}", client=f"client-{n}@1", observation=lost, verdict=broken)
        for n in range(5)
    ]
    (entry,) = breakages(make_run(*errors))
    assert entry.client_words == "5 clients"
    assert entry.what == ("unavailable: no network",)
    (entry,) = breakages(make_run(*errors[:2]))
    assert entry.client_words == "client-0, client-1"


def test_a_passing_change_is_no_breakage() -> None:
    changed = dataclasses.replace(REGRESSED, status=Status.PASSED, regressed=False, mismatches=())
    run = make_run(regressed("a"), regressed("b", verdict=changed, reasons=()))
    assert len(breakages(run)) == 1
    (entry,) = other_changes(run)
    assert (entry.word, entry.what) == ("changed", ("status: 200 → 401",))
    ((purpose, command),) = entry.commands
    assert purpose == "Find the version that changed it"
    assert command.endswith("--good 2.1.112 --bad 2.1.332 --when status")
    assert entry.client_words == "claude-code 2.1.112 → 2.1.332"


def test_reasons_tell_the_requests_that_are_not_as_expected() -> None:
    requests = Mismatch(field="requests[0]", expected="/v1/messages", actual="no request")
    verdict = dataclasses.replace(REGRESSED, mismatches=(MISMATCH, requests))
    told, plain = (
        breakages(make_run(regressed("a", verdict=verdict, reasons=reasons)))[0].what
        for reasons in ((REASON,), ())
    )
    assert not any(line.startswith("requests[0]") for line in told)
    assert any(line.startswith("requests[0]") for line in plain)


def test_a_case_that_could_not_be_tested_did_not_change() -> None:
    outcome = Transition(field="outcome", before="accepted", after="unavailable")
    verdict = Verdict(status=Status.ERROR, transitions=(outcome,))
    absent = make_observation(outcome=Outcome.UNAVAILABLE, detail="not published")
    reason = Reason(id="untestable", summary="The case could not be tested: not published.")
    case = regressed("a", verdict=verdict, observation=absent, reasons=(reason,))
    (entry,) = breakages(make_run(case))
    assert entry.lines(9) == ("Why: The case could not be tested: not published.",)
    assert not any("→" in line for line in problem_lines(case))
