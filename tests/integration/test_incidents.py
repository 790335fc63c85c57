"""What docs/incidents.md says of the incidents is what the scenarios are."""

import re
from pathlib import Path
from typing import Final

import pytest

from authprobe.engine.runner import load_plan
from authprobe.scenario.load import load_all, load_file
from authprobe.settings import Settings, bundled_scenarios
from tests.support.command import PROJECT

FOLDER: Final = bundled_scenarios() / "incidents"
FILES: Final = sorted(FOLDER.glob("*.yaml"))
TEXT: Final = (PROJECT / "docs" / "incidents.md").read_text()
HEADS: Final = {"Replayed": 6, "Concurrent sessions": 4, "Not replayed": 5}
UNCONFIRMED: Final = re.compile(r"^ *# NOT CONFIRMED", re.MULTILINE)
ISSUES: Final = ("#6536", "#6058", "#8938", "#23703", "#23568", "SDK #559")


def rows(head: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    (section,) = re.findall(rf"^## {head}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return lines[2:]


def row_of(name: str) -> list[str]:
    """The row that names this scenario."""
    (found,) = [row for row in rows("Replayed") if row[4] == f"`{name}`"]
    return found


def test_every_scenario_is_named_and_every_name_is_one() -> None:
    named = [row[4].strip("`") for row in rows("Replayed")]
    assert sorted(named) == sorted(scenario.id for scenario in load_all(FILES))


@pytest.mark.parametrize("head", HEADS)
def test_every_row_has_what_was_broken_and_what_repaired_it_and_a_source(head: str) -> None:
    table = rows(head)
    assert table
    assert [row for row in table if len(row) != HEADS[head] or not all(row)] == []
    assert [row for row in table if "https://github.com/anthropics/" not in row[3]] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_confirmed_is_so_in_both(path: Path) -> None:
    scenario = load_file(path)
    confirmed = not UNCONFIRMED.search(path.read_text())
    said = row_of(scenario.id)[5]
    assert said.startswith("confirmed: " if confirmed else "not confirmed: ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_has_the_sources_of_its_row_and_several_versions(path: Path) -> None:
    scenario = load_file(path)
    links = set(re.findall(r"\((https://[^)]+)\)", row_of(scenario.id)[3]))
    assert links - set(scenario.sources) == set()
    included = [given.client for given in scenario.include if given.client]
    assert len({*scenario.matrix.client, *included}) >= 2


def test_each_issue_that_the_project_began_with_is_there() -> None:
    cells = " ".join(row[3] for row in rows("Replayed"))
    assert [issue for issue in ISSUES if f"[{issue}]" not in cells] == []


def test_a_bare_run_leaves_them_out_and_their_name_runs_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not [case.id for case in load_plan(Settings()).cases if case.id.startswith("incident-")]
    named = load_plan(Settings(scenarios=(Path("incidents"),))).cases
    assert {case.scenario for case in named} == {scenario.id for scenario in load_all(FILES)}
