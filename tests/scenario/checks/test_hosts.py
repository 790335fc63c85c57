"""Checks of hosts of one's own, and of what refers to them, by the messages of the loader."""

import json
from pathlib import Path

import pytest

from authprobe.scenario.model import PlacedValue
from tests.support.scenario_files import changed, error_messages, load_text

HOST = "llm.corp.example"
OF_COMMAND = changed(
    "endpoints: {api: {url: https://api.example.org}}\n"
    "matrix: {client: [raw-http], endpoint: [api]}",
    f"hosts: {{{HOST}: {{}}}}\n"
    "environments: {it: {ANTHROPIC_BASE_URL: 'https://llm.corp.example'}}\n"
    "matrix: {client: [claude-code], environment: [it]}",
)
ADDRESS = "the address of an emulated host or of one under 'hosts', without user, query or '..'"


def with_host(name: str, host: str = "{}") -> str:
    return changed(f"{HOST}: {{}}", f"{json.dumps(name)}: {host}, {HOST}: {{}}", OF_COMMAND)


def with_address(url: str, name: str = "ANTHROPIC_BASE_URL") -> str:
    old = "ANTHROPIC_BASE_URL: 'https://llm.corp.example'"
    return changed(old, f"{name}: {json.dumps(url)}", OF_COMMAND)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api.anthropic.com", "is emulated already, and cannot be replaced"),
        ("API.Anthropic.com", "is emulated already, and cannot be replaced"),
        ("claude.ai", "is emulated already, and cannot be replaced"),
        ("127.0.0.1", "is an address or this machine; programs would bypass the proxy"),
        ("::1", "is an address or this machine; programs would bypass the proxy"),
        ("localhost", "is an address or this machine; programs would bypass the proxy"),
        ("llm.localhost", "is an address or this machine; programs would bypass the proxy"),
        ("0x7f000001", "is not an IPv4 address"),
        ("LLM.corp.example", "has capital letters; write it in lower case"),
        ("llm..example", "is not a host name: between dots, 1 to 63 letters, digits and hyphens"),
        ("llm.corp.example.", "is not a host name: between dots"),
        ("*.corp.example", "is not a host name: between dots"),
        (
            "llm.corp.example:443",
            "is more than a host name, such as llm.corp.com: leave out scheme",
        ),
        ("https://llm.corp.example", "is more than a host name, such as llm.corp.com"),
        ("llm.corp.example/anthropic", "is more than a host name, such as llm.corp.com"),
        ("b\u00fccher.example", "is not ASCII; write it with xn-- (RFC 5891)"),
        ("llm\u3002corp.example", "is not ASCII; write it with xn-- (RFC 5891)"),
        ("ab--cd.example", "is not valid in a certificate (RFC 5891)"),
        ("a\\u202eb.example", "is not"),
    ],
)
def test_a_host_has_a_name_that_only_the_emulator_serves(
    tmp_path: Path, name: str, expected: str
) -> None:
    [message] = error_messages(tmp_path, with_host(name))
    assert message.startswith("5:9: ")
    assert expected in message


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("nothin", "'nothin' is not what a host can serve; did you mean 'nothing'?"),
        ("{serves: mesages}", "what a host can serve"),
        ("{prefix: anthropic}", "'anthropic' is not the beginning of a path; write one as /anth"),
        ("{prefix: /a/../b}", "is not the beginning of a path"),
        ("{requires: {header: 'a b'}}", "'a b' is not the name of a header"),
        ("{requires: {header: a, holds: secret}}", "what a gateway can expect in a header"),
        ("{requires: {header: a, form: 'B c'}}", "is not the word before a credential"),
        ("{credential: drop}", "what a gateway can do with a credential"),
        ("{errors: {status: 200}}", "must be at least 400"),
        ("{errors: {status: 401}}", "this changes no error; add 'becomes', 'form' or 'message'"),
        ("{latency: -1}", "must be at least 0"),
        ("{strip: []}", "unknown key 'strip'; did you mean 'strips'?"),
        ("{serves: empty, prefix: /x}", "a host that serves 'empty' takes no 'prefix'"),
        ("{serves: nothing, latency: 1}", "a host that serves 'nothing' takes no 'latency'"),
    ],
)
def test_a_wrong_host_is_reported_at_its_place(tmp_path: Path, host: str, expected: str) -> None:
    messages = error_messages(tmp_path, with_host("x.example", host))
    assert any(expected in message for message in messages), messages
    assert all(message.startswith("5:") for message in messages)


@pytest.mark.parametrize(
    "url",
    [
        *("https://llm.corp.example", "http://LLM.corp.example:8080/a/b/", "https://claude.ai"),
        "https://api.anthropic.com/v1",
    ],
)
def test_a_variable_can_have_the_address_of_a_host_of_the_case(tmp_path: Path, url: str) -> None:
    assert error_messages(tmp_path, with_address(url)) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://llm.corp.exampel", "is neither emulated nor defined under 'hosts'; did you mean"),
        ("https://evil.example", "is neither emulated nor defined under 'hosts'"),
        ("https://llm.corp.example.evil.example", "is neither emulated nor defined"),
        ("https://127.0.0.1:9/x", "is neither emulated nor defined under 'hosts'"),
        ("https://localhost", "is neither emulated nor defined under 'hosts'"),
        ("https://me@llm.corp.example", ADDRESS),
        ("https://llm.corp.example@evil.example", ADDRESS),
        ("https://llm.corp.example/../..", ADDRESS),
        ("https://llm.corp.example#.evil.example", ADDRESS),
        ("https://evil.example\\@llm.corp.example", ADDRESS),
        ("https://llm.corp.example:99999", ADDRESS),
        ("https://llm\u3002corp.example", "must be printable ASCII"),
        ("https://llm.corp.example\n", "must be printable ASCII"),
        ("", ADDRESS),
    ],
)
@pytest.mark.parametrize("name", ["ANTHROPIC_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL"])
def test_no_variable_leads_a_client_elsewhere(
    tmp_path: Path, name: str, url: str, expected: str
) -> None:
    [message] = error_messages(tmp_path, with_address(url, name))
    assert message.startswith(f"6:{23 + len(name)}: ")
    assert expected in message


def test_an_address_of_another_backend_is_reported(tmp_path: Path) -> None:
    text = changed(
        f"hosts: {{{HOST}: {{}}}}",
        f"backends: {{gw: {{hosts: {{{HOST}: {{}}}}}}, plain: {{}}}}",
        OF_COMMAND,
    )
    both = changed("environment: [it]", "environment: [it], backend: [gw, plain]", text)
    assert error_messages(tmp_path, both) == [
        "7:47: the host 'llm.corp.example' of 'ANTHROPIC_BASE_URL' is neither emulated nor defined "
        "under 'hosts', also not of the backend 'plain'"
    ]


def test_a_variable_can_be_in_the_settings_file(tmp_path: Path) -> None:
    text = changed(
        "'https://llm.corp.example'", "{settings-env: 'https://llm.corp.example'}", OF_COMMAND
    )
    value = PlacedValue(settings_env="https://llm.corp.example")
    assert load_text(tmp_path, text).environments == {"it": {"ANTHROPIC_BASE_URL": value}}


@pytest.mark.parametrize(
    ("value", "client", "expected"),
    [
        ("{settings-env: 'https://evil.example'}", "claude-code", "6:56: the host 'evil.example'"),
        ("{}", "claude-code", "write a value, or under 'settings-env' that of the file"),
        ("{settings: x}", "claude-code", "unknown key 'settings'; did you mean 'settings-env'?"),
        (
            "{settings-env: 'https://llm.corp.example'}",
            "anthropic-python",
            "anthropic-python has no settings file for 'ANTHROPIC_BASE_URL'",
        ),
        (
            "'https://llm.corp.example'",
            "litellm+claude-code",
            "litellm does not read the variable 'ANTHROPIC_BASE_URL'",
        ),
    ],
)
def test_a_wrong_place_of_a_variable_is_reported(
    tmp_path: Path, value: str, client: str, expected: str
) -> None:
    text = changed("'https://llm.corp.example'", value, OF_COMMAND)
    text = changed("client: [claude-code]", f"client: [{client}]", text)
    messages = error_messages(tmp_path, text)
    assert any(expected in message for message in messages), messages


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        ("{token: gateway-key, via: ANTHROPIC_CUSTOM_HEADERS, header: X-Corp-Key}", None),
        ("{token: login, via: credentials-file, folder: '{home}/work'}", None),
        ("{token: login, via: credentials-file, form: no-scopes}", None),
        ("{token: api-key, via: ANTHROPIC_API_KEY, header: X-A}", "'header' is only for 'header'"),
        (
            "{token: api-key, via: ANTHROPIC_CUSTOM_HEADERS, header: Authorization}",
            "the header 'Authorization' has ways of its own",
        ),
        (
            "{token: api-key, via: ANTHROPIC_CUSTOM_HEADERS, header: Host}",
            "the header 'Host' cannot be set",
        ),
        ("{token: api-key, via: ANTHROPIC_API_KEY, folder: '{home}/a'}", "'folder' is only for"),
        ("{token: login, via: credentials-file, folder: /etc}", "'/etc' is not"),
        ("{token: login, via: credentials-file, folder: '{home}/../x'}", "must be a path in the"),
        ("{token: login, via: credentials-file, folder: '{home}/bin'}", "must be a path in the"),
        (
            "{token: login, via: credentials-file, state: blanked, form: no-expiry}",
            "a login in the state 'blanked' cannot have the form 'no-expiry'",
        ),
    ],
)
def test_credentials_for_gateways(tmp_path: Path, credential: str, expected: str | None) -> None:
    text = changed("environments:", f"credentials: {{c: {credential}}}\nenvironments:", OF_COMMAND)
    text = changed("environment: [it]", "environment: [it], credential: [c]", text)
    messages = error_messages(tmp_path, text)
    if expected is None:
        assert messages == []
    else:
        assert any(expected in message for message in messages), messages


def test_only_questions_have_a_model(tmp_path: Path) -> None:
    text = changed(
        "{url: https://api.example.org}",
        "{url: https://api.example.org, request: models, model: claude-haiku-4-5}",
    )
    assert error_messages(tmp_path, text) == ["5:73: the request 'models' has no 'model'"]
