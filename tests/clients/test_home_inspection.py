import json
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients.base import Laboratory, Sandbox
from authprobe.clients.home_inspection import (
    CREDENTIALS_FILE,
    files_with_tokens,
    inspect_home,
    output_with_tokens,
    stored_login,
)
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind, TokenState
from authprobe.observation.model import LoginExpiry, LoginState, StoredLogin
from authprobe.plan.case import expand
from authprobe.redaction.redactor import find_token
from authprobe.scenario.model import Credential, Matrix
from tests.support.make import make_clients, make_observation, make_scenario

LOGIN = Credential(token=TokenKind.LOGIN, via=Via.CREDENTIALS_FILE)
VARIABLE = Credential(token=TokenKind.ACCESS_TOKEN, via=Via.OAUTH_TOKEN_VARIABLE)


def bench_of(laboratory: Laboratory, credential: Credential | None = LOGIN) -> Any:
    """A case of the command, as a context."""
    given = {"given": credential} if credential else {}
    matrix = Matrix(client=make_clients("claude-code@2.1.31"), credential=tuple(given) or ("none",))
    return laboratory.sandbox(expand(make_scenario(credentials=given, matrix=matrix))[0])


def write(sandbox: Sandbox, record: object) -> None:
    """Put this into the credentials file, as a client does."""
    text = record if isinstance(record, str) else json.dumps({"claudeAiOauth": record})
    (sandbox.config_folder / CREDENTIALS_FILE).write_text(text)


def after(laboratory: Laboratory, changes: dict[str, object]) -> StoredLogin:
    """What is stored when the client has changed this in its login."""
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        record = json.loads((sandbox.config_folder / CREDENTIALS_FILE).read_text())["claudeAiOauth"]
        write(sandbox, record | changes)
        stored = stored_login(sandbox)
    assert stored is not None
    return stored


def test_variables_of_the_scenario_are_added_and_change_none_of_the_seal(
    laboratory: Laboratory,
) -> None:
    matrix = Matrix(client=make_clients("claude-code@2.1.31"), environment=("default", "debug"))
    added = {"DEBUG": "1", "HTTPS_PROXY": "http://elsewhere.example"}  # the second: never loaded
    scenario = make_scenario(matrix=matrix, environments={"debug": added})
    given = []
    for case in expand(scenario):
        with laboratory.sandbox(case) as sandbox:
            given.append(sandbox.environment({}))
    usual, other = given
    assert other["DEBUG"] == "1"
    assert usual.keys() == other.keys() - {"DEBUG"}
    assert other["HTTPS_PROXY"] == other["HTTP_PROXY"]


def test_a_login_that_was_not_touched_is_usable(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        stored = stored_login(sandbox)
    assert stored is not None
    assert (stored.state, stored.access, stored.refresh, stored.mode) == (
        LoginState.USABLE,
        "access-token",
        "refresh-token",
        "0o600",
    )


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"accessToken": "", "refreshToken": "", "expiresAt": 0}, LoginState.BLANKED),
        ({}, LoginState.BLANKED),
        ("", LoginState.DAMAGED),
        ("{", LoginState.DAMAGED),
        ("[" * 100_000, LoginState.DAMAGED),
        ('{"claudeAiOauth": []}', LoginState.DAMAGED),
        ("{}", LoginState.REMOVED),
        ("[]", LoginState.REMOVED),
        ({"accessToken": "sk-ant-oat01-of-somebody", "refreshToken": 5}, LoginState.STALE),
    ],
)
def test_what_is_left_of_a_login(laboratory: Laboratory, record: object, state: LoginState) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        write(sandbox, record)
        stored = stored_login(sandbox)
    assert stored is not None
    assert stored.state is state
    assert find_token(repr(stored)) is None


@pytest.mark.parametrize(
    ("changes", "expiry"),
    [
        ({}, LoginExpiry.AHEAD),
        ({"expiresAt": 1000}, LoginExpiry.PAST),
        ({"expiresAt": 0}, LoginExpiry.ZERO),
        ({"expiresAt": None}, LoginExpiry.ZERO),
        ({"expiresAt": "soon"}, LoginExpiry.ZERO),
    ],
)
def test_what_the_login_says_of_its_expiry(
    laboratory: Laboratory, changes: dict[str, object], expiry: LoginExpiry
) -> None:
    assert after(laboratory, changes).expiry is expiry


@pytest.mark.parametrize(
    ("given", "name"),
    [("pro", "pro"), (None, None), (5, None), ("x" * 99, "x" * 80 + "… (19 more characters)")],
)
def test_the_plan_that_the_login_names(
    laboratory: Laboratory, given: object, name: str | None
) -> None:
    assert after(laboratory, {"subscriptionType": given}).subscription == name


def test_a_plan_that_holds_a_token_is_not_shown(laboratory: Laboratory) -> None:
    given = "sk-ant-oat01-" + "a" * 20
    assert after(laboratory, {"subscriptionType": given}).subscription == "[redacted:token]"


def test_a_used_refresh_token_is_stale_and_the_next_is_usable(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        tokens = sandbox.backend.tokens
        access, refresh = (tokens.named(slot) for slot in ("access-token", "refresh-token"))
        tokens.end(access, TokenState.EXPIRED)
        renewed = tokens.rotate(refresh)
        assert [each.state for each in [stored_login(sandbox)] if each] == [LoginState.STALE]
        write(sandbox, {"accessToken": renewed[0].value, "refreshToken": renewed[1].value})
        stored = stored_login(sandbox)
    assert stored is not None
    assert (stored.state, stored.refresh) == (LoginState.USABLE, "refresh-token-2")


def test_a_file_that_is_gone_is_told_of_where_there_was_one(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        (sandbox.config_folder / CREDENTIALS_FILE).unlink()
        stored = stored_login(sandbox)
    assert stored is not None
    assert stored.state is LoginState.REMOVED
    with bench_of(laboratory, VARIABLE) as sandbox:
        sandbox.environment({})
        assert stored_login(sandbox) is None


def test_tokens_in_files_of_the_client_are_found(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        value = sandbox.backend.tokens.named("access-token").value
        log = sandbox.config_folder / "debug" / "log.txt"
        log.parent.mkdir()
        log.write_text(f"Authorization: Bearer {value}\n")
        (sandbox.home / "clean.txt").write_text(value[:20])
        (sandbox.home / "link").symlink_to(log)
        (sandbox.home / value).write_text(value)
        found = list(files_with_tokens(sandbox))
    assert found == ["~/[redacted:access-token]", "~/.claude/debug/log.txt"]


def test_names_of_leaks_are_the_same_in_each_run(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        folder = sandbox.config_folder / "projects" / "-tmp-home-x1-work"
        folder.mkdir(parents=True)
        name = "0cb3982a-b308-4f30-940f-00bb1aebfd2b.jsonl"
        (folder / name).write_text(sandbox.backend.tokens.named("access-token").value)
        assert list(files_with_tokens(sandbox)) == ["~/.claude/projects/*/*.jsonl"]


def test_a_store_of_the_client_for_tokens_is_no_leak(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        folder = sandbox.home / ".config" / "anthropic" / "credentials" / "federation"
        folder.mkdir(parents=True)
        (folder / "x.json").write_text(sandbox.backend.tokens.named("access-token").value)
        assert list(files_with_tokens(sandbox)) == []


def test_what_was_there_before_is_no_leak(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        helper = sandbox.home / "helper.sh"
        helper.write_text(sandbox.backend.tokens.make(TokenKind.API_KEY).value)
        sandbox.environment({})
        assert list(files_with_tokens(sandbox)) == []
        write(sandbox, {"accessToken": sandbox.backend.tokens.named("access-token").value})
        assert list(files_with_tokens(sandbox)) == []


def test_an_observation_without_a_client_stays_as_it_is(laboratory: Laboratory) -> None:
    seen = make_observation()
    with bench_of(laboratory) as sandbox:
        assert inspect_home(sandbox, seen) is seen
        sandbox.environment({})
        assert inspect_home(sandbox, seen).stored_login is not None


def test_a_folder_in_the_place_of_the_file_is_damage(laboratory: Laboratory) -> None:
    with bench_of(laboratory) as sandbox:
        sandbox.environment({})
        path: Path = sandbox.config_folder / CREDENTIALS_FILE
        path.unlink()
        path.mkdir()
        assert [each.state for each in [stored_login(sandbox)] if each] == [LoginState.DAMAGED]


def test_a_token_is_found_in_the_output_in_base64_as_well(laboratory: Laboratory) -> None:
    with bench_of(laboratory, VARIABLE) as sandbox:
        variables = sandbox.environment({})
        shell = 'printf %s "x:$CLAUDE_CODE_OAUTH_TOKEN" | base64 -w 0; echo done >&2'
        sandbox.run(
            ["/bin/sh", "-c", shell], env=variables, cwd=sandbox.make_work_folder(), limit=10
        )
        assert list(output_with_tokens(sandbox)) == ["its output (stdout)"]


def test_part_of_a_token_and_what_is_no_token_are_no_leak(laboratory: Laboratory) -> None:
    with bench_of(laboratory, VARIABLE) as sandbox:
        variables = sandbox.environment({})
        shell = 'printf %.20s "$CLAUDE_CODE_OAUTH_TOKEN"; echo sk-ant-oat01-of-somebody-else >&2'
        sandbox.run(
            ["/bin/sh", "-c", shell], env=variables, cwd=sandbox.make_work_folder(), limit=10
        )
        assert [text for _, text in sandbox.output if text]
        assert list(output_with_tokens(sandbox)) == []
