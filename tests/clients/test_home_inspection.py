import json
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients import home_files
from authprobe.clients.base import Laboratory, Sandbox
from authprobe.clients.credentials import CREDENTIALS_FILE
from authprobe.clients.home_inspection import (
    MAX_LEAKS,
    PARTLY_SEARCHED,
    files_with_tokens,
    inspect_home,
    output_with_tokens,
    stored_login,
    walk_home,
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


def sandbox_with(laboratory: Laboratory, credential: Credential | None = LOGIN) -> Any:
    """Return the sandbox of a claude-code case, as a context manager."""
    credentials = {"given": credential} if credential else {}
    matrix = Matrix(
        client=make_clients("claude-code@2.1.31"), credential=tuple(credentials) or ("none",)
    )
    return laboratory.sandbox(expand(make_scenario(credentials=credentials, matrix=matrix))[0])


def write(sandbox: Sandbox, record: object) -> None:
    """Write the credentials file, as a client does."""
    text = record if isinstance(record, str) else json.dumps({"claudeAiOauth": record})
    (sandbox.config_folder / CREDENTIALS_FILE).write_text(text)


def login_after(laboratory: Laboratory, changes: dict[str, object]) -> StoredLogin:
    """Return the stored login after the client has changed these fields."""
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        record = json.loads((sandbox.config_folder / CREDENTIALS_FILE).read_text())["claudeAiOauth"]
        write(sandbox, record | changes)
        stored = stored_login(sandbox)
    assert stored is not None
    return stored


def test_untouched_login_is_usable(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
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
def test_stored_login_has_a_state(
    laboratory: Laboratory, record: object, state: LoginState
) -> None:
    with sandbox_with(laboratory) as sandbox:
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
def test_stored_login_has_an_expiry(
    laboratory: Laboratory, changes: dict[str, object], expiry: LoginExpiry
) -> None:
    assert login_after(laboratory, changes).expiry is expiry


@pytest.mark.parametrize(
    ("subscription", "name"),
    [("pro", "pro"), (None, None), (5, None), ("x" * 99, "x" * 80 + "… (19 more characters)")],
)
def test_stored_login_names_the_subscription(
    laboratory: Laboratory, subscription: object, name: str | None
) -> None:
    assert login_after(laboratory, {"subscriptionType": subscription}).subscription == name


def test_token_in_the_subscription_is_redacted(laboratory: Laboratory) -> None:
    token = "sk-ant-oat01-" + "a" * 20
    assert login_after(laboratory, {"subscriptionType": token}).subscription == "[redacted:token]"


def test_used_refresh_token_is_stale_and_its_successor_usable(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        tokens = sandbox.backend.tokens
        access, refresh = (tokens.by_slot(slot) for slot in ("access-token", "refresh-token"))
        tokens.end(access, TokenState.EXPIRED)
        renewed = tokens.rotate(refresh)
        assert [each.state for each in [stored_login(sandbox)] if each] == [LoginState.STALE]
        write(sandbox, {"accessToken": renewed[0].value, "refreshToken": renewed[1].value})
        stored = stored_login(sandbox)
    assert stored is not None
    assert (stored.state, stored.refresh) == (LoginState.USABLE, "refresh-token-2")


def test_missing_file_is_removed_only_if_it_was_delivered(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        (sandbox.config_folder / CREDENTIALS_FILE).unlink()
        stored = stored_login(sandbox)
    assert stored is not None
    assert stored.state is LoginState.REMOVED
    with sandbox_with(laboratory, VARIABLE) as sandbox:
        sandbox.environment({})
        assert stored_login(sandbox) is None


def test_tokens_in_new_files_are_leaks(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        value = sandbox.backend.tokens.by_slot("access-token").value
        log = sandbox.config_folder / "debug" / "log.txt"
        log.parent.mkdir()
        log.write_text(f"Authorization: Bearer {value}\n")
        (sandbox.home / "clean.txt").write_text(value[:20])
        (sandbox.home / "link").symlink_to(log)
        (sandbox.home / value).write_text(value)
        leaks = list(files_with_tokens(sandbox, walk_home(sandbox)))
    assert leaks == ["~/[redacted:access-token]", "~/.claude/debug/log.txt"]


def test_leak_paths_are_stable_across_runs(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        folder = sandbox.config_folder / "projects" / "-tmp-home-x1-work"
        folder.mkdir(parents=True)
        name = "0cb3982a-b308-4f30-940f-00bb1aebfd2b.jsonl"
        (folder / name).write_text(sandbox.backend.tokens.by_slot("access-token").value)
        assert list(files_with_tokens(sandbox, walk_home(sandbox))) == [
            "~/.claude/projects/*/*.jsonl"
        ]


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("ccr-20261128012622.log", "ccr-*.log"),
        ("2026-11-28T01:26:22.123Z.log", "*.123Z.log"),
        ("run_2026-11-28_01-26-22", "run_*"),
        ("20261128_012622.txt", "*.txt"),
        ("2026-11-28.log", "2026-11-28.log"),
        ("v2.0.12345678", "v2.0.12345678"),
    ],
)
def test_time_in_the_name_of_a_file_is_masked(
    laboratory: Laboratory, name: str, masked: str
) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        (sandbox.home / name).write_text(sandbox.backend.tokens.by_slot("access-token").value)
        assert list(files_with_tokens(sandbox, walk_home(sandbox))) == [f"~/{masked}"]


def test_credential_cache_of_federation_is_not_a_leak(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        folder = sandbox.home / ".config" / "anthropic" / "credentials" / "federation"
        folder.mkdir(parents=True)
        (folder / "x.json").write_text(sandbox.backend.tokens.by_slot("access-token").value)
        assert list(files_with_tokens(sandbox, walk_home(sandbox))) == []


def test_delivered_file_is_not_a_leak(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
        helper = sandbox.home / "helper.sh"
        helper.write_text(sandbox.backend.tokens.make(TokenKind.API_KEY).value)
        sandbox.environment({})
        assert list(files_with_tokens(sandbox, walk_home(sandbox))) == []
        write(sandbox, {"accessToken": sandbox.backend.tokens.by_slot("access-token").value})
        assert list(files_with_tokens(sandbox, walk_home(sandbox))) == []


def test_observation_without_client_is_unchanged(laboratory: Laboratory) -> None:
    observation = make_observation()
    with sandbox_with(laboratory) as sandbox:
        assert inspect_home(sandbox, observation) is observation
        sandbox.environment({})
        assert inspect_home(sandbox, observation).stored_login is not None


def test_folder_instead_of_credentials_file_is_damage(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        path: Path = sandbox.config_folder / CREDENTIALS_FILE
        path.unlink()
        path.mkdir()
        assert [each.state for each in [stored_login(sandbox)] if each] == [LoginState.DAMAGED]


def test_base64_token_in_the_output_is_a_leak(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory, VARIABLE) as sandbox:
        variables = sandbox.environment({})
        shell = 'printf %s "x:$CLAUDE_CODE_OAUTH_TOKEN" | base64 -w 0; echo done >&2'
        sandbox.run(
            ["/bin/sh", "-c", shell], env=variables, cwd=sandbox.make_work_folder(), limit=10
        )
        assert list(output_with_tokens(sandbox)) == ["its output (stdout)"]


def test_partial_and_foreign_tokens_are_not_leaks(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory, VARIABLE) as sandbox:
        variables = sandbox.environment({})
        shell = 'printf %.20s "$CLAUDE_CODE_OAUTH_TOKEN"; echo sk-ant-oat01-of-somebody-else >&2'
        sandbox.run(
            ["/bin/sh", "-c", shell], env=variables, cwd=sandbox.make_work_folder(), limit=10
        )
        assert [text for _, text in sandbox.output if text]
        assert list(output_with_tokens(sandbox)) == []


def test_home_that_is_searched_only_in_part_is_mentioned(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sandbox_with(laboratory) as sandbox:
        sandbox.environment({})
        (sandbox.home / "new").touch()
        assert inspect_home(sandbox, make_observation()).detail is None
        monkeypatch.setattr(home_files, "MAX_TIME", -1.0)
        observation = inspect_home(sandbox, make_observation(detail="crashed"))
    assert observation.detail == f"crashed; {PARTLY_SEARCHED}"


def test_endless_files_with_tokens_are_listed_up_to_a_limit(laboratory: Laboratory) -> None:
    with sandbox_with(laboratory, VARIABLE) as sandbox:
        sandbox.environment({})
        token = next(iter(sandbox.backend.tokens)).value
        for number in range(MAX_LEAKS + 5):
            (sandbox.home / f"file{number}").write_text(token)
        observation = inspect_home(sandbox, make_observation())
    assert len(observation.leaks) == MAX_LEAKS
    assert observation.detail == f"only the first {MAX_LEAKS} files with a token are listed"
