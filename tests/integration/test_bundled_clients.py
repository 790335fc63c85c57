"""Bundled definitions of clients, and the scenarios that show what they do."""

from pathlib import Path

import pytest

from authprobe.core.client_kinds import KNOWN_SINCE_BEGINNING
from authprobe.engine.runner import load_plan
from authprobe.scenario.bundled_clients import BUNDLED, KNOWN_CLIENTS
from authprobe.scenario.load import load_all
from authprobe.settings import Settings, bundled_scenarios

FOLDER = bundled_scenarios() / "clients"
KINDS = sorted(path.stem for path in BUNDLED.glob("*.yaml"))

THROTTLED_STATUSES = {"better-ccflare": 503}
"""Status that a gateway makes of the API's 429."""


@pytest.mark.parametrize("kind", KINDS)
def test_each_bundled_definition_says_what_it_is(kind: str) -> None:
    definition = KNOWN_CLIENTS[kind].definition
    assert definition is not None
    assert definition.title
    assert definition.surface != "program"


@pytest.mark.parametrize("kind", sorted({*KINDS} - KNOWN_SINCE_BEGINNING))
def test_each_bundled_definition_has_a_scenario_of_each_refusal(kind: str) -> None:
    cases = [
        case
        for case in load_plan(Settings(scenarios=(Path("clients"),))).cases
        if case.client.kind == kind and case.client.through is None
    ]
    states = {str(credential.state) for case in cases for credential in case.credentials}
    assert {"valid", "unknown", "expired", "revoked"} <= states
    assert any(case.expectation.outcome == "accepted" for case in cases)
    assert {"A33", "A27", "A30"} <= {case.fault for case in cases}
    throttled = THROTTLED_STATUSES.get(kind, 429)
    assert {403, throttled, 529} <= {case.expectation.status for case in cases}


def test_plain_run_leaves_them_out_and_their_name_selects_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ids = {scenario.id for scenario in load_all((FOLDER,))}
    assert ids
    assert not ids & {case.scenario for case in load_plan(Settings()).cases}
    selected = load_plan(Settings(scenarios=(Path("clients"),))).cases
    assert {case.scenario for case in selected} == ids
