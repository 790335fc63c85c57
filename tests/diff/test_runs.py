import dataclasses

import pytest

from authprobe.diff.observations import Aspect, Change
from authprobe.diff.runs import Compared, diff_observations, diff_runs
from authprobe.errors import SettingsError
from authprobe.observation.model import COMMAND_MISSING, Outcome
from authprobe.plan.case_ids import matching_cases
from authprobe.report import diff as words
from authprobe.run.model import CaseRecord
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_exchange, make_observation, make_record, make_run

GOOD = make_observation()
REFUSED = make_observation(outcome=Outcome.REJECTED, status=401)
GONE = make_observation(outcome=Outcome.UNAVAILABLE, status=None, detail="not published")
FLAGS = make_observation(exchanges=(make_exchange(betas=("a", "b")),))
PLAIN = make_observation(exchanges=(make_exchange(betas=("c",)),))


def record(name: str, status: Status = Status.PASSED, **changes: object) -> CaseRecord:
    return make_record(id=name, verdict=Verdict(status=status), **changes)


def test_what_became_worse_comes_first_and_then_what_changed() -> None:
    before = make_run(
        record("a"), record("b"), record("c"), record("d", Status.ERROR, observation=GONE)
    )
    after = make_run(
        record("a"),
        record("b", observation=REFUSED),
        record("c", Status.FAILED, observation=REFUSED),
        record("d"),
    )
    found = diff_runs(before, after)
    assert [case.case for case in found.cases] == ["c", "b", "a", "d"]
    assert [case.worse for case in found.cases] == [True, False, False, False]
    assert (len(found.changed), found.same) == (2, False)
    assert found.not_compared == (Compared(case="d", reason="before: not published"),)


def test_a_case_that_passes_again_is_not_worse() -> None:
    (case,) = diff_runs(make_run(record("a", Status.FAILED)), make_run(record("a"))).cases
    (change,) = case.changes
    assert (change.aspect, change.before, change.after) == (Aspect.VERDICT, "failed", "passed")
    assert not case.worse


def test_runs_of_two_versions_of_a_client_are_compared() -> None:
    before = make_run(record("s/claude-code@2.1.31/default/a", client_version="2.1.31"))
    after = make_run(
        record("s/claude-code@2.1.32/default/a", client_version="2.1.32", observation=REFUSED)
    )
    found = diff_runs(before, after)
    assert [case.case for case in found.changed] == ["s/claude-code@2.1.32/default/a"]
    assert (found.only_before, found.only_after) == ((), ())
    assert found.clients == ("raw-http: 2.1.31 → 2.1.32",)


def test_cases_that_only_one_has_are_told_and_not_paired_where_that_is_ambiguous() -> None:
    before = make_run(record("s/claude-code@1.0.0/x"), record("gone"))
    after = make_run(record("s/claude-code@1.0.1/x"), record("s/claude-code@1.0.2/x"))
    found = diff_runs(before, after)
    assert (found.cases, found.same) == ((), False)
    assert found.only_before == ("gone", "s/claude-code@1.0.0/x")
    assert found.only_after == ("s/claude-code@1.0.1/x", "s/claude-code@1.0.2/x")


def test_two_equal_runs_are_the_same() -> None:
    run = make_run(record("a"), record("b", observation=REFUSED))
    assert diff_runs(run, run).same


def test_runs_in_which_a_case_could_not_be_tested_are_not_called_the_same() -> None:
    run = make_run(record("a"), record("b", Status.ERROR, observation=GONE))
    found = diff_runs(run, run)
    assert (found.changed, found.same) == ((), False)
    assert [case.case for case in found.not_compared] == ["b"]


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        (([], [GOOD]), "before: it was not probed"),
        (([GOOD], [GONE]), "after: not published"),
        (([GONE], [GOOD]), "before: not published"),
    ],
)
def test_what_could_not_be_tested_is_not_compared(
    sides: tuple[list[object], ...], reason: str
) -> None:
    found = diff_observations("a", *sides)  # type: ignore[arg-type]
    assert found.changes == ()
    assert found.reason == reason


def test_that_a_version_has_no_such_command_can_be_compared() -> None:
    absent = dataclasses.replace(GONE, detail=COMMAND_MISSING)
    assert diff_observations("a", [absent], [absent]).reason is None
    (first, *_) = diff_observations("a", [absent], [GOOD]).changes
    assert (first.before, first.after) == ("unavailable", "accepted")


def test_what_is_expected_to_be_untestable_is_the_same_if_it_is_and_worse_if_it_is_not() -> None:
    run = make_run(record("a", observation=GONE))
    assert diff_runs(run, run).same
    (case,) = diff_runs(run, make_run(record("a", Status.FAILED))).cases
    assert (case.worse, case.reason) == (True, None)


def test_two_runs_of_nothing_are_not_called_the_same() -> None:
    assert not diff_runs(make_run(), make_run()).same


def test_each_change_is_told_once_with_the_cases_that_show_it() -> None:
    before = make_run(record("a"), record("b"), record("c", observation=PLAIN))
    after = make_run(
        record("a", observation=REFUSED),
        record("b", observation=REFUSED),
        record("c", observation=FLAGS),
    )
    (both, _), (one, flags) = diff_runs(before, after).groups
    assert ([x.case for x in both], [x.case for x in one]) == (["a", "b"], ["c"])
    assert words.change_lines(flags) == (
        "betas of POST api.anthropic.com/v1/messages: + a, + b, - c",
    )


def test_verdicts_and_outcomes_are_told_before_what_most_cases_show() -> None:
    names = "abcd"
    before = make_run(*(record(x, Status.FAILED, observation=PLAIN) for x in names))
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
    ("name", "found"),
    [
        ("s/claude-code@latest/default/a", IDS[:1]),
        ("s/claude-code/default/b", IDS[1:2]),
        ("s/*", IDS[:2]),
        ("*", IDS),
    ],
)
def test_a_case_is_named_with_any_version_or_by_a_pattern(
    name: str, found: tuple[str, ...]
) -> None:
    assert matching_cases(name, IDS) == found


def test_a_name_that_no_case_has_is_told_with_one_that_is_near() -> None:
    with pytest.raises(SettingsError, match=r"no such case; did you mean 't/x'\?"):
        matching_cases("t/y", IDS)


def test_only_the_cases_that_are_named_are_left() -> None:
    before = make_run(record("a/x"), record("b/x"), record("c/x"))
    after = make_run(record("a/x", observation=REFUSED), record("b/x", observation=REFUSED))
    found = diff_runs(before, after)
    assert [case.case for case in found.only(["a/*"]).cases] == ["a/x"]
    assert found.only(["a/*"]).only_before == ()
    assert found.only(["c/x"]).only_before == ("c/x",)


def test_the_words_tell_all_that_is_known() -> None:
    before = make_run(record("a"), record("b"), record("gone"), record("d"))
    after = make_run(
        record("a", Status.FAILED, observation=REFUSED),
        record("b"),
        record("d", Status.ERROR, observation=GONE),
    )
    found = diff_runs(before, after)
    text = "\n".join(words.text(found, "authprobe diff a b"))
    for line in (
        "1 case of 2 differ",
        "\na (worse)\n  verdict: passed → failed\n  outcome: accepted → rejected\n  status: 200",
        "\n1 case alike\nonly before: gone\nnot compared: d: after: not published\nagain: ",
    ):
        assert line in text
    markdown = "\n".join(words.markdown(found, "authprobe diff a b"))
    assert "\n\n`a` (worse)  \n\n- verdict: passed → failed\n" in markdown
    assert markdown.endswith("```sh\nauthprobe diff a b\n```")
    told = words.as_json(found, "authprobe diff a b")
    assert (told["same"], told["only_before"]) == (False, ("gone",))


def test_an_id_from_elsewhere_is_text_and_nothing_more() -> None:
    hostile = "a`\n# Owned\n<img src=x> @octocat"
    found = diff_runs(make_run(record(hostile)), make_run(record(hostile, Status.FAILED)))
    (line,) = [x for x in words.markdown(found, "again") if "Owned" in x]
    assert line == r"a\` \# Owned &lt;img src=x&gt; @<!-- -->octocat (worse)  "
    assert "a` # Owned <img src=x> @octocat (worse)" in words.text(found, "again")


def test_long_texts_are_told_from_where_they_differ() -> None:
    before, after = "x" * 400 + "old", "x" * 400 + "new"
    change = Change(aspect=Aspect.OUTCOME, subject="message", before=before, after=after)
    (line,) = words.change_lines([change])
    assert line.startswith("message: …xxxx")
    assert "xold → …x" in line
    assert line.endswith("xnew")


def test_of_many_cases_that_only_one_run_has_some_are_named() -> None:
    before = make_run(*(record(f"case-{n:02}") for n in range(50)), record("both"))
    lines = words.rest(diff_runs(before, make_run(record("both"))))
    assert lines[1] == "only before: case-00"
    assert lines[-1] == "only before: 30 more, which --json names"
