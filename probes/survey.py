"""A survey: what each of many versions shows of each feature, and what is still to be asked."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from probes.compat import Evidence, Feature, Table, gaps, intervals, spread, undecided
from probes.features import Asked
from probes.observation import NOT_THERE, Outcome
from probes.plan import Case
from probes.scenario.model import parse_client
from probes.trials import Trial, key_of
from probes.versions import order

MOST: Final = 0.75
"""The part of the features that is most of them."""

Known = Mapping[str, Mapping[str, Evidence]]
"""Evidence by the id of its feature and by version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is asked of which versions."""

    asked: tuple[Asked, ...]
    published: tuple[str, ...]
    """Every release, the oldest first."""
    within: tuple[str, ...]
    """Those among which changes are sought, the oldest first."""
    count: int
    """How many of these are asked whatever they show."""
    looks: int
    """How many times a version is probed that stands beside a change."""

    def known(self, trials: Iterable[Trial], kept: Table | None) -> Known:
        """What is known by the log, and, of versions that it says nothing of, by a table."""
        by_key = defaultdict(list)
        for trial in trials:
            by_key[trial.key].append(trial)
        versions = {parse_client(key.client).version for key in by_key}
        return {
            asked.definition.id: _kept(asked, kept)
            | {
                version: _evidence(asked, version, found)
                for version in versions & set(self.published)
                if (found := by_key.get(key_of(asked.inquiry.at(version)), ()))
            }
            for asked in self.asked
        }

    def chosen(self, known: Known) -> tuple[str, ...]:
        """The versions that are asked whatever they show, the oldest first."""
        return spread(self.within, self.count, well_known(known))

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
            if version not in known[asked.definition.id] and not tried[asked.inquiry.at(version).id]
        )

    def _beside_changes(self, known: Known, tried: Counter[str]) -> tuple[Case, ...]:
        return self._cases(
            (version, asked)
            for asked in self.asked
            for version in undecided(self.within, known[asked.definition.id], looks=self.looks)
            if tried[asked.inquiry.at(version).id] < self.looks
        )

    def _cases(self, wanted: Iterable[tuple[str, Asked]]) -> tuple[Case, ...]:
        """Each case once, though several features are read from it."""
        ordered = sorted(wanted, key=lambda each: order(each[0]), reverse=True)
        cases = (asked.inquiry.at(version) for version, asked in ordered)
        return tuple({case.id: case for case in cases}.values())

    def features(self, known: Known) -> tuple[Feature, ...]:
        """The features with what is known of them."""
        return tuple(self._feature(asked, known[asked.definition.id]) for asked in self.asked)

    def _feature(self, asked: Asked, known: Mapping[str, Evidence]) -> Feature:
        definition = asked.definition
        evidence = tuple(known[version] for version in sorted(known, key=order))
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
    return frozenset(v for v, number in times.items() if number >= MOST * len(known))


def without_untested(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Without those of what could not be tested then: it is tried again."""
    return tuple(
        trial
        for trial in trials
        if trial.observation.outcome is not Outcome.UNAVAILABLE
        or NOT_THERE in (trial.observation.detail or "")
    )


def _kept(asked: Asked, table: Table | None) -> dict[str, Evidence]:
    """What a table says of a feature, where the question was the same."""
    found = table.features if table else ()
    return {
        known.version: known
        for feature in found
        if feature.id == asked.definition.id
        for known in feature.evidence
        if known.under == asked.under
    }


def _evidence(asked: Asked, version: str, trials: Sequence[Trial]) -> Evidence:
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
        reason = f"not the same each time: {', '.join(values)}"
    elif not values:
        reason = troubles[-1]
    return Evidence(
        version=version,
        value=value,
        reason=reason,
        looks=len(read) or len(trials),
        seen_at=trials[-1].at.date(),
        under=asked.under,
    )
