"""A bisection and a diff among releases of the real `claude`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ended, run
from tests.support.registry import UNREACHABLE

CASE = "cli-environment-token/claude-code@latest/default/environment-token"
FIRST, LAST_BEFORE = "1.0.44", "1.0.43"


def ask(folder: Path, *words: str) -> Ended:
    ended = run(*words, "--json", cwd=folder)
    if UNREACHABLE in ended.err + ended.out:
        pytest.skip("NO PACKAGE REGISTRY: releases of claude could not be installed")
    return ended


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the log of both commands is."""
    return tmp_path_factory.mktemp("reports")


def test_the_first_version_that_takes_a_token_from_the_variable_is_found(folder: Path) -> None:
    bounds = ("--good", "1.0.45", "--bad", "1.0.41", "--find-fix")
    told: dict[str, Any] = json.loads(ask(folder, "bisect", CASE, *bounds).out)
    assert (told["named"], told["last_before"]) == (FIRST, LAST_BEFORE)
    assert told["monotonic"] is True


def test_what_it_does_otherwise_is_told_on_the_wire(folder: Path) -> None:
    sides = (f"claude-code@{LAST_BEFORE}", f"claude-code@{FIRST}")
    ended = ask(folder, "diff", *sides, CASE)
    told = json.loads(ended.out)
    (case,) = told["questions"]
    changed = {(x["aspect"], x["subject"]): (x["before"], x["after"]) for x in case["changes"]}
    assert (ended.code, case["effect"]) == (0, "fixed")
    assert changed["outcome", "outcome"] == ("rejected", "accepted")
    assert changed["request", "POST api.anthropic.com/v1/messages"] == ("not made", "made")
