import dataclasses

import pytest

from authprobe.diff.observations import Aspect, Change
from authprobe.diff.runs import CaseDiff, diff_observations, diff_runs
from authprobe.errors import SettingsError
from authprobe.observation.model import COMMAND_MISSING, Outcome
from authprobe.plan.case_ids import matching_cases
from authprobe.report import diff as diff_report
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run

GOOD = make_observation()
REFUSED = make_observation(outcome=Outcome.REJECTED, status=401)
UNTESTABLE = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="not published")
FLAGS = make_observation(exchanges=(make_exchange(betas=("a", "b")),))
OTHER_FLAG = make_observation(exchanges=(make_exchange(betas=("c",)),))


def record(id: str, status: Status = Status.PASSED, **changes: object) -> CaseRecord:
    """Return the record of a case with this status."""
    return make_record(id=id, verdict=Verdict(status=status), **changes)


def test_worse_cases_come_first_and_then_changed_ones() -> None:
    before = make_run(
        record("a"), record("b"), record("c"), record("d", Status.ERROR, observation=UNTESTABLE)
    )
    after = make_run(
        record("a"),
        record("b", observation=REFUSED),
        record("c", Status.FAILED, observation=REFUSED),
        record("d"),
    )
    diff = diff_runs(before, after)
    assert [case.case for case in diff.cases] == ["c", "b", "a", "d"]
    assert [case.is_worse for case in diff.cases] == [True, False, False, False]
    assert (len(diff.changed), diff.same) == (2, False)
    assert diff.not_compared == (CaseDiff(case="d", reason="before: not published"),)


def test_a_case_that_passes_again_is_not_worse() -> None:
    (case,) = diff_runs(make_run(record("a", Status.FAILED)), make_run(record("a"))).cases
    (change,) = case.changes
    assert (change.aspect, change.before, change.after) == (Aspect.VERDICT, "failed", "passed")
    assert not case.is_worse


def test_runs_of_two_versions_of_a_client_are_compared() -> None:
    before = make_run(record("s/claude-code@2.1.31/default/a", client_version="2.1.31"))
    after = make_run(
        record("s/claude-code@2.1.32/default/a", client_version="2.1.32", observation=REFUSED)
    )
    diff = diff_runs(before, after)
    assert [case.case for case in diff.changed] == ["s/claude-code@2.1.32/default/a"]
    assert (diff.only_before, diff.only_after) == ((), ())
    assert diff.clients == ("raw-http: 2.1.31 → 2.1.32",)


def test_cases_of_only_one_run_are_listed_and_not_paired_if_ambiguous() -> None:
    before = make_run(record("s/claude-code@1.0.0/x"), record("gone"))
    after = make_run(record("s/claude-code@1.0.1/x"), record("s/claude-code@1.0.2/x"))
    diff = diff_runs(before, after)
    assert (diff.cases, diff.same) == ((), False)
    assert diff.only_before == ("gone", "s/claude-code@1.0.0/x")
    assert diff.only_after == ("s/claude-code@1.0.1/x", "s/claude-code@1.0.2/x")


def test_equal_runs_are_the_same() -> None:
    run = make_run(record("a"), record("b", observation=REFUSED))
    assert diff_runs(run, run).same


def test_runs_with_an_untestable_case_are_not_the_same() -> None:
    run = make_run(record("a"), record("b", Status.ERROR, observation=UNTESTABLE))
    diff = diff_runs(run, run)
    assert (diff.changed, diff.same) == ((), False)
    assert [case.case for case in diff.not_compared] == ["b"]


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        (([], [GOOD]), "before: not probed"),
        (([GOOD], [UNTESTABLE]), "after: not published"),
        (([UNTESTABLE], [GOOD]), "before: not published"),
    ],
)
def test_an_untestable_case_is_not_compared(sides: tuple[list[object], ...], reason: str) -> None:
    case = diff_observations("a", *sides)  # type: ignore[arg-type]
    assert case.changes == ()
    assert case.reason == reason


def test_a_missing_subcommand_can_be_compared() -> None:
    absent = dataclasses.replace(UNTESTABLE, detail=COMMAND_MISSING)
    assert diff_observations("a", [absent], [absent]).reason is None
    (first, *_) = diff_observations("a", [absent], [GOOD]).changes
    assert (first.before, first.after) == ("unavailable", "accepted")


def test_a_case_expected_to_be_untestable_is_compared() -> None:
    run = make_run(record("a", observation=UNTESTABLE))
    assert diff_runs(run, run).same
    (case,) = diff_runs(run, make_run(record("a", Status.FAILED))).cases
    assert (case.is_worse, case.reason) == (True, None)


def test_empty_runs_are_not_the_same() -> None:
    assert not diff_runs(make_run(), make_run()).same


def test_each_change_is_listed_once_with_its_cases() -> None:
    before = make_run(record("a"), record("b"), record("c", observation=OTHER_FLAG))
    after = make_run(
        record("a", observation=REFUSED),
        record("b", observation=REFUSED),
        record("c", observation=FLAGS),
    )
    (both, _), (one, flags) = diff_runs(before, after).groups
    assert ([x.case for x in both], [x.case for x in one]) == (["a", "b"], ["c"])
    assert diff_report.change_lines(flags) == (
        "betas of POST api.anthropic.com/v1/messages: + a, + b, - c",
    )


def test_verdicts_and_outcomes_come_before_the_most_common_changes() -> None:
    names = "abcd"
    before = make_run(*(record(x, Status.FAILED, observation=OTHER_FLAG) for x in names))
    after = make_run(
        record("a", Status.FAILED, observation=dataclasses.replace(FLAGS, exit_code=3)),
        record("b", observation=FLAGS),
        *(record(x, Status.FAILED, observation=FLAGS) for x in "cd"),
    )
    groups = diff_runs(before, after).groups
    assert [changes[0].aspect for _, changes in groups] == ["verdict", "outcome", "betas"]
    assert [len(cases) for cases, _ in groups] == [1, 1, 4]


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


def test_every_form_of_the_report_has_all_differences() -> None:
    before = make_run(record("a"), record("b"), record("gone"), record("d"))
    after = make_run(
        record("a", Status.FAILED, observation=REFUSED),
        record("b"),
        record("d", Status.ERROR, observation=UNTESTABLE),
    )
    diff = diff_runs(before, after)
    text = "\n".join(diff_report.text(diff, "authprobe diff a b"))
    for line in (
        "1 case of 2 differ",
        "\na (worse)\n  verdict: passed → failed\n  outcome: accepted → rejected\n  status: 200",
        "\n1 case alike\nonly before: gone\nnot compared: d: after: not published\nrun again: ",
    ):
        assert line in text
    markdown = "\n".join(diff_report.markdown(diff, "authprobe diff a b"))
    assert "\n\n`a` (worse)  \n\n- verdict: passed → failed\n" in markdown
    assert markdown.endswith("```sh\nauthprobe diff a b\n```")
    document = diff_report.as_json(diff, "authprobe diff a b")
    assert (document["same"], document["only_before"]) == (False, ("gone",))


def test_an_untrusted_id_is_escaped() -> None:
    hostile = "a`\n# Owned\n<img src=x> @octocat"
    diff = diff_runs(make_run(record(hostile)), make_run(record(hostile, Status.FAILED)))
    (line,) = [x for x in diff_report.markdown(diff, "again") if "Owned" in x]
    assert line == r"a\` \# Owned &lt;img src=x&gt; @<!-- -->octocat (worse)  "
    assert "a` # Owned <img src=x> @octocat (worse)" in diff_report.text(diff, "again")


def test_long_texts_are_shown_from_the_first_difference() -> None:
    before, after = "x" * 400 + "old", "x" * 400 + "new"
    change = Change(aspect=Aspect.OUTCOME, subject="message", before=before, after=after)
    (line,) = diff_report.change_lines([change])
    assert line.startswith("message: …xxxx")
    assert "xold → …x" in line
    assert line.endswith("xnew")


def test_only_some_of_many_cases_of_one_run_are_named() -> None:
    before = make_run(*(record(f"case-{n:02}") for n in range(50)), record("both"))
    lines = diff_report.rest(diff_runs(before, make_run(record("both"))))
    assert lines[1] == "only before: case-00"
    assert lines[-1] == "only before: 30 more; list them with --json"
