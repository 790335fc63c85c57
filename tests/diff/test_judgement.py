import dataclasses

import pytest

from authprobe.core.client_kinds import Flow
from authprobe.diff.judgement import (
    Effect,
    JudgedObservation,
    judge_answers,
    make_answer,
    read_answer,
)
from authprobe.observation.model import (
    COMMAND_MISSING,
    LoginState,
    Observation,
    Outcome,
    StoredLogin,
)
from authprobe.scenario.model import Expectation
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record

ACCEPTED = Expectation(outcome=Outcome.ACCEPTED)
REJECTED = Expectation(outcome=Outcome.REJECTED)
USABLE, STALE = (StoredLogin(state=state) for state in (LoginState.USABLE, LoginState.STALE))

GOOD = make_observation(message="pong")
REFUSED = make_observation(
    outcome=Outcome.REJECTED,
    status=401,
    message="Please log in",
    exchanges=(make_exchange(status=401, body="a"),),
)
SILENT = dataclasses.replace(REFUSED, message=None)
RETRYING = dataclasses.replace(REFUSED, exchanges=REFUSED.exchanges * 3)
STUCK = make_observation(outcome=Outcome.TIMED_OUT, status=401, message=None)
CRASHED = make_observation(outcome=Outcome.CRASHED, status=None, detail="exit code 7")
EMPTY = make_observation(message=None, exit_code=0, exchanges=(make_exchange(),))
WITHOUT_COMMAND = make_observation(outcome=Outcome.UNAVAILABLE, detail=COMMAND_MISSING)
LEAKING = dataclasses.replace(GOOD, leaks=("~/.claude.json",))


def answer(
    observation: Observation, expected: Expectation | None = None, flow: str = Flow.PROMPT
) -> JudgedObservation:
    return make_answer(observation, flow, expected)


def with_login(login: StoredLogin | None) -> Observation:
    return dataclasses.replace(REFUSED, stored_login=login)


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        (GOOD, REFUSED, ("accepted → rejected",)),
        (GOOD, STUCK, ("accepted → timed-out",)),
        (GOOD, WITHOUT_COMMAND, ("accepted → unavailable",)),
        (GOOD, CRASHED, ("accepted → crashed", "new finding: crashes")),
        (GOOD, EMPTY, ("accepted → accepted", "new finding: claims-success")),
        (REFUSED, STUCK, ("goes on until its time limit; before, it gave up",)),
        (REFUSED, SILENT, ("hides the reason from the user; before, it told it",)),
        (REFUSED, RETRYING, ("new finding: retries-permanent-refusal",)),
        (GOOD, LEAKING, ("new finding: leaks-token",)),
        (with_login(USABLE), with_login(STALE), ("stored login: usable → stale",)),
        (with_login(USABLE), with_login(None), ("stored login: usable → no file",)),
    ],
)
def test_what_is_worse_is_broke_and_the_reverse_is_fixed(
    before: Observation, after: Observation, reasons: tuple[str, ...]
) -> None:
    broke = judge_answers([answer(before)], [answer(after)])
    assert (broke.effect, broke.reasons) == (Effect.BROKE, reasons)
    fixed = judge_answers([answer(after)], [answer(before)])
    assert fixed.effect is Effect.FIXED
    assert len(fixed.reasons) == len(reasons)
    assert judge_answers([answer(before)], [answer(before)]).effect is Effect.SAME


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (REFUSED, dataclasses.replace(REFUSED, message="Log in again", status=403)),
        (REFUSED, make_observation(outcome=Outcome.UNREACHABLE, status=None, message="no route")),
        (
            GOOD,
            dataclasses.replace(GOOD, message="pong!", exchanges=(make_exchange(betas=("a",)),)),
        ),
        (WITHOUT_COMMAND, REFUSED),
    ],
)
def test_other_differences_neither_break_nor_fix(before: Observation, after: Observation) -> None:
    assert judge_answers([answer(before)], [answer(after)]).effect is Effect.SAME
    assert judge_answers([answer(after)], [answer(before)]).effect is Effect.SAME


def test_a_hidden_error_is_no_loss_if_the_client_told_nothing_before() -> None:
    judgement = judge_answers([answer(STUCK)], [answer(SILENT)])
    assert (judgement.effect, judgement.reasons) == (
        Effect.FIXED,
        ("gives up; before, it went on until its time limit",),
    )


def test_what_is_worse_outweighs_what_is_better() -> None:
    leaking = dataclasses.replace(REFUSED, leaks=("its output",))
    judgement = judge_answers([answer(leaking)], [answer(RETRYING)])
    assert judgement.effect is Effect.BROKE
    assert judgement.reasons == ("new finding: retries-permanent-refusal",)


def test_a_removed_login_is_no_loss_after_a_logout() -> None:
    sides = ([answer(with_login(each), flow=Flow.AUTH_LOGOUT)] for each in (USABLE, None))
    assert judge_answers(*sides).effect is Effect.SAME


def test_the_expectation_decides_whether_being_accepted_is_good() -> None:
    """A revoked key that is accepted is broke; and fixed, once it is refused."""
    refused, accepted = answer(REFUSED, REJECTED), answer(GOOD, REJECTED)
    judgement = judge_answers([refused], [accepted])
    assert judgement.effect is Effect.BROKE
    assert judgement.reasons == ("the expectation of the scenario is no longer met",)
    judgement = judge_answers([accepted], [refused])
    assert judgement.reasons == ("the expectation of the scenario is met now",)


def test_a_change_that_the_scenario_expects_of_each_version_is_judged_by_the_outcome() -> None:
    judgement = judge_answers([answer(GOOD, ACCEPTED)], [answer(REFUSED, REJECTED)])
    assert (judgement.effect, judgement.reasons) == (Effect.BROKE, ("accepted → rejected",))


def test_the_verdict_needs_no_reason_beside_another_one() -> None:
    judgement = judge_answers([answer(GOOD, ACCEPTED)], [answer(REFUSED, ACCEPTED)])
    assert judgement.reasons == ("accepted → rejected",)


def test_only_what_all_answers_have_in_common_counts() -> None:
    good, refused = answer(GOOD), answer(REFUSED)
    assert judge_answers([good, good], [refused, good]).effect is Effect.SAME
    assert judge_answers([good, refused], [refused, refused]).effect is Effect.SAME
    assert judge_answers([good, good], [refused, refused]).effect is Effect.BROKE


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (Status.PASSED, Status.FAILED, Effect.BROKE),
        (Status.PASSED, Status.SKIPPED, Effect.BROKE),
        (Status.FAILED, Status.PASSED, Effect.FIXED),
        (Status.FAILED, Status.SKIPPED, Effect.SAME),
        (Status.ERROR, Status.FAILED, Effect.SAME),
    ],
)
def test_the_verdict_of_a_run_is_kept(before: Status, after: Status, effect: Effect) -> None:
    sides = [[read_answer(make_record(verdict=Verdict(status=x)))] for x in (before, after)]
    assert judge_answers(*sides).effect is effect


def test_findings_are_found_in_records_of_any_age() -> None:
    record = make_record(observation=RETRYING)
    assert record.findings == ()
    names = read_answer(record).findings
    assert names == {"retries-permanent-refusal"}
