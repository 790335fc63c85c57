import dataclasses
import datetime
from collections import Counter

import pytest

from authprobe.compatibility.features import BUNDLED, load_features
from authprobe.compatibility.sampling import SamplingPlan, well_known, without_untested
from authprobe.compatibility.table import CompatibilityTable, VersionEvidence
from authprobe.core.client_kinds import ClientKind
from authprobe.observation.model import COMMAND_MISSING, Observation, Outcome
from authprobe.scenario.load import load_all
from authprobe.settings import Settings
from authprobe.trials.log import Trial, cache_key
from tests.compatibility.test_table import make_table
from tests.support.make import make_exchange, make_observation

PUBLISHED = tuple(f"2.0.{n}" for n in range(9))
ASKED = load_features(BUNDLED, tuple(load_all(Settings().scenario_paths)), ClientKind.CLAUDE_CODE)
HOSTS = tuple(each for each in ASKED if each.definition.id == "refresh-host")
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
HOST = "refresh-host"
OLD, NEW = "console.anthropic.com", "platform.claude.com"


def make_survey(**changes: object) -> SamplingPlan:
    values = {"asked": HOSTS, "published": PUBLISHED, "within": PUBLISHED, "count": 2, "looks": 1}
    return SamplingPlan(**values | changes)  # type: ignore[arg-type]


def refreshed(host: str) -> Observation:
    return make_observation(exchanges=(make_exchange(host=host, path="/v1/oauth/token"),))


def trial(version: str, seen: Observation) -> Trial:
    return Trial(key=cache_key(HOSTS[0].inquiry.at(version)), at=NOW, observation=seen)


def versions(cases: object) -> list[str]:
    return [case.client.version for case in cases]  # type: ignore[attr-defined]


def test_first_come_the_chosen_ones_and_the_newest_of_them() -> None:
    survey = make_survey(count=3)
    known = survey.known((), None)
    chosen = survey.chosen(known)
    assert chosen == ("2.0.0", "2.0.4", "2.0.8")
    assert versions(survey.next_cases(chosen, known, Counter())) == ["2.0.8", "2.0.4", "2.0.0"]


def test_then_what_lies_between_two_values() -> None:
    survey = make_survey()
    trials = [trial("2.0.0", refreshed(OLD)), trial("2.0.8", refreshed(NEW))]
    asked = []
    while cases := survey.next_cases(
        survey.chosen(survey.known((), None)), survey.known(trials, None), Counter()
    ):
        asked += versions(cases)
        trials += [trial(v, refreshed(NEW if v >= "2.0.6" else OLD)) for v in versions(cases)]
    assert asked == ["2.0.4", "2.0.6", "2.0.5"]
    (feature,) = survey.features(survey.known(trials, None), None)
    assert [(each.value, each.added.by, each.added.exact) for each in feature.intervals] == [
        (OLD, "2.0.0", True),
        (NEW, "2.0.6", True),
    ]


def test_a_case_is_asked_once_though_several_features_are_read_from_it() -> None:
    survey = make_survey(asked=ASKED, count=1)
    known = survey.known((), None)
    cases = survey.next_cases(survey.chosen(known), known, Counter())
    assert len(cases) == len({case.id for case in cases}) < len(ASKED)
    assert set(versions(cases)) == {"2.0.8"}


def test_what_was_tried_in_vain_is_not_tried_for_ever() -> None:
    survey = make_survey()
    known = survey.known((), None)
    tried = Counter(HOSTS[0].inquiry.at(version).id for version in ("2.0.0", "2.0.8"))
    assert survey.next_cases(survey.chosen(known), known, tried) == ()


def test_looks_that_differ_are_no_value() -> None:
    trials = [trial("2.0.3", refreshed(host)) for host in (OLD, NEW)]
    (found,) = make_survey().known(trials, None)["refresh-host"].values()
    assert (found.value, found.looks) == (None, 2)
    assert found.reason == f"not the same each time: {OLD}, {NEW}"


def test_a_look_that_shows_nothing_takes_nothing_from_another() -> None:
    crash = make_observation(outcome=Outcome.CRASHED, detail="it broke")
    trials = [trial("2.0.3", refreshed(OLD)), trial("2.0.3", crash)]
    (found,) = make_survey().known(trials, None)["refresh-host"].values()
    assert (found.value, found.reason, found.looks) == (OLD, None, 1)
    (found,) = make_survey().known(trials[1:], None)["refresh-host"].values()
    assert (found.value, found.reason) == (None, "crashed: it broke")


def test_a_table_is_added_to_where_its_question_was_the_same() -> None:
    day = NOW.date()
    kept = [
        VersionEvidence(version=v, value=OLD, seen_at=day, under=under)
        for v, under in (("2.0.1", HOSTS[0].under), ("2.0.2", "another"))
    ]
    survey = make_survey()
    (before,) = survey.features({"refresh-host": {each.version: each for each in kept}}, None)
    table = make_table(features=(before,))
    known = survey.known([trial("2.0.3", refreshed(OLD))], table)["refresh-host"]
    assert set(known) == {"2.0.1", "2.0.3"}
    newer = survey.known([trial("2.0.1", refreshed(NEW))], table)["refresh-host"]
    assert newer["2.0.1"].value == NEW


def kept_table(**known: VersionEvidence) -> CompatibilityTable:
    """A table that says this of the feature."""
    evidence = {each.version: each for each in known.values()}
    return make_table(features=make_survey().features({"refresh-host": evidence}, None))


def told(version: str, value: str | None, *, looks: int = 1) -> VersionEvidence:
    reason = None if value else "crashed: it broke"
    return VersionEvidence(
        version=version,
        value=value,
        reason=reason,
        looks=looks,
        seen_at=NOW.date(),
        under=HOSTS[0].under,
    )


CRASH = make_observation(outcome=Outcome.CRASHED, detail="it broke again")
NOT_INSTALLED = make_observation(outcome=Outcome.UNAVAILABLE, detail="its script is broken")


@pytest.mark.parametrize(
    ("old", "new", "value", "looks"),
    [
        (told("2.0.3", OLD, looks=2), CRASH, OLD, 2),
        (told("2.0.3", OLD, looks=2), NOT_INSTALLED, OLD, 2),
        (told("2.0.3", None), NOT_INSTALLED, None, 1),
        (told("2.0.3", None, looks=0), CRASH, None, 1),
        (told("2.0.3", None), refreshed(NEW), NEW, 1),
        (told("2.0.3", OLD, looks=2), refreshed(OLD), OLD, 2),
        (told("2.0.3", OLD, looks=2), refreshed(NEW), NEW, 1),
    ],
)
def test_what_says_more_is_kept_and_of_two_values_the_new_one(
    old: VersionEvidence, new: Observation, value: str | None, looks: int
) -> None:
    (found,) = make_survey().known([trial("2.0.3", new)], kept_table(a=old))[HOST].values()
    assert (found.value, found.looks) == (value, looks)


def test_looks_that_differ_are_no_value_whatever_a_table_says() -> None:
    trials = [trial("2.0.3", refreshed(host)) for host in (OLD, NEW)]
    table = kept_table(a=told("2.0.3", OLD, looks=2))
    (found,) = make_survey().known(trials, table)[HOST].values()
    assert (found.value, found.looks) == (None, 2)


def test_what_could_not_be_installed_is_asked_again_and_narrows_nothing_in_vain() -> None:
    table = kept_table(a=told("2.0.0", OLD), b=told("2.0.4", None, looks=0), c=told("2.0.8", NEW))
    survey = make_survey()
    known = survey.known((), table)
    assert versions(survey.next_cases(("2.0.4",), known, Counter())) == ["2.0.4"]
    assert versions(survey.next_cases((), known, Counter())) == ["2.0.4"]
    tried = Counter([HOSTS[0].inquiry.at("2.0.4").id])
    assert versions(survey.next_cases(("2.0.4",), known, tried)) == ["2.0.5"]


def test_nothing_outside_is_asked_again() -> None:
    table = kept_table(a=told("2.0.0", OLD), b=told("2.0.4", NEW), c=told("2.0.7", NEW))
    survey = make_survey(within=PUBLISHED[6:], looks=2)
    assert survey.next_cases(("2.0.7",), survey.known((), table), Counter()) == ()


def test_a_log_may_tell_of_clients_that_are_not_known() -> None:
    line = trial("2.0.3", refreshed(OLD))
    other = dataclasses.replace(line, key=dataclasses.replace(line.key, client="desktop@1.0"))
    assert set(make_survey().known([other, line], None)[HOST]) == {"2.0.3"}


def test_features_that_are_not_asked_stay_in_the_table() -> None:
    other = dataclasses.replace(kept_table(a=told("2.0.0", OLD)).features[0], id="another")
    table = make_table(features=(other,))
    survey = make_survey()
    found = survey.features(survey.known((), table), table)
    assert [each.id for each in found] == [HOST, "another"]
    assert found[1].evidence == other.evidence


def test_trials_of_other_questions_and_versions_are_left_aside() -> None:
    other = next(each for each in ASKED if each.definition.id == "oauth-flag")
    aside = Trial(key=cache_key(other.inquiry.at("2.0.1")), at=NOW, observation=refreshed(OLD))
    withdrawn = trial("2.0.99", refreshed(OLD))
    assert make_survey().known([aside, withdrawn], None) == {"refresh-host": {}}


def test_what_could_not_be_tested_is_tried_again() -> None:
    gone = trial("2.0.1", make_observation(outcome=Outcome.UNAVAILABLE, detail="no network"))
    lacks = trial("2.0.2", make_observation(outcome=Outcome.UNAVAILABLE, detail=COMMAND_MISSING))
    told = f"--output-format: {COMMAND_MISSING}"
    mute = trial("2.0.3", make_observation(outcome=Outcome.UNAVAILABLE, detail=told))
    good = trial("2.0.4", refreshed(OLD))
    assert without_untested([gone, lacks, mute, good]) == (lacks, mute, good)


def test_a_version_is_well_known_by_most_of_the_features() -> None:
    day = NOW.date()
    one = VersionEvidence(version="2.0.1", value=OLD, seen_at=day, under="")
    two = VersionEvidence(version="2.0.2", value=OLD, seen_at=day, under="")
    both = {"2.0.1": one, "2.0.2": two}
    known = {"a": both, "b": both, "c": {"2.0.1": one}, "d": {}}
    assert well_known(known) == {"2.0.1"}
