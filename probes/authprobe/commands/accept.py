"""`authprobe accept`: what a run has seen becomes the baseline."""

import sys
from collections.abc import Sequence
from pathlib import Path

from authprobe.core.suggestions import did_you_mean
from authprobe.errors import ExitCode, SettingsError
from authprobe.plan.case_ids import matching_ids
from authprobe.redaction.publishing import ArtifactGuard, SecretFoundError
from authprobe.report.model.phrases import plural
from authprobe.run.baseline import (
    EMPTY_BASELINE,
    Baseline,
    absent_cases,
    dump_baseline,
    read_baseline,
    updated_baseline,
    without_cases,
)
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import read_run
from authprobe.verdict.model import Status


def accept(
    names: Sequence[str], *, results: Path, baseline: Path, note: str | None, partial: bool
) -> int:
    """Accept all cases of the results, or those that are named; the exit code.

    Raises:
        RecordError, SettingsError: nothing was accepted.
    """
    run = read_run(results)
    if run.interrupted and not partial:
        raise SettingsError(
            f"{results}: the run was interrupted, and cases are missing; run it again, "
            "or accept what there is with --partial"
        )
    old = read_baseline(baseline) if baseline.exists() else EMPTY_BASELINE
    gone = absent_cases(old, run.cases)
    chosen, dropped = _chosen(names, run, gone)
    chosen = _testable(chosen, partial=partial)
    new = without_cases(updated_baseline(old, run, chosen, note), dropped)
    try:
        baseline.parent.mkdir(parents=True, exist_ok=True)
        ArtifactGuard().publish(baseline.parent, {baseline.name: dump_baseline(new)})
    except SecretFoundError as error:
        print(error, file=sys.stderr)
        return ExitCode.SECRET_FOUND
    except OSError as error:
        raise SettingsError(f"{baseline}: cannot be written: {error.strerror or error}") from None
    _tell(old, new, baseline)
    return ExitCode.OK


def _chosen(
    names: Sequence[str], run: Run, gone: Sequence[str]
) -> tuple[tuple[CaseRecord, ...], tuple[str, ...]]:
    """The cases to accept, and those to drop: of a whole run, what it no longer has."""
    if not names:
        return run.cases, () if run.partial else tuple(gone)
    records = {record.id: record for record in run.cases}
    found = {name: matching_ids(name, (*records, *gone)) for name in names}
    if missing := [name for name, ids in found.items() if not ids]:
        hint = did_you_mean(missing[0], (*records, *gone))
        raise SettingsError(f"{missing[0]}: no such case in the results{hint}")
    wanted = {id for ids in found.values() for id in ids}
    return (
        tuple(record for id, record in records.items() if id in wanted),
        tuple(id for id in gone if id in wanted),
    )


def _testable(chosen: tuple[CaseRecord, ...], *, partial: bool) -> tuple[CaseRecord, ...]:
    """The cases, none of which is an error; with `partial` those that are not."""
    broken = [record for record in chosen if record.verdict.status is Status.ERROR]
    if broken and not partial:
        shown = "\n".join(f"  {record.id}" for record in broken[:10])
        raise SettingsError(
            f"{plural(len(broken), 'case')} could not be tested, so there is nothing to accept; "
            f"run again, name other cases, or leave these as they were with --partial:\n{shown}"
        )
    return tuple(record for record in chosen if record.verdict.status is not Status.ERROR)


def _tell(old: Baseline, new: Baseline, path: Path) -> None:
    added = new.cases.keys() - old.cases.keys()
    gone = old.cases.keys() - new.cases.keys()
    changed = [id for id in new.cases.keys() & old.cases.keys() if new.cases[id] != old.cases[id]]
    print(
        f"{path}: {plural(len(new.cases), 'case')}: {len(added)} new, {len(changed)} updated, "
        f"{len(gone)} taken out",
        file=sys.stderr,
    )
