"""The scenarios that `authprobe init` writes pass with the real clients."""

import json
from pathlib import Path

import pytest

from authprobe.commands.starter_files import StarterUse
from tests.support.command import run, verdicts
from tests.support.registry import UNREACHABLE


@pytest.mark.parametrize("use", StarterUse)
def test_a_first_scenario_passes(tmp_path: Path, use: StarterUse) -> None:
    ended = run("init", "project", "--use", use, "--ci", "github", "--json", cwd=tmp_path)
    if UNREACHABLE in ended.err:
        pytest.skip("NO PACKAGE REGISTRY: the client of the scenario could not be installed")
    assert (ended.code, json.loads(ended.out)["exit_code"]) == (0, 0)
    assert set(verdicts(tmp_path / "project" / "reports").values()) == {"passed"}
