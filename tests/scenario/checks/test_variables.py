"""Checks of the environment variables in a scenario, by the messages of the loader."""

import json
from pathlib import Path

import pytest

from authprobe.core.client_kinds import VARIABLES
from authprobe.core.client_variables import CLIENT_VARIABLES
from tests.support.scenario_files import changed, error_messages, load_text

ISOLATION = (
    "the variable {} cannot be set: it would bypass the client's isolated home or the case's proxy"
)
CREDENTIAL = (
    "the variable {} cannot be set here; hand credentials over under 'credentials', with a 'via'"
)
UNKNOWN = (
    "the variable {} cannot be set: it is not among those that are known to be harmless; "
    "docs/variables.md lists those"
)
OF_COMMAND = changed(
    "endpoints: {api: {url: https://api.example.org}}\n"
    "matrix: {client: [raw-http], endpoint: [api]}",
    "environments: {it: {A: b}}\nmatrix: {client: [claude-code], environment: [it]}",
)
TOKEN = "sk-ant-" + "api03-0123456789"
DANGEROUS = (
    # What located the user's own login, or ran code of a scenario's author, in findings of 2026-11.
    *("CLAUDE_SECURESTORAGE_CONFIG_DIR", "CLAUDE_CODE_PLUGIN_DIRS", "BROWSER", "CONFIG_FILE_PATH"),
    *("ANTHROPIC_CONFIG_DIR", "ANTHROPIC_UNIX_SOCKET", "CLAUDE_CODE_SHELL", "CLAUDE_ENV_FILE"),
    *("CLAUDE_CODE_SHELL_PREFIX", "CLAUDE_CODE_PROCESS_WRAPPER", "CLAUDE_CODE_PLUGIN_SEED_DIR"),
    *(
        "CLAUDE_CODE_PLUGIN_CACHE_DIR",
        "CLAUDE_CODE_GIT_BASH_PATH",
        "CLAUDE_TMPDIR",
        "WORKER_CONFIG",
    ),
    *("CLAUDE_CODE_API_BASE_URL", "CLAUDE_CODE_IDE_HOST_OVERRIDE", "CLAUDE_CODE_SSE_PORT"),
    *("HOME", "PATH", "TMPDIR", "TMP", "TEMP", "XDG_CONFIG_HOME"),
    *("HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"),
    *("NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "EDITOR", "PAGER"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CLAUDE_CODE_CLIENT_CERT", "DYLD_INSERT_LIBRARIES"),
    *("LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "BUN_OPTIONS", "BASH_ENV", "ENV"),
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    *("ANTHROPIC_API_BASE", "LITELLM_CONFIG_BUCKET_NAME", "LITELLM_WORKER_STARTUP_HOOKS"),
    "LITELLM_MCP_STDIO_EXTRA_COMMANDS",
)


def set_to(name: str, value: str = "x") -> str:
    """Return a scenario whose environment sets this variable."""
    return changed("A: b", f"{name}: {json.dumps(value)}", OF_COMMAND)


@pytest.mark.parametrize("name", DANGEROUS)
def test_a_variable_that_isolates_the_client_cannot_be_set(tmp_path: Path, name: str) -> None:
    """Its own reason is only a matter of wording: every name outside of the table is refused."""
    [message] = error_messages(tmp_path, set_to(name))
    reasons = ISOLATION, UNKNOWN.partition("; ")[0]
    assert message.startswith(tuple(f"5:21: {reason.format(repr(name))}" for reason in reasons))


@pytest.mark.parametrize(
    "name",
    [
        *(via for via in map(str, VARIABLES) if via != "ANTHROPIC_CUSTOM_HEADERS"),
        *("ANTHROPIC_FOUNDRY_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "GH_TOKEN"),
        *("ANTHROPIC_PROFILE", "GOOGLE_CLOUD_ACCOUNT_ID", "CLAUDE_CODE_OAUTH_SCOPES"),
        *("anthropic_api_key", "AWS_SHARED_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_a_variable_with_a_credential_belongs_under_credentials(tmp_path: Path, name: str) -> None:
    assert error_messages(tmp_path, set_to(name)) == [f"5:21: {CREDENTIAL.format(repr(name))}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "1"),
        ("CLAUDE_CODE_USE_BEDROCK", "true"),
        ("CLAUDE_CODE_USE_VERTEX", ""),
        ("DISABLE_TELEMETRY", "0"),
        ("API_TIMEOUT_MS", "64_000"),
        ("CLAUDE_CODE_MAX_RETRIES", "2e1"),
        ("AWS_REGION", "us-gov-west-1"),
        ("CLOUD_ML_REGION", "global"),
        ("ANTHROPIC_MODEL", "opus"),
        ("ANTHROPIC_MODEL", "claude-sonnet-5-5[1m]"),
        ("ANTHROPIC_MODEL", "us.anthropic.claude-opus-4-20250514-v1:0"),
        (
            "ANTHROPIC_MODEL",
            "arn:aws:bedrock:us-east-2:123456789012:application-inference-profile/a1",
        ),
        ("ANTHROPIC_BETAS", "oauth-2025-04-20, interleaved-thinking-2025-05-14"),
        ("ANTHROPIC_CUSTOM_HEADERS", "X-Team: authentication\nanthropic-beta: a\n"),
        ("ANTHROPIC_LOG", "debug"),
        ("CLAUDE_CODE_EXTRA_BODY", '{"metadata": {"user_id": "x"}}'),
        ("CLAUDE_CODE_EFFORT_LEVEL", "xhigh"),
        ("CLAUDE_CODE_CERT_STORE", "bundled,system"),
        ("ENABLE_TOOL_SEARCH", "auto:5"),
        ("TZ", "Europe/Berlin"),
        ("CLAUDE_CODE_DEBUG_LOGS_DIR", "{home}/logs/claude.txt"),
        ("CLAUDE_CODE_TMPDIR", "{home}/.claude/tmp"),
    ],
)
def test_a_harmless_variable_can_be_set(tmp_path: Path, name: str, value: str) -> None:
    assert load_text(tmp_path, set_to(name, value)).environments == {"it": {name: value}}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", "*", "the value of 'DEBUG' must be 0, 1, true, false, yes, no, on, off or empty"),
        ("API_TIMEOUT_MS", "soon", "the value of 'API_TIMEOUT_MS' must be a number"),
        ("API_TIMEOUT_MS", "9" * 100, "the value of 'API_TIMEOUT_MS' must be a number"),
        ("AWS_REGION", "a.evil.example/", "the value of 'AWS_REGION' must be a region"),
        ("CLOUD_ML_REGION", "x@evil", "the value of 'CLOUD_ML_REGION' must be a region"),
        ("ANTHROPIC_MODEL", "../../x", "the value of 'ANTHROPIC_MODEL' must be the name of a"),
        ("ANTHROPIC_MODEL", "/etc/passwd", "the value of 'ANTHROPIC_MODEL' must be the name of"),
        ("ANTHROPIC_BETAS", "a\nx: y", "the value of 'ANTHROPIC_BETAS' must be printable ASCII"),
        ("TZ", ":/etc/passwd", "the value of 'TZ' must be a time zone"),
        ("TZ", "Europe/../../etc/shadow", "the value of 'TZ' must be a time zone"),
        ("ANTHROPIC_LOG", "loud", "the value of 'ANTHROPIC_LOG' must be 'debug', 'info', 'warn'"),
        ("CLAUDE_CODE_EXTRA_BODY", "[]", "the value of 'CLAUDE_CODE_EXTRA_BODY' must be a JSON"),
        ("CLAUDE_CODE_EXTRA_BODY", "[" * 900, "the value of 'CLAUDE_CODE_EXTRA_BODY' must be a"),
        ("CLAUDE_CODE_TMPDIR", "/var/x", "the value of 'CLAUDE_CODE_TMPDIR' must be a path in the"),
        ("CLAUDE_CODE_TMPDIR", "{home}", "the value of 'CLAUDE_CODE_TMPDIR' must be a path"),
        ("CLAUDE_CODE_TMPDIR", "{home}/..", "the value of 'CLAUDE_CODE_TMPDIR' must be a path"),
        ("CLAUDE_CODE_TMPDIR", "{home}/a/../../b", "the value of 'CLAUDE_CODE_TMPDIR' must be"),
        ("CLAUDE_CODE_TMPDIR", "{home}/./bin", "the value of 'CLAUDE_CODE_TMPDIR' must be a path"),
        ("CLAUDE_CODE_TMPDIR", "{home}//bin", "the value of 'CLAUDE_CODE_TMPDIR' must be a path"),
        ("CLAUDE_CODE_TMPDIR", "{home}/bin/node", "the value of 'CLAUDE_CODE_TMPDIR' must be a"),
        ("CLAUDE_CODE_TMPDIR", "x{home}/a", "the value of 'CLAUDE_CODE_TMPDIR' must be a path"),
        ("ANTHROPIC_MODEL", TOKEN, "this value looks like a token; a scenario never contains one"),
        ("ANTHROPIC_CUSTOM_HEADERS", f"X-A: {TOKEN}", "this value looks like a token"),
        (
            "ANTHROPIC_CUSTOM_HEADERS",
            "Authorization: Bearer x",
            "the header 'Authorization' cannot",
        ),
        (
            "ANTHROPIC_CUSTOM_HEADERS",
            "X-A: b\nx-api-key: c",
            "the header 'x-api-key' cannot be set",
        ),
        ("ANTHROPIC_CUSTOM_HEADERS", " Cookie : a=b", "the header 'Cookie' cannot be set"),
        ("ANTHROPIC_CUSTOM_HEADERS", "Proxy-Authorization: x", "the header 'Proxy-Authorization'"),
        ("ANTHROPIC_CUSTOM_HEADERS", "x-litellm-api-key: x", "the header 'x-litellm-api-key' "),
        ("ANTHROPIC_CUSTOM_HEADERS", "User-Agent: mine", "the header 'User-Agent' cannot be set"),
        ("ANTHROPIC_CUSTOM_HEADERS", "x-app: mine", "the header 'x-app' cannot be set"),
        ("ANTHROPIC_CUSTOM_HEADERS", "Content-Length: 5", "the header 'Content-Length' cannot be "),
        ("ANTHROPIC_CUSTOM_HEADERS", "Host: evil", "the header 'Host' cannot be set"),
        ("ANTHROPIC_CUSTOM_HEADERS", "nothing", "'nothing' is not a header; write each line as"),
        ("ANTHROPIC_CUSTOM_HEADERS", "a b: c", "'a b' is not a header name (RFC 9110, 5.6.2)"),
        (
            "ANTHROPIC_CUSTOM_HEADERS",
            "a: \u00e9",
            "the value of 'ANTHROPIC_CUSTOM_HEADERS' must",
        ),
        ("ANTHROPIC_CUSTOM_HEADERS", "a: b\n" * 60, "60 headers are too many; the limit is 50"),
        (
            "ANTHROPIC_BETAS",
            "a" * 1001,
            "the value of 'ANTHROPIC_BETAS' must be printable ASCII of",
        ),
    ],
)
def test_a_value_of_another_kind_is_refused(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    [message] = error_messages(tmp_path, set_to(name, value))
    assert message.startswith(f"5:{23 + len(name)}: {expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (set_to("A-B"), "5:21: 'A-B' is not the name of a variable"),
        (set_to("'2A'"), "5:21: '2A' is not the name of a variable"),
        (set_to("A"), f"5:21: {UNKNOWN.format(repr('A'))}"),
        (set_to("_"), f"5:21: {UNKNOWN.format(repr('_'))}"),
        (set_to("disable_telemetry"), "; did you mean 'DISABLE_TELEMETRY'?"),
        (set_to("CLAUDE_CODE_USE_BEDROK"), "; did you mean 'CLAUDE_CODE_USE_BEDROCK'?"),
        (set_to("CLAUDE_CODE_ENTRYPOINT"), "5:21: the variable 'CLAUDE_CODE_ENTRYPOINT' cannot"),
        (
            changed("it: {A: b}", "default: {CI: '1'}, it: {CI: '1'}", OF_COMMAND),
            "5:16: 'default' stands for no further variables; choose another name",
        ),
        (
            changed(
                "environments: {it: {A: b}}",
                "backends: {it: {}}\nenvironments: {it: {CI: '1'}}",
                OF_COMMAND,
            ),
            "6:16: 'it' is also the name of a backend; case ids would be the same, choose another",
        ),
        (
            set_to("LITELLM_LOG", "DEBUG"),
            "claude-code does not read the variable 'LITELLM_LOG'; it is for 'litellm'",
        ),
        (
            changed("client: [claude-code]", "client: [anthropic-python]", set_to("DEBUG", "1")),
            "anthropic-python does not read the variable 'DEBUG'; it is for 'claude-code', ",
        ),
        (
            changed("A: b", ", ".join(f"A{n}: b" for n in range(101)), OF_COMMAND),
            "5:16: 101 variables are too many; the limit is 100",
        ),
    ],
)
def test_an_invalid_environment_is_reported(tmp_path: Path, text: str, expected: str) -> None:
    messages = [x for x in error_messages(tmp_path, text) if "no case uses" not in x]
    assert expected in messages[0]


def test_a_gateway_and_the_client_behind_it_read_their_own_variables(tmp_path: Path) -> None:
    text = changed("A: b", "LITELLM_LOG: DEBUG, ANTHROPIC_MODEL: opus", OF_COMMAND)
    both = changed("client: [claude-code]", "client: [litellm+claude-code]", text)
    assert error_messages(tmp_path, both) == []


def test_requests_of_authprobe_have_no_environment(tmp_path: Path) -> None:
    text = changed("matrix: {", "environments: {it: {CI: '1'}}\nmatrix: {environment: [it], ")
    assert error_messages(tmp_path, text) == [
        "7:24: raw-http is authprobe itself and has no environment; it must be 'default', not 'it'"
    ]


def test_no_variable_of_the_table_has_a_name_that_is_refused_elsewhere() -> None:
    assert CLIENT_VARIABLES.keys().isdisjoint(DANGEROUS)
