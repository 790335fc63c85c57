"""Each text of an incident is recognised by what is in it."""

import json

import pytest

from authprobe.diagnosis.incident.recognition import (
    TextKind,
    recognise,
    words_beside_variables,
)
from authprobe.diagnosis.incident.settings_facts import settings_of


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"env": {"ANTHROPIC_BASE_URL": "https://x.example"}}, TextKind.SETTINGS),
        ({"permissions": {}, "apiKeyHelper": "x", "other": 1}, TextKind.SETTINGS),
        ({"$schema": "https://json.schemastore.org/claude-code-settings.json"}, TextKind.SETTINGS),
        ({"results": [], "wins": {}}, TextKind.DOCTOR),
        ({"claudeAiOauth": {}}, TextKind.LOGIN),
        ({"loggedIn": True, "authMethod": "none"}, TextKind.STATUS),
        ({"hasCompletedOnboarding": True, "oauthAccount": {}}, TextKind.STATE),
        ({"log": {"entries": []}}, TextKind.ARCHIVE),
        ({"schema_version": 1, "cases": []}, TextKind.RESULTS),
        ({"type": "error", "error": {"type": "authentication_error"}}, TextKind.WORDS),
        ({"env": {"A": "b"}, "command": "npx", "args": []}, TextKind.WORDS),
        ({"log": "entries"}, TextKind.WORDS),
    ],
)
def test_json_is_recognised_by_its_keys(data: dict[str, object], kind: TextKind) -> None:
    assert recognise("-", json.dumps(data, indent=2)).kind is kind


def test_variables_are_recognised_if_one_of_them_matters() -> None:
    assert recognise("-", "HOME=/root\nANTHROPIC_API_KEY=x\n").kind is TextKind.ENVIRONMENT
    assert recognise(".env", "# a comment\nexport HTTPS_PROXY=http://p:1").kind is (
        TextKind.ENVIRONMENT
    )
    assert recognise("-", "A=1\nB=2\n").kind is TextKind.WORDS
    assert recognise("-", "ANTHROPIC_API_KEY=x\nAPI Error: 401\nPlease log in").kind is (
        TextKind.WORDS
    )


@pytest.mark.parametrize(
    "line",
    [
        "CLAUDE_CODE_USE_VERTEX=1: API Error: Could not load the default credentials.",
        "ANTHROPIC_LOG=debug claude -p hi: API Error: 529 Overloaded",
        "ANTHROPIC_BASE_URL=http://localhost:4000 claude -p hi",
        "ANTHROPIC_MODEL='claude x' CLAUDE_CODE_A=1 claude -p hi -> request failed",
        "export ANTHROPIC_API_KEY=x && ./ask: 错误",
    ],
)
def test_variables_before_a_command_are_no_list_of_variables(line: str) -> None:
    assert recognise("-", line).kind is TextKind.WORDS


@pytest.mark.parametrize(
    "line",
    [
        "ANTHROPIC_CUSTOM_HEADERS=X-Error: fail",
        "AWS_PROFILE=dev # must not fail",
        'ANTHROPIC_MODEL="an error occurred"',
        "NODE_OPTIONS=--max-old-space-size=4096 --no-warnings",
        "AWS_ROLE_SESSION_NAME=claude",
        "AWS_A=x" + " " * 100_000,
        "AWS_A=" + "'a' " * 40_000,
    ],
)
def test_a_value_of_several_words_is_a_variable(line: str) -> None:
    assert recognise("-", line).kind is TextKind.ENVIRONMENT


def test_of_a_list_of_variables_only_commands_and_errors_are_words() -> None:
    lines = ["AWS_A=1", "# an error", "B=2", "C=3", "D=4", "AWS_E=5 claude -p: API Error: 401"]
    text = recognise("-", "\n".join((*lines, "MIIEpAIBAAKCAQEA", "Error: 403")))
    assert text.kind is TextKind.WORDS  # fewer than four in five lines are variables
    text = recognise("-", "\n".join((*lines, *("F=6\n" * 9).split(), "MIIEpAIBAAKC", "Error: 403")))
    assert text.kind is TextKind.ENVIRONMENT
    assert words_beside_variables(text).strip("\n") == f"{lines[-1]}{chr(10) * 11}Error: 403"
    assert words_beside_variables(text).index(lines[-1]) == 5
    assert [each.name for each in settings_of(text)] == ["AWS_A", *"BCD", *"F" * 9]


def test_a_settings_file_that_cannot_be_parsed_says_where() -> None:
    text = recognise("a/settings.json", '{\n  "env": {\n  // comment\n}}')
    assert text.kind is TextKind.SETTINGS
    assert (text.problem_line, bool(text.problem)) == (3, True)


@pytest.mark.parametrize(
    "content", ['{"editor.fontSize": 12}', '{\n// VS Code\n"editor.fontSize": 12}']
)
def test_settings_of_another_program_are_text(content: str) -> None:
    assert recognise(".vscode/settings.json", content).kind is TextKind.WORDS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("$ claude auth status\n", ""),
        ("```json\n", "\n```\n"),
        ("me@host:~/x$ authprobe doctor --json\n", "\nme@host:~/x$ "),
        ("\n\n> claude auth status\n", "\n\n"),
    ],
)
def test_a_prompt_or_a_fence_around_json_is_no_part_of_it(before: str, after: str) -> None:
    text = f'{before}{{\n"loggedIn": true,\n"authMethod": "none"\n}}{after}'
    assert recognise("-", text).kind is TextKind.STATUS


def test_an_error_before_json_is_not_lost() -> None:
    text = 'API Error: 401\n{\n"loggedIn": true,\n"authMethod": "none"\n}'
    assert recognise("-", text).kind is TextKind.WORDS


def test_a_long_text_is_recognised_in_linear_time() -> None:
    for text in (" " * 3_000_000, "\n" * 3_000_000, "{" + " \n" * 1_000_000, "a " * 1_000_000):
        assert recognise("-", text).kind is TextKind.WORDS


@pytest.mark.parametrize("content", ["{" * 100_000, '{"a": ' + "1" * 10_000 + "}", "{", "[]"])
def test_json_that_cannot_be_read_is_text(content: str) -> None:
    assert recognise("x.json", content).kind is TextKind.WORDS


def test_the_name_tells_which_settings_file_wins() -> None:
    text = '{"env": {}}'
    names = ("settings.json", ".claude/settings.local.json", "/etc/managed-settings.json")
    ranks = [recognise(name, text).rank for name in names]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(names)
