"""Diff of one client at two versions: the cases to probe at both, and their comparison."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.diff.runs import CaseDiff, Diff, diff_observations, make_diff
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from authprobe.plan.case_ids import matching_cases
from authprobe.scenario.clients import Client
from authprobe.scenario.matrix import combinations
from authprobe.scenario.model import Scenario
from authprobe.trials.case_template import make_template
from authprobe.trials.log import Trial, cache_key

SLOW_TAG: Final = "slow"
"""Tag of scenarios whose cases wait for a time limit by design."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePair:
    """One case at both versions."""

    id: str
    """Id of the case without client versions."""
    before: Case
    after: Case


def check_clients(before: Client, after: Client) -> None:
    """Check that two clients can be compared.

    Raises:
        SettingsError: they are of different kinds, or equal.
    """
    if _kinds(before) != _kinds(after):
        raise SettingsError(f"{before} and {after}: give two versions of the same client")
    if before == after:
        raise SettingsError(f"{before}: both are the same; give two versions")


def select_pairs(
    scenarios: Iterable[Scenario],
    before: Client,
    after: Client,
    names: Sequence[str],
    *,
    default_names: Sequence[str],
) -> tuple[CasePair, ...]:
    """Return the cases to compare: those with these names, or else with the default ones.

    Without either it is every case that is not slow, or every case if all are.

    Raises:
        SettingsError: the client has no case, or a name matches none of its cases.
    """
    pairs = _pairs(scenarios, before, after)
    if not pairs:
        raise SettingsError(f"{before}: no scenario has a case for this client")
    if not names and not default_names:
        quick = tuple(pair for pair in pairs.values() if SLOW_TAG not in pair.before.tags)
        return quick or tuple(pairs.values())
    ids = dict.fromkeys(id for name in names or default_names for id in matching_cases(name, pairs))
    return tuple(pairs[id] for id in ids)


def _pairs(scenarios: Iterable[Scenario], before: Client, after: Client) -> dict[str, CasePair]:
    pairs: dict[str, CasePair] = {}
    for scenario in scenarios:
        for names in combinations(scenario):
            if _kinds(names.client) != _kinds(before):
                continue
            template = make_template(scenario, names)
            pair = CasePair(
                id=template.id,
                before=template.with_client(before),
                after=template.with_client(after),
            )
            pairs.setdefault(pair.id, pair)
    return pairs


def _kinds(client: Client | None) -> tuple[str, ...]:
    """Return the kinds of a client and of those it runs through."""
    return (client.kind, *_kinds(client.through)) if client else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionComparison:
    """Cases to compare at two versions, and the number of probes for those that differ."""

    before: Client
    after: Client
    pairs: tuple[CasePair, ...]
    max_probes: int
    """Probes of a differing case at each version, to tell changes from noise."""

    def next_cases(self, trials: Iterable[Trial], attempts: Counter[str]) -> tuple[Case, ...]:
        """Return the cases to probe next: those without observations, and those that differ."""
        observations = self._observations(trials)
        cases: list[Case] = []
        for pair in self.pairs:
            counts = [(case, len(observations[case.id])) for case in (pair.before, pair.after)]
            fewest = min(count for _, count in counts)
            if fewest == 0 or (
                fewest < self.max_probes and self._compare(pair, observations).changes
            ):
                cases += [case for case, count in counts if count == fewest]
        return tuple(case for case in cases if attempts[case.id] < self.max_probes)

    def diff(self, trials: Iterable[Trial]) -> Diff:
        """Return the diff by the observations so far."""
        observations = self._observations(trials)
        cases = (self._compare(pair, observations) for pair in self.pairs)
        return make_diff(str(self.before), str(self.after), cases)

    def _compare(
        self, pair: CasePair, observations: Mapping[str, Sequence[Observation]]
    ) -> CaseDiff:
        return diff_observations(pair.id, observations[pair.before.id], observations[pair.after.id])

    def _observations(self, trials: Iterable[Trial]) -> dict[str, list[Observation]]:
        """Return the observations by case id; untestable ones only if a case has no others."""
        ids = {
            cache_key(case): case.id for pair in self.pairs for case in (pair.before, pair.after)
        }
        observations: dict[str, list[Observation]] = defaultdict(list)
        for trial in trials:
            if id := ids.get(trial.key):
                observations[id].append(trial.observation)
        for id, own in observations.items():
            observations[id] = [each for each in own if not each.untestable] or own
        return observations
