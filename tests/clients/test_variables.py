"""Variables of a scenario in the environment of its client."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from authprobe.clients.base import Laboratory
from authprobe.core.client_kinds import Via
from authprobe.core.client_variables import CLIENT_VARIABLES, ValueKind
from authprobe.emulator.config import TokenKind
from authprobe.engine.probe import probe_case
from authprobe.errors import ClientError
from authprobe.observation.model import Outcome
from authprobe.plan.case import Case, expand
from authprobe.scenario.model import Credential, Matrix
from tests.support.installed import SingleFolderCache
from tests.support.make import make_clients, make_scenario


def case_with(environment: Mapping[str, str], *credentials: Credential) -> Case:
    """Return a case of claude-code with these variables and credentials."""
    (case,) = expand(make_scenario(matrix=Matrix(client=make_clients("claude-code@2.1.31"))))
    return dataclasses.replace(case, environment=environment, credentials=credentials)


def environment_of(laboratory: Laboratory, case: Case) -> tuple[dict[str, str], str]:
    """Return the environment of the client, and the private home."""
    with laboratory.sandbox(case) as sandbox:
        return sandbox.environment({}), str(sandbox.home)


def test_variables_of_the_scenario_are_added(laboratory: Laboratory) -> None:
    usual, _ = environment_of(laboratory, case_with({}))
    other, _ = environment_of(laboratory, case_with({"DEBUG": "1"}))
    assert other["DEBUG"] == "1"
    assert usual.keys() == other.keys() - {"DEBUG"}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "HOME", "CLAUDE_SECURESTORAGE_CONFIG_DIR", "X"])
def test_a_variable_outside_of_the_table_never_reaches_a_client(
    laboratory: Laboratory, name: str
) -> None:
    with pytest.raises(ClientError, match=f"the variable {name} cannot be set by a scenario"):
        environment_of(laboratory, case_with({name: "x"}))


def test_headers_of_the_scenario_do_not_replace_the_credential(laboratory: Laboratory) -> None:
    credential = Credential(token=TokenKind.API_KEY, via=Via.CUSTOM_HEADERS_VARIABLE)
    case = case_with({"ANTHROPIC_CUSTOM_HEADERS": "X-Team: it"}, credential)
    environment, _ = environment_of(laboratory, case)
    added, authorization = environment["ANTHROPIC_CUSTOM_HEADERS"].splitlines()
    assert added == "X-Team: it"
    assert authorization.startswith("Authorization: Bearer sk-ant-")


def test_a_path_begins_in_the_private_home(isolated: Laboratory) -> None:
    environment, home = environment_of(
        isolated, case_with({"CLAUDE_CODE_DEBUG_LOGS_DIR": "{home}/logs/claude.txt"})
    )
    assert environment["CLAUDE_CODE_DEBUG_LOGS_DIR"] == f"{home}/logs/claude.txt"


@pytest.mark.parametrize(
    "name", [each.name for each in CLIENT_VARIABLES.values() if each.needs_isolation]
)
def test_a_variable_that_reaches_out_needs_a_network_of_its_own(
    laboratory: Laboratory, isolated: Laboratory, name: str
) -> None:
    value = "{home}/x" if CLIENT_VARIABLES[name].value is ValueKind.HOME_PATH else "1"
    assert name in environment_of(isolated, case_with({name: value}))[0]
    with pytest.raises(ClientError, match=f"{name} lets the client .* of its own"):
        environment_of(laboratory, case_with({name: value}))


def test_other_providers_and_exporters_need_isolation() -> None:
    needing = {each.name for each in CLIENT_VARIABLES.values() if each.needs_isolation}
    assert {name for name in CLIENT_VARIABLES if name.startswith("CLAUDE_CODE_USE_")} - needing == {
        "CLAUDE_CODE_USE_NATIVE_FILE_SEARCH"
    }
    assert {name for name in CLIENT_VARIABLES if name.endswith("_EXPORTER")} <= needing


def test_a_case_that_needs_isolation_is_unavailable_without_it(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    cache = SingleFolderCache(tmp_path, laboratory.children)
    program = tmp_path / "node_modules" / ".bin" / "claude"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    fake = dataclasses.replace(laboratory, cache=cache)
    observation = probe_case(fake, case_with({"CLAUDE_CODE_USE_BEDROCK": "1"}))
    assert observation.outcome is Outcome.UNAVAILABLE
    assert observation.detail is not None
    assert "CLAUDE_CODE_USE_BEDROCK lets the client ask other addresses" in observation.detail
