"""A bisection of made-up observations: what is kept, what is compared, what is told."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from authprobe.bisection.model import Classification, ProbeRequest, Purpose, Search
from authprobe.bisection.question import BisectionQuestion, make_inquiry
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
from authprobe.report import bisection as words
from authprobe.scenario.model import Expectation, Matrix
from authprobe.trials.log import Trial, cache_key
from tests.support.make import make_clients, make_exchange, make_observation, make_scenario

VERSIONS = tuple(f"1.0.{n}" for n in range(9))
REFUSED = make_observation(outcome=Outcome.REJECTED, status=401)
GONE = make_observation(outcome=Outcome.UNAVAILABLE, detail="not published", status=None)


def inquiry(when: str | None = None, good: str = "1.0.0", bad: str = "1.0.8") -> BisectionQuestion:
    """The question of an example."""
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("claude-code@1.0.0")),
        expect=Expectation(outcome=Outcome.ACCEPTED),
    )
    case = "example/claude-code@1.0.0/default/none"
    return make_inquiry([scenario], case, good=good, bad=bad, when=when)


def go(
    shows: Callable[[int], Observation],
    asked: BisectionQuestion | None = None,
    known: tuple[ProbeRecord, ...] = (),
    *,
    fix: bool = False,
) -> BisectionReport:
    """The bisection, where the version 1.0.n shows this."""

    def probe(question: ProbeRequest, search: Search) -> ProbeRecord:
        seen = shows(VERSIONS.index(question.version))
        return ProbeRecord(version=question.version, observation=seen, purpose=question.purpose)

    return run_bisection(asked or inquiry(), VERSIONS, known, probe, LogReporter(), fix=fix)


def with_betas(*names: str) -> Observation:
    """An accepted request with these flags."""
    return make_observation(exchanges=(make_exchange(betas=names),))


def test_a_field_is_compared_with_the_good_version() -> None:
    found = go(lambda n: with_betas("a", "b") if n < 3 else with_betas("a"), inquiry("betas"))
    assert found.bisection.named == "1.0.3"
    answer = "claude-code 1.0.3 is the first version in which betas is not as in 1.0.0; 1.0.2 is"
    assert words.headline(found).startswith(answer)


def test_a_field_that_is_as_it_was_again_is_a_fix() -> None:
    asked = inquiry("betas", good="1.0.8", bad="1.0.0")
    found = go(lambda n: with_betas("a", *("b" * (n < 5))), asked, fix=True)
    assert found.bisection.named == "1.0.5"
    assert found.sightings[0].version == "1.0.8"  # the one that the others are compared with
    assert "the first version in which betas is again as in 1.0.8" in words.headline(found)


def test_a_field_that_is_the_same_at_both_bounds_decides_nothing() -> None:
    found = go(lambda n: with_betas("a"), inquiry("betas"))
    assert words.headline(found) == "Not decided: 1.0.8 is said to be bad, and is good: betas is a."


def test_several_candidates_are_told_with_the_reasons() -> None:
    found = go(lambda n: GONE if n in (4, 5) else REFUSED if n > 5 else make_observation())
    assert words.headline(found) == (
        "One of 3 versions of claude-code is the first bad version; 1.0.3 is the last good one."
    )
    assert words.doubts(found) == (
        "candidates: 1.0.4, 1.0.5, 1.0.6",
        "untestable (not published): 1.0.4, 1.0.5",
    )


def test_what_differs_between_the_neighbours_is_told() -> None:
    found = go(lambda n: make_observation() if n < 4 else REFUSED)
    changed = {(change.subject, change.before, change.after) for change in words.changes(found)}
    assert changed == {("outcome", "accepted", "rejected"), ("status", "200", "401")}


def test_a_flaky_neighbour_is_shown_as_what_it_was_settled_as() -> None:
    shown = iter([REFUSED, make_observation(), *[REFUSED] * 20])
    found = go(lambda n: next(shown) if n == 4 else make_observation() if n < 4 else REFUSED)
    assert found.bisection.named == "1.0.4"
    assert set(found.seen("1.0.4")) == {REFUSED}
    assert any("bad, flaky (" in line for line in words.doubts(found))


def test_a_machine_on_which_nothing_can_be_installed_ends_it_at_once() -> None:
    detail = "@anthropic-ai/claude-code@1.0.0: the package registry cannot be reached"
    asked: list[int] = []

    def shows(n: int) -> Observation:
        asked.append(n)
        return make_observation(outcome=Outcome.UNAVAILABLE, detail=detail)

    found = go(shows)
    assert (len(asked), found.bisection.named) == (1, None)
    assert "nothing can be installed here: the package registry" in words.headline(found)


def trial(version: str, observation: Observation) -> Trial:
    """A line of the log."""
    now = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    return Trial(key=cache_key(inquiry().at(version)), at=now, observation=observation)


def test_the_log_is_used_for_what_was_tested_and_wholly_in_a_replay() -> None:
    lines = [trial("1.0.1", REFUSED), trial("1.0.2", GONE), trial("9.9.9", REFUSED)]
    fresh = records_from_log(inquiry(), VERSIONS, lines, tested=True)
    assert [(x.version, x.purpose) for x in fresh] == [("1.0.1", Purpose.KNOWN)]
    assert len(records_from_log(inquiry(), VERSIONS, lines, tested=False)) == 2


def test_a_bound_that_hung_is_tried_again_and_what_a_version_lacks_is_known() -> None:
    hung = make_observation(outcome=Outcome.TIMED_OUT, status=None)
    lacks = make_observation(outcome=Outcome.UNAVAILABLE, detail=COMMAND_MISSING, status=None)
    lines = [trial("1.0.0", hung), trial("1.0.1", hung), trial("1.0.8", lacks)]
    fresh = records_from_log(inquiry(), VERSIONS, lines, tested=True)
    assert [x.version for x in fresh] == ["1.0.1", "1.0.8"]
    assert len(records_from_log(inquiry(), VERSIONS, lines, tested=False)) == 3


@pytest.mark.parametrize("when", [None, "outcome"])
def test_the_version_that_brought_a_command_is_found(when: str | None) -> None:
    lacks = make_observation(outcome=Outcome.UNAVAILABLE, detail=COMMAND_MISSING, status=None)
    asked = inquiry(when, good="1.0.8", bad="1.0.0")
    found = go(lambda n: lacks if n < 4 else make_observation(), asked, fix=True)
    assert found.bisection.named == "1.0.4"
    (shown,) = {x.reason for x in found.bisection.assessments if x.word is Classification.BAD}
    assert shown == ("outcome is unavailable" if when else f"unavailable: {COMMAND_MISSING}")


def test_other_rules_of_the_emulator_make_the_log_useless(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [trial("1.0.1", REFUSED)]
    monkeypatch.setattr("authprobe.trials.log.rules_hash", lambda today: "others")
    assert records_from_log(inquiry(), VERSIONS, lines, tested=True) == ()


def test_what_the_log_lacks_is_untestable_in_a_replay() -> None:
    lines = [trial("1.0.0", make_observation()), trial("1.0.8", REFUSED)]
    known = records_from_log(inquiry(), VERSIONS, lines, tested=False)
    found = run_bisection(inquiry(), VERSIONS, known, replay, LogReporter(), fix=False)
    assert found.bisection.named is None
    assert found.bisection.candidates == VERSIONS[1:]
    assert [(x.version, x.asked) for x in found.bisection.assessments] == [
        ("1.0.0", 1),
        ("1.0.8", 1),
    ]
    assert found.bisection.lacking == VERSIONS[1:-1]
    assert "not in the log: 7 versions, not probed because of --log" in words.doubts(found)
    counts = found.bisection.probes, found.bisection.checks, found.bisection.known
    assert counts == (0, 0, 2)


def test_the_answers_of_the_log_are_compared_once_the_good_version_is_known() -> None:
    known = tuple(
        ProbeRecord(version=v, observation=with_betas("b"), purpose=Purpose.KNOWN)
        for v in ("1.0.4", "1.0.8")
    )
    found = go(lambda n: with_betas("a" if n < 4 else "b"), inquiry("betas"), known)
    assert found.bisection.named == "1.0.4"
    assert found.bisection.known == 2


def test_progress_tells_what_remains(capsys: pytest.CaptureFixture[str]) -> None:
    go(lambda n: make_observation() if n < 4 else REFUSED)
    told = capsys.readouterr().err
    assert "8 candidates after 1.0.0, up to 1.0.8; probes at most: 5" in told
    assert "1.0.4: bad (outcome: expected accepted, saw rejected)" in told
    assert "a second look at 1.0.3" in told
    assert "a sample outside 1.0.3 to 1.0.4" in told


SEARCH = Search(versions=("1.0.0", "1.0.1"), oldest=Classification.GOOD)


def test_one_candidate_is_told_as_one() -> None:
    question = next_step(SEARCH)
    assert isinstance(question, ProbeRequest)
    assert stage_title(question).startswith("1 candidate after 1.0.0")
    assert max_remaining_probes(question, SEARCH) == 2


def test_markdown_acts_on_nothing_that_a_client_has_said() -> None:
    said = make_observation(outcome=Outcome.REJECTED, message="<b>@everyone</b> #1 | `x`\nmore")
    found = go(lambda n: make_observation() if n < 4 else said)
    told = "\n".join(words.markdown(found, "authprobe bisect"))
    assert "<b>" not in told
    assert "@everyone" not in told


def test_the_command_that_asks_the_same_is_told() -> None:
    found = go(lambda n: with_betas("a"), inquiry("betas"))
    told = words.rerun_command(found, "a/b c", (str(Path("my") / "folder"),))
    assert told == (
        "authprobe bisect 'a/b c' --good 1.0.0 --bad 1.0.8 --when betas --scenarios my/folder"
    )
