"""Expectations for the versions of a comparison, and the cases that are probed again."""

from collections import Counter
from typing import Any

import pytest

from authprobe.diff.versions import CasePair, Side, VersionComparison, select_pairs
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.scenario.clients import parse_client
from authprobe.scenario.model import Condition, Expectation, ExpectationRule, Matrix, Scenario
from authprobe.trials.log import Trial, cache_key
from tests.support.make import make_clients, make_exchange, make_observation, make_scenario

OLD, NEW = (parse_client(f"claude-code@2.1.{n}") for n in (1, 9))
ACCEPTED, REJECTED = (Expectation(outcome=x) for x in (Outcome.ACCEPTED, Outcome.REJECTED))


def scenario(*clients: str, expect: Any = ACCEPTED, **changes: Any) -> Scenario:
    return make_scenario(matrix=Matrix(client=make_clients(*clients)), expect=expect, **changes)


def rules(**expected: Expectation) -> tuple[ExpectationRule, ...]:
    """Return a rule for each keyword: `at_1` for version 2.1.1, `at_latest`; the rest accepts."""
    versions = {name: name.removeprefix("at_") for name in expected}
    return (
        *(
            ExpectationRule(
                when=Condition(
                    client=parse_client(
                        f"claude-code@{version if version == 'latest' else f'2.1.{version}'}"
                    )
                ),
                then=expected[name],
            )
            for name, version in versions.items()
        ),
        ExpectationRule(then=ACCEPTED),
    )


def pair(*scenarios: Scenario, is_newest: bool = True) -> CasePair:
    sides = Side(client=OLD), Side(client=NEW, is_newest=is_newest)
    (only,) = select_pairs(scenarios, *sides, ())
    return only


def expected(*scenarios: Scenario, **changes: bool) -> tuple[Expectation | None, ...]:
    only = pair(*scenarios, **changes)
    return only.expected_before, only.expected_after


def test_one_expectation_is_that_of_every_version() -> None:
    assert expected(scenario("claude-code@1.0.0")) == (ACCEPTED, ACCEPTED)


def test_a_version_has_its_own_expectation() -> None:
    pinned = scenario("claude-code@2.1.1", "claude-code@2.1.9", expect=rules(at_9=REJECTED))
    assert expected(pinned) == (ACCEPTED, REJECTED)


def test_the_newest_version_is_the_latest_of_the_scenario() -> None:
    pinned = scenario("claude-code@2.1.1", "claude-code@latest", expect=rules(at_latest=REJECTED))
    assert expected(pinned) == (ACCEPTED, REJECTED)
    assert expected(pinned, is_newest=False) == (ACCEPTED, None)


def test_a_version_that_the_scenario_does_not_name_has_no_expectation_if_they_differ() -> None:
    pinned = scenario("claude-code@2.0.0", "claude-code@2.0.1", expect=rules(at_1=REJECTED))
    both = scenario(
        "claude-code@2.0.0",
        "claude-code@latest",
        expect=(
            ExpectationRule(
                when=Condition(client=parse_client("claude-code@2.0.0")), then=REJECTED
            ),
            ExpectationRule(then=ACCEPTED),
        ),
    )
    assert expected(pinned) == (ACCEPTED, ACCEPTED)
    assert expected(both) == (None, ACCEPTED)
    assert expected(both, is_newest=False) == (None, None)


def test_a_version_in_a_range_of_the_scenario_has_its_expectation() -> None:
    ranged = scenario(
        "claude-code@>=2.1.5",
        "claude-code@2.1.1",
        expect=(
            ExpectationRule(
                when=Condition(client=parse_client("claude-code@>=2.1.5")), then=REJECTED
            ),
            ExpectationRule(then=ACCEPTED),
        ),
    )
    assert expected(ranged) == (ACCEPTED, REJECTED)


def test_an_expression_selects_by_id_and_tag() -> None:
    scenarios = (
        scenario("claude-code@latest", id="quick"),
        scenario("claude-code@latest", id="waiting", tags=("slow",)),
    )
    sides = Side(client=OLD), Side(client=NEW)
    assert len(select_pairs(scenarios, *sides, ())) == 2
    (only,) = select_pairs(scenarios, *sides, (), expression="not slow")
    assert only.id.startswith("quick/")
    with pytest.raises(SettingsError, match="-k nothing: no case of claude-code matches"):
        select_pairs(scenarios, *sides, (), expression="nothing")


def test_a_suite_selects_by_the_ids_of_the_scenario_and_all_versions_say_what_is_expected() -> None:
    pinned = scenario("claude-code@2.1.1", "claude-code@latest", expect=rules(at_latest=REJECTED))
    sides = Side(client=OLD), Side(client=NEW, is_newest=True)
    ids = {f"{pinned.id}/claude-code@latest/default/none"}
    (only,) = select_pairs([pinned], *sides, (), selects=ids.__contains__)
    assert (only.expected_before, only.expected_after) == (ACCEPTED, REJECTED)
    with pytest.raises(SettingsError, match="no scenario has a case for this client"):
        select_pairs([pinned], *sides, (), selects=lambda id: False)


def trial(case: Case, observation: Observation) -> Trial:
    import datetime

    return Trial(
        key=cache_key(case), at=datetime.datetime.now(datetime.UTC), observation=observation
    )


def test_only_questions_that_differ_beyond_the_background_are_probed_again() -> None:
    scenarios = [scenario("claude-code@latest", id=name) for name in ("same", "differs")]
    sides = Side(client=OLD), Side(client=NEW)
    pairs = select_pairs(scenarios, *sides, ())
    comparison = VersionComparison(before=OLD, after=NEW, pairs=pairs, max_probes=2)
    assert len(comparison.next_cases([], Counter())) == 4
    side_request = make_observation(exchanges=(make_exchange(path="/api/hello"),))
    refused = make_observation(outcome=Outcome.REJECTED)
    trials = [
        trial(pairs[0].before, make_observation()),
        trial(pairs[0].after, side_request),
        trial(pairs[1].before, make_observation()),
    ]
    assert comparison.next_cases(trials, Counter()) == (pairs[1].after,)
    trials.append(trial(pairs[1].after, refused))
    assert comparison.next_cases(trials, Counter()) == (pairs[1].before, pairs[1].after)
    assert comparison.diff(trials).title == "claude-code 2.1.1 → 2.1.9"


def test_a_client_that_started_too_late_is_probed_again_also_by_a_later_command() -> None:
    sides = Side(client=OLD), Side(client=NEW)
    pairs = select_pairs([scenario("claude-code@latest")], *sides, ())
    comparison = VersionComparison(before=OLD, after=NEW, pairs=pairs, max_probes=2)
    late = make_observation(
        outcome=Outcome.TIMED_OUT, elapsed=9.0, exchanges=(make_exchange(at=6.0),)
    )
    trials = [trial(pairs[0].before, late), trial(pairs[0].after, make_observation())]
    assert comparison.next_cases(trials, Counter()) == (pairs[0].before,)
    assert comparison.next_cases(trials, Counter({pairs[0].before.id: 2})) == ()
    assert comparison.diff(trials).not_compared
    trials.append(trial(pairs[0].before, make_observation()))
    assert comparison.next_cases(trials, Counter()) == ()
    assert not comparison.diff(trials).not_compared


def test_a_late_start_that_the_scenario_expects_is_an_answer() -> None:
    sides = Side(client=OLD), Side(client=NEW)
    hangs = scenario("claude-code@latest", expect=Expectation(outcome=Outcome.TIMED_OUT))
    pairs = select_pairs([hangs], *sides, ())
    comparison = VersionComparison(before=OLD, after=NEW, pairs=pairs, max_probes=2)
    late = make_observation(outcome=Outcome.TIMED_OUT, elapsed=9.0, exchanges=())
    trials = [trial(pairs[0].before, late), trial(pairs[0].after, late)]
    assert comparison.next_cases(trials, Counter()) == ()
