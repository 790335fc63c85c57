"""Variables and files that deliver credentials to a client."""

import json
import shlex
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authprobe.clients.base import Laboratory, Sandbox
from authprobe.clients.credentials import FEDERATION_VARIABLES, SLOW_HELPER_DELAY, helper_script
from authprobe.clients.process.child import CompletedChild
from authprobe.core.client_kinds import Via
from authprobe.emulator.config import TokenKind as Kind
from authprobe.emulator.config import TokenState as State
from authprobe.emulator.state.tokens import LOGIN_SCOPES
from authprobe.plan.case import Case
from authprobe.redaction.redactor import find_token
from authprobe.scenario.model import Credential, Form
from tests.support.make import make_case

API_KEY = Credential(token=Kind.API_KEY, via=Via.API_KEY_VARIABLE)
HELPER = Credential(token=Kind.API_KEY, via=Via.API_KEY_HELPER)
LOGIN = Credential(token=Kind.LOGIN, via=Via.CREDENTIALS_FILE)
SETTINGS_KEY = Credential(token=Kind.API_KEY, via=Via.SETTINGS_ENV, variable=Via.API_KEY_VARIABLE)
SCOPES = " ".join(LOGIN_SCOPES)
BROKEN = (Form.LINE_BREAK, Form.WIDE_CHARACTER)
HOUR = 3600
LIFETIME = 8 * HOUR


def case_with(*credentials: Credential) -> Case:
    return replace(make_case(), credentials=credentials)


def credential_variables(sandbox: Sandbox) -> dict[str, str]:
    """Return the variables that carry credentials."""
    environment = sandbox.environment({})
    prefixes = ("CLAUDE_CODE_", "ANTHROPIC_")
    return {name: value for name, value in environment.items() if name.startswith(prefixes)}


def value_of(sandbox: Sandbox, slot: str) -> str:
    token = sandbox.backend.tokens.by_slot(slot)
    assert token is not None
    return token.value


def settings(sandbox: Sandbox) -> Any:
    return json.loads((sandbox.config_folder / "settings.json").read_text())


def login(sandbox: Sandbox) -> Any:
    return json.loads((sandbox.config_folder / ".credentials.json").read_text())["claudeAiOauth"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run_helper(sandbox: Sandbox) -> CompletedChild:
    """Run `apiKeyHelper` in a shell, as Claude Code does."""
    environment = sandbox.environment({})
    command = settings(sandbox)["apiKeyHelper"]
    return sandbox.laboratory.children.run(
        ["/bin/sh", "-c", command], env=environment, cwd=sandbox.make_work_folder(), limit=30
    )


@pytest.mark.parametrize(
    ("token", "via", "form", "expected"),
    [
        (Kind.API_KEY, Via.API_KEY_VARIABLE, None, {"ANTHROPIC_API_KEY": "{}"}),
        (Kind.SETUP_TOKEN, Via.OAUTH_TOKEN_VARIABLE, None, {"CLAUDE_CODE_OAUTH_TOKEN": "{}"}),
        (Kind.ACCESS_TOKEN, Via.AUTH_TOKEN_VARIABLE, None, {"ANTHROPIC_AUTH_TOKEN": "{}"}),
        (
            *(Kind.ACCESS_TOKEN, Via.CUSTOM_HEADERS_VARIABLE, None),
            {"ANTHROPIC_CUSTOM_HEADERS": "Authorization: Bearer {}"},
        ),
        (
            *(Kind.API_KEY, Via.CUSTOM_HEADERS_VARIABLE, Form.X_API_KEY_LINE),
            {"ANTHROPIC_CUSTOM_HEADERS": "x-api-key: {}"},
        ),
        (
            *(Kind.REFRESH_TOKEN, Via.REFRESH_TOKEN_VARIABLE, None),
            {"CLAUDE_CODE_OAUTH_REFRESH_TOKEN": "{}", "CLAUDE_CODE_OAUTH_SCOPES": SCOPES},
        ),
        (
            *(Kind.IDENTITY_TOKEN, Via.IDENTITY_TOKEN_VARIABLE, None),
            {"ANTHROPIC_IDENTITY_TOKEN": "{}", **FEDERATION_VARIABLES},
        ),
        (
            *(Kind.API_KEY, Via.API_KEY_VARIABLE, Form.TRAILING_LINE_BREAK),
            {"ANTHROPIC_API_KEY": "{}\n"},
        ),
    ],
)
def test_credential_variable_and_its_companions_are_set(
    laboratory: Laboratory, token: Kind, via: Via, form: Form | None, expected: dict[str, str]
) -> None:
    credential = Credential(token=token, via=via, form=form)
    with laboratory.sandbox(case_with(credential)) as sandbox:
        variables = credential_variables(sandbox)
        value = value_of(sandbox, token.value)
        assert variables == {name: text.format(value) for name, text in expected.items()}
        assert not sandbox.config_folder.exists()


def test_identity_token_is_delivered_in_a_file(laboratory: Laboratory) -> None:
    credential = Credential(token=Kind.IDENTITY_TOKEN, via=Via.IDENTITY_TOKEN_FILE_VARIABLE)
    with laboratory.sandbox(case_with(credential)) as sandbox:
        variables = credential_variables(sandbox)
        file = Path(variables.pop("ANTHROPIC_IDENTITY_TOKEN_FILE"))
        assert variables == FEDERATION_VARIABLES
        assert file.is_relative_to(sandbox.home)
        assert file.read_text() == value_of(sandbox, "identity-token")
        assert mode(file) == 0o600


def test_settings_env_sets_the_variable_instead_of_the_environment(laboratory: Laboratory) -> None:
    with laboratory.sandbox(case_with(SETTINGS_KEY)) as sandbox:
        assert credential_variables(sandbox) == {}
        assert settings(sandbox) == {"env": {"ANTHROPIC_API_KEY": value_of(sandbox, "api-key")}}


# --- apiKeyHelper ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "out", "err", "code"),
    [
        (None, "{}\n", "", 0),
        (Form.CHATTY, "Reading the key from the vault\n{}\n", "", 0),
        (Form.FAILING, "", "no key today\n", 1),
        (Form.SILENT, "", "", 0),
    ],
)
def test_helper_output_depends_on_its_form(
    laboratory: Laboratory, form: Form | None, out: str, err: str, code: int
) -> None:
    with laboratory.sandbox(case_with(replace(HELPER, form=form))) as sandbox:
        result = run_helper(sandbox)
        assert result.stdout == out.format(value_of(sandbox, "api-key"))
        assert (result.stderr, result.exit_code) == (err, code)


def test_slow_helper_prints_the_key_after_a_delay() -> None:
    assert (
        helper_script("key", Form.SLOW)
        == f"#!/bin/sh\nsleep {SLOW_HELPER_DELAY}\nprintf '%s\\n' key\n"
    )


@pytest.mark.parametrize("form", [None, Form.SLOW, Form.CHATTY])
def test_helper_is_private_and_its_key_is_redacted(
    laboratory: Laboratory, form: Form | None
) -> None:
    with laboratory.sandbox(case_with(replace(HELPER, form=form))) as sandbox:
        assert credential_variables(sandbox) == {}
        (script,) = map(Path, shlex.split(settings(sandbox)["apiKeyHelper"]))
        assert script.parent == sandbox.home
        assert mode(script) == 0o700
        text = script.read_text()
        assert value_of(sandbox, "api-key") in text
        assert "[redacted:api-key]" in sandbox.redactor(text)
        assert find_token(sandbox.redactor(text)) is None


def test_helper_without_key_contains_no_token(laboratory: Laboratory) -> None:
    for form in (Form.FAILING, Form.SILENT):
        with laboratory.sandbox(case_with(replace(HELPER, form=form))) as sandbox:
            sandbox.environment({})
            assert find_token((sandbox.home / "api-key-helper").read_text()) is None


# --- the credentials file -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "form", "access", "refresh", "expires_in"),
    [
        (State.VALID, None, State.VALID, State.VALID, LIFETIME),
        (State.EXPIRED, None, State.EXPIRED, State.VALID, -HOUR),
        (State.USED, None, State.EXPIRED, State.USED, -HOUR),
        (State.REVOKED, None, State.REVOKED, State.VALID, LIFETIME),
        (State.VALID, Form.UNKNOWN_REFRESH_TOKEN, State.VALID, State.UNKNOWN, LIFETIME),
        (State.EXPIRED, Form.UNKNOWN_REFRESH_TOKEN, State.EXPIRED, State.UNKNOWN, -HOUR),
    ],
)
def test_stored_login_has_tokens_in_the_states_of_the_credential(
    laboratory: Laboratory,
    state: State,
    form: Form | None,
    access: State,
    refresh: State,
    expires_in: int,
) -> None:
    with laboratory.sandbox(case_with(replace(LOGIN, state=state, form=form))) as sandbox:
        assert credential_variables(sandbox) == {}
        record, tokens = login(sandbox), sandbox.backend.tokens
        pair = [tokens.find(record[name]) for name in ("accessToken", "refreshToken")]
        assert [token and tokens.state(token) for token in pair] == [access, refresh]
        assert record["expiresAt"] / 1000 - time.time() == pytest.approx(expires_in, abs=60)
        assert record["scopes"] == list(LOGIN_SCOPES)


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        (Form.SCOPES_AS_TEXT, {"scopes": SCOPES}),
        (Form.EXPIRY_ZERO, {"expiresAt": 0}),
        (Form.SCOPES_AS_NUMBER, {"scopes": 4}),
        (Form.NO_REFRESH_TOKEN, {"refreshToken": None}),
    ],
)
def test_form_changes_one_field_of_the_login(
    laboratory: Laboratory, form: Form, changes: dict[str, object]
) -> None:
    with laboratory.sandbox(case_with(replace(LOGIN, form=form))) as sandbox:
        sandbox.environment({})
        record = login(sandbox)
        usual = {
            "accessToken": value_of(sandbox, "access-token"),
            "refreshToken": "refreshToken" in record and value_of(sandbox, "refresh-token"),
            "expiresAt": record["expiresAt"],
            "scopes": list(LOGIN_SCOPES),
            "subscriptionType": "max",
            "rateLimitTier": "default_claude_max_5x",
        }
        expected = {name: v for name, v in (usual | changes).items() if v is not None}
        assert record == expected


def test_expiry_in_seconds_has_the_right_value(laboratory: Laboratory) -> None:
    form = Form.EXPIRY_IN_SECONDS
    for state, ahead in ((State.VALID, LIFETIME), (State.EXPIRED, -HOUR)):
        with laboratory.sandbox(case_with(replace(LOGIN, state=state, form=form))) as sandbox:
            sandbox.environment({})
            assert login(sandbox)["expiresAt"] - time.time() == pytest.approx(ahead, abs=60)


def test_expiry_ahead_is_only_in_the_file(laboratory: Laboratory) -> None:
    credential = replace(LOGIN, state=State.EXPIRED, form=Form.EXPIRY_AHEAD)
    with laboratory.sandbox(case_with(credential)) as sandbox:
        sandbox.environment({})
        ahead = login(sandbox)["expiresAt"] / 1000 - time.time()
        tokens = sandbox.backend.tokens
        states = [tokens.state(token) for token in tokens]
    assert ahead == pytest.approx(LIFETIME, abs=60)
    assert states == [State.EXPIRED, State.VALID]


def test_blanked_login_has_no_token(laboratory: Laboratory) -> None:
    with laboratory.sandbox(case_with(replace(LOGIN, state=State.BLANKED))) as sandbox:
        sandbox.environment({})
        record = login(sandbox)
        assert (record["accessToken"], record["refreshToken"], record["expiresAt"]) == ("", "", 0)
        assert list(sandbox.backend.tokens) == []


# --- several, and what becomes known --------------------------------------------------------------


def test_credentials_of_one_kind_get_numbered_slots_in_order(laboratory: Laboratory) -> None:
    with laboratory.sandbox(case_with(API_KEY, HELPER, SETTINGS_KEY, LOGIN)) as sandbox:
        variables = credential_variables(sandbox)
        slots = ["api-key", "api-key-2", "api-key-3", "access-token", "refresh-token"]
        assert [token.slot for token in sandbox.backend.tokens] == slots
        assert variables == {"ANTHROPIC_API_KEY": value_of(sandbox, "api-key")}
        assert value_of(sandbox, "api-key-2") in (sandbox.home / "api-key-helper").read_text()
        assert set(settings(sandbox)) == {"apiKeyHelper", "env"}
        assert settings(sandbox)["env"] == {"ANTHROPIC_API_KEY": value_of(sandbox, "api-key-3")}
        assert login(sandbox)["accessToken"] == value_of(sandbox, "access-token")


def test_files_with_credentials_are_private(laboratory: Laboratory) -> None:
    file = Credential(token=Kind.IDENTITY_TOKEN, via=Via.IDENTITY_TOKEN_FILE_VARIABLE)
    with laboratory.sandbox(case_with(HELPER, SETTINGS_KEY, LOGIN, file)) as sandbox:
        sandbox.environment({})
        values = [token.value for token in sandbox.backend.tokens]
        files = [
            path for path in sandbox.home.rglob("*") if path.is_file() and not path.is_symlink()
        ]
        files_with_tokens = [
            path for path in files if any(value in path.read_text() for value in values)
        ]
        assert len(files_with_tokens) == 4
        assert [path for path in files_with_tokens if mode(path) & 0o077] == []
        assert mode(sandbox.config_folder) == 0o700
        assert mode(sandbox.home) == 0o700


@pytest.mark.parametrize("form", BROKEN)
@pytest.mark.parametrize("via", [Via.API_KEY_VARIABLE, Via.SETTINGS_ENV])
def test_each_part_of_a_broken_value_is_redacted(
    laboratory: Laboratory, via: Via, form: Form
) -> None:
    variable = Via.API_KEY_VARIABLE if via is Via.SETTINGS_ENV else None
    credential = Credential(token=Kind.API_KEY, via=via, variable=variable, form=form)
    with laboratory.sandbox(case_with(credential)) as sandbox:
        variables = credential_variables(sandbox) or settings(sandbox)["env"]
        broken = variables["ANTHROPIC_API_KEY"]
        (break_,) = set(broken) - set(value_of(sandbox, "api-key"))
        parts = broken.split(break_)
        assert "".join(parts) == value_of(sandbox, "api-key")
        for text in (broken, repr(broken), json.dumps(broken), *parts, f"{parts[1]}: bad"):
            redacted = sandbox.redactor(text)
            assert "[redacted:api-key]" in redacted
            assert not any(part in redacted for part in parts)
