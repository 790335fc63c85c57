"""`authprobe accept`: make the results of a run the baseline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from authprobe.commands.excuse import offer_lines
from authprobe.commands.output import check_writable, publish
from authprobe.commands.printing import print_error, print_text
from authprobe.core.safe_files import locked_folder
from authprobe.errors import ExitCode, SettingsError
from authprobe.plan.case_ids import select_ids, without_version
from authprobe.redaction.redactor import Redactor
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

MAX_IDS_SHOWN: Final = 10


def accept(
    names: Sequence[str], *, results: Path, baseline: Path, note: str | None, partial: bool
) -> int:
    """Accept all cases of the results, or those named, and return the exit code.

    Raises:
        RecordError, SettingsError: nothing was accepted.
    """
    run = read_run(results)
    if run.interrupted and not partial:
        raise SettingsError(
            f"{results}: the run was interrupted, so cases are missing; run it again, "
            "or accept the cases that it has with --partial"
        )
    check_writable(baseline.parent, [baseline.name])
    with locked_folder(baseline.parent):
        return _accept(names, run, results, baseline=baseline, note=note, partial=partial)


def _accept(
    names: Sequence[str],
    run: Run,
    results: Path,
    *,
    baseline: Path,
    note: str | None,
    partial: bool,
) -> int:
    """Accept cases of a run that was read, while no other process writes the baseline."""
    old = read_baseline(baseline) if baseline.exists() else EMPTY_BASELINE
    absent = absent_cases(old, run.cases, run.scenarios, run.selection)
    records, removed = _select(names, run, absent)
    records = _testable(records, partial=partial)
    new = without_cases(updated_baseline(old, run, records, note), removed)
    redactor = Redactor()
    if code := publish(baseline.parent, {baseline.name: dump_baseline(new)}, redactor):
        return code
    _print_summary(old, new, baseline)
    for line in offer_lines(records, results):
        print_text(redactor(line))
    return ExitCode.OK


def _select(
    names: Sequence[str], run: Run, absent: Sequence[str]
) -> tuple[tuple[CaseRecord, ...], tuple[str, ...]]:
    """Return the records to accept, and the ids to remove from the baseline.

    Without names, every record is accepted; a complete run removes the cases that it lacks.
    """
    if not names:
        return run.cases, () if run.partial else tuple(absent)
    records = {record.id: record for record in run.cases}
    selection = frozenset(select_ids(names, (*records, *absent)))
    return (
        tuple(record for id, record in records.items() if id in selection),
        tuple(id for id in absent if id in selection),
    )


def _testable(records: tuple[CaseRecord, ...], *, partial: bool) -> tuple[CaseRecord, ...]:
    """Return the records without errors; unless `partial`, an error is refused."""
    errors = [record for record in records if record.verdict.status is Status.ERROR]
    if errors and not partial:
        ids = "\n".join(f"  {record.id}" for record in errors[:MAX_IDS_SHOWN])
        raise SettingsError(
            f"{plural(len(errors), 'case')} could not be tested, so there is nothing to accept; "
            f"run again, name other cases, or skip these with --partial:\n{ids}"
        )
    return tuple(record for record in records if record.verdict.status is not Status.ERROR)


def _print_summary(old: Baseline, new: Baseline, path: Path) -> None:
    """Print the numbers of changed entries; one that moved to another version is updated."""
    added, removed = new.cases.keys() - old.cases.keys(), old.cases.keys() - new.cases.keys()
    gone, come = (Counter(map(without_version, ids)) for ids in (removed, added))
    moved = (gone & come).total()
    updated = moved + sum(new.cases[id] != old.cases[id] for id in new.cases.keys() & old.cases)
    print_error(
        f"{path}: {plural(len(new.cases), 'case')}: {len(added) - moved} new, {updated} updated, "
        f"{len(removed) - moved} removed",
    )
