"""A survey: what each of many versions shows of each feature, and what is still to be asked."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.compatibility.features import BoundFeature
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
from authprobe.scenario.clients import parse_client
from authprobe.trials.log import Trial, cache_key

MAJORITY: Final = 0.75
"""The part of the features that is most of them."""
DIFFERS: Final = "not the same each time"

Known = Mapping[str, Mapping[str, VersionEvidence]]
"""Evidence by the id of its feature and by version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """What is asked of which versions."""

    asked: tuple[BoundFeature, ...]
    published: tuple[str, ...]
    """Every release, the oldest first."""
    within: tuple[str, ...]
    """Those among which changes are sought, the oldest first."""
    count: int
    """How many of these are asked whatever they show."""
    looks: int
    """How many times a version is probed that stands beside a change."""

    def known(self, trials: Iterable[Trial], kept: CompatibilityTable | None) -> Known:
        """What is known by the log, and of what it does not tell by a table."""
        by_key = defaultdict(list)
        for trial in trials:
            by_key[trial.key].append(trial)
        seen = {_version(key.client) for key in by_key}
        tried = [version for version in self.published if version in seen]
        found: dict[str, dict[str, VersionEvidence]] = {}
        for asked in self.asked:
            found[asked.definition.id] = evidence = _kept(asked, kept)
            for version in tried:
                if own := by_key.get(cache_key(asked.inquiry.at(version)), ()):
                    new = _evidence(asked, version, own)
                    evidence[version] = _merge_evidence(evidence.get(version), new)
        return found

    def chosen(self, known: Known) -> tuple[str, ...]:
        """The versions that are asked whatever they show, the oldest first."""
        return sample_evenly(self.within, self.count, well_known(known))

    def next_cases(
        self, chosen: Sequence[str], known: Known, tried: Counter[str]
    ) -> tuple[Case, ...]:
        """What to probe next, the newest version first; nothing: every change is known exactly,
        or no further probe can tell.
        """
        return self._of_chosen(chosen, known, tried) or self._beside_changes(known, tried)

    def _of_chosen(
        self, chosen: Sequence[str], known: Known, tried: Counter[str]
    ) -> tuple[Case, ...]:
        return self._cases(
            (version, asked)
            for asked in self.asked
            for version in chosen
            if not _is_tested(known[asked.definition.id].get(version))
            and not tried[asked.inquiry.at(version).id]
        )

    def _beside_changes(self, known: Known, tried: Counter[str]) -> tuple[Case, ...]:
        return self._cases(
            (version, asked)
            for asked in self.asked
            for version in self._undecided(asked, known[asked.definition.id], tried)
        )

    def _undecided(
        self, asked: BoundFeature, known: Mapping[str, VersionEvidence], tried: Counter[str]
    ) -> Iterator[str]:
        """The versions to ask next, of those among which changes are sought; nothing that has been
        tried in vain.
        """
        times = {version: tried[asked.inquiry.at(version).id] for version in self.within}
        evidence = {version: known[version] for version in self.within if version in known}
        in_vain = {v for v in self.within if times[v] and not _is_tested(evidence.get(v))}
        open_ones = {v: each for v, each in evidence.items() if _is_tested(each)}
        published = [version for version in self.within if version not in in_vain]
        for version in next_versions(published, open_ones, looks=self.looks):
            if times[version] < self.looks:
                yield version

    def _cases(self, wanted: Iterable[tuple[str, BoundFeature]]) -> tuple[Case, ...]:
        """Each case once, though several features are read from it."""
        ordered = sorted(wanted, key=lambda each: version_key(each[0]), reverse=True)
        cases = (asked.inquiry.at(version) for version, asked in ordered)
        return tuple({case.id: case for case in cases}.values())

    def features(self, known: Known, kept: CompatibilityTable | None) -> tuple[Feature, ...]:
        """The features with what is known of them, and then what a table has of others."""
        asked = tuple(self._feature(each, known[each.definition.id]) for each in self.asked)
        others = (each for each in (kept.features if kept else ()) if each.id not in known)
        return (*asked, *(self._again(each) for each in others))

    def _again(self, feature: Feature) -> Feature:
        """The same evidence, where there are more versions now."""
        return dataclasses.replace(feature, intervals=intervals(self.published, feature.evidence))

    def _feature(self, asked: BoundFeature, known: Mapping[str, VersionEvidence]) -> Feature:
        definition = asked.definition
        evidence = tuple(known[version] for version in sorted(known, key=version_key))
        return Feature(
            id=definition.id,
            title=definition.title,
            case=definition.case,
            field=definition.field,
            contains=definition.contains,
            sources=definition.sources,
            intervals=intervals(self.published, evidence),
            gaps=gaps(evidence),
            evidence=evidence,
        )


def well_known(known: Known) -> frozenset[str]:
    """The versions of which most features are known: not those that stand beside some changes,
    nor all versions anew because there is one more feature.
    """
    times = Counter(version for evidence in known.values() for version in evidence)
    return frozenset(v for v, number in times.items() if number >= MAJORITY * len(known))


def without_untested(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Without those of what could not be tested then: it is tried again."""
    return tuple(trial for trial in trials if _was_tested(trial.observation))


def _was_tested(seen: Observation) -> bool:
    """Also where it lacks what is asked for: it will not have that tomorrow."""
    return seen.outcome is not Outcome.UNAVAILABLE or COMMAND_MISSING in (seen.detail or "")


def _kept(asked: BoundFeature, table: CompatibilityTable | None) -> dict[str, VersionEvidence]:
    """What a table says of a feature, where the question was the same."""
    found = table.features if table else ()
    return {
        known.version: known
        for feature in found
        if feature.id == asked.definition.id
        for known in feature.evidence
        if known.under == asked.under
    }


def _version(client: str) -> str | None:
    """The version in the name of a client; None: this is no client that is known here."""
    try:
        return parse_client(client).version
    except ValueError:
        return None


def _is_tested(evidence: VersionEvidence | None) -> bool:
    return evidence is not None and evidence.looks > 0


def _merge_evidence(old: VersionEvidence | None, new: VersionEvidence) -> VersionEvidence:
    """What says more, and of two values the new one: what stands beside a change is looked at
    again. The old one may be of the same looks.
    """
    if old is None:
        return new
    differs = (new.reason or "").startswith(DIFFERS)
    if new.value is None and not differs and (old.value is not None or new.looks == 0 < old.looks):
        return old
    if new.value is not None and new.value == old.value:
        return dataclasses.replace(new, looks=max(old.looks, new.looks))
    return new


def _evidence(asked: BoundFeature, version: str, trials: Sequence[Trial]) -> VersionEvidence:
    """What all looks at one version come to: a value if all that can be read show the same."""
    troubles = [asked.definition.trouble(version, trial.observation) for trial in trials]
    read = [
        asked.definition.read(trial.observation)
        for trial, reason in zip(trials, troubles, strict=True)
        if reason is None
    ]
    values = tuple(dict.fromkeys(read))
    value = values[0] if len(values) == 1 else None
    reason = None
    if len(values) > 1:
        reason = f"{DIFFERS}: {', '.join(values)}"
    elif not values:
        reason = troubles[-1]
    return VersionEvidence(
        version=version,
        value=value,
        reason=reason,
        looks=len(read) or sum(_was_tested(trial.observation) for trial in trials),
        seen_at=trials[-1].at.date(),
        under=asked.under,
    )
