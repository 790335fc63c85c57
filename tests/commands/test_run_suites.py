"""`authprobe run --suite`: which bundled cases a run has with it and without it."""

import json
from pathlib import Path

import pytest

from authprobe.plan.suites import bundled_suites
from authprobe.run.results_file import read_run
from tests.plan.test_suites import ids_of
from tests.support.command import run

ONE = ("--suite", "smoke", "--client", "raw-http", "-k", "api-claude-ai")
INCIDENT = "incident-issue-6536/agent-sdk-node@latest/default/as-oauth-token"


def listed(tmp_path: Path, *options: str) -> list[str]:
    """Return the ids that `--list` prints."""
    return run("run", "--list", *options, cwd=tmp_path).out.splitlines()


def test_a_run_that_selects_nothing_has_the_standard_suite(tmp_path: Path) -> None:
    ended = run("run", "--list", cwd=tmp_path)
    assert ended.out.splitlines() == ids_of("standard")
    assert "suite standard: " in ended.err
    assert [s for s in bundled_suites().values() if f"--suite {s.id:<10} {s.title}" in ended.err]


@pytest.mark.parametrize("option", ["-k", "--client"])
def test_a_run_that_selects_has_every_bundled_case_to_select_from(
    option: str, tmp_path: Path
) -> None:
    selected = [id for id in ids_of("full") if "agent-sdk-python" in id]
    assert listed(tmp_path, option, "agent-sdk-python") == selected
    assert set(selected) - set(ids_of("standard"))


def test_a_case_is_found_in_whichever_folder_it_is(tmp_path: Path) -> None:
    assert listed(tmp_path, "--case", INCIDENT) == [INCIDENT]
    misspelt = run("run", "--list", "--case", INCIDENT.replace("oauth", "oath"), cwd=tmp_path)
    assert (misspelt.code, f"did you mean '{INCIDENT}'?" in misspelt.err) == (4, True)


def test_an_expression_chooses_among_the_cases_of_a_suite(tmp_path: Path) -> None:
    assert listed(tmp_path, *ONE) == [id for id in ids_of("smoke") if "api-claude-ai" in id]
    ended = run("run", "--suite", "smoke", "-k", "nonsense", "--list", cwd=tmp_path)
    assert (ended.code, "`authprobe run --suite smoke --list`" in ended.err) == (5, True)


def test_a_run_of_a_suite_says_so_and_reports_no_case_as_absent(tmp_path: Path) -> None:
    everything = run(
        "run", "--client", "raw-http", "-k", "api-claude-ai or oauth-direct", cwd=tmp_path
    )
    assert everything.code == 0, everything.err
    assert run("accept", cwd=tmp_path).code == 0
    ended = run("run", *ONE, "--fail-on", "absent", "--json", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["selection"]["suite"] == "smoke"
    judged = read_run(tmp_path / "reports" / "results.json")
    assert (judged.selection.suite, judged.partial, judged.absent) == ("smoke", True, ())
    assert "suite smoke: 1 case; `--suite full` has every bundled case" in ended.err
    page = (tmp_path / "reports" / "report.html").read_text()
    assert "suite smoke" in page


def test_unknown_suite_is_a_usage_error(tmp_path: Path) -> None:
    ended = run("run", "--suite", "smok", cwd=tmp_path)
    assert (ended.code, ended.err) == (4, "--suite smok: no such suite; did you mean 'smoke'?\n")
    assert not (tmp_path / "reports").exists()
