"""docs/incidents.md agrees with the scenarios of incidents."""

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
COLUMNS: Final = {"Replayed": 6, "Concurrent sessions": 4, "Not replayed": 5}
UNCONFIRMED: Final = re.compile(r"^ *# NOT CONFIRMED", re.MULTILINE)
ISSUES: Final = ("#6536", "#6058", "#8938", "#23703", "#23568", "SDK #559")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, row by row."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return lines[2:]


def row_of(name: str) -> list[str]:
    """Return the row that names this scenario."""
    (row,) = [row for row in rows("Replayed") if row[4] == f"`{name}`"]
    return row


def test_every_scenario_has_one_row() -> None:
    ids = [row[4].strip("`") for row in rows("Replayed")]
    assert sorted(ids) == sorted(scenario.id for scenario in load_all(FILES))


@pytest.mark.parametrize("heading", COLUMNS)
def test_every_row_is_complete_and_has_a_source(heading: str) -> None:
    table = rows(heading)
    assert table
    assert [row for row in table if len(row) != COLUMNS[heading] or not all(row)] == []
    assert [row for row in table if "https://github.com/anthropics/" not in row[3]] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_page_and_scenario_agree_on_confirmation(path: Path) -> None:
    scenario = load_file(path)
    confirmed = not UNCONFIRMED.search(path.read_text())
    result = row_of(scenario.id)[5]
    assert result.startswith("confirmed: " if confirmed else "not confirmed: ")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_has_the_sources_of_its_row_and_several_versions(path: Path) -> None:
    scenario = load_file(path)
    links = set(re.findall(r"\((https://[^)]+)\)", row_of(scenario.id)[3]))
    assert links - set(scenario.sources) == set()
    included = [client for names in scenario.include for client in names.clients]
    assert len({*scenario.matrix.client, *included}) >= 2


def test_first_issues_of_the_project_are_included() -> None:
    cells = " ".join(row[3] for row in rows("Replayed"))
    assert [issue for issue in ISSUES if f"[{issue}]" not in cells] == []


def test_plain_run_excludes_incidents_and_their_name_selects_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not [case.id for case in load_plan(Settings()).cases if case.id.startswith("incident-")]
    selected = load_plan(Settings(scenarios=(Path("incidents"),))).cases
    assert {case.scenario for case in selected} == {scenario.id for scenario in load_all(FILES)}
