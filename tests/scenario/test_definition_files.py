"""Definitions that scenarios share, and variables with defaults."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from authprobe.documents.node_tree import Value
from authprobe.emulator.config import TokenKind
from authprobe.errors import ScenarioError, SettingsError
from authprobe.scenario.load import load_files
from authprobe.scenario.model import Credential, Scenario
from authprobe.settings import Settings, bundled_scenarios

SHARED = """
variables: {token: api-key, why: because}
credentials:
  key: {token: "${token}"}
  never-used: {token: login}
backends:
  default: {counts_as_claude_code: true}
clients:
  bot: {install: {pip: llm}, run: ["{bin}/llm", "${why}"]}
"""
SCENARIO = """
id: example
title: An example
why: "It is ${why}."
sources: [https://example.org/]
definitions: [shared.definitions.yaml]
matrix: {client: [claude-code@2.1.31, bot@1.0], credential: [key]}
expect: {outcome: accepted}
"""


def load(folder: Path, text: str = SCENARIO, shared: str = SHARED, **given: Value) -> Scenario:
    """Return the scenario with this text, beside a file of definitions."""
    (folder / "shared.definitions.yaml").write_text(shared)
    (folder / "example.yaml").write_text(text)
    variables: Mapping[str, Value] = given
    (loaded,) = load_files([folder / "example.yaml"], variables)
    return loaded.scenario


def errors(folder: Path, text: str = SCENARIO, shared: str = SHARED) -> list[str]:
    """Return the errors of a scenario, without the folder in their places."""
    with pytest.raises(ScenarioError) as raised:
        load(folder, text, shared)
    return [line.replace(f"{folder}/", "") for line in str(raised.value).splitlines()]


def test_a_scenario_uses_what_a_file_defines(tmp_path: Path) -> None:
    scenario = load(tmp_path)
    assert scenario.credentials["key"] == Credential(token=TokenKind.API_KEY)
    assert scenario.backends["default"].counts_as_claude_code
    bot = scenario.matrix.client[1]
    assert bot.definition is not None
    assert bot.definition.run == ("{bin}/llm", "because")
    assert scenario.why == "It is because."


def test_a_definition_of_its_own_counts_instead(tmp_path: Path) -> None:
    own = SCENARIO + "credentials: {key: {token: setup-token}}\n"
    assert load(tmp_path, own).credentials["key"] == Credential(token=TokenKind.SETUP_TOKEN)


def test_a_scenario_and_an_option_give_variables_other_values(tmp_path: Path) -> None:
    own = SCENARIO + "variables: {why: mine}\n"
    assert load(tmp_path, own).why == "It is mine."
    assert load(tmp_path, own, why="theirs", token="login").why == "It is theirs."
    changed = load(tmp_path, own, token="login")
    assert changed.credentials["key"] == Credential(token=TokenKind.LOGIN)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    assert load(tmp_path).backends["default"].counts_as_claude_code
    changed = load(tmp_path, shared=SHARED.replace("true}", "false}"))
    assert not changed.backends["default"].counts_as_claude_code


def test_variables_that_are_equal_differ_by_their_types(tmp_path: Path) -> None:
    shared = "variables: {flag: true}\nbackends:\n  default: {counts_as_claude_code: '${flag}'}\n"
    text = re.sub(r", bot@1\.0|, credential: \[key\]", "", SCENARIO)
    (tmp_path / "shared.definitions.yaml").write_text(shared)
    (tmp_path / "a.yaml").write_text(text.replace("${why}", "x"))
    own = text.replace("${why}", "x").replace("id: example", "id: other")
    (tmp_path / "b.yaml").write_text(f"{own}variables: {{flag: 1}}\n")
    with pytest.raises(ScenarioError, match="'counts_as_claude_code' must be true or false"):
        load_files([tmp_path])


def test_an_error_in_the_value_of_an_option_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"'nonsense'.*; the value comes from --set token"):
        load(tmp_path, token="nonsense")


def test_an_option_for_a_variable_that_no_scenario_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--set tokn: no scenario has this variable; did you"):
        load(tmp_path, tokn="login")


@pytest.mark.parametrize(
    ("text", "shared", "expected"),
    [
        (
            SCENARIO.replace("shared.def", "other.def"),
            SHARED,
            "example.yaml:6:15: there is no file 'other.definitions.yaml' in the folder of this "
            "scenario",
        ),
        (
            SCENARIO,
            SHARED.replace("${token}", "${tokn}"),
            "shared.definitions.yaml:4:16: no variable '${tokn}' is defined; did you mean 'token'?",
        ),
        (
            SCENARIO,
            SHARED.replace("token: login}", "token: login, via: bearer}"),
            "shared.definitions.yaml:5:35: a login is handed over via 'credentials-file', "
            "not 'bearer'",
        ),
        (
            SCENARIO + "variables: {unused: 1}\n",
            SHARED,
            "example.yaml:9:13: no text uses the variable 'unused'; write '${unused}' in one",
        ),
        (
            SCENARIO + "credentials: {own: {token: login}}\n",
            SHARED,
            "example.yaml:9:15: no case uses the credential 'own'; name it in 'matrix', or leave "
            "it out",
        ),
        (SCENARIO, SHARED + "id: x\n", "shared.definitions.yaml:10:1: unknown key 'id'"),
    ],
    ids=["missing", "variable", "definition", "unused-variable", "unused", "scenario"],
)
def test_an_error_is_told_where_it_is(
    tmp_path: Path, text: str, shared: str, expected: str
) -> None:
    assert any(line.startswith(expected) for line in errors(tmp_path, text, shared))


def test_two_files_that_differ_are_ambiguous(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("credentials: {key: {token: login}}")
    text = SCENARIO.replace("yaml]", "yaml, other.yaml]")
    expected = (
        "example.yaml:6:40: 'key' under 'credentials' differs from that of an earlier file; "
        "define it here, or name one of the files"
    )
    assert errors(tmp_path, text) == [expected]
    assert load(tmp_path, text + "credentials: {key: {token: login}}\n").credentials


def test_what_looks_like_another_file_is_not_quoted(tmp_path: Path) -> None:
    lines = errors(tmp_path, SCENARIO, "root:x:0:0: secret\n")
    assert "secret" not in "".join(lines)


def test_a_folder_of_scenarios_leaves_files_of_definitions_out(tmp_path: Path) -> None:
    load(tmp_path)
    assert [each.path.name for each in load_files([tmp_path])] == ["example.yaml"]
    names = [path.name for path in Settings().scenario_paths]
    assert not [name for name in names if name.endswith(".definitions.yaml")]


def test_no_definition_is_repeated_by_many_bundled_scenarios() -> None:
    texts: dict[str, int] = {}
    for path in bundled_scenarios().rglob("*.yaml"):
        for line in path.read_text().splitlines():
            if (
                line.startswith("  ")
                and line.endswith("}")
                and ": {" in line
                and line[2] not in " -"
            ):
                texts[line] = texts.get(line, 0) + 1
    assert {line: count for line, count in texts.items() if count > 3} == {}


def test_the_example_of_the_documentation_can_be_loaded(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "scenarios.md"
    section = page.read_text().partition("## Definitions and variables")[2].partition("\n## ")[0]
    files = re.findall(r"```yaml\n# (\S+)\n(.*?)```", section, re.DOTALL)
    assert [name for name, _ in files] == ["team.definitions.yaml", "bot.yaml"]
    for name, text in files:
        (tmp_path / name).write_text(text)
    (loaded,) = load_files([tmp_path / "bot.yaml"], {"bot": "1.5.0"})
    assert [str(client) for client in loaded.scenario.matrix.client] == ["bot@1.5.0"]
