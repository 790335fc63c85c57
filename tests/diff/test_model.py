import dataclasses

import pytest

from authprobe.diff.judgement import Effect, JudgedObservation, make_answer
from authprobe.diff.model import CaseDiff, Diff, compare_answers, make_diff
from authprobe.diff.observations import Aspect
from authprobe.observation.model import COMMAND_MISSING, Exchange, Observation, Outcome
from authprobe.scenario.model import Expectation
from tests.support.make import make_exchange, make_observation

GOOD = make_observation()
REFUSED = make_observation(outcome=Outcome.REJECTED, status=401, message="no")
UNTESTABLE = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="not published")
TOKEN_URL = "/v1/oauth/token"


def answers(*observations: Observation) -> list[JudgedObservation]:
    return [make_answer(each, "prompt", None) for each in observations]


def case(name: str, before: Observation, after: Observation) -> CaseDiff:
    return compare_answers(name, answers(before), answers(after))


def diff(*cases: CaseDiff) -> Diff:
    return make_diff("before → after", "before", "after", cases)


def having(*exchanges: Exchange, **changes: object) -> Observation:
    return make_observation(exchanges=exchanges, **changes)


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        (([], [GOOD]), "before: not probed"),
        (([GOOD], [UNTESTABLE]), "after: not published"),
        (([UNTESTABLE], [GOOD]), "before: not published"),
    ],
)
def test_an_untestable_case_is_not_compared(
    sides: tuple[list[Observation], list[Observation]], reason: str
) -> None:
    compared = compare_answers("a", *(answers(*side) for side in sides))
    assert (compared.changes, compared.reason) == ((), reason)


def test_a_client_that_started_too_late_for_its_time_limit_is_not_compared() -> None:
    """Half of the time was over before the first request: the machine was too busy."""

    def stuck(at: float) -> Observation:
        exchanges = (make_exchange(status=401, at=at),)
        return make_observation(outcome=Outcome.TIMED_OUT, elapsed=10.0, exchanges=exchanges)

    assert case("a", REFUSED, stuck(4.9)).effect is Effect.BROKE
    for late in (stuck(5.1), dataclasses.replace(stuck(0), exchanges=())):
        assert "after: timed out, and half of its time" in str(case("a", REFUSED, late).reason)
        expected = Expectation(outcome=Outcome.TIMED_OUT)
        sides = ([make_answer(late, "prompt", expected)] for _ in range(2))
        assert compare_answers("a", *sides).reason is None


def test_a_missing_subcommand_can_be_compared() -> None:
    absent = dataclasses.replace(UNTESTABLE, detail=COMMAND_MISSING)
    assert case("a", absent, absent).reason is None
    assert case("a", absent, GOOD).effect is Effect.FIXED


def test_findings_are_changes_if_all_answers_of_a_side_have_them() -> None:
    leaking = make_observation(leaks=("~/.claude.json",))
    (change, *_) = case("a", GOOD, leaking).changes
    assert (change.aspect, change.subject) == (Aspect.FINDING, "leaks-token")
    assert (change.before, change.after) == ("not found", "found")
    noise = compare_answers("a", answers(GOOD, leaking), answers(leaking, leaking))
    assert noise.changes == ()


def flagged(*betas: str) -> Observation:
    return having(make_exchange(betas=betas))


def test_a_flag_of_a_quarter_of_the_questions_is_background() -> None:
    """It makes no question `changed`, and a question that broke does not list it."""
    cases = [case(name, flagged("a"), flagged("b")) for name in "xyz"]
    same = [case(f"same-{n}", flagged("a"), flagged("a")) for n in range(8)]
    broke = case("broke", GOOD, dataclasses.replace(REFUSED, exchanges=flagged("b").exchanges))
    result = diff(*cases, *same, broke)
    assert [(x.change.subject[0], x.cases) for x in result.background] == [("a", 3), ("b", 3)]
    assert (len(result.having(Effect.SAME)), len(result.having(Effect.CHANGED))) == (11, 0)
    more = diff(*cases, *same, broke, case("one-too-many", flagged("a"), flagged("a")))
    assert (more.background, len(more.having(Effect.CHANGED))) == ((), 3)


def test_a_flag_of_two_questions_is_no_background() -> None:
    result = diff(*(case(name, flagged("a"), flagged("b")) for name in "xy"))
    assert (result.background, len(result.having(Effect.CHANGED))) == ((), 2)


@pytest.mark.parametrize(
    ("exchange", "effect"),
    [
        (make_exchange(method="GET", path="/api/oauth/profile"), Effect.SAME),
        (make_exchange(method="GET", path=TOKEN_URL), Effect.CHANGED),
        (make_exchange(method="CONNECT", host="example.org", path=""), Effect.CHANGED),
    ],
)
def test_side_requests_are_background_and_others_are_not(
    exchange: Exchange, effect: Effect
) -> None:
    result = diff(case("a", having(make_exchange()), having(make_exchange(), exchange)))
    assert result.cases[0].effect is effect
    assert len(result.background) == (effect is Effect.SAME)


def test_a_credential_in_a_side_request_counts() -> None:
    old, new = (
        having(make_exchange(path="/api/oauth/profile", credential=slot)) for slot in ("a", "b")
    )
    assert diff(case("a", old, new)).cases[0].effect is Effect.CHANGED


def test_questions_with_the_same_reasons_are_in_one_group_with_each_change_once() -> None:
    result = diff(
        case("a", GOOD, REFUSED),
        case("b", GOOD, dataclasses.replace(REFUSED, status=403)),
        case("c", GOOD, make_observation(message="x")),
        case("d", GOOD, make_observation(message="x")),
        case("e", GOOD, make_observation(message="y")),
    )
    (broke,) = result.groups(Effect.BROKE)
    assert broke.reasons == ("accepted → rejected",)
    assert [each.case for each in broke.cases] == ["a", "b"]
    assert [(change.subject, numbers) for change, numbers in broke.changes] == [
        ("outcome", (1, 2)),
        ("message", (1, 2)),
        ("status", (1,)),
        ("status", (2,)),
    ]
    assert [len(group.cases) for group in result.groups(Effect.CHANGED)] == [2, 1]
