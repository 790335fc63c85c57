"""Bisection runs with made-up observations: records, comparison of fields, and reports."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from authprobe.bisection.model import Classification, ProbeRequest, Purpose, Search
from authprobe.bisection.question import BisectionQuestion, make_question
from authprobe.bisection.runner import (
    BisectionReport,
    ProbeRecord,
    max_remaining_probes,
    records_from_log,
    replay,
    run_bisection,
    stage_title,
)
from authprobe.bisection.search import next_step
from authprobe.engine.progress import LogReporter
from authprobe.observation.model import COMMAND_MISSING, Observation, Outcome
from authprobe.report import bisection as bisection_report
from authprobe.scenario.model import Expectation, Matrix
from authprobe.trials.log import Trial, cache_key
from tests.support.make import make_clients, make_exchange, make_observation, make_scenario

VERSIONS = tuple(f"1.0.{n}" for n in range(9))
REFUSED = make_observation(outcome=Outcome.REJECTED, status=401)
UNTESTABLE = make_observation(outcome=Outcome.UNAVAILABLE, detail="not published", status=None)


def make_example(
    when: str | None = None, good: str = "1.0.0", bad: str = "1.0.8"
) -> BisectionQuestion:
    """Return the question about an example case."""
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("claude-code@1.0.0")),
        expect=Expectation(outcome=Outcome.ACCEPTED),
    )
    case = "example/claude-code@1.0.0/default/none"
    return make_question([scenario], case, good=good, bad=bad, when=when)


def bisect(
    observe: Callable[[int], Observation],
    question: BisectionQuestion | None = None,
    logged: tuple[ProbeRecord, ...] = (),
    *,
    fix: bool = False,
) -> BisectionReport:
    """Return the bisection in which the version 1.0.n has the observation `observe(n)`."""

    def probe(request: ProbeRequest, search: Search) -> ProbeRecord:
        observation = observe(VERSIONS.index(request.version))
        return ProbeRecord(
            version=request.version, observation=observation, purpose=request.purpose
        )

    return run_bisection(
        question or make_example(), VERSIONS, logged, probe, LogReporter(), fix=fix
    )


def with_betas(*names: str) -> Observation:
    """Return an observation of an accepted request with these betas."""
    return make_observation(exchanges=(make_exchange(betas=names),))


def test_a_field_is_compared_with_the_good_version() -> None:
    report = bisect(
        lambda n: with_betas("a", "b") if n < 3 else with_betas("a"), make_example("betas")
    )
    assert report.bisection.changed_in == "1.0.3"
    text = "claude-code 1.0.3 is the first version in which betas is not as in 1.0.0; 1.0.2 is"
    assert bisection_report.headline(report).startswith(text)


def test_a_fix_is_found_by_a_field() -> None:
    question = make_example("betas", good="1.0.8", bad="1.0.0")
    report = bisect(lambda n: with_betas("a", *("b" * (n < 5))), question, fix=True)
    assert report.bisection.changed_in == "1.0.5"
    assert report.records[0].version == "1.0.8"  # probed first, as the others are compared with it
    assert "the first version in which betas is again as in 1.0.8" in bisection_report.headline(
        report
    )


def test_a_field_that_is_equal_at_both_bounds_has_no_result() -> None:
    report = bisect(lambda n: with_betas("a"), make_example("betas"))
    assert bisection_report.headline(report) == (
        "Not decided: 1.0.8 should be bad, but is good: betas is a."
    )


def test_several_candidates_are_listed_with_the_reasons() -> None:
    report = bisect(
        lambda n: UNTESTABLE if n in (4, 5) else REFUSED if n > 5 else make_observation()
    )
    assert bisection_report.headline(report) == (
        "One of 3 versions of claude-code is the first bad version; 1.0.3 is the last good one."
    )
    assert bisection_report.doubts(report) == (
        "candidates: 1.0.4, 1.0.5, 1.0.6",
        "untestable (not published): 1.0.4, 1.0.5",
    )


def test_changes_between_the_neighbours_are_listed() -> None:
    report = bisect(lambda n: make_observation() if n < 4 else REFUSED)
    changes = {
        (change.subject, change.before, change.after) for change in bisection_report.changes(report)
    }
    assert changes == {("outcome", "accepted", "rejected"), ("status", "200", "401")}


def test_a_flaky_neighbour_has_the_observations_of_its_classification() -> None:
    answers = iter([REFUSED, make_observation(), *[REFUSED] * 20])
    report = bisect(lambda n: next(answers) if n == 4 else make_observation() if n < 4 else REFUSED)
    assert report.bisection.changed_in == "1.0.4"
    assert set(report.observations_of("1.0.4")) == {REFUSED}
    assert any("bad, flaky (" in line for line in bisection_report.doubts(report))


def test_a_local_failure_stops_the_bisection() -> None:
    detail = "@anthropic-ai/claude-code@1.0.0: the package registry cannot be reached"
    probed: list[int] = []

    def observe(n: int) -> Observation:
        probed.append(n)
        return make_observation(outcome=Outcome.UNAVAILABLE, detail=detail)

    report = bisect(observe)
    assert (len(probed), report.bisection.changed_in) == (1, None)
    assert "nothing can be installed here: the package registry" in bisection_report.headline(
        report
    )


def make_trial(version: str, observation: Observation) -> Trial:
    """Return a trial of the example at this version."""
    now = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    return Trial(key=cache_key(make_example().at(version)), at=now, observation=observation)


def test_untestable_trials_are_used_only_in_a_replay() -> None:
    trials = [
        make_trial("1.0.1", REFUSED),
        make_trial("1.0.2", UNTESTABLE),
        make_trial("9.9.9", REFUSED),
    ]
    records = records_from_log(make_example(), VERSIONS, trials, tested=True)
    assert [(x.version, x.purpose) for x in records] == [("1.0.1", Purpose.LOGGED)]
    assert len(records_from_log(make_example(), VERSIONS, trials, tested=False)) == 2


def test_a_bound_that_hung_is_probed_again_but_not_one_that_lacks_the_command() -> None:
    hung = make_observation(outcome=Outcome.TIMED_OUT, status=None)
    missing = make_observation(outcome=Outcome.UNAVAILABLE, detail=COMMAND_MISSING, status=None)
    trials = [make_trial("1.0.0", hung), make_trial("1.0.1", hung), make_trial("1.0.8", missing)]
    records = records_from_log(make_example(), VERSIONS, trials, tested=True)
    assert [x.version for x in records] == ["1.0.1", "1.0.8"]
    assert len(records_from_log(make_example(), VERSIONS, trials, tested=False)) == 3


@pytest.mark.parametrize("when", [None, "outcome"])
def test_the_version_that_added_a_command_is_found(when: str | None) -> None:
    missing = make_observation(outcome=Outcome.UNAVAILABLE, detail=COMMAND_MISSING, status=None)
    question = make_example(when, good="1.0.8", bad="1.0.0")
    report = bisect(lambda n: missing if n < 4 else make_observation(), question, fix=True)
    assert report.bisection.changed_in == "1.0.4"
    (reason,) = {
        x.reason for x in report.bisection.assessments if x.classification is Classification.BAD
    }
    assert reason == ("outcome is unavailable" if when else f"unavailable: {COMMAND_MISSING}")


def test_trials_with_other_emulator_rules_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = [make_trial("1.0.1", REFUSED)]
    monkeypatch.setattr("authprobe.trials.log.rules_hash", lambda today: "others")
    assert records_from_log(make_example(), VERSIONS, trials, tested=True) == ()


def test_versions_missing_in_the_log_are_untestable_in_a_replay() -> None:
    trials = [make_trial("1.0.0", make_observation()), make_trial("1.0.8", REFUSED)]
    logged = records_from_log(make_example(), VERSIONS, trials, tested=False)
    report = run_bisection(make_example(), VERSIONS, logged, replay, LogReporter(), fix=False)
    assert report.bisection.changed_in is None
    assert report.bisection.candidates == VERSIONS[1:]
    assert [(x.version, x.answers) for x in report.bisection.assessments] == [
        ("1.0.0", 1),
        ("1.0.8", 1),
    ]
    assert report.bisection.not_in_log == VERSIONS[1:-1]
    assert "not in the log: 7 versions, not probed because of --log" in bisection_report.doubts(
        report
    )
    counts = report.bisection.probes, report.bisection.checks, report.bisection.logged
    assert counts == (0, 0, 2)


def test_logged_answers_are_compared_after_the_good_version_is_probed() -> None:
    logged = tuple(
        ProbeRecord(version=v, observation=with_betas("b"), purpose=Purpose.LOGGED)
        for v in ("1.0.4", "1.0.8")
    )
    report = bisect(lambda n: with_betas("a" if n < 4 else "b"), make_example("betas"), logged)
    assert report.bisection.changed_in == "1.0.4"
    assert report.bisection.logged == 2


def test_progress_shows_the_remaining_versions(capsys: pytest.CaptureFixture[str]) -> None:
    bisect(lambda n: make_observation() if n < 4 else REFUSED)
    text = capsys.readouterr().err
    stages = [line.split(":")[0] for line in text.splitlines() if line.startswith("probe ")]
    assert stages == [f"probe {number} of about 5" for number in range(1, 6)]
    assert "probe 1 of about 5: 8 candidates after 1.0.0, up to 1.0.8\n" in text
    assert "1.0.4: bad (outcome: expected accepted, saw rejected)" in text
    assert "a second look at 1.0.3" in text
    assert "a sample outside 1.0.3 to 1.0.4" in text


SEARCH = Search(versions=("1.0.0", "1.0.1"), oldest=Classification.GOOD)


def test_one_candidate_is_singular() -> None:
    question = next_step(SEARCH)
    assert isinstance(question, ProbeRequest)
    assert stage_title(question, SEARCH, 0).startswith("probe 1 of about 2: 1 candidate after 1.")
    assert max_remaining_probes(question, SEARCH) == 2


def test_untrusted_text_is_escaped_in_markdown() -> None:
    hostile = make_observation(outcome=Outcome.REJECTED, message="<b>@everyone</b> #1 | `x`\nmore")
    report = bisect(lambda n: make_observation() if n < 4 else hostile)
    text = "\n".join(bisection_report.markdown(report, "authprobe bisect"))
    assert "<b>" not in text
    assert "@everyone" not in text


def test_the_command_to_repeat_the_bisection() -> None:
    report = bisect(lambda n: with_betas("a"), make_example("betas"))
    text = bisection_report.rerun_command(report, "a/b c", (str(Path("my") / "folder"),))
    assert text == (
        "authprobe bisect 'a/b c' --good 1.0.0 --bad 1.0.8 --when betas --scenarios my/folder"
    )
