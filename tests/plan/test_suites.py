"""Suites select bundled cases, and `standard` has every system that the project began with."""

from functools import cache
from pathlib import Path

import pytest

from authprobe.core.targets import Target
from authprobe.engine.runner import load_plan
from authprobe.errors import ScenarioError, SettingsError
from authprobe.plan.case_ids import matches_id
from authprobe.plan.suites import (
    DEFAULT_SUITE,
    FULL_SUITE,
    Suite,
    bundled_suites,
    find_suite,
    load_suites,
)
from authprobe.settings import Settings, bundled_scenarios

SYSTEMS = {
    "the Messages API with an OAuth token": "oauth-direct/raw-http/*",
    "the Messages API with a key": "api-key/raw-http/*",
    "an OAuth token as a key": "oauth-direct/raw-http/*/token-as-api-key/*",
    "api.claude.ai": "api-claude-ai/raw-http/*",
    "the token endpoint of the console": "token-console/raw-http/*",
    "the token endpoint of the platform": "token-platform/raw-http/*",
    "the wrong path of a token endpoint": "token-wrong-path/raw-http/*",
    "the credentials file": "credentials-file/claude-code@*",
    "a stored login": "cli-login/claude-code@latest/*",
    "claude with a token in a variable": "cli-environment-token/claude-code@latest/*",
    "claude before 2.1.32": "cli-environment-token/claude-code@2.1.31/*",
    "claude 2.1.32": "cli-environment-token/claude-code@2.1.32/*",
    "the Agent SDK for Node": "agent-sdk/agent-sdk-node@latest/*",
    "the Agent SDK for Python": "agent-sdk/agent-sdk-python@latest/*",
    "claude-max-api-proxy, accepted": "openai-proxy/*/environment-token",
    "claude-max-api-proxy, refused": "openai-proxy/*/unknown-token",
    "ANTHROPIC_BASE_URL": "base-url/claude-code@*",
    "a gateway with a key of its own": "gateway/litellm@*/unknown-key/*",
    "a gateway that passes a token on": "gateway/litellm@*/key-and-users-token/*",
    "claude behind a gateway": "gateway/litellm@*+claude-code@*",
    "setup-token": "flow-setup-token/claude-code@*",
    "extensions, by the stream of JSON": "flow-stream/claude-code@latest/*/stdio",
    "issue 6536": "incident-issue-6536/*",
    "issue 6058": "incident-issue-6058/*",
    "issue 8938": "incident-issue-8938/*",
    "issue 23703": "incident-issue-23703/*",
    "issue 23568 before 2.1.32": "incident-issue-23568/claude-code@2.1.31/*",
    "issue 23568 at 2.1.32": "incident-issue-23568/claude-code@2.1.32/*",
    "issue 23568 later": "incident-issue-23568/claude-code@latest/*",
    "issue 559 of the SDK": "incident-sdk-issue-559/*",
}
"""Patterns for the cases of each system."""


@cache
def ids_of(suite: str | None) -> list[str]:
    return [case.id for case in load_plan(Settings(suite=suite)).cases]


@pytest.mark.parametrize("pattern", SYSTEMS.values(), ids=list(SYSTEMS))
def test_standard_has_a_case_of_every_system(pattern: str) -> None:
    assert any(matches_id(pattern, id) for id in ids_of(DEFAULT_SUITE))


def test_smoke_is_a_part_of_standard() -> None:
    assert set(ids_of("smoke")) < set(ids_of("standard"))


def test_smoke_needs_one_client() -> None:
    assert {id.split("/")[1] for id in ids_of("smoke")} == {"raw-http", "claude-code@latest"}


def test_full_is_every_bundled_case_without_those_of_folders() -> None:
    assert ids_of(FULL_SUITE) == ids_of(None)


@pytest.mark.parametrize("folder", ["incidents", "clients"])
def test_a_folder_is_a_suite(folder: str) -> None:
    by_name = load_plan(Settings(scenarios=(Path(folder),))).cases
    assert ids_of(folder) == [case.id for case in by_name]


@pytest.mark.parametrize("suite", bundled_suites().values(), ids=lambda suite: suite.id)
def test_every_pattern_selects_a_case_and_every_folder_exists(suite: Suite) -> None:
    ids = ids_of(suite.id)
    unused = [pattern for pattern in suite.patterns if not any(matches_id(pattern, i) for i in ids)]
    assert unused == []
    assert all((bundled_scenarios() / folder).is_dir() for folder in suite.folders)


def test_client_replaces_the_versions_of_the_suite() -> None:
    settings = Settings(suite="smoke", clients=("claude-code@2.1.50",))
    ids = [case.id for case in load_plan(settings).cases]
    assert "cli-login/claude-code@2.1.50/default/fresh" in ids
    assert len(ids) == len([id for id in ids_of("smoke") if "claude-code" in id])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(suite="stadard"), "--suite stadard: no such suite; did you mean 'standard'?"),
        (
            Settings(suite="zzz"),
            "--suite zzz: no such suite; use smoke, standard, full, incidents, clients",
        ),
        (
            Settings(suite="smoke", scenarios=(Path("a.yaml"),)),
            "--suite smoke: a suite selects bundled cases; leave it or the scenarios (a.yaml) out",
        ),
        (
            Settings(suite="smoke", targets=(Target.LIVE,)),
            "--suite smoke: a suite is for the emulator; leave it or --target out",
        ),
        (
            Settings(suite="smoke", clients=("opencode",)),
            "--client opencode: no scenario of this run has a case for it; choose --suite clients",
        ),
        (
            Settings(clients=("opencode@1.0.0",)),
            "--client opencode@1.0.0: no scenario of this run has a case for it; "
            "choose --suite clients",
        ),
        (
            Settings(suite="smoke", clients=("agent-sdk-node",)),
            "--client agent-sdk-node: no scenario of this run has a case for it; "
            "choose --suite standard or full or incidents",
        ),
        (
            Settings(scenarios=(bundled_scenarios() / "api-key.yaml",), clients=("opencode",)),
            "--client opencode: no scenario has a case for it",
        ),
    ],
)
def test_wrong_suite_is_one_clear_error(settings: Settings, message: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_plan(settings)
    assert str(error.value) == message


def test_two_suites_with_one_name_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "suites.yaml"
    suite = "{id: a, title: A, why: W, select: [{cases: ['*'], why: W}]}"
    path.write_text(f"suites: [{suite}, {suite}]")
    with pytest.raises(ScenarioError, match="another suite has the id 'a'"):
        load_suites(path)


def test_suite_is_found_by_its_name() -> None:
    assert find_suite("standard").id == "standard"
