"""Checks of single definitions, by the messages of the loader."""

from pathlib import Path

import pytest

from tests.support.scenario_files import changed, error_messages


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "https://api.example.org",
            "https://api:99999",
            "5:24: 'https://api:99999' is not an address; write one as https://api.anthropic.com",
        ),
        (
            "rejected}",
            "rejected}\ncredentials: {none: {token: api-key, via: bearer}}",
            "8:15: 'none' stands for no credential; choose another name",
        ),
        (
            "rejected}",
            "rejected, message: {contains: a, matches: b}}",
            "7:29: 'message' must have one of 'contains' and 'matches'",
        ),
        (
            "rejected}",
            "rejected, message: {}}",
            "7:29: 'message' must have one of 'contains' and 'matches'",
        ),
        (
            "rejected}",
            "rejected, message: {matches: '(a'}}",
            "7:48: '(a' is not a regular expression: missing ); see "
            "github.com/google/re2/wiki/Syntax",
        ),
        (
            "rejected}",
            "rejected, message: {matches: '(?!a)'}}",
            "7:48: '(?!a)' is not a regular expression: invalid perl operator; lookaround is not "
            "supported",
        ),
        (
            "rejected}",
            "rejected, message: {matches: 'a{1001}'}}",
            "7:48: 'a{1001}' is not a regular expression: invalid repetition size; see "
            "github.com/google/re2/wiki/Syntax",
        ),
        (
            "rejected}",
            f"rejected, message: {{matches: {'a' * 1001}}}}}",
            "7:48: this regular expression has more than 1,000 characters",
        ),
        (
            "rejected}",
            "rejected, requests: [{credential_header: autorization}]}",
            "7:60: 'autorization' is not a header with a credential; did you mean 'authorization'?",
        ),
        (
            "rejected}",
            "rejected, no_requests: [{credential_header: cookie}]}",
            "7:63: 'cookie' is not a header with a credential; use 'authorization', "
            "'x-api-key', 'body' or 'none'",
        ),
    ],
)
def test_an_invalid_definition_is_reported_at_its_position(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert error_messages(tmp_path, changed(old, new)) == [expected]


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (
            "{token: login, via: ANTHROPIC_API_KEY}",
            "a login is handed over via 'credentials-file', not 'ANTHROPIC_API_KEY'",
        ),
        (
            "{token: api-key, via: credentials-file}",
            "'credentials-file' is for a login, not for an api-key",
        ),
        (
            "{token: refresh-token, via: bearer}",
            "a refresh-token is handed over via 'body' or 'CLAUDE_CODE_OAUTH_REFRESH_TOKEN', "
            "not 'bearer'",
        ),
        (
            "{token: access-token, via: body}",
            "'body' is for a refresh-token or an identity-token, not for an access-token",
        ),
        (
            "{token: access-token, via: bearer, state: blanked}",
            "only a login can be 'blanked', not an access-token",
        ),
        (
            "{token: setup-token, via: bearer, state: used}",
            "only a refresh-token or a login can be 'used', not a setup-token",
        ),
        (
            "{token: identity-token, via: bearer}",
            "an identity-token is handed over via 'body', 'ANTHROPIC_IDENTITY_TOKEN' or "
            "'ANTHROPIC_IDENTITY_TOKEN_FILE', not 'bearer'",
        ),
        (
            "{token: api-key, via: ANTHROPIC_IDENTITY_TOKEN}",
            "'ANTHROPIC_IDENTITY_TOKEN' is for an identity-token, not for an api-key",
        ),
        (
            "{token: login, via: apiKeyHelper}",
            "a login is handed over via 'credentials-file', not 'apiKeyHelper'",
        ),
    ],
)
def test_a_token_state_and_way_that_do_not_fit_together_are_reported(
    tmp_path: Path, credential: str, expected: str
) -> None:
    messages = error_messages(
        tmp_path,
        changed("[api]}", "[api], credential: [it]}") + f"credentials: {{it: {credential}}}",
    )
    key = "state: " if "state" in credential else "via: "
    assert messages[-1] == f"8:{19 + credential.index(key) + len(key)}: {expected}"


VARIABLES = (
    "'CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', "
    "'ANTHROPIC_CUSTOM_HEADERS', 'CLAUDE_CODE_OAUTH_REFRESH_TOKEN', 'ANTHROPIC_IDENTITY_TOKEN' or "
    "'ANTHROPIC_IDENTITY_TOKEN_FILE'"
)


@pytest.mark.parametrize(
    ("credential", "at", "expected"),
    [
        (
            "{token: login, via: credentials-file, form: chatty}",
            "chatty",
            "a credential via 'credentials-file' cannot have the form 'chatty'; use "
            "'cut-short', 'scopes-as-text', 'scopes-as-number', 'no-scopes', 'no-expiry', "
            "'expiry-in-seconds', 'expiry-zero', "
            "'expiry-ahead', 'no-refresh-token', 'unknown-refresh-token', 'refresh-locked' "
            "or 'stale-refresh-lock'",
        ),
        (
            "{token: api-key, via: apiKeyHelper, form: line-break}",
            "line-break",
            "a credential via 'apiKeyHelper' cannot have the form 'line-break'; use "
            "'failing', 'slow', 'chatty', 'silent' or 'cut-short'",
        ),
        (
            "{token: api-key, via: ANTHROPIC_API_KEY, form: x-api-key-line}",
            "x-api-key-line",
            "a credential via 'ANTHROPIC_API_KEY' cannot have the form 'x-api-key-line'; use "
            "'line-break', 'trailing-line-break', 'wide-character' or 'cut-short'",
        ),
        (
            "{token: api-key, via: bearer, form: line-break}",
            "line-break",
            "a credential via 'bearer' cannot have the form 'line-break'; use 'cut-short'",
        ),
        (
            "{token: login, via: credentials-file, form: expiry-zero, state: blanked}",
            "expiry-zero",
            "a login in the state 'blanked' cannot have the form 'expiry-zero'",
        ),
        (
            "{token: login, via: credentials-file, form: expiry-ahead}",
            "expiry-ahead",
            "a login in the state 'valid' cannot have the form 'expiry-ahead'",
        ),
        (
            "{token: login, via: credentials-file, form: no-refresh-token, state: used}",
            "no-refresh-token",
            "a login in the state 'used' cannot have the form 'no-refresh-token'",
        ),
        (
            "{token: api-key, via: apiKeyHelper, form: chaty}",
            "chaty",
            "'chaty' is not a form of a credential; did you mean 'chatty'?",
        ),
        (
            "{token: api-key, via: settings-env}",
            "settings-env",
            f"'settings-env' needs a 'variable': {VARIABLES}",
        ),
        (
            "{token: api-key, via: settings-env, variable: apiKeyHelper}",
            "apiKeyHelper",
            f"'settings-env' needs a 'variable': {VARIABLES}",
        ),
        (
            "{token: api-key, via: apiKeyHelper, variable: ANTHROPIC_API_KEY}",
            "ANTHROPIC_API_KEY",
            "'variable' is only for 'settings-env', but 'via' is 'apiKeyHelper'",
        ),
        (
            "{token: login, via: settings-env, variable: ANTHROPIC_API_KEY}",
            "ANTHROPIC_API_KEY",
            "a login is handed over via 'credentials-file', not 'ANTHROPIC_API_KEY'",
        ),
        (
            "{token: api-key, via: settings-env, variable: ANTHROPIC_API_KEY, form: slow}",
            "slow",
            "a credential via 'ANTHROPIC_API_KEY' cannot have the form 'slow'; use "
            "'line-break', 'trailing-line-break', 'wide-character' or 'cut-short'",
        ),
        (
            "[{token: api-key, via: apiKeyHelper}, {token: api-key, via: apiKeyHelper}]",
            "apiKeyHelper",
            "'apiKeyHelper' holds one credential, and is already used",
        ),
        (
            "[{token: api-key, via: settings-env, variable: ANTHROPIC_API_KEY},"
            " {token: setup-token, via: settings-env, variable: ANTHROPIC_API_KEY}]",
            "settings-env",
            "'settings-env: ANTHROPIC_API_KEY' holds one credential, and is already used",
        ),
        (
            "[{token: api-key, via: ANTHROPIC_API_KEY}, {token: login, via: apiKeyHelper}]",
            "apiKeyHelper",
            "a login is handed over via 'credentials-file', not 'apiKeyHelper'",
        ),
        (
            "[{token: api-key, via: ANTHROPIC_API_KEY}, {token: api-key, vai: apiKeyHelper}]",
            "vai: apiKeyHelper",
            "unknown key 'vai'; did you mean 'via'?",
        ),
        (
            "apiKeyHelper",
            "apiKeyHelper",
            "'it' must be a list or a mapping, not the text 'apiKeyHelper'",
        ),
    ],
)
def test_each_way_has_its_own_forms_and_takes_one_credential(
    tmp_path: Path, credential: str, at: str, expected: str
) -> None:
    messages = _of_credential(tmp_path, credential)
    assert f"8:{19 + credential.rindex(at)}: {expected}" in messages


def test_an_empty_list_of_credentials_is_reported(tmp_path: Path) -> None:
    assert "8:15: 'it' must have at least one item" in _of_credential(tmp_path, "[]")


@pytest.mark.parametrize(
    "credential",
    [
        "[{token: api-key, via: ANTHROPIC_API_KEY}, "
        "{token: api-key, via: settings-env, variable: ANTHROPIC_API_KEY}]",
        "[{token: setup-token, via: settings-env, variable: CLAUDE_CODE_OAUTH_TOKEN}, "
        "{token: api-key, via: settings-env, variable: ANTHROPIC_API_KEY, form: line-break}]",
        "[{token: login, via: credentials-file, state: used, form: expiry-in-seconds}]",
        "{token: refresh-token, state: used, via: CLAUDE_CODE_OAUTH_REFRESH_TOKEN}",
        "{token: identity-token, via: settings-env, variable: ANTHROPIC_IDENTITY_TOKEN_FILE}",
        "{token: api-key, via: ANTHROPIC_CUSTOM_HEADERS, form: x-api-key-line}",
    ],
)
def test_credentials_as_users_supply_them(tmp_path: Path, credential: str) -> None:
    assert _of_credential(tmp_path, credential) == []


def test_a_request_of_authprobe_sends_several_credentials(tmp_path: Path) -> None:
    several = "[{token: api-key, via: x-api-key}, {token: access-token, via: bearer}]"
    text = changed("[api]}", "[api], credential: [it]}") + f"credentials: {{it: {several}}}"
    assert error_messages(tmp_path, text) == []


def _of_credential(folder: Path, credential: str) -> list[str]:
    """Return the messages about a credential of Claude Code, which is in the last line."""
    text = changed(
        "{client: [raw-http], endpoint: [api]}", "{client: [claude-code], credential: [it]}"
    )
    text = changed("endpoints: {api: {url: https://api.example.org}}\n", "tags: [a]\n", text)
    return error_messages(folder, text + f"credentials: {{it: {credential}}}")


@pytest.mark.parametrize(
    "credential",
    [
        "{token: api-key, via: x-api-key, state: revoked}",
        "{token: api-key, via: bearer}",
        "{token: access-token, via: x-api-key, state: expired}",
        "{token: setup-token, via: bearer, state: unknown}",
    ],
)
def test_a_token_in_the_wrong_header_is_a_valid_scenario(tmp_path: Path, credential: str) -> None:
    text = changed("[api]}", "[api], credential: [it]}") + f"credentials: {{it: {credential}}}"
    assert error_messages(tmp_path, text) == []


@pytest.mark.parametrize(
    "name",
    [
        *("user-agent", "User-Agent", "AUTHORIZATION", "x-api-key", "cookie", "x-app"),
        *("x-stainless-lang", "X-Stainless-", "x-claude-remote"),
    ],
)
@pytest.mark.parametrize("value", ["claude-cli/2.1.31", "null"])
def test_requests_identify_themselves_as_authprobe(tmp_path: Path, name: str, value: str) -> None:
    assert _of_headers(tmp_path, f"{name}: {value}") == [
        f"8:16: the header '{name}' cannot be set: every client identifies itself, "
        "and credentials are set under 'credentials'"
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("anthropic-beta: a", []),
        ("x-empty: ''", []),
        ("anthropic-version: null", []),
        ("x-apps: a", []),
        ("a b: c", ["8:16: 'a b' is not a header name (RFC 9110, 5.6.2)"]),
        ("'': c", ["8:16: '' is not a header name (RFC 9110, 5.6.2)"]),
        (
            "x-a: é",
            ["8:21: the value 'é' of a header must be printable ASCII, without spaces around it"],
        ),
        (
            "x-a: ' b'",
            ["8:21: the value ' b' of a header must be printable ASCII, without spaces around it"],
        ),
        (
            'x-a: "b\\nc: d"',
            [
                "8:21: the value 'b\\nc: d' of a header must be printable ASCII, "
                "without spaces around it"
            ],
        ),
        ("x-a: b, X-A: c", ["8:24: 'X-A' is the same header as 'x-a'"]),
    ],
)
def test_headers_that_cannot_be_sent_are_reported(
    tmp_path: Path, header: str, expected: list[str]
) -> None:
    assert _of_headers(tmp_path, header) == expected


def _of_headers(folder: Path, header: str) -> list[str]:
    text = changed("[api]}", "[api], headers: [default, it]}") + f"headers: {{it: {{{header}}}}}"
    return error_messages(folder, text)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ("[A22, challenge-page, {name: delay, seconds: 0.5, times: 2}]", []),
        ("[A99]", ["8:26: no such fault: 'A99'; did you mean 'A49'?"]),
        ("[delay, {name: dealy}]", ["8:33: no such fault: 'dealy'; did you mean 'delay'?"]),
        ("[{name: A22, seconds: 1}]", ["8:26: 'A22' takes no 'seconds'"]),
        (
            "['no fault']",
            [
                "8:26: 'no fault' is not the name of a fault; "
                "`authprobe emulator --rules` lists them"
            ],
        ),
        ("[{times: 1}]", ["8:26: the key 'name' is missing"]),
        ("[{name: reset, time: 1}]", ["8:40: unknown key 'time'; did you mean 'times'?"]),
        ("[[]]", ["8:26: item 1 of 'faults' must be a mapping or text, not a list"]),
    ],
)
def test_an_unknown_or_malformed_fault_is_reported(
    tmp_path: Path, faults: str, expected: list[str]
) -> None:
    text = changed("[api]}", "[api], backend: [it]}") + f"backends: {{it: {{faults: {faults}}}}}"
    assert error_messages(tmp_path, text) == expected


@pytest.mark.parametrize("key", ["findings", "no_findings"])
def test_an_unknown_finding_is_reported(tmp_path: Path, key: str) -> None:
    text = changed("{outcome: rejected}", f"{{outcome: rejected, {key}: [crashs]}}")
    (message,) = error_messages(tmp_path, text)
    assert message.endswith("'crashs' is not a finding; did you mean 'crashes'?")
