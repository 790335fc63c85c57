"""Sampling of versions: the cases to probe next, and the features by the evidence so far."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.compatibility.features import ANY_VERSION, BoundFeature, Definition
from authprobe.compatibility.table import (
    CompatibilityTable,
    Feature,
    VersionEvidence,
    gaps,
    intervals,
    next_versions,
    sample_evenly,
)
from authprobe.core.version_ranges import version_key
from authprobe.observation.model import COMMAND_MISSING, Observation, Outcome
from authprobe.plan.case import Case
from authprobe.trials.log import Trial, TrialKey, cache_key

MAJORITY: Final = 0.75
"""Share of the features from which a version counts as well measured."""
UNSTABLE_REASON: Final = "not the same each time"

EvidenceByFeature = Mapping[str, Mapping[str, VersionEvidence]]
"""Evidence by feature id and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """Features to measure, and the versions to measure them in."""

    bound_features: tuple[BoundFeature, ...]
    published: tuple[str, ...]
    """Every published release, oldest first."""
    candidates: tuple[str, ...]
    """Releases among which changes are searched for, oldest first."""
    count: int
    """Number of candidates that are probed in any case."""
    max_probes: int
    """Number of probes of a version beside a change."""

    def evidence(
        self, trials: Iterable[Trial], table: CompatibilityTable | None
    ) -> EvidenceByFeature:
        """Return the evidence in the log, merged into that of an earlier table."""
        trials_by_key = defaultdict(list)
        for trial in trials:
            trials_by_key[trial.key].append(trial)
        logged = {_version_of(key.client) for key in trials_by_key}
        versions = [version for version in self.published if version in logged]
        evidence: dict[str, dict[str, VersionEvidence]] = {}
        for feature in self.bound_features:
            definition, question = feature.definition, feature.question_hash
            own = evidence[definition.id] = _table_evidence(definition, question, table)
            for version, key in _keys(feature, versions):
                if key in trials_by_key:
                    new = _measure(definition, question, version, trials_by_key[key])
                    own[version] = _merge_evidence(own.get(version), new)
        return evidence

    def sample(self, evidence: EvidenceByFeature) -> tuple[str, ...]:
        """Return the versions that are probed in any case, oldest first."""
        return sample_evenly(self.candidates, self.count, well_measured_versions(evidence))

    def next_cases(
        self, sample: Sequence[str], evidence: EvidenceByFeature, attempts: Counter[str]
    ) -> tuple[Case, ...]:
        """Return the cases to probe next, the newest version first.

        First those of the sample, then those that narrow the changes. Empty: the version of every
        change is exact, or further probes cannot narrow it.
        """
        return self._sample_cases(sample, evidence, attempts) or self._narrowing_cases(
            evidence, attempts
        )

    def _sample_cases(
        self, sample: Sequence[str], evidence: EvidenceByFeature, attempts: Counter[str]
    ) -> tuple[Case, ...]:
        return self._cases(
            (version, feature)
            for feature in self.bound_features
            for version in sample
            if not _is_tested(evidence[feature.definition.id].get(version))
            and not attempts[feature.template.at(version).id]
        )

    def _narrowing_cases(
        self, evidence: EvidenceByFeature, attempts: Counter[str]
    ) -> tuple[Case, ...]:
        return self._cases(
            (version, feature)
            for feature in self.bound_features
            for version in self._narrowing_versions(
                feature, evidence[feature.definition.id], attempts
            )
        )

    def _narrowing_versions(
        self,
        feature: BoundFeature,
        evidence: Mapping[str, VersionEvidence],
        attempts: Counter[str],
    ) -> Iterator[str]:
        """Yield the candidates to probe next, without those that have failed before."""
        counts = {version: attempts[feature.template.at(version).id] for version in self.candidates}
        tested = {
            version: evidence[version]
            for version in self.candidates
            if _is_tested(evidence.get(version))
        }
        usable = [v for v in self.candidates if v in tested or not counts[v]]
        for version in next_versions(usable, tested, looks=self.max_probes):
            if counts[version] < self.max_probes:
                yield version

    def _cases(self, requests: Iterable[tuple[str, BoundFeature]]) -> tuple[Case, ...]:
        """Return each case once, even if several features are measured with it."""
        ordered = sorted(requests, key=lambda request: version_key(request[0]), reverse=True)
        cases = (feature.template.at(version) for version, feature in ordered)
        return tuple({case.id: case for case in cases}.values())

    def make_features(
        self, evidence: EvidenceByFeature, table: CompatibilityTable | None
    ) -> tuple[Feature, ...]:
        """Return the features with this evidence, and then the other features of a table."""
        measured = (self._feature(x, evidence[x.definition.id]) for x in self.bound_features)
        others = (x for x in (table.features if table else ()) if x.id not in evidence)
        return (*measured, *(self._with_new_intervals(feature) for feature in others))

    def _with_new_intervals(self, feature: Feature) -> Feature:
        """Return the feature with its intervals among the versions that are published now."""
        return dataclasses.replace(feature, intervals=intervals(self.published, feature.evidence))

    def _feature(self, feature: BoundFeature, evidence: Mapping[str, VersionEvidence]) -> Feature:
        definition = feature.definition
        ordered = tuple(evidence[version] for version in sorted(evidence, key=version_key))
        return Feature(
            id=definition.id,
            title=definition.title,
            case=definition.case,
            field=definition.field,
            contains=definition.contains,
            sources=definition.sources,
            intervals=intervals(self.published, ordered),
            gaps=gaps(ordered),
            evidence=ordered,
        )


def _keys(feature: BoundFeature, versions: Iterable[str]) -> Iterator[tuple[str, TrialKey]]:
    """Yield each version with the key of its trials, in which only the client differs."""
    template = feature.template
    key = cache_key(template.at(ANY_VERSION))
    for version in versions:
        client = dataclasses.replace(template.client, version=version)
        yield version, dataclasses.replace(key, client=str(client))


def well_measured_versions(evidence: EvidenceByFeature) -> frozenset[str]:
    """Return the versions in which a majority of the features has evidence.

    Fewer features mean that a version was probed only to narrow a change. Not all features are
    required, so that a new feature does not change the sample.
    """
    counts = Counter(version for own in evidence.values() for version in own)
    return frozenset(v for v, count in counts.items() if count >= MAJORITY * len(evidence))


def usable_trials(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Return the trials whose case could be tested; the others are probed again."""
    return tuple(trial for trial in trials if _could_run(trial.observation))


def _could_run(observation: Observation) -> bool:
    """Return False for an untestable observation that another attempt may change.

    A missing subcommand or option stays missing in its version.
    """
    is_missing = COMMAND_MISSING in (observation.detail or "")
    return observation.outcome is not Outcome.UNAVAILABLE or is_missing


def _table_evidence(
    definition: Definition, question: str, table: CompatibilityTable | None
) -> dict[str, VersionEvidence]:
    """Return the evidence in a table for a feature whose question has not changed."""
    return {
        evidence.version: evidence
        for other in (table.features if table else ())
        if other.id == definition.id
        for evidence in other.evidence
        if evidence.under == question
    }


def _version_of(client: str) -> str | None:
    """Return the version in the spelling of a client; None: it has none."""
    return client.partition("+")[0].partition("@")[2] or None


def _is_tested(evidence: VersionEvidence | None) -> bool:
    return evidence is not None and evidence.looks > 0


def _merge_evidence(old: VersionEvidence | None, new: VersionEvidence) -> VersionEvidence:
    """Return the merged evidence: prefer a value over none, and the newer of two values.

    An unstable value counts as newer evidence, not as a missing value. The numbers of probes are
    not added, as both may count the same ones.
    """
    if old is None:
        return new
    is_unstable = (new.reason or "").startswith(UNSTABLE_REASON)
    says_less = old.value is not None or new.looks == 0 < old.looks
    if new.value is None and not is_unstable and says_less:
        return old
    if new.value is not None and new.value == old.value:
        return dataclasses.replace(new, looks=max(old.looks, new.looks))
    return new


def _measure(
    definition: Definition, question: str, version: str, trials: Sequence[Trial]
) -> VersionEvidence:
    """Return the evidence of all trials of a version: a value if all testable ones agree."""
    reasons = [definition.untestable_reason(version, trial.observation) for trial in trials]
    measurements = [
        definition.value_of(trial.observation)
        for trial, reason in zip(trials, reasons, strict=True)
        if reason is None
    ]
    values = tuple(dict.fromkeys(measurements))
    reason = None
    if len(values) > 1:
        reason = f"{UNSTABLE_REASON}: {', '.join(values)}"
    elif not values:
        reason = reasons[-1]
    return VersionEvidence(
        version=version,
        value=values[0] if len(values) == 1 else None,
        reason=reason,
        looks=len(measurements) or sum(_could_run(trial.observation) for trial in trials),
        seen_at=trials[-1].at.date(),
        under=question,
    )
