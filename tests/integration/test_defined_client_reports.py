"""A client of the user's own in the reports: everything that another user needs is in them."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from authprobe.cli import main
from authprobe.clients.process.children import Children
from authprobe.core.isolation import Isolation

with Children(isolation=Isolation.SEALED) as _children:
    ISOLATION = _children.isolation
BOT = """#!/usr/bin/python3
import json, os, sys, urllib.request
request = urllib.request.Request(
    os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages",
    json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 5,
                "messages": [{"role": "user", "content": sys.argv[1]}]}).encode(),
    {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01",
     "content-type": "application/json"})
print(urllib.request.urlopen(request).status)
"""
PROJECT = '[tool.authprobe]\nclients = ["our-clients.yaml"]\n'
CLIENTS = """
clients:
  our-bot:
    surface: chat bot
    install: {path: bot.py}
    run: ["{program}", "{prompt}"]
"""
SCENARIO = """
id: our
title: Our bot asks
why: It must be accepted.
sources: ["https://example.org/"]
credentials: {key: {token: api-key}}
matrix: {client: [our-bot], credential: [key]}
expect: {outcome: accepted}
"""

pytestmark = pytest.mark.skipif(
    ISOLATION is not Isolation.SEALED or not Path("/usr/bin/python3").exists(),
    reason="clients of one's own run only sealed",
)


def test_issue_has_the_scenario_its_definitions_and_names_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "our-clients.yaml").write_text(CLIENTS)
    (tmp_path / "our.yaml").write_text(SCENARIO)
    (tmp_path / "bot.py").write_text(BOT)
    (tmp_path / "bot.py").chmod(0o755)
    arguments = ["run", "our.yaml", "--out", "reports", "--history", "none"]
    result = CliRunner().invoke(main, arguments)
    document = json.loads((tmp_path / "reports" / "results.json").read_text())
    (case,) = document["cases"]
    assert result.exit_code == 0, (result.output, case["observation"])
    assert case["client"] == "our-bot@installed"
    assert (case["surface"], case["own_program"]) == ("chat bot", "bot.py")
    assert document["own_scenarios"]["our"] == SCENARIO.lstrip("\n")
    assert document["own_definitions"] == {"our": {"our-clients.yaml": CLIENTS.lstrip("\n")}}
    (tmp_path / "pyproject.toml").unlink()  # a report is made without the definition
    shared = CliRunner().invoke(main, ["share", case["id"], "--results", "reports/results.json"])
    assert shared.exit_code == 0, shared.output
    assert "Definitions that it uses, our-clients.yaml" in shared.stdout
    assert "The case runs a program of its author, `bot.py`" in shared.stdout
    assert "chat bot" in shared.stdout
    assert sys.executable not in shared.stdout
