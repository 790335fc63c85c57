"""Checks of the environment variables in a scenario, by the messages of the loader."""

import json
from pathlib import Path

import pytest

from authprobe.core.client_kinds import VARIABLES
from tests.support.scenario_files import changed, error_messages, load_text

ISOLATION = (
    "the variable {} cannot be set: it would bypass the client's isolated home or the case's proxy"
)
CREDENTIAL = (
    "the variable {} cannot be set here; hand credentials over under 'credentials', with a 'via'"
)
OF_COMMAND = changed(
    "endpoints: {api: {url: https://api.example.org}}\n"
    "matrix: {client: [raw-http], endpoint: [api]}",
    "environments: {it: {A: b}}\nmatrix: {client: [claude-code], environment: [it]}",
)


def set_to(name: str, value: str = "x") -> str:
    """Return a scenario whose environment sets this variable."""
    return changed("A: b", f"{name}: {json.dumps(value)}", OF_COMMAND)


@pytest.mark.parametrize(
    "name",
    [
        *("HOME", "PATH", "TMPDIR", "TMP", "TEMP", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"),
        *("HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"),
        *("NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "CLAUDE_CODE_CERT_STORE", "CLAUDE_CODE_CLIENT_CERT"),
        *("LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "BUN_OPTIONS", "BASH_ENV", "ENV"),
        *("ANTHROPIC_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ],
)
def test_a_variable_that_isolates_the_client_cannot_be_set(tmp_path: Path, name: str) -> None:
    assert error_messages(tmp_path, set_to(name)) == [f"5:21: {ISOLATION.format(repr(name))}"]


@pytest.mark.parametrize(
    "name",
    [
        *map(str, VARIABLES),
        *("ANTHROPIC_FOUNDRY_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "GH_TOKEN"),
        *("ANTHROPIC_PROFILE", "ANTHROPIC_ORGANIZATION_ID", "CLAUDE_CODE_OAUTH_SCOPES"),
        "anthropic_api_key",
    ],
)
def test_a_variable_with_a_credential_belongs_under_credentials(tmp_path: Path, name: str) -> None:
    assert error_messages(tmp_path, set_to(name)) == [f"5:21: {CREDENTIAL.format(repr(name))}"]


@pytest.mark.parametrize(
    "name",
    [
        *("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "DEBUG", "ANTHROPIC_LOG", "ANTHROPIC_MODEL"),
        *("API_TIMEOUT_MS", "CLAUDE_CODE_MAX_RETRIES", "CI", "ANTHROPIC_BETAS", "_"),
    ],
)
def test_any_other_variable_can_be_set(tmp_path: Path, name: str) -> None:
    assert load_text(tmp_path, set_to(name)).environments == {"it": {name: "x"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (set_to("A-B"), "5:21: 'A-B' is not the name of a variable"),
        (set_to("'2A'"), "5:21: '2A' is not the name of a variable"),
        (
            set_to("A", "sk-ant-" + "api03-0123456789"),
            "5:24: this value looks like a token; a scenario never contains one",
        ),
        (
            set_to("A", "a\nb"),
            "5:24: the value of 'A' must be printable ASCII of at most 1,000 characters",
        ),
        (
            set_to("A", "a" * 1001),
            "5:24: the value of 'A' must be printable ASCII of at most 1,000 characters",
        ),
        (
            changed("{it: {A: b}}", "{it: {A: b}, default: {A: b}}", OF_COMMAND),
            "5:28: 'default' stands for no further variables; choose another name",
        ),
        (
            changed("environments", "backends: {it: {}}\nenvironments", OF_COMMAND),
            "6:16: 'it' is also the name of a backend; case ids would be the same, choose another",
        ),
    ],
)
def test_an_invalid_environment_is_reported(tmp_path: Path, text: str, expected: str) -> None:
    messages = [x for x in error_messages(tmp_path, text) if "no case uses" not in x]
    assert messages == [expected]


def test_requests_of_authprobe_have_no_environment(tmp_path: Path) -> None:
    text = changed("matrix: {", "environments: {it: {A: b}}\nmatrix: {environment: [it], ")
    assert error_messages(tmp_path, text) == [
        "7:24: raw-http is authprobe itself and has no environment; it must be 'default', not 'it'"
    ]
