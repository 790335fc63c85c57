"""Merging of shards: the runs of several machines become the run that one would have made."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from authprobe.core.gates import Gate
from authprobe.core.isolation import Isolation
from authprobe.errors import RecordError
from authprobe.run.baseline import Baseline, absent_cases
from authprobe.run.known_failures import KnownFailureList
from authprobe.run.model import Run, RunShard, make_run
from authprobe.verdict.model import BaselineState

WEAKEST_LAST: Final = (Isolation.SEALED, Isolation.NETWORK, Isolation.NONE)
EQUAL: Final[Mapping[str, Callable[[Run], object]]] = {
    "the version of authprobe": lambda run: run.tool,
    "the operating system": lambda run: (run.platform.system, run.platform.machine),
    "the options that select cases": lambda run: run.selection,
    "the scenarios": lambda run: run.scenarios,
    "--fail-on": lambda run: run.fail_on,
    "--max-failures": lambda run: run.max_failures,
}
"""What is equal in all shards of a run, in words."""
SAME_CUT: Final[Mapping[str, Callable[[RunShard], object]]] = {
    "the number of shards": lambda shard: shard.count,
    "the cases; a version may have been published between them, so name exact versions": (
        lambda shard: (shard.cases, shard.plan)
    ),
    "--shard-weights": lambda shard: shard.weights,
}
"""What is equal in all shards that were cut from one plan, in words."""
MAX_NAMES: Final = 10
"""Shards that a message names."""
Shards = Mapping[str, Run]
"""Runs by the place of their files."""
T = TypeVar("T")


def merge_shards(
    shards: Shards,
    baseline: Baseline,
    known_failures: KnownFailureList,
    *,
    allows_missing: bool = False,
    fail_on: tuple[Gate, ...] | None = None,
) -> Run:
    """Return the run that one machine would have made, but for its times.

    Verdicts are those of the shards; what depends on all cases is judged anew: which are absent,
    and which known failures are out of date. With `allows_missing` and fewer shards than there
    were, the run counts as interrupted. Without `fail_on`, the gates are those of the shards.

    Raises:
        RecordError: they are not all the shards of one run, each once.
    """
    if problems := tuple(_problems(shards, baseline, allows_missing=allows_missing)):
        raise RecordError("\n".join(problems))
    places = {run.shard: run for run in shards.values() if run.shard}
    runs = [places[shard] for shard in sorted(places, key=lambda shard: shard.index)]
    first = runs[0]
    records = [record for run in runs for record in run.cases]
    is_interrupted = any(run.interrupted for run in runs) or len(runs) < _count(runs)
    is_partial = is_interrupted or any(shard.partial for shard in places)
    absent = absent_cases(baseline, records, first.scenarios, first.selection)
    isolations = [run.client_isolation for run in runs if run.client_isolation]
    merged = make_run(
        records,
        started_at=min(run.started_at for run in runs),
        elapsed=max(run.elapsed for run in runs),  # the machines run side by side
        interrupted=is_interrupted,
        partial=is_partial,
        absent=() if is_partial else absent,
        complaints=tuple(known_failures.stale_entries(records, partial=is_partial)),
        fail_on=first.fail_on if fail_on is None else fail_on,
        max_failures=first.max_failures,
        not_started=sum(run.not_started for run in runs),
        client_isolation=max(isolations, key=WEAKEST_LAST.index, default=None),
        isolation_refusal=next((r.isolation_refusal for r in runs if r.isolation_refusal), None),
        selection=first.selection,
        scenarios=first.scenarios,
        own_scenarios=_joined(run.own_scenarios for run in runs),
        own_definitions={
            scenario: _joined(run.own_definitions.get(scenario, {}) for run in runs)
            for scenario in _joined(run.own_definitions for run in runs)
        },
    )
    return replace(merged, platform=first.platform, tool=first.tool)


def differing_versions(run: Run) -> Iterator[str]:
    """Yield a line for each client, such as `claude-code@latest`, that ran in several versions."""
    versions: dict[str, dict[str, None]] = defaultdict(dict)
    for record in run.cases:
        if record.client_version:
            versions[record.client][record.client_version] = None
    for client, ran in versions.items():
        if len(ran) > 1:
            yield f"{client}: the shards ran {' and '.join(ran)}; name one version to compare them"


def _problems(shards: Shards, baseline: Baseline, *, allows_missing: bool) -> Iterator[str]:
    whole = [place for place, run in shards.items() if run.shard is None]
    for place in whole:
        yield f"{place}: not a shard of a run; `authprobe run --shard I/N` makes one"
    if whole or not shards:
        return
    yield from _differences(shards)
    by_index: dict[int, list[str]] = defaultdict(list)
    for place, run in shards.items():
        by_index[run.shard.index if run.shard else 0].append(place)
    count = _count(shards.values())
    for index, places in sorted(by_index.items()):
        if len(places) > 1:
            yield f"shard {index}/{count} is there {len(places)} times: {', '.join(places)}"
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in by_index]
    if missing and not allows_missing:
        more = len(missing) - MAX_NAMES
        names = ", ".join(missing[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
        names = f"shard {names} is" if len(missing) == 1 else f"{names} are"
        yield f"{names} missing; probe it, or merge the others with --allow-missing"
    if len(by_index) == len(shards):
        yield from _double_cases(shards)
        if not missing:
            yield from _lost_cases(shards)
    compared = [place for place, run in shards.items() if _is_compared(run)]
    if compared and not baseline.cases:  # without it, no case would be absent
        yield f"{compared[0]}: was compared with a baseline; name it with --baseline here as well"


def _differences(shards: Shards) -> Iterator[str]:
    (place, first), *others = shards.items()
    for other, run in others:
        for words, of_run in EQUAL.items():
            if of_run(first) != of_run(run):
                yield f"{other}: not of the same run as {place}: another value of {words}"
        for words, of_shard in SAME_CUT.items():
            if first.shard and run.shard and of_shard(first.shard) != of_shard(run.shard):
                yield f"{other}: not of the same run as {place}: another value of {words}"
        for mine, its in (
            (first.own_scenarios, run.own_scenarios),
            (first.own_definitions, run.own_definitions),
        ):
            for name in mine.keys() & its.keys():
                if mine[name] != its[name]:
                    yield f"{other}: not of the same run as {place}: another text of {name}"


def _double_cases(shards: Shards) -> Iterator[str]:
    places: dict[str, str] = {}
    for place, run in shards.items():
        for record in run.cases:
            if (other := places.setdefault(record.id, place)) != place:
                yield f"{place}: the case {record.id} is in {other} as well"
                return


def _lost_cases(shards: Shards) -> Iterator[str]:
    """Yield how many cases are not in their files although their shards have probed them all."""
    runs = tuple(shards.values())
    if any(run.interrupted for run in runs):
        return
    wanted = max(run.shard.cases for run in runs if run.shard)
    found = sum(len(run.cases) for run in runs)
    if found + sum(run.not_started for run in runs) != wanted:
        yield (
            f"{', '.join(shards)}: have {found} of the {wanted} cases of the run: a file was "
            "changed; probe the shards again"
        )


def _is_compared(run: Run) -> bool:
    return any(record.verdict.baseline is not BaselineState.NEW for record in run.cases)


def _count(runs: Iterable[Run]) -> int:
    return max(run.shard.count for run in runs if run.shard)


def _joined(parts: Iterable[Mapping[str, T]]) -> dict[str, T]:
    return {name: value for part in parts for name, value in part.items()}
