"""The shard of a plan that this machine probes."""

import dataclasses
from pathlib import Path

from authprobe.core.shards import Shard
from authprobe.engine.last_failed import RESULTS_FILE
from authprobe.engine.runner import RunPlan
from authprobe.errors import RecordError, SettingsError
from authprobe.options import LAST_FAILED, OUT, SHARD, SHARD_WEIGHTS
from authprobe.plan.case import Case
from authprobe.plan.shards import Weights, cut, digest_ids, digest_weights, make_weights
from authprobe.run.merging import digest_file
from authprobe.run.model import RunShard
from authprobe.run.results_file import read_run


def take_shard(plan: RunPlan, cases: tuple[Case, ...]) -> tuple[RunPlan, tuple[Case, ...]]:
    """Return the plan and those of the cases that this machine probes; all without `--shard`.

    Raises:
        SettingsError: the cases cannot be cut like this, or the weights cannot be read.
    """
    settings = plan.settings
    shard, path = settings.shard, settings.shard_weights
    if shard is None:
        if path is not None:
            raise SettingsError(f"{SHARD_WEIGHTS.name} {path}: is for {SHARD.name}; leave it out")
        return plan, cases
    if settings.asks_live:
        raise SettingsError(
            f"{SHARD.name} {shard}: the real service is asked by one machine, one request at a "
            "time; leave it or --target out"
        )
    if settings.last_failed:
        raise SettingsError(
            f"{SHARD.name} {shard}: {LAST_FAILED.name} is about one machine; leave one of them out"
        )
    _check_folder(settings.out, shard)
    weights = _read_weights(path)
    try:
        own = cut(cases, shard, weights)
    except ValueError as error:
        raise SettingsError(f"{SHARD.name} {shard}: {error}") from None
    place = RunShard(
        index=shard.index,
        count=shard.count,
        cases=len(cases),
        own=len(own),
        plan=digest_ids(case.id for case in cases),
        weights=digest_weights(cases, weights),
        baseline=digest_file(settings.baseline),
        known_failures=digest_file(settings.known_failures),
        partial=False,
    )
    return dataclasses.replace(plan, shard=place), own


def _check_folder(out: Path, shard: Shard) -> None:
    """Raise SettingsError if the folder has another shard, which would be lost."""
    path = out / RESULTS_FILE
    try:
        other = read_run(path).shard if path.is_file() else None
    except RecordError:
        return  # not ours to judge: a run replaces what is there
    if other and other.count == shard.count and other.index != shard.index:
        raise SettingsError(
            f"{OUT.name} {out}: has shard {other}, which would be lost; choose another directory"
        )


def _read_weights(path: Path | None) -> Weights:
    """Return the weights of the cases in the results of a run; none without a file."""
    if path is None:
        return {}
    try:
        run = read_run(path)
    except RecordError as error:
        raise SettingsError(f"{SHARD_WEIGHTS.name} {error}") from None
    return make_weights({record.id: record.observation.elapsed for record in run.cases})
