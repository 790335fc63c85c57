"""Each text of an incident is recognised by what is in it."""

import json

import pytest

from authprobe.diagnosis.incident.recognition import TextKind, recognise


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
