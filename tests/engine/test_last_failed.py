import os
from dataclasses import replace
from pathlib import Path

import pytest

from authprobe.engine.last_failed import select_last_failed
from authprobe.errors import RecordError, SettingsError
from authprobe.run.partial_results import INTERRUPTED_FILE, PARTIAL_FILE, PartialResults
from authprobe.run.results_file import dump_run
from authprobe.verdict.model import Status, Verdict
from tests.support.make import make_case, make_record, make_run

STATUSES = {
    "passed": Status.PASSED,
    "failed": Status.FAILED,
    "error": Status.ERROR,
    "known": Status.SKIPPED,
}
RECORDS = [make_record(id=id, verdict=Verdict(status=s)) for id, s in STATUSES.items()]
CASES = [replace(make_case(), id=id) for id in (*STATUSES, "new")]


def selected(out: Path) -> list[str]:
    """Return the ids of the cases that `--last-failed` selects."""
    return [case.id for case in select_last_failed(CASES, out)]


def write_results(out: Path, *ids: str, age: int = 0) -> None:
    """Write the results of a run of these cases, some seconds ago."""
    path = out / "results.json"
    path.write_text(dump_run(make_run(*(r for r in RECORDS if r.id in ids))))
    os.utime(path, ns=(0, path.stat().st_mtime_ns - age * 10**9))


def test_failed_and_untestable_cases_of_the_last_results_are_selected(tmp_path: Path) -> None:
    write_results(tmp_path, *STATUSES)
    assert selected(tmp_path) == ["failed", "error"]


def test_a_renamed_case_is_found(tmp_path: Path) -> None:
    write_results(tmp_path, "failed")
    renamed = replace(CASES[0], id="renamed", formerly=("failed",))
    assert select_last_failed([renamed], tmp_path) == (renamed,)


def test_a_killed_run_is_the_last_one_if_it_is_newer(tmp_path: Path) -> None:
    write_results(tmp_path, "failed", age=60)
    with PartialResults(tmp_path) as partial:
        partial.add(RECORDS[2])
    assert selected(tmp_path) == ["error"]
    with (tmp_path / PARTIAL_FILE).open("a") as file:
        file.write('{"id": "half')  # it was killed while it wrote
    assert selected(tmp_path) == ["error"]
    with PartialResults(tmp_path):  # a run that could not begin
        pass
    assert (tmp_path / INTERRUPTED_FILE).exists()
    assert selected(tmp_path) == ["error"]
    write_results(tmp_path, "failed", age=-60)
    assert selected(tmp_path) == ["failed"]


def test_the_last_attempt_of_a_killed_run_counts(tmp_path: Path) -> None:
    with PartialResults(tmp_path) as partial:
        partial.add(RECORDS[1])
        partial.add(replace(RECORDS[1], verdict=Verdict(status=Status.PASSED)))
    assert selected(tmp_path) == []


def test_a_folder_without_a_run_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"has no results of an earlier run; leave the option"):
        selected(tmp_path / "none")


def test_damaged_results_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(RecordError, match="not a results file of authprobe"):
        selected(tmp_path)
    (tmp_path / "results.json").unlink()
    (tmp_path / PARTIAL_FILE).write_text("{}\n")
    with pytest.raises(RecordError, match="id is missing"):
        selected(tmp_path)
