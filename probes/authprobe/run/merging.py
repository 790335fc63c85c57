"""Merging of shards: the runs of several machines become the run that one would have made."""

import datetime
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from authprobe.core.gates import NEVER, Gate
from authprobe.core.isolation import weakest
from authprobe.errors import RecordError
from authprobe.options import BASELINE, FAIL_ON, KNOWN_FAILURES
from authprobe.plan.shards import digest_ids
from authprobe.run.baseline import EMPTY_BASELINE, absent_cases, read_baseline
from authprobe.run.gates import missing_words
from authprobe.run.known_failures import load_known_failures
from authprobe.run.model import Run, RunShard, make_run
from authprobe.verdict.model import Status

DIGEST_LENGTH: Final = 16
"""Hexadecimal digits."""
EQUAL: Final[Mapping[str, Callable[[Run], object]]] = {
    "authprobe": lambda run: run.tool.version,
    "system": lambda run: f"{run.platform.system} {run.platform.machine}",
    "scenarios": lambda run: _words(run.selection.scenarios),
    "--suite": lambda run: run.selection.suite,
    "--client": lambda run: _words(run.selection.clients),
    "--set": lambda run: _words(run.selection.variables),
    "--isolation": lambda run: run.selection.isolation,
    "--target": lambda run: _words(run.selection.targets),
    "--max-failures": lambda run: run.max_failures,
    "--fail-on": lambda run: ",".join(run.fail_on) or NEVER,
}
"""Values that all shards of a run have in common, by the name that its user knows."""
SAME_CUT: Final[Mapping[str, Callable[[RunShard], object]]] = {
    "number of shards": lambda shard: shard.count,
    "cases of all shards": lambda shard: shard.cases,
    "cases (of -k, or of versions published in between; name exact versions)": (
        lambda shard: shard.plan
    ),
    "--shard-weights": lambda shard: shard.weights,
}
"""Values that all shards of one cut have in common; the first difference explains the others."""


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """Files by which the shards were judged, and the merged run is to be."""

    baseline: Path | None = None
    known_failures: Path | None = None


Shards = Mapping[str, Run]
"""Runs by the place of their files."""
T = TypeVar("T")


def merge_shards(
    shards: Shards,
    judged_by: JudgedBy,
    *,
    allows_missing: bool = False,
    fail_on: tuple[Gate, ...] | None = None,
) -> Run:
    """Return the run that one machine would have made, but for its times.

    Verdicts are those of the shards; what depends on all cases is judged anew: which are absent,
    and which known failures are out of date. With `allows_missing` and fewer shards than there
    were, the run counts as interrupted. Without `fail_on`, the gates are those of the shards.

    Raises:
        RecordError: they are not all the shards of one run, each once and judged by these files.
        RecordError, ScenarioError: one of these files cannot be read.
    """
    problems = _problems(
        shards, judged_by, allows_missing=allows_missing, ignores_gates=fail_on is not None
    )
    if lines := tuple(problems):
        raise RecordError("\n".join(lines))
    baseline = read_baseline(judged_by.baseline) if judged_by.baseline else EMPTY_BASELINE
    today = datetime.datetime.now(datetime.UTC).date()
    known_failures = load_known_failures(judged_by.known_failures, today)
    places = {run.shard: run for run in shards.values() if run.shard}
    runs = [places[shard] for shard in sorted(places, key=lambda shard: shard.index)]
    first = runs[0]
    records = [record for run in runs for record in run.cases]
    indices = {shard.index for shard in places}
    missing = [index for index in range(1, _count(runs) + 1) if index not in indices]
    is_interrupted = bool(missing) or any(run.interrupted for run in runs)
    is_partial = is_interrupted or any(shard.partial for shard in places)
    absent = absent_cases(baseline, records, first.scenarios, first.selection)
    isolation, refusal = weakest((run.client_isolation, run.isolation_refusal) for run in runs)
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
        not_started=next(iter(places)).cases - len(records),
        missing_shards=tuple(f"{index}/{_count(runs)}" for index in missing),
        merged_shards=len(runs),
        client_isolation=isolation,
        isolation_refusal=refusal,
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


def _problems(
    shards: Shards, judged_by: JudgedBy, *, allows_missing: bool, ignores_gates: bool
) -> Iterator[str]:
    whole = [place for place, run in shards.items() if run.shard is None]
    for place in whole:
        yield f"{place}: not a shard of a run; `authprobe run --shard I/N` makes one"
    if whole or not shards:
        return
    if differences := tuple(_differences(shards, ignores_gates=ignores_gates)):
        yield from differences
        return
    by_index: dict[int, list[str]] = defaultdict(list)
    for place, run in shards.items():
        by_index[run.shard.index if run.shard else 0].append(place)
    count = _count(shards.values())
    for index, places in sorted(by_index.items()):
        if len(places) > 1:
            yield f"shard {index}/{count} is there {len(places)} times: {', '.join(places)}"
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in by_index]
    if missing and not allows_missing:
        them = "it" if len(missing) == 1 else "them"
        yield f"{missing_words(missing)}; probe {them}, or merge the others with --allow-missing"
    if len(by_index) == len(shards):
        yield from _double_cases(shards)
        yield from _other_number(shards, missing)
    yield from _lost_cases(shards)
    yield from _unexplained_gaps(shards)
    yield from _other_cases(shards)
    yield from _other_files(shards, judged_by)


def _differences(shards: Shards, *, ignores_gates: bool) -> Iterator[str]:
    (place, first), *others = shards.items()
    for other, run in others:
        start = f"{other}: not of the same run as {place}: "
        differing = [
            f"{words}: {of_run(run) or 'none'} instead of {of_run(first) or 'none'}"
            for words, of_run in EQUAL.items()
            if of_run(first) != of_run(run) and not (ignores_gates and words == FAIL_ON.name)
        ]
        if not differing and first.scenarios != run.scenarios:
            differing = ["other scenario files"]
        if not differing and first.shard and run.shard:
            differing = [
                f"{words}: {of_shard(run.shard)} instead of {of_shard(first.shard)}"
                for words, of_shard in SAME_CUT.items()
                if of_shard(first.shard) != of_shard(run.shard)
            ][:1]
        for mine, its in (
            (first.own_scenarios, run.own_scenarios),
            (first.own_definitions, run.own_definitions),
        ):
            names = sorted(name for name in mine.keys() & its.keys() if mine[name] != its[name])
            differing += [f"another text of {name}" for name in names]
        yield from (start + each for each in differing)


def _other_files(shards: Shards, judged_by: JudgedBy) -> Iterator[str]:
    """Yield which shards were judged by other files than the merged run is to be."""
    for place, run in shards.items():
        if run.shard is None:
            continue
        for option, path, theirs in (
            (BASELINE.name, judged_by.baseline, run.shard.baseline),
            (KNOWN_FAILURES.name, judged_by.known_failures, run.shard.known_failures),
        ):
            if digest_file(path) == theirs:
                continue
            if path is None:
                yield f"{place}: was judged with {option}; name the same file here"
            elif theirs is None:
                yield f"{place}: was not judged with {option} {path}; probe it with that file"
            else:
                yield f"{place}: was judged with another file than {option} {path}; use one for all"


def _double_cases(shards: Shards) -> Iterator[str]:
    places: dict[str, str] = {}
    for place, run in shards.items():
        for record in run.cases:
            if (other := places.setdefault(record.id, place)) != place:
                yield f"{place}: the case {record.id} is in {other} as well"
                return


def _other_number(shards: Shards, missing: Sequence[str]) -> Iterator[str]:
    """Yield that the shards cannot have as many cases together as each says that all have."""
    places = [run.shard for run in shards.values() if run.shard]
    total, own = places[0].cases, sum(shard.own for shard in places)
    left = total - own
    if left < len(missing) or (left and not missing):  # no shard is empty
        yield (
            f"{next(iter(shards))}: all shards together have {total} cases, it says, and those "
            f"that are here have {own}: a file was changed; probe the shards again"
        )


def _lost_cases(shards: Shards) -> Iterator[str]:
    """Yield the shards whose files have not the cases that they had when they were written."""
    for place, run in shards.items():
        found = len(run.cases) + run.not_started
        if run.shard and found != run.shard.own:
            yield (
                f"{place}: has {found} of its {run.shard.own} cases: the file was changed; probe "
                "the shard again"
            )


def _unexplained_gaps(shards: Shards) -> Iterator[str]:
    """Yield the shards that lack cases although nothing kept them from being started."""
    for place, run in shards.items():
        failed = sum(record.verdict.status is Status.FAILED for record in run.cases)
        is_limited = run.max_failures is not None and failed >= run.max_failures
        if run.not_started and not (run.interrupted or is_limited):
            yield (
                f"{place}: lacks {run.not_started:,} of its cases, and nothing stopped it: "
                "the file was changed; probe the shard again"
            )


def _other_cases(shards: Shards) -> Iterator[str]:
    """Yield that the cases, if they are as many as planned, are others: their ids have a hash."""
    place, plan = next((place, run.shard) for place, run in shards.items() if run.shard)
    ids = {record.id for run in shards.values() for record in run.cases}
    if len(ids) == plan.cases and digest_ids(ids) != plan.plan:
        yield (
            f"{place}: was cut from other cases than those that are here: a file was changed; "
            "probe the shards again"
        )


def digest_file(path: Path | None) -> str | None:
    """Return a hash of the content of a file; None without one, or if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST_LENGTH] if path else None
    except OSError:
        return None  # whoever reads it says why


def _words(values: Iterable[str]) -> str:
    return " ".join(values)


def _count(runs: Iterable[Run]) -> int:
    return max(run.shard.count for run in runs if run.shard)


def _joined(parts: Iterable[Mapping[str, T]]) -> dict[str, T]:
    return {name: value for part in parts for name, value in part.items()}
