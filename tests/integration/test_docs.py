"""What the README says is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from authprobe.cli import main
from authprobe.emulator.standalone.control_api import requests
from authprobe.emulator.standalone.emulator import Emulator
from authprobe.engine.runner import load_plan
from authprobe.observation.findings import names
from authprobe.scenario.load import load_file
from authprobe.scenario.schema import scenario_schema
from authprobe.settings import Settings
from tests.support.command import PROJECT, run

README = (PROJECT / "README.md").read_text()


EMULATOR = (PROJECT / "docs" / "emulator.md").read_text()


def test_the_help_in_the_readme_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(main, ["run", "--help"], prog_name="authprobe").output
    assert f"```text\n{printed}```" in README


def test_the_scenario_in_the_readme_loads(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "readme.yaml"
    path.write_text(text)
    assert load_file(path).id in README


def test_the_readme_counts_the_bundled_cases_right() -> None:
    assert f"{len(load_plan(Settings()).cases)} cases" in README


def test_every_key_and_word_of_a_scenario_is_explained() -> None:
    told = set(re.findall(r"`([\w-]+)`", (PROJECT / "docs" / "scenarios.md").read_text()))
    words: set[str] = set()
    for definition in [scenario_schema(), *scenario_schema()["$defs"].values()]:
        words |= set(definition.get("properties", {})) | set(definition.get("enum", ()))
    assert words - told == {"contains", "matches"}  # told in an example


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!https?:|#)[^)]+)\)", README))))
def test_what_the_readme_links_to_is_there(link: str) -> None:
    assert (PROJECT / link).exists()


def test_the_table_of_rules_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(main, ["emulator", "--rules", "--markdown"]).output
    assert (PROJECT / "docs" / "rules.md").read_text() == printed, "make docs"


def test_the_example_of_an_application_passes(tmp_path: Path) -> None:
    app, test = re.findall(r"```python\n(.*?)```", EMULATOR, re.DOTALL)
    (tmp_path / "app.py").write_text(app)
    (tmp_path / "test_app.py").write_text(test)
    ended = run(cwd=tmp_path, argv=[sys.executable, "-m", "pytest", "-q"])
    assert (ended.code, "5 passed" in ended.out) == (0, True), ended.out + ended.err


def test_every_finding_is_told() -> None:
    told = (PROJECT / "docs" / "findings.md").read_text()
    assert [
        f"| `{name}` | {text} |" for name, text in names() if f"| `{name}` | {text} |" not in told
    ] == []


def test_every_request_of_the_control_api_is_told() -> None:
    assert [f"| `{m} {p}` | {what} |" for m, p, what in requests() if what not in EMULATOR] == []


def test_everything_of_the_handle_is_told() -> None:
    told = set(re.findall(r"`(\w+)", EMULATOR))
    names = {name for name in dir(Emulator) if not name.startswith("_")}
    assert names - told == {"control", "control_url", "listener", "network"}


def test_no_path_of_a_machine_and_no_registry_host_is_tracked() -> None:
    hosts = r"files\.pythonhosted\.org|registry\.npmjs\.org|pypi\.org/simple|deb\.debian\.org"
    found = subprocess.run(
        ["git", "grep", "-nIE", f"{hosts}|{re.escape(str(Path.home()))}/|{PROJECT.parent}/"],  # noqa: S607
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    others = [
        line for line in found.stdout.splitlines() if "tests/integration/test_docs.py" not in line
    ]
    assert others == []
