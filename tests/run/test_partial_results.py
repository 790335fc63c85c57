import os
from pathlib import Path

import pytest

from authprobe.errors import SettingsError
from authprobe.run.partial_results import (
    INTERRUPTED_FILE,
    MAX_INTERRUPTED_FILES,
    PARTIAL_FILE,
    PartialResults,
)
from tests.support.make import make_record


def interrupted_run(folder: Path, case_id: str) -> None:
    """Leave what a run leaves that was killed after one case."""
    with PartialResults(folder) as partial:
        partial.add(make_record(id=case_id))


def kept(folder: Path) -> list[str]:
    """Return the ids of the cases of earlier runs, the latest first."""
    stem = INTERRUPTED_FILE.removesuffix(".jsonl")
    names = [INTERRUPTED_FILE, *(f"{stem}.{number}.jsonl" for number in range(2, 100))]
    texts = [(folder / name).read_text() for name in names if (folder / name).exists()]
    return [text.partition('"id":"')[2].partition('"')[0] for text in texts]


def test_the_results_of_each_killed_run_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        interrupted_run(tmp_path, f"run-{number}")
    assert kept(tmp_path) == ["run-3", "run-2", "run-1", "run-0"]
    assert "run-4" in (tmp_path / PARTIAL_FILE).read_text()


def test_a_case_with_a_credential_is_left_out_among_similar_ones(tmp_path: Path) -> None:
    token = "sk-ant-api03-" + "Zq4x" * 20
    with PartialResults(tmp_path) as partial:
        for number, title in enumerate(("plain", f"has {token}", "plain", f"has {token}")):
            partial.add(make_record(id=f"case-{number}", title=title))
        text = (tmp_path / PARTIAL_FILE).read_text()
    assert [f"case-{number}" in text for number in range(4)] == [True, False, True, False]
    assert token not in text


def test_the_number_of_kept_files_is_bounded(tmp_path: Path) -> None:
    for number in range(MAX_INTERRUPTED_FILES + 5):
        interrupted_run(tmp_path, f"run-{number}")
    assert len(kept(tmp_path)) == MAX_INTERRUPTED_FILES
    assert kept(tmp_path)[0] == f"run-{MAX_INTERRUPTED_FILES + 3}"


def test_a_run_that_finished_no_case_displaces_nothing(tmp_path: Path) -> None:
    interrupted_run(tmp_path, "run-0")
    for _ in range(3):
        with PartialResults(tmp_path):
            pass
    assert kept(tmp_path) == ["run-0"]


@pytest.mark.parametrize(
    "name", [PARTIAL_FILE, INTERRUPTED_FILE, "results.interrupted.7.jsonl", ".lock"]
)
def test_a_link_in_the_place_of_a_file_is_an_error_and_stays(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / name).symlink_to(victim)
    with (
        pytest.raises(SettingsError, match=f"'{name}' is a symbolic link, .*choose another fold"),
        PartialResults(folder),
    ):
        pass
    assert not os.path.lexists(victim)
    assert [path.name for path in folder.iterdir()] == [name]
