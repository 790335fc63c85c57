"""A contrast: the same questions to a client at two versions, or to two clients of one kind."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.diff.runs import CaseDiff, Diff, diff_observations, make_diff
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case, case_id, make_case
from authprobe.plan.case_ids import matching_cases, without_version
from authprobe.scenario.clients import Client
from authprobe.scenario.matrix import combinations, rules
from authprobe.scenario.model import Scenario
from authprobe.trials.log import Trial, cache_key

SLOW: Final = "slow"
"""Tag of what waits for time limits on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One question to both."""

    id: str
    """The id of the case without a version."""
    before: Case
    after: Case


def check_clients(before: Client, after: Client) -> None:
    """See that the two can be compared.

    Raises:
        SettingsError: they are of two kinds, or the same.
    """
    if _shape(before) != _shape(after):
        raise SettingsError(f"{before} and {after}: two versions of one client can be compared")
    if before == after:
        raise SettingsError(f"{before}: both are the same")


def pairs_of(
    scenarios: Iterable[Scenario],
    before: Client,
    after: Client,
    names: Sequence[str],
    *,
    usual: Sequence[str],
) -> tuple[Pair, ...]:
    """The questions that are asked of both: those that are named, else the usual ones, else every
    one that does not wait on purpose, else every one.

    Raises:
        SettingsError: a name that no case of this client has, or none at all.
    """
    known = _pairs(scenarios, before, after)
    if not known:
        raise SettingsError(f"{before}: no scenario has a case for it")
    if not names and not usual:
        quick = tuple(pair for pair in known.values() if SLOW not in pair.before.tags)
        return quick or tuple(known.values())
    wanted = dict.fromkeys(id for name in names or usual for id in matching_cases(name, known))
    return tuple(known[id] for id in wanted)


def _pairs(scenarios: Iterable[Scenario], before: Client, after: Client) -> dict[str, Pair]:
    found: dict[str, Pair] = {}
    for scenario in scenarios:
        # What is expected makes no difference here, and often says nothing of these versions.
        any_rule = dataclasses.replace(scenario, expect=rules(scenario)[0].then)
        for names in combinations(scenario):
            if _shape(names.client) != _shape(before):
                continue
            cases = (
                make_case(any_rule, dataclasses.replace(names, client=client))
                for client in (before, after)
            )
            name = without_version(case_id(scenario.id, names))
            found.setdefault(name, Pair(id=name, before=next(cases), after=next(cases)))
    return found


def _shape(client: Client | None) -> tuple[str, ...]:
    """The kinds of a client and of those behind it."""
    return (client.kind, *_shape(client.through)) if client else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionComparison:
    """The questions, and how often each is asked where the answers differ."""

    before: Client
    after: Client
    pairs: tuple[Pair, ...]
    looks: int

    def next_cases(self, trials: Iterable[Trial], tried: Counter[str]) -> tuple[Case, ...]:
        """What to probe next: what was not, and again what differs and may do so by chance."""
        seen = self._seen(trials)
        wanted: list[Case] = []
        for pair in self.pairs:
            sides = [(case, len(seen[case.id])) for case in (pair.before, pair.after)]
            least = min(looks for _, looks in sides)
            if least == 0 or (least < self.looks and self._compared(pair, seen).changes):
                wanted += [case for case, looks in sides if looks == least]
        return tuple(case for case in wanted if tried[case.id] < self.looks)

    def diff(self, trials: Iterable[Trial]) -> Diff:
        """What differs, by what was seen so far."""
        seen = self._seen(trials)
        compared = (self._compared(pair, seen) for pair in self.pairs)
        return make_diff(str(self.before), str(self.after), compared)

    def _compared(self, pair: Pair, seen: Mapping[str, Sequence[Observation]]) -> CaseDiff:
        return diff_observations(pair.id, seen[pair.before.id], seen[pair.after.id])

    def _seen(self, trials: Iterable[Trial]) -> dict[str, list[Observation]]:
        """What was seen of each case; where it could be tested, that alone."""
        cases = {
            cache_key(case): case.id for pair in self.pairs for case in (pair.before, pair.after)
        }
        found: dict[str, list[Observation]] = defaultdict(list)
        for trial in trials:
            if name := cases.get(trial.key):
                found[name].append(trial.observation)
        for name, seen in found.items():
            found[name] = [each for each in seen if not each.untestable] or seen
        return found
