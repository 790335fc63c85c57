"""The recipe of the README, from the version that works to the issue, with the real `claude`.

Its commands and its scenario are taken from the page. Their versions are replaced by two
neighbours, between which the same question breaks, so that the bisection installs no others.
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest

from authprobe.engine.laboratory import current_versions
from authprobe.errors import ClientError
from authprobe.plan.expand import package_of
from authprobe.scenario.clients import parse_client
from tests.support.command import PROJECT, Ended, run
from tests.support.registry import UNREACHABLE
from tests.support.shown_commands import shown_commands

TUTORIAL: Final = PROJECT / "docs" / "tutorial.md"
README: Final = (PROJECT / "README.md").read_text()
NEIGHBOURS: Final = {"2.1.112": "2.1.142", "2.1.332": "2.1.143"}
"""The change is in the changelog of 2.1.143, and in docs/incidents.md."""


def recipe() -> list[list[str]]:
    """Return the commands of the recipe, without comments; two commands on a line are two."""
    _, _, section = README.partition("With your own scenarios")
    (block,) = re.findall(r"```sh\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    for old, new in NEIGHBOURS.items():
        assert old in block
        block = block.replace(old, new)
    lines = [part for line in block.splitlines() for part in line.split(" && ")]
    return [shlex.split(line, comments=True) for line in lines]


def test_the_tutorial_has_the_same_commands_and_a_scenario_for_them(tmp_path: Path) -> None:
    text = TUTORIAL.read_text()
    calls = (call for command in shown_commands(TUTORIAL) for call in command.calls)
    words = [shlex.split(call) for call in calls]
    listing = ["authprobe", "run", "auth/", "--list"]
    replaced = [[NEIGHBOURS.get(word.split("@")[-1], word) for word in line] for line in words]
    assert words[0] == listing
    assert replaced[1:] == [[word.split("@")[-1] for word in line] for line in recipe()]
    (scenario,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "login.yaml").write_text(scenario)
    listed = run(*listing[1:], cwd=tmp_path)
    assert (listed.code, listed.err) == (0, "")
    assert f"$ {shlex.join(listing)}\n{listed.out}```" in text


def follow(folder: Path, words: list[str]) -> Ended:
    assert words[0] == "authprobe"
    ended = run(*words[1:], cwd=folder, argv=None)
    if UNREACHABLE in ended.err + ended.out:
        pytest.skip("NO PACKAGE REGISTRY: releases of claude could not be installed")
    return ended


def test_the_recipe_leads_from_the_old_pin_to_the_issue(tmp_path: Path) -> None:
    (scenario,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "login.yaml").write_text(scenario)
    old, accept, new, bisect, share = (follow(tmp_path, words) for words in recipe())
    assert [ended.code for ended in (old, accept, new, bisect, share)] == [0, 0, 1, 0, 0]
    assert "regressed: our-login/claude-code@2.1.143/default/login" in new.out
    assert "client 2.1.142 → 2.1.143" in new.out
    assert "2.1.143 is the first bad version; 2.1.142 is the last good one" in bisect.out
    issue = (tmp_path / "issue.md").read_text()
    assert scenario.strip() in issue
    found = "claude-code 2.1.143 is the first bad version; 2.1.142 is the last good one."
    symptom = "Between the two: outcome: accepted → rejected; message: pong → Not logged in"
    assert f"\n- Found by `authprobe bisect`: {found} {symptom}" in issue
    assert "\n- Remedy: Keep claude-code 2.1.142 until this is fixed.\n" in issue
    assert "--good 2.1.142 --bad 2.1.143 --scenarios our-login.yaml" in issue
    results = json.loads((tmp_path / "reports" / "results.json").read_text())
    assert results["own_scenarios"] == {"our-login": scenario}
    watched = watch_new_version(tmp_path, NEIGHBOURS["2.1.332"])
    assert watched["code"] == 1
    (comparison,) = watched["comparisons"]
    assert comparison["before"] == NEIGHBOURS["2.1.112"]
    assert comparison["diff"]["questions"][0]["effect"] == "broke"


def watch_new_version(folder: Path, version: str) -> dict[str, Any]:
    """Return what `authprobe watch` says on the day on which a version is published.

    It reuses the observations of the bisection.
    """
    package = package_of(parse_client("claude-code"))
    published = current_versions([package])[package]
    assert not isinstance(published, ClientError)
    known = tuple(each for each in published if each != version)
    state = {"claude-code": {"checked_at": "2026-11-27T02:17:00Z", "known": known}}
    text = json.dumps({"schema_version": 1, "clients": state})
    (folder / "reports" / "watch.json").write_text(text)
    ended = run("watch", "--scenarios", "auth/", "--json", cwd=folder)
    (client,) = json.loads(ended.out)["clients"]
    return {**client, "code": ended.code}
