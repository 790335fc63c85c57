"""Diff of one client at two versions: the cases to probe at both, and their comparison."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from authprobe.core.version_ranges import LATEST
from authprobe.diff.judgement import Effect, make_answer
from authprobe.diff.model import CaseDiff, Diff, compare_answers, is_late, make_diff
from authprobe.diff.observations import started_late
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case, case_id, contains_client, make_case
from authprobe.plan.case_ids import matching_cases
from authprobe.plan.selection import select_cases
from authprobe.scenario.clients import Client
from authprobe.scenario.matrix import Names, combinations
from authprobe.scenario.model import Expectation, Scenario
from authprobe.trials.case_template import make_template
from authprobe.trials.log import Trial, cache_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A client at one version, and what scenarios may call this version beside its number."""

    client: Client
    is_newest: bool = False
    """True if it is what `latest` stands for today."""

    @property
    def spellings(self) -> tuple[Client, ...]:
        """The client as scenarios may spell it, the exact version first."""
        latest = dataclasses.replace(self.client, version=LATEST)
        return (self.client, latest) if self.is_newest else (self.client,)


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePair:
    """One case at both versions, with what its scenario expects of each."""

    id: str
    """Id of the case without client versions."""
    before: Case
    after: Case
    expected_before: Expectation | None
    """None: the scenario says nothing about this version."""
    expected_after: Expectation | None


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
    before: Side,
    after: Side,
    names: Sequence[str],
    *,
    expression: str | None = None,
    selects: Callable[[str], bool] | None = None,
) -> tuple[CasePair, ...]:
    """Return the cases to compare: those with these names, or else all of the client.

    `expression` limits them, as `-k` does; so does `selects`, by the ids that a case has in its
    scenario.

    Raises:
        SettingsError: the client has no case, a name matches none of its cases, or the expression
            is invalid or matches none.
    """
    pairs = _pairs(scenarios, before, after, selects)
    if not (pairs or names):
        raise SettingsError(f"{before.client}: no scenario has a case for this client")
    if names:
        ids = dict.fromkeys(id for name in names for id in matching_cases(name, pairs))
        pairs = {id: pairs[id] for id in ids}
    selected = {case.id for case in select_cases([x.after for x in pairs.values()], expression)}
    if not selected:
        raise SettingsError(f"-k {expression}: no case of {before.client.kind} matches")
    return tuple(pair for pair in pairs.values() if pair.after.id in selected)


def _pairs(
    scenarios: Iterable[Scenario],
    before: Side,
    after: Side,
    selects: Callable[[str], bool] | None,
) -> dict[str, CasePair]:
    pairs: dict[str, CasePair] = {}
    for scenario in scenarios:
        alternatives: dict[Names, list[Client]] = {}
        selected: set[Names] = set()
        for names in combinations(scenario):
            if _kinds(names.client) == _kinds(before.client):
                plain = dataclasses.replace(names, client=before.client)
                alternatives.setdefault(plain, []).append(names.client)
                if selects is None or selects(case_id(scenario.id, names)):
                    selected.add(plain)
        for names, clients in alternatives.items():
            if names not in selected:
                continue
            template = make_template(scenario, names)
            pair = CasePair(
                id=template.id,
                before=template.with_client(before.client),
                after=template.with_client(after.client),
                expected_before=_expectation(scenario, names, before, clients),
                expected_after=_expectation(scenario, names, after, clients),
            )
            pairs.setdefault(pair.id, pair)
    return pairs


def _expectation(
    scenario: Scenario, names: Names, side: Side, clients: Sequence[Client]
) -> Expectation | None:
    """Return what a scenario expects of a version; None: it says nothing about it.

    A version that the scenario does not name is expected to do what all named ones are expected to
    do, if that is the same.
    """

    def expected_of(client: Client) -> Expectation:
        return make_case(scenario, dataclasses.replace(names, client=client)).expectation

    for spelling in side.spellings:
        if any(contains_client(client, spelling) for client in clients):
            return expected_of(spelling)
    first, *others = map(expected_of, clients)
    return first if all(other == first for other in others) else None


def _sides(pair: CasePair) -> tuple[tuple[Case, Expectation | None], ...]:
    return ((pair.before, pair.expected_before), (pair.after, pair.expected_after))


def _kinds(client: Client | None) -> tuple[str, ...]:
    """Return the kinds of a client and of those it runs through."""
    return (client.kind, *_kinds(client.through)) if client else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionComparison:
    """Cases to compare at two versions, and the number of probes for those that differ."""

    before: Client
    after: Client
    pairs: tuple[CasePair, ...]
    scenarios: tuple[str, ...] = ()
    """Scenario files and folders; empty: the bundled ones."""
    max_probes: int
    """Probes of a differing case at each version, to tell changes from noise."""

    def next_cases(self, trials: Iterable[Trial], attempts: Counter[str]) -> tuple[Case, ...]:
        """Return the cases to probe next: those without answers, and those that differ."""
        observations = self._observations(trials)
        differing: frozenset[str] = frozenset()
        if not self._missing(observations):
            differing = self._differing(trials)
        late = self._late(observations)
        cases: list[Case] = []
        for pair in self.pairs:
            counts = [
                (case, 0 if case.id in late else len(observations[case.id]))
                for case in (pair.before, pair.after)
            ]
            fewest = min(count for _, count in counts)
            if fewest == 0 or (fewest < self.max_probes and pair.id in differing):
                cases += [case for case, count in counts if count == fewest]
        return tuple(case for case in cases if attempts[case.id] < self.max_probes)

    def _late(self, observations: Mapping[str, Sequence[Observation]]) -> frozenset[str]:
        """Return the ids of the cases in which the client only ever started too late to answer."""
        answers = (
            (case.id, make_answer(observations[case.id][-1], case.flow, expected))
            for pair in self.pairs
            for case, expected in _sides(pair)
            if observations[case.id]
        )
        return frozenset(id for id, answer in answers if is_late(answer))

    def _differing(self, trials: Iterable[Trial]) -> frozenset[str]:
        """Return the ids of the pairs that differ in more than the background."""
        diff = self.diff(trials)
        return frozenset(case.case for case in diff.cases if case.effect is not Effect.SAME)

    def _missing(self, observations: Mapping[str, Sequence[Observation]]) -> bool:
        """Return True if a case has not been probed at all: the background is not known yet."""
        return any(
            not observations[case.id] for pair in self.pairs for case in (pair.before, pair.after)
        )

    def has_answers(self, client: Client, trials: Iterable[Trial]) -> bool:
        """Return True if at least one case could be tested at this version, before or after."""
        observations = self._observations(trials)
        return any(
            not observation.untestable
            for pair in self.pairs
            for case in (pair.before, pair.after)
            if case.client == client
            for observation in observations[case.id]
        )

    def diff(self, trials: Iterable[Trial]) -> Diff:
        """Return the diff by the observations so far."""
        observations = self._observations(trials)
        cases = (self._compare(pair, observations) for pair in self.pairs)
        is_chain = self.before.through or self.after.through
        return make_diff(
            self.title,
            str(self.before),
            str(self.after),
            cases,
            versions=None if is_chain else (self.before.version, self.after.version),
            scenarios=self.scenarios,
        )

    @property
    def title(self) -> str:
        """The client with both versions: `claude-code 2.1.31 → 2.1.32`."""
        if self.before.through or self.after.through:
            return f"{self.before} → {self.after}"
        return f"{self.before.kind} {self.before.version} → {self.after.version}"

    def _compare(
        self, pair: CasePair, observations: Mapping[str, Sequence[Observation]]
    ) -> CaseDiff:
        before, after = (
            [make_answer(each, case.flow, expected) for each in observations[case.id]]
            for case, expected in _sides(pair)
        )
        return compare_answers(pair.id, before, after, title=pair.after.title)

    def _observations(self, trials: Iterable[Trial]) -> dict[str, list[Observation]]:
        """Return the observations by case id; those without an answer only if there are no others.

        A client that started too late for its time limit did not answer.
        """
        ids = {
            cache_key(case): case.id for pair in self.pairs for case in (pair.before, pair.after)
        }
        observations: dict[str, list[Observation]] = defaultdict(list)
        for trial in trials:
            if id := ids.get(trial.key):
                observations[id].append(trial.observation)
        for id, own in observations.items():
            answers = [each for each in own if not (each.untestable or started_late(each))]
            observations[id] = answers or own
        return observations
