import pytest

from authprobe.diff.judgement import Effect
from authprobe.diff.model import CaseDiff
from authprobe.diff.observations import Aspect
from authprobe.diff.runs import diff_runs
from authprobe.errors import SettingsError
from authprobe.observation.model import Outcome
from authprobe.plan.case_ids import matching_cases
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run

REFUSED = make_observation(outcome=Outcome.REJECTED, status=401)
UNTESTABLE = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="not published")
OTHER = make_observation(exchanges=(make_exchange(credential="api-key"),))


def record(id: str, status: Status = Status.PASSED, **changes: object) -> CaseRecord:
    """Return the record of a case with this status."""
    return make_record(id=id, verdict=Verdict(status=status), **changes)


def test_broken_questions_come_first_then_fixed_then_changed() -> None:
    before = make_run(
        record("a"),
        record("b"),
        record("c"),
        record("d", Status.ERROR, observation=UNTESTABLE),
        record("e", Status.FAILED, observation=REFUSED),
    )
    after = make_run(
        record("a"),
        record("b", observation=OTHER),
        record("c", Status.FAILED, observation=REFUSED),
        record("d"),
        record("e"),
    )
    diff = diff_runs(before, after)
    assert [(case.case, case.effect) for case in diff.cases[:-1]] == [
        ("c", Effect.BROKE),
        ("e", Effect.FIXED),
        ("b", Effect.CHANGED),
        ("a", Effect.SAME),
    ]
    assert diff.not_compared == (
        CaseDiff(case="d", title="An example", reason="before: not published"),
    )
    assert (diff.broke, diff.complete) == (True, False)


def test_a_case_that_passes_again_is_fixed() -> None:
    (case,) = diff_runs(make_run(record("a", Status.FAILED)), make_run(record("a"))).cases
    (change,) = case.changes
    assert (change.aspect, change.before, change.after) == (Aspect.VERDICT, "failed", "passed")
    assert case.effect is Effect.FIXED


def test_runs_of_two_versions_of_a_client_are_compared_by_question() -> None:
    before = make_run(record("s/claude-code@2.1.31/default/a", client_version="2.1.31"))
    after = make_run(
        record("s/claude-code@2.1.32/default/a", client_version="2.1.32", observation=OTHER)
    )
    diff = diff_runs(before, after)
    assert [case.case for case in diff.having(Effect.CHANGED)] == ["s/claude-code/default/a"]
    assert (diff.only_before, diff.only_after) == ((), ())
    assert diff.clients == ("raw-http: 2.1.31 → 2.1.32",)
    assert diff.title == "raw-http 2.1.31 → 2.1.32"


def test_a_question_of_several_versions_keeps_its_version() -> None:
    ids = ("s/claude-code@1.0.0/x", "s/claude-code@1.0.1/x")
    run = make_run(*map(record, ids))
    assert tuple(case.case for case in diff_runs(run, run).cases) == ids


def test_cases_of_only_one_run_are_listed_and_not_paired_if_ambiguous() -> None:
    before = make_run(record("s/claude-code@1.0.0/x"), record("gone"))
    after = make_run(record("s/claude-code@1.0.1/x"), record("s/claude-code@1.0.2/x"))
    diff = diff_runs(before, after)
    assert (diff.cases, diff.complete) == ((), False)
    assert diff.only_before == ("gone", "s/claude-code@1.0.0/x")
    assert diff.only_after == ("s/claude-code@1.0.1/x", "s/claude-code@1.0.2/x")


def test_equal_runs_are_the_same() -> None:
    run = make_run(record("a"), record("b", observation=REFUSED))
    diff = diff_runs(run, run)
    assert (len(diff.having(Effect.SAME)), diff.broke, diff.complete) == (2, False, True)


def test_a_case_of_the_first_run_only_was_not_compared_and_one_of_the_second_is_new() -> None:
    one, two = make_run(record("a")), make_run(record("a"), record("b"))
    assert diff_runs(one, two).complete
    assert not diff_runs(two, one).complete


def test_runs_with_an_untestable_case_are_not_complete() -> None:
    run = make_run(record("a"), record("b", Status.ERROR, observation=UNTESTABLE))
    diff = diff_runs(run, run)
    assert (diff.broke, diff.complete) == (False, False)
    assert [case.case for case in diff.not_compared] == ["b"]


def test_a_case_expected_to_be_untestable_is_compared() -> None:
    run = make_run(record("a", observation=UNTESTABLE))
    assert diff_runs(run, run).complete
    (case,) = diff_runs(run, make_run(record("a", Status.FAILED))).cases
    assert (case.effect, case.reason) == (Effect.BROKE, None)


def test_empty_runs_are_not_complete() -> None:
    assert not diff_runs(make_run(), make_run()).complete


IDS = ("s/claude-code@2.1.31/default/a", "s/claude-code@2.1.31/default/b", "t/x")


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("s/claude-code@latest/default/a", IDS[:1]),
        ("s/claude-code/default/b", IDS[1:2]),
        ("s/*", IDS[:2]),
        ("*", IDS),
    ],
)
def test_a_case_matches_with_any_version_and_by_a_pattern(
    name: str, matches: tuple[str, ...]
) -> None:
    assert matching_cases(name, IDS) == matches


def test_an_unknown_name_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(SettingsError, match=r"no such case; did you mean 't/x'\?"):
        matching_cases("t/y", IDS)


def test_a_diff_can_be_restricted_to_cases() -> None:
    before = make_run(record("a/x"), record("b/x"), record("c/x"))
    after = make_run(record("a/x", observation=REFUSED), record("b/x", observation=REFUSED))
    diff = diff_runs(before, after)
    assert [case.case for case in diff.restrict_to(["a/*"]).cases] == ["a/x"]
    assert diff.restrict_to(["a/*"]).only_before == ()
    assert diff.restrict_to(["c/x"]).only_before == ("c/x",)
