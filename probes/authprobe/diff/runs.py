"""Two runs, or one client at two versions, become what differs between them, case by case."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from authprobe.diff.observations import Aspect, Change, in_order, stable_changes
from authprobe.observation.model import Observation
from authprobe.plan.case_ids import matching_cases, without_version
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One case on both sides."""

    case: str
    changes: tuple[Change, ...] = ()
    reason: str | None = None
    """Why it was not compared: on one side there is nothing that could be."""

    @property
    def worse(self) -> bool:
        """Whether it passed before, and does not now."""
        verdicts = [each for each in self.changes if each.aspect is Aspect.VERDICT]
        return any(each.before == Status.PASSED for each in verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What is not as it was."""

    before: str
    """The client, or the run, in words."""
    after: str
    cases: tuple[Compared, ...]
    """What became worse first, then what changed, then the rest; each by its id."""
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    """Clients whose version differs between two runs, in words."""

    @property
    def changed(self) -> tuple[Compared, ...]:
        """The cases in which something differs."""
        return tuple(case for case in self.cases if case.changes)

    @property
    def groups(self) -> tuple[tuple[tuple[Compared, ...], tuple[Change, ...]], ...]:
        """Every change once, with the cases that show it: those of the worst cases first, then
        other verdicts, other outcomes, and then what most cases show.
        """
        shown: dict[Change, list[Compared]] = {}
        for case in self.changed:
            for change in case.changes:
                shown.setdefault(change, []).append(case)
        groups: dict[tuple[Compared, ...], list[Change]] = {}
        for change, cases in shown.items():
            groups.setdefault(tuple(cases), []).append(change)
        told = [(cases, tuple(in_order(changes))) for cases, changes in groups.items()]
        return tuple(sorted(told, key=_rank))

    @property
    def not_compared(self) -> tuple[Compared, ...]:
        """The cases that could not be compared."""
        return tuple(case for case in self.cases if case.reason)

    def only(self, names: Sequence[str]) -> "Diff":
        """Of these cases: ids or patterns, in which versions make no difference.

        Raises:
            SettingsError: there is no such case.
        """
        ids = [*(case.case for case in self.cases), *self.only_before, *self.only_after]
        kept = {id for name in names for id in matching_cases(name, ids)}
        return dataclasses.replace(
            self,
            cases=tuple(case for case in self.cases if case.case in kept),
            only_before=tuple(id for id in self.only_before if id in kept),
            only_after=tuple(id for id in self.only_after if id in kept),
        )

    @property
    def same(self) -> bool:
        """Whether there is something, all of it could be compared, and nothing differs."""
        differs = self.changed or self.not_compared or self.only_before or self.only_after
        return bool(self.cases) and not differs


def _rank(group: tuple[tuple[Compared, ...], tuple[Change, ...]]) -> tuple[bool, int, int]:
    """What is told first."""
    cases, changes = group
    ends = (Aspect.VERDICT, Aspect.OUTCOME)
    first = changes[0].aspect
    return not cases[0].worse, ends.index(first) if first in ends else len(ends), -len(cases)


def diff_observations(
    case: str, before: Sequence[Observation], after: Sequence[Observation]
) -> Compared:
    """What differs between all that was seen of a case before, and all that was seen after."""
    for words, side in (("before", before), ("after", after)):
        if not side or side[-1].untestable:
            return _not_compared(case, words, side[-1].detail if side else None)
    return Compared(case=case, changes=stable_changes(before, after))


def _not_compared(case: str, side: str, reason: str | None) -> Compared:
    return Compared(case=case, reason=f"{side}: {reason or 'it was not probed'}")


def make_diff(
    before: str, after: str, cases: Iterable[Compared], **others: tuple[str, ...]
) -> Diff:
    """The diff of these cases, what became worse first."""
    ordered = sorted(cases, key=lambda x: (not x.worse, not x.changes, bool(x.reason), x.case))
    return Diff(before=before, after=after, cases=tuple(ordered), **others)


def diff_runs(before: Run, after: Run) -> Diff:
    """What differs between two runs.

    Cases belong together by their ids; what is left, by their ids without the versions of clients,
    where that is one of each: so runs of two versions of a client can be compared.
    """
    old, new = ({record.id: record for record in run.cases} for run in (before, after))
    pairs = {name: (old[name], new[name]) for name in old.keys() & new.keys()}
    pairs |= _of_other_versions(old.keys() - pairs.keys(), new.keys() - pairs.keys(), old, new)
    paired = {record.id for pair in pairs.values() for record in pair}
    return make_diff(
        _told(before),
        _told(after),
        [_compared(name, *pair) for name, pair in pairs.items()],
        only_before=tuple(sorted(old.keys() - paired)),
        only_after=tuple(sorted(new.keys() - paired)),
        clients=tuple(_clients(pairs.values())),
    )


def _of_other_versions(
    before: Iterable[str],
    after: Iterable[str],
    old: Mapping[str, CaseRecord],
    new: Mapping[str, CaseRecord],
) -> dict[str, tuple[CaseRecord, CaseRecord]]:
    found: dict[str, tuple[list[str], list[str]]] = {}
    for side, names in enumerate((before, after)):
        for name in names:
            found.setdefault(without_version(name), ([], []))[side].append(name)
    return {
        names[1][0]: (old[names[0][0]], new[names[1][0]])
        for names in found.values()
        if (len(names[0]), len(names[1])) == (1, 1)
    }


def _compared(case: str, before: CaseRecord, after: CaseRecord) -> Compared:
    for words, record in (("before", before), ("after", after)):
        if record.observation.untestable and record.verdict.status is not Status.PASSED:
            return _not_compared(case, words, record.observation.detail)
    changes = stable_changes([before.observation], [after.observation])
    return Compared(case=case, changes=(*_verdict(before.verdict, after.verdict), *changes))


def _verdict(before: Verdict, after: Verdict) -> Iterator[Change]:
    if before.status is not after.status:
        yield Change(
            aspect=Aspect.VERDICT, subject="verdict", before=before.status, after=after.status
        )


def _told(run: Run) -> str:
    cases = "1 case" if len(run.cases) == 1 else f"{len(run.cases):,} cases"
    return f"the run of {run.started_at:%Y-%m-%d %H:%M:%S} UTC ({cases})"


def _clients(pairs: Iterable[tuple[CaseRecord, CaseRecord]]) -> Iterator[str]:
    """`claude-code@latest: 2.1.330 → 2.1.332`, each once."""
    found = {
        (_client_words(before, after), before.client_version, after.client_version)
        for before, after in pairs
        if None not in (before.client_version, after.client_version)
    }
    for client, old, new in sorted(found, key=str):
        if old != new:
            yield f"{client}: {old} → {new}"


def _client_words(before: CaseRecord, after: CaseRecord) -> str:
    """The client as both name it."""
    return after.client if before.client == after.client else without_version(after.client)
