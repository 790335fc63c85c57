import dataclasses
import datetime
from collections import Counter

import pytest

from authprobe.compatibility.features import BUNDLED_FEATURES, BoundFeature, load_features
from authprobe.compatibility.sampling import SamplingPlan, usable_trials, well_measured_versions
from authprobe.compatibility.table import CompatibilityTable, VersionEvidence
from authprobe.core.client_kinds import ClientKind
from authprobe.observation.model import COMMAND_MISSING, Observation, Outcome
from authprobe.scenario.load import load_all
from authprobe.settings import Settings
from authprobe.trials.log import Trial, cache_key
from tests.compatibility.test_table import make_table
from tests.support.make import make_exchange, make_observation

PUBLISHED = tuple(f"2.0.{n}" for n in range(9))
FEATURES = load_features(
    BUNDLED_FEATURES, tuple(load_all(Settings().scenario_paths)), ClientKind.CLAUDE_CODE
)
HOST = "refresh-host"
HOST_FEATURES = tuple(each for each in FEATURES if each.definition.id == HOST)
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
OLD, NEW = "console.anthropic.com", "platform.claude.com"


def make_plan(**changes: object) -> SamplingPlan:
    """Return a plan for one feature in all versions."""
    values = {
        "bound_features": HOST_FEATURES,
        "published": PUBLISHED,
        "candidates": PUBLISHED,
        "count": 2,
        "max_probes": 1,
    }
    return SamplingPlan(**values | changes)  # type: ignore[arg-type]


def with_refresh(host: str) -> Observation:
    """Return an observation of a token request to this host."""
    return make_observation(exchanges=(make_exchange(host=host, path="/v1/oauth/token"),))


def make_trial(version: str, observation: Observation) -> Trial:
    """Return a trial of the feature's case at this version."""
    case = HOST_FEATURES[0].template.at(version)
    return Trial(key=cache_key(case), at=NOW, observation=observation)


def versions(cases: object) -> list[str]:
    """Return the client versions of these cases."""
    return [case.client.version for case in cases]  # type: ignore[attr-defined]


def test_the_sample_is_probed_first_from_the_newest_version_on() -> None:
    plan = make_plan(count=3)
    evidence = plan.evidence((), None)
    sample = plan.sample(evidence)
    assert sample == ("2.0.0", "2.0.4", "2.0.8")
    assert versions(plan.next_cases(sample, evidence, Counter())) == ["2.0.8", "2.0.4", "2.0.0"]


def test_changes_are_narrowed_after_the_sample() -> None:
    plan = make_plan()
    trials = [make_trial("2.0.0", with_refresh(OLD)), make_trial("2.0.8", with_refresh(NEW))]
    probed = []
    while cases := plan.next_cases(
        plan.sample(plan.evidence((), None)), plan.evidence(trials, None), Counter()
    ):
        probed += versions(cases)
        trials += [
            make_trial(v, with_refresh(NEW if v >= "2.0.6" else OLD)) for v in versions(cases)
        ]
    assert probed == ["2.0.4", "2.0.6", "2.0.5"]
    (feature,) = plan.make_features(plan.evidence(trials, None), None)
    assert [(each.value, each.added.by, each.added.exact) for each in feature.intervals] == [
        (OLD, "2.0.0", True),
        (NEW, "2.0.6", True),
    ]


def test_a_case_of_several_features_is_probed_once() -> None:
    plan = make_plan(bound_features=FEATURES, count=1)
    evidence = plan.evidence((), None)
    cases = plan.next_cases(plan.sample(evidence), evidence, Counter())
    assert len(cases) == len({case.id for case in cases}) < len(FEATURES)
    assert set(versions(cases)) == {"2.0.8"}


def test_failed_probes_are_not_repeated() -> None:
    plan = make_plan()
    evidence = plan.evidence((), None)
    attempts = Counter(HOST_FEATURES[0].template.at(version).id for version in ("2.0.0", "2.0.8"))
    assert plan.next_cases(plan.sample(evidence), evidence, attempts) == ()


def test_different_values_of_a_version_are_no_value() -> None:
    trials = [make_trial("2.0.3", with_refresh(host)) for host in (OLD, NEW)]
    (evidence,) = make_plan().evidence(trials, None)[HOST].values()
    assert (evidence.value, evidence.looks) == (None, 2)
    assert evidence.reason == f"not the same each time: {OLD}, {NEW}"


def test_an_untestable_probe_keeps_the_value_of_another() -> None:
    crash = make_observation(outcome=Outcome.CRASHED, detail="it broke")
    trials = [make_trial("2.0.3", with_refresh(OLD)), make_trial("2.0.3", crash)]
    (evidence,) = make_plan().evidence(trials, None)[HOST].values()
    assert (evidence.value, evidence.reason, evidence.looks) == (OLD, None, 1)
    (evidence,) = make_plan().evidence(trials[1:], None)[HOST].values()
    assert (evidence.value, evidence.reason) == (None, "crashed: it broke")


def test_evidence_in_a_table_is_used_if_the_question_is_the_same() -> None:
    day = NOW.date()
    old = [
        VersionEvidence(version=v, value=OLD, seen_at=day, under=under)
        for v, under in (("2.0.1", HOST_FEATURES[0].question_hash), ("2.0.2", "another"))
    ]
    plan = make_plan()
    (feature,) = plan.make_features({HOST: {each.version: each for each in old}}, None)
    table = make_table(features=(feature,))
    evidence = plan.evidence([make_trial("2.0.3", with_refresh(OLD))], table)[HOST]
    assert set(evidence) == {"2.0.1", "2.0.3"}
    new = plan.evidence([make_trial("2.0.1", with_refresh(NEW))], table)[HOST]
    assert new["2.0.1"].value == NEW


def table_with(*entries: VersionEvidence) -> CompatibilityTable:
    """Return a table with this evidence for the feature."""
    evidence = {each.version: each for each in entries}
    return make_table(features=make_plan().make_features({HOST: evidence}, None))


def make_evidence(version: str, value: str | None, *, looks: int = 1) -> VersionEvidence:
    """Return evidence for the feature in this version."""
    reason = None if value else "crashed: it broke"
    return VersionEvidence(
        version=version,
        value=value,
        reason=reason,
        looks=looks,
        seen_at=NOW.date(),
        under=HOST_FEATURES[0].question_hash,
    )


CRASH = make_observation(outcome=Outcome.CRASHED, detail="it broke again")
NOT_INSTALLED = make_observation(outcome=Outcome.UNAVAILABLE, detail="its script is broken")


@pytest.mark.parametrize(
    ("old", "new", "value", "looks"),
    [
        (make_evidence("2.0.3", OLD, looks=2), CRASH, OLD, 2),
        (make_evidence("2.0.3", OLD, looks=2), NOT_INSTALLED, OLD, 2),
        (make_evidence("2.0.3", None), NOT_INSTALLED, None, 1),
        (make_evidence("2.0.3", None, looks=0), CRASH, None, 1),
        (make_evidence("2.0.3", None), with_refresh(NEW), NEW, 1),
        (make_evidence("2.0.3", OLD, looks=2), with_refresh(OLD), OLD, 2),
        (make_evidence("2.0.3", OLD, looks=2), with_refresh(NEW), NEW, 1),
    ],
)
def test_a_value_is_preferred_to_none_and_a_new_one_to_an_old_one(
    old: VersionEvidence, new: Observation, value: str | None, looks: int
) -> None:
    (evidence,) = make_plan().evidence([make_trial("2.0.3", new)], table_with(old))[HOST].values()
    assert (evidence.value, evidence.looks) == (value, looks)


def test_different_values_discard_the_value_in_a_table() -> None:
    trials = [make_trial("2.0.3", with_refresh(host)) for host in (OLD, NEW)]
    table = table_with(make_evidence("2.0.3", OLD, looks=2))
    (evidence,) = make_plan().evidence(trials, table)[HOST].values()
    assert (evidence.value, evidence.looks) == (None, 2)


def test_a_version_that_could_not_be_installed_is_probed_again_once() -> None:
    table = table_with(
        make_evidence("2.0.0", OLD),
        make_evidence("2.0.4", None, looks=0),
        make_evidence("2.0.8", NEW),
    )
    plan = make_plan()
    evidence = plan.evidence((), table)
    assert versions(plan.next_cases(("2.0.4",), evidence, Counter())) == ["2.0.4"]
    assert versions(plan.next_cases((), evidence, Counter())) == ["2.0.4"]
    attempts = Counter([HOST_FEATURES[0].template.at("2.0.4").id])
    assert versions(plan.next_cases(("2.0.4",), evidence, attempts)) == ["2.0.5"]


def test_only_candidates_are_probed() -> None:
    table = table_with(
        make_evidence("2.0.0", OLD), make_evidence("2.0.4", NEW), make_evidence("2.0.7", NEW)
    )
    plan = make_plan(candidates=PUBLISHED[6:], max_probes=2)
    assert plan.next_cases(("2.0.7",), plan.evidence((), table), Counter()) == ()


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.definition.id)
def test_the_trials_of_a_feature_are_found_at_their_version(feature: BoundFeature) -> None:
    keys = [cache_key(feature.template.at(version)) for version in PUBLISHED[:2]]
    trials = [Trial(key=key, at=NOW, observation=make_observation()) for key in keys]
    evidence = make_plan(bound_features=(feature,)).evidence(trials, None)
    assert list(evidence[feature.definition.id]) == list(PUBLISHED[:2])


def test_trials_of_unknown_clients_are_ignored() -> None:
    line = make_trial("2.0.3", with_refresh(OLD))
    other = dataclasses.replace(line, key=dataclasses.replace(line.key, client="desktop@1.0"))
    assert set(make_plan().evidence([other, line], None)[HOST]) == {"2.0.3"}


def test_other_features_stay_in_the_table() -> None:
    other = dataclasses.replace(table_with(make_evidence("2.0.0", OLD)).features[0], id="another")
    table = make_table(features=(other,))
    plan = make_plan()
    features = plan.make_features(plan.evidence((), table), table)
    assert [each.id for each in features] == [HOST, "another"]
    assert features[1].evidence == other.evidence


def test_trials_of_other_questions_and_versions_are_ignored() -> None:
    other = next(each for each in FEATURES if each.definition.id == "oauth-flag")
    key = cache_key(other.template.at("2.0.1"))
    other_trial = Trial(key=key, at=NOW, observation=with_refresh(OLD))
    withdrawn = make_trial("2.0.99", with_refresh(OLD))
    assert make_plan().evidence([other_trial, withdrawn], None) == {HOST: {}}


def test_untestable_trials_are_dropped_unless_a_command_is_missing() -> None:
    untestable = make_trial(
        "2.0.1", make_observation(outcome=Outcome.UNAVAILABLE, detail="no network")
    )
    missing_command = make_trial(
        "2.0.2", make_observation(outcome=Outcome.UNAVAILABLE, detail=COMMAND_MISSING)
    )
    detail = f"--output-format: {COMMAND_MISSING}"
    missing_option = make_trial(
        "2.0.3", make_observation(outcome=Outcome.UNAVAILABLE, detail=detail)
    )
    good = make_trial("2.0.4", with_refresh(OLD))
    assert usable_trials([untestable, missing_command, missing_option, good]) == (
        missing_command,
        missing_option,
        good,
    )


def test_a_well_measured_version_has_evidence_for_most_features() -> None:
    day = NOW.date()
    one = VersionEvidence(version="2.0.1", value=OLD, seen_at=day, under="")
    two = VersionEvidence(version="2.0.2", value=OLD, seen_at=day, under="")
    both = {"2.0.1": one, "2.0.2": two}
    evidence = {"a": both, "b": both, "c": {"2.0.1": one}, "d": {}}
    assert well_measured_versions(evidence) == {"2.0.1"}
