"""docs/scale.md: the commands of its workflow do what it says."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from authprobe.settings import search_path
from tests.support.command import PROJECT, environment, results, write_scenario

SCALE: Final = (PROJECT / "docs" / "scale.md").read_text()
OFFICIAL: Final = re.compile(r"actions/[a-z-]+@v[0-9]")
SHARDS: Final = (1, 2, 3, 4)
SCENARIO: Final = """
id: example
title: An example
why: It shows the workflow.
sources: [https://example.org/1]
credentials:
  good: {token: api-key, via: x-api-key}
  again: {token: api-key, via: x-api-key}
endpoints:
  messages: {url: "https://api.anthropic.com/v1/messages"}
  tokens: {url: "https://api.anthropic.com/v1/messages/count_tokens"}
matrix: {client: [raw-http], endpoint: [messages, tokens], credential: [good, again]}
expect: {outcome: accepted}
"""


def workflow() -> dict[str, Any]:
    match = re.search(r"^```yaml\n(.*?)^```$", SCALE, re.DOTALL | re.MULTILINE)
    assert match
    content: dict[str, Any] = yaml.safe_load(match[1])
    return content


def scripts(job: str) -> list[str]:
    """Return the commands of a job, without the one that installs authprobe."""
    steps = workflow()["jobs"][job]["steps"]
    return [each["run"] for each in steps if "run" in each and "pip install" not in each["run"]]


def run_script(script: str, folder: Path, variables: dict[str, str]) -> int:
    """Run the commands as a step of GitHub Actions does, and return the exit code."""
    argv = ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(argv, cwd=folder, env=variables, check=False).returncode


def test_actions_are_official_and_scripts_have_no_expressions() -> None:
    steps = [step for job in workflow()["jobs"].values() for step in job["steps"]]
    assert all(OFFICIAL.fullmatch(step["uses"]) for step in steps if "uses" in step)
    assert all("${{" not in step["run"] for step in steps if "run" in step)
    assert tuple(workflow()["jobs"]["probe"]["strategy"]["matrix"]["shard"]) == SHARDS


@pytest.mark.parametrize(("state", "code"), [("valid", 0), ("unknown", 1)])
def test_the_scripts_of_the_workflow_make_one_run(tmp_path: Path, state: str, code: int) -> None:
    again = "again: {token: api-key, "
    write_scenario(tmp_path, SCENARIO.replace(again, f"{again}state: {state}, "))
    variables = environment(
        tmp_path / "home", PATH=f"{Path(sys.executable).parent}:{search_path()}"
    )
    (probe,), (merge, summary) = scripts("probe"), scripts("merge")
    probe = probe.replace("--suite full", "example.yaml")
    for index in SHARDS:
        shard = {**variables, "SHARD": f"{index}/{len(SHARDS)}"}
        assert run_script(probe, tmp_path, shard) == 0
    assert run_script(merge, tmp_path, variables) == code
    page = tmp_path / "page.md"
    assert run_script(summary, tmp_path, {**variables, "GITHUB_STEP_SUMMARY": str(page)}) == 0
    assert page.read_text() == (tmp_path / "reports" / "summary.md").read_text()
    run = results(tmp_path / "reports")
    assert len(run["cases"]) == len(SHARDS)
    assert (run["partial"], run["shard"]) == (False, None)
