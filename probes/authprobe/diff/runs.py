"""Diff of two runs, or of one client at two versions, case by case."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from authprobe.diff.observations import Aspect, Change, sort_changes, stable_changes
from authprobe.observation.model import Observation
from authprobe.plan.case_ids import matching_cases, without_version
from authprobe.run.model import CaseRecord, Run
from authprobe.verdict.model import Status, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDiff:
    """Changes in one case, or the reason that it could not be compared."""

    case: str
    changes: tuple[Change, ...] = ()
    reason: str | None = None
    """Reason that the case was not compared: it was not tested on one side."""

    @property
    def is_worse(self) -> bool:
        """True if the case passed before and does not now."""
        verdicts = [change for change in self.changes if change.aspect is Aspect.VERDICT]
        return any(change.before == Status.PASSED for change in verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Differences between two sides, with all cases of both."""

    before: str
    """Title of the client or run."""
    after: str
    cases: tuple[CaseDiff, ...]
    """Worse cases first, then changed ones, then the rest; each sorted by id."""
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    """Clients whose version differs between two runs, such as `name: 2.1.31 → 2.1.32`."""

    @property
    def changed(self) -> tuple[CaseDiff, ...]:
        """Cases with changes."""
        return tuple(case for case in self.cases if case.changes)

    @property
    def groups(self) -> tuple[tuple[tuple[CaseDiff, ...], tuple[Change, ...]], ...]:
        """Each change once, grouped by the cases that have it.

        Changes of worse cases come first, then verdicts, outcomes, and the changes of most cases.
        """
        cases_by_change: dict[Change, list[CaseDiff]] = {}
        for case in self.changed:
            for change in case.changes:
                cases_by_change.setdefault(change, []).append(case)
        changes_by_cases: dict[tuple[CaseDiff, ...], list[Change]] = {}
        for change, cases in cases_by_change.items():
            changes_by_cases.setdefault(tuple(cases), []).append(change)
        groups = [(cases, tuple(sort_changes(x))) for cases, x in changes_by_cases.items()]
        return tuple(sorted(groups, key=_group_rank))

    @property
    def not_compared(self) -> tuple[CaseDiff, ...]:
        """Cases that could not be compared."""
        return tuple(case for case in self.cases if case.reason)

    def restrict_to(self, names: Sequence[str]) -> "Diff":
        """Return the diff of these cases only: ids or patterns, whose versions are ignored.

        Raises:
            SettingsError: a name that no case has.
        """
        ids = [*(case.case for case in self.cases), *self.only_before, *self.only_after]
        selected = {id for name in names for id in matching_cases(name, ids)}
        return dataclasses.replace(
            self,
            cases=tuple(case for case in self.cases if case.case in selected),
            only_before=tuple(id for id in self.only_before if id in selected),
            only_after=tuple(id for id in self.only_after if id in selected),
        )

    @property
    def same(self) -> bool:
        """True if there are cases, all were compared, and none differs."""
        differs = self.changed or self.not_compared or self.only_before or self.only_after
        return bool(self.cases) and not differs


def _group_rank(group: tuple[tuple[CaseDiff, ...], tuple[Change, ...]]) -> tuple[bool, int, int]:
    """Return the sort key of a group."""
    cases, changes = group
    first_aspects = (Aspect.VERDICT, Aspect.OUTCOME)
    aspect = changes[0].aspect
    rank = first_aspects.index(aspect) if aspect in first_aspects else len(first_aspects)
    return not cases[0].is_worse, rank, -len(cases)


def diff_observations(
    case: str, before: Sequence[Observation], after: Sequence[Observation]
) -> CaseDiff:
    """Return the changes between all observations of a case before and all after."""
    for side, observations in (("before", before), ("after", after)):
        if not observations or observations[-1].untestable:
            return _untestable_case(case, side, observations[-1].detail if observations else None)
    return CaseDiff(case=case, changes=stable_changes(before, after))


def _untestable_case(case: str, side: str, reason: str | None) -> CaseDiff:
    return CaseDiff(case=case, reason=f"{side}: {reason or 'not probed'}")


def make_diff(
    before: str, after: str, cases: Iterable[CaseDiff], **fields: tuple[str, ...]
) -> Diff:
    """Return the diff of these cases, worse ones first; `fields` are further fields of it."""
    ordered = sorted(cases, key=lambda x: (not x.is_worse, not x.changes, bool(x.reason), x.case))
    return Diff(before=before, after=after, cases=tuple(ordered), **fields)


def diff_runs(before: Run, after: Run) -> Diff:
    """Return the diff of two runs.

    Cases are paired by id. The others are paired by id without client versions if that is unique
    on both sides, so that runs of two versions of a client can be compared.
    """
    old, new = ({record.id: record for record in run.cases} for run in (before, after))
    pairs = {id: (old[id], new[id]) for id in old.keys() & new.keys()}
    pairs |= _pair_by_plain_id(old.keys() - pairs.keys(), new.keys() - pairs.keys(), old, new)
    paired = {record.id for pair in pairs.values() for record in pair}
    return make_diff(
        _run_title(before),
        _run_title(after),
        [_compare_records(id, *pair) for id, pair in pairs.items()],
        only_before=tuple(sorted(old.keys() - paired)),
        only_after=tuple(sorted(new.keys() - paired)),
        clients=tuple(_client_changes(pairs.values())),
    )


def _pair_by_plain_id(
    before: Iterable[str],
    after: Iterable[str],
    old: Mapping[str, CaseRecord],
    new: Mapping[str, CaseRecord],
) -> dict[str, tuple[CaseRecord, CaseRecord]]:
    ids: dict[str, tuple[list[str], list[str]]] = {}
    for side, side_ids in enumerate((before, after)):
        for id in side_ids:
            ids.setdefault(without_version(id), ([], []))[side].append(id)
    return {
        new_ids[0]: (old[old_ids[0]], new[new_ids[0]])
        for old_ids, new_ids in ids.values()
        if (len(old_ids), len(new_ids)) == (1, 1)
    }


def _compare_records(case: str, before: CaseRecord, after: CaseRecord) -> CaseDiff:
    for side, record in (("before", before), ("after", after)):
        if record.observation.untestable and record.verdict.status is not Status.PASSED:
            return _untestable_case(case, side, record.observation.detail)
    changes = stable_changes([before.observation], [after.observation])
    return CaseDiff(case=case, changes=(*_verdict_changes(before.verdict, after.verdict), *changes))


def _verdict_changes(before: Verdict, after: Verdict) -> Iterator[Change]:
    if before.status is not after.status:
        yield Change(
            aspect=Aspect.VERDICT, subject="verdict", before=before.status, after=after.status
        )


def _run_title(run: Run) -> str:
    cases = "1 case" if len(run.cases) == 1 else f"{len(run.cases):,} cases"
    return f"the run of {run.started_at:%Y-%m-%d %H:%M:%S} UTC ({cases})"


def _client_changes(pairs: Iterable[tuple[CaseRecord, CaseRecord]]) -> Iterator[str]:
    """Yield `claude-code@latest: 2.1.330 → 2.1.332` for each client whose version differs."""
    versions = {
        (_client_label(before, after), before.client_version, after.client_version)
        for before, after in pairs
        if None not in (before.client_version, after.client_version)
    }
    for client, old, new in sorted(versions, key=str):
        if old != new:
            yield f"{client}: {old} → {new}"


def _client_label(before: CaseRecord, after: CaseRecord) -> str:
    """Return the client, without a version that only one side has."""
    return after.client if before.client == after.client else without_version(after.client)
