"""Diff of two runs, question by question."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from authprobe.diff.judgement import read_answer
from authprobe.diff.model import CaseDiff, Diff, compare_answers, make_diff
from authprobe.plan.case_ids import without_version
from authprobe.run.model import CaseRecord, Run

_Pair = tuple[CaseRecord, CaseRecord]


def diff_runs(before: Run, after: Run) -> Diff:
    """Return the diff of two runs.

    Cases are paired by id. The others are paired by id without client versions if that is unique
    on both sides, so that runs of two versions of a client can be compared.
    """
    old, new = ({record.id: record for record in run.cases} for run in (before, after))
    pairs = {id: (old[id], new[id]) for id in old.keys() & new.keys()}
    pairs |= _pair_by_plain_id(old.keys() - pairs.keys(), new.keys() - pairs.keys(), old, new)
    paired = {record.id for pair in pairs.values() for record in pair}
    titles = _run_title(before), _run_title(after)
    clients = tuple(_client_changes(pairs.values()))
    return make_diff(
        clients[0].replace(":", "", 1) if len(clients) == 1 else " → ".join(titles),
        *titles,
        [_compare(name, pair) for name, pair in _named(pairs)],
        only_before=tuple(sorted(old.keys() - paired)),
        only_after=tuple(sorted(new.keys() - paired)),
        clients=clients,
    )


def _compare(name: str, pair: _Pair) -> CaseDiff:
    before, after = pair
    return compare_answers(name, [read_answer(before)], [read_answer(after)], title=after.title)


def _named(pairs: Mapping[str, _Pair]) -> Iterator[tuple[str, _Pair]]:
    """Yield the pairs with the question's name: the id without versions if that is unique."""
    plain = [without_version(id) for id in pairs]
    counts = Counter(plain)
    for (id, pair), name in zip(pairs.items(), plain, strict=True):
        yield name if counts[name] == 1 else id, pair


def _pair_by_plain_id(
    before: Iterable[str],
    after: Iterable[str],
    old: Mapping[str, CaseRecord],
    new: Mapping[str, CaseRecord],
) -> dict[str, _Pair]:
    ids: dict[str, tuple[list[str], list[str]]] = {}
    for side, side_ids in enumerate((before, after)):
        for id in side_ids:
            ids.setdefault(without_version(id), ([], []))[side].append(id)
    return {
        new_ids[0]: (old[old_ids[0]], new[new_ids[0]])
        for old_ids, new_ids in ids.values()
        if (len(old_ids), len(new_ids)) == (1, 1)
    }


def _run_title(run: Run) -> str:
    cases = "1 case" if len(run.cases) == 1 else f"{len(run.cases):,} cases"
    return f"the run of {run.started_at:%Y-%m-%d %H:%M:%S} UTC ({cases})"


def _client_changes(pairs: Iterable[_Pair]) -> Iterator[str]:
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
