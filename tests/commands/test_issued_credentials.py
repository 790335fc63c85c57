"""The values of `--issue`: what they mean, and what is refused."""

import json
from pathlib import Path

import pytest

from authprobe.commands.issued_credentials import (
    check_home,
    issue_files,
    issue_variables,
    parse_issued,
)
from authprobe.emulator.case_backend import CaseBackend
from authprobe.emulator.config import TokenState
from authprobe.errors import SettingsError


def issue(*texts: str) -> tuple[CaseBackend, dict[str, str]]:
    backend = CaseBackend()
    return backend, issue_variables(parse_issued(texts), backend, {"HTTPS_PROXY": ""})


@pytest.mark.parametrize(
    ("text", "variable", "state"),
    [
        ("api-key", "ANTHROPIC_API_KEY", TokenState.VALID),
        ("api-key:expired", "ANTHROPIC_API_KEY", TokenState.EXPIRED),
        ("access-token:revoked:MY_TOKEN", "MY_TOKEN", TokenState.REVOKED),
        ("setup-token::ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN", TokenState.VALID),
        ("refresh-token:used", "AUTHPROBE_REFRESH_TOKEN", TokenState.USED),
        ("refresh-token::MY_OWN", "MY_OWN", TokenState.VALID),
    ],
)
def test_a_value_names_state_and_variable(text: str, variable: str, state: TokenState) -> None:
    backend, variables = issue(text)
    [token] = backend.tokens
    assert variables == {variable: token.value}
    assert backend.tokens.state(token) is state
    [issued] = parse_issued([text])
    assert issued.text == text


def test_a_second_token_of_a_kind_has_a_variable_of_its_own() -> None:
    _, variables = issue("api-key", "api-key:expired", "access-token", "setup-token")
    assert list(variables) == [
        *("ANTHROPIC_API_KEY", "AUTHPROBE_API_KEY_2", "CLAUDE_CODE_OAUTH_TOKEN"),
        "AUTHPROBE_SETUP_TOKEN",
    ]


def test_a_form_changes_the_value_and_is_redacted() -> None:
    backend, variables = issue("api-key::MY_KEY:line-break")
    [token] = backend.tokens
    assert variables["MY_KEY"].replace("\n", "") == token.value
    assert "\n" in variables["MY_KEY"]
    # The line break stays, so that the numbers of the lines after it do.
    assert backend.redactor(variables["MY_KEY"]) == "[redacted:api-key]\n"


def test_a_variable_with_a_format_gets_it() -> None:
    backend, variables = issue("access-token::ANTHROPIC_CUSTOM_HEADERS")
    [token] = backend.tokens
    assert variables == {"ANTHROPIC_CUSTOM_HEADERS": f"Authorization: Bearer {token.value}"}


def test_a_login_is_a_file(tmp_path: Path) -> None:
    backend, issued = CaseBackend(), parse_issued(["login:expired::no-refresh-token"])
    assert issue_variables(issued, backend, {}) == {}
    assert issue_files(issued, backend, home=Path("/home/me"), home_folder=tmp_path) == {}
    login = json.loads((tmp_path / ".claude" / ".credentials.json").read_text())["claudeAiOauth"]
    token = backend.tokens.find(login["accessToken"])
    assert token is not None
    assert backend.tokens.state(token) is TokenState.EXPIRED
    assert "refreshToken" not in login


def test_a_helper_is_a_file_that_the_settings_name(tmp_path: Path) -> None:
    backend, issued = CaseBackend(), parse_issued(["api-key::apiKeyHelper"])
    issue_files(issued, backend, home=Path("/home/me"), home_folder=tmp_path)
    settings = json.loads((tmp_path / ".claude" / "settings.json").read_text())
    assert settings == {"apiKeyHelper": "/home/me/api-key-helper"}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["api_key"], "--issue: no such token kind: 'api_key'; choose from api-key, "),
        (["api-key:gone"], "no such token state: 'gone'; choose from valid, expired"),
        (["api-key:blanked"], "only a login can be 'blanked', not an api-key"),
        (["api-key:used"], "only a refresh-token or a login can be 'used'"),
        (["api-key:::odd"], "no such form: 'odd'"),
        (["api-key:::expiry-zero"], "cannot have the form 'expiry-zero'"),
        (["api-key::MY_KEY:failing"], "cannot have the form 'failing'"),
        (["api-key::my key"], "'my key' is not the name of a variable; use letters"),
        (["login::credentials_file"], "a login is handed over via 'credentials-file'"),
        (["api-key::credentials-file"], "'credentials-file' is for a login"),
        (["api-key:valid:A:line-break:x"], "too many parts; write KIND[:STATE[:VARIABLE[:FORM]]]"),
        (["login", "login:expired"], "credentials-file holds one credential, and already has"),
        (["api-key::K", "access-token::K"], "K holds one credential, and already has another"),
        (["api-key"] * 21, "--issue is given 21 times; at most 20 are issued"),
        (["sk-ant-api03-" + "made" * 16], "no such token kind: '[redacted:"),
    ],
)
def test_an_invalid_value_is_refused_with_a_remedy(texts: list[str], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_issued(texts)
    assert words in str(caught.value)
    assert "mademade" not in str(caught.value)


def test_a_variable_of_the_emulator_is_not_replaced() -> None:
    with pytest.raises(SettingsError, match="the emulator sets HTTPS_PROXY itself"):
        issue("api-key::HTTPS_PROXY")


@pytest.mark.parametrize("text", ["login", "api-key::apiKeyHelper"])
def test_a_file_needs_a_private_home(text: str) -> None:
    issued = parse_issued([text])
    check_home(issued, has_home=True)
    with pytest.raises(SettingsError, match="a file in the private home of a command; add one"):
        check_home(issued, has_home=False)
