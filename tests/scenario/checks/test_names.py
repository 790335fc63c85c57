"""Checks of names and cases, by the messages of the loader."""

from pathlib import Path

import pytest

from authprobe.observation.model import Outcome
from authprobe.scenario.checks.names import check
from authprobe.scenario.clients import parse_client
from authprobe.scenario.load import load_all
from authprobe.scenario.model import Combination, Expectation, Matrix
from tests.support.command import PROJECT
from tests.support.make import make_clients, make_scenario
from tests.support.scenario_files import FULL, SMALL, changed, error_messages

BUNDLED = PROJECT / "scenarios"

CLI = """\
id: cli
title: A client of its own
why: It chooses its addresses.
sources: [https://example.org/issue/1]
credentials: {it: {token: access-token, via: CLAUDE_CODE_OAUTH_TOKEN}}
matrix: {client: [claude-code@2.1.31], credential: [it]}
expect: {outcome: rejected}
"""


def test_each_problem_has_the_path_of_its_value() -> None:
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("raw-http"), endpoint=("api",)),
        exclude=(Combination(backend="slow"),),
    )
    assert list(check(scenario)) == [
        (("matrix", "endpoint", 0), "'api' is not defined under 'endpoints'; use 'default'"),
        (("exclude", 0, "backend"), "'slow' is not defined under 'backends'; use 'default'"),
    ]


@pytest.mark.parametrize("text", [SMALL, FULL, CLI], ids=["small", "full", "cli"])
def test_a_valid_file_has_no_errors(tmp_path: Path, text: str) -> None:
    assert error_messages(tmp_path, text) == []


def test_the_bundled_scenarios_have_no_errors() -> None:
    assert load_all([BUNDLED])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[api]", "[apy]", "6:41: 'apy' is not defined under 'endpoints'; did you mean 'api'?"),
        ("[api]", "[api, api]", "6:46: 'api' is already on this axis"),
        ("raw-http", "raw-htp", "6:19: 'raw-htp' is not a client; did you mean 'raw-http'?"),
        (
            "raw-http",
            "raw-http@1.0",
            "6:19: 'raw-http' is authprobe itself and takes no version; leave out '@1.0'",
        ),
        (
            "raw-http",
            "claude-code+claude-code",
            "6:19: 'claude-code+claude-code': claude-code brings its own CLI; "
            "leave out '+claude-code'",
        ),
        (
            "endpoint: [api]",
            "endpoint: [default, api]",
            "6:41: raw-http needs an endpoint that is defined under 'endpoints', not 'default'",
        ),
        (
            "{api: {url",
            "{b: {url: https://x}, api: {url",
            "5:13: no case uses the endpoint 'b'; name it in 'matrix', or leave it out",
        ),
        (
            "rejected}",
            "rejected}\nexclude: [{credential: absent}]",
            "8:24: 'absent' is not defined under 'credentials'; use 'none'",
        ),
        (
            "rejected}",
            "rejected}\nexclude: [{endpoint: api}]",
            "8:11: no case is left; exclude less, or include something",
        ),
        (
            "rejected}",
            "rejected}\nexclude: [{client: claude-code}]",
            "8:11: this excludes nothing; the matrix has no such combination",
        ),
        (
            "rejected}",
            "rejected}\ninclude: [{client: raw-http}]",
            "8:11: the matrix already has this case; leave it out",
        ),
        (
            "rejected}",
            "rejected}\ninclude: [{client: raw-http, endpoint: [api, apy]}]",
            "8:46: 'apy' is not defined under 'endpoints'; did you mean 'api'?",
        ),
        (
            "rejected}",
            "rejected}\ninclude: [{endpoint: []}]",
            "8:12: 'endpoint' must have at least one item",
        ),
        (
            "endpoint: [api]}\nexpect: {outcome: rejected}",
            "endpoint: [api], backend: [default, slow], headers: [default, a]}\n"
            "expect: {outcome: rejected}\nheaders: {a: {x-a: b}}\n"
            "backends: {slow: {faults: [A30]}}\n"
            "exclude: [{backend: slow, headers: a, client: [raw-http, claude-code]}]",
            "10:58: 'claude-code@latest' excludes nothing; the matrix has no such combination",
        ),
    ],
)
def test_an_undefined_or_useless_name_is_reported_at_its_position(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert error_messages(tmp_path, changed(old, new)) == [expected]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "[{when: {endpoint: apy}, then: &x {outcome: rejected}}, {then: *x}]",
            "7:28: 'apy' is not defined under 'endpoints'; did you mean 'api'?",
        ),
        (
            "[{when: {backend: slow}, then: &x {outcome: rejected}}, {then: *x}]",
            "7:27: no case has the backend 'slow'; use 'default'",
        ),
        (
            "[{when: {client: [raw-http, claude-code]}, then: {outcome: rejected}}]",
            "7:37: no case has the client 'claude-code@latest'; use 'raw-http'",
        ),
        (
            "[{then: &x {outcome: rejected}}, {when: {endpoint: api}, then: *x}]",
            "7:42: this rule is never used: earlier rules match all of its cases",
        ),
        (
            "[{when: {endpoint: other, client: raw-http}, then: &x {outcome: rejected}}, "
            "{when: {endpoint: api, credential: none}, then: *x}, {when: {endpoint: other, "
            "credential: none}, then: *x}]",
            "7:138: this rule is never used: earlier rules match all of its cases",
        ),
        (
            "[{when: {endpoint: other}, then: {outcome: rejected}}]",
            "7:1: no rule matches the case 'raw-http/api/none/default/default/default/prompt'; "
            "end with a rule that has no 'when'",
        ),
    ],
)
def test_every_rule_must_match_a_case_and_every_case_a_rule(
    tmp_path: Path, rules: str, expected: str
) -> None:
    text = changed("{outcome: rejected}", rules)
    text = text.replace("endpoint: [api]}", "endpoint: [api, other]}")
    text = (
        text.replace("{api: {", "{other: {url: https://y}, api: {")
        + "backends: {slow: {faults: [{name: delay, seconds: 1}]}}\n"
    )
    messages = error_messages(tmp_path, text)
    assert [line for line in messages if "no case uses the backend 'slow'" not in line] == [
        expected
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "via: CLAUDE_CODE_OAUTH_TOKEN",
            "via: bearer",
            [
                "6:53: claude-code takes no credential via 'bearer', as in 'it'; "
                "use 'CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_API_KEY', "
                "'ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_CUSTOM_HEADERS', "
                "'CLAUDE_CODE_OAUTH_REFRESH_TOKEN', 'ANTHROPIC_IDENTITY_TOKEN', "
                "'ANTHROPIC_IDENTITY_TOKEN_FILE', 'credentials-file', 'apiKeyHelper' or "
                "'settings-env'"
            ],
        ),
        (
            "matrix: {",
            "endpoints: {api: {url: https://x}}\nmatrix: {endpoint: [api], ",
            [
                "7:21: claude-code chooses its own addresses; its endpoint must be 'default', "
                "not 'api'"
            ],
        ),
        (
            "matrix: {",
            "headers: {more: {x-more: y}}\nmatrix: {headers: [more], ",
            ["7:20: claude-code sends its own headers; its headers must be 'default', not 'more'"],
        ),
        (
            "matrix: {client: [claude-code@2.1.31]",
            "matrix: {flow: [prompt, stdio], client: [claude-code@2.1.31, agent-sdk-node]",
            ["6:25: agent-sdk-node has only the flow 'prompt', not 'stdio'"],
        ),
        (
            "{outcome: rejected}",
            "{outcome: rejected, sessions: {accepted: 1}}",
            ["7:29: there are no sessions: no case has the flow 'prompts-at-once'"],
        ),
        (
            "matrix: {",
            "until: {requests: 5}\nbackends:\n  busy: {faults: [{name: A30, times: 4},"
            " {name: A01, times: 1, path: /v1/messages}]}\n  fine: {faults: [{name: A30, times: 4},"
            " {name: delay, times: 9}, {name: A50, times: 9, path: /v1/oauth/token}, A30]}"
            "\nmatrix: {backend: [busy, fine], ",
            [
                "6:19: a client may be answered at last: the backend 'busy' has refusals that end "
                "after 5 requests; write more than 5, or leave 'until' out"
            ],
        ),
        (
            "matrix: {",
            "matrix: {flow: [login], ",
            ["6:17: 'login' is not a flow; did you mean 'auth-login'?"],
        ),
        (
            "matrix: {",
            "backends: {stdio: {faults: [delay]}}\nmatrix: {backend: [stdio], ",
            ["6:12: 'stdio' is also a flow; case ids would be the same, choose another"],
        ),
        (
            "matrix: {",
            'environments: {stdio: {CI: "1"}}\nmatrix: {environment: [stdio], ',
            ["6:16: 'stdio' is also a flow; case ids would be the same, choose another"],
        ),
        (
            "matrix: {",
            'environments: {debug: {CI: "1"}}\nmatrix: {',
            ["6:16: no case uses the environment 'debug'; name it in 'matrix', or leave it out"],
        ),
        (
            "matrix: {",
            "matrix: {environment: [debug], ",
            ["6:24: 'debug' is not defined under 'environments'; use 'default'"],
        ),
        (
            "[claude-code@2.1.31]",
            "[claude-code, claude-code@latest]",
            ["6:32: 'claude-code@latest' is already on this axis"],
        ),
        (
            "expect:",
            "include: [{client: claude-code@1.0.30}, {client: claude-code@1.0.30, endpoint: "
            "default}]\nexpect:",
            ["7:41: this case is already included; leave it out"],
        ),
        (
            "expect:",
            "endpoints: {api: {url: https://x}}\ninclude: [{client: raw-http, endpoint: "
            "api}]\nexpect:",
            [
                "8:11: raw-http takes no credential via 'CLAUDE_CODE_OAUTH_TOKEN', as in 'it'; "
                "use 'bearer', 'x-api-key', 'body' or 'header'"
            ],
        ),
        (
            "via: CLAUDE_CODE_OAUTH_TOKEN}}\nmatrix: {client: [claude-code@2.1.31]",
            "via: apiKeyHelper}}\nmatrix: {client: [anthropic-python]",
            [
                "6:51: anthropic-python takes no credential via 'apiKeyHelper', as in 'it'; "
                "use 'CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', "
                "'ANTHROPIC_CUSTOM_HEADERS', 'CLAUDE_CODE_OAUTH_REFRESH_TOKEN', "
                "'ANTHROPIC_IDENTITY_TOKEN' or 'ANTHROPIC_IDENTITY_TOKEN_FILE'"
            ],
        ),
        (
            "expect:",
            "headers: {same: {x-a: b}}\nbackends: {same: {faults: [delay]}}\ninclude: [{headers: "
            "same}, {backend: same}]\nexpect:",
            [
                "8:12: 'same' is also the name of headers; case ids would be the same, "
                "choose another",
                "9:21: claude-code sends its own headers; its headers must be 'default', "
                "not 'same'",
            ],
        ),
        (
            "expect:",
            "headers: {h: {x-a: b}}\nbackends: {b: {faults: [{name: delay, seconds: 1}]}}\nexpect:",
            [
                "7:11: no case uses the set of headers 'h'; name it in 'matrix', or leave it out",
                "8:12: no case uses the backend 'b'; name it in 'matrix', or leave it out",
            ],
        ),
        (
            "expect:",
            "endpoints: {default: {url: https://x}}\nexpect:",
            ["7:13: 'default' stands for the client's own addresses; choose another name"],
        ),
        ("expect:", "backends: {default: {faults: [{name: delay, seconds: 1}]}}\nexpect:", []),
    ],
)
def test_client_endpoint_and_credential_must_fit_together(
    tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    assert error_messages(tmp_path, changed(old, new, CLI)) == expected


@pytest.mark.parametrize(
    ("request_", "token", "via", "expected"),
    [
        ("refresh", "refresh-token", "body", []),
        (
            "refresh",
            "api-key",
            "bearer",
            ["6:66: the endpoint 'api' takes only refresh tokens, but 'it' is 'api-key'"],
        ),
        (
            "messages",
            "refresh-token",
            "body",
            [
                "6:66: the refresh token 'it' needs an endpoint with "
                "'request: refresh', but 'api' has 'messages'"
            ],
        ),
        ("federate", "identity-token", "body", []),
        (
            "refresh",
            "identity-token",
            "body",
            [
                "6:66: the endpoint 'api' takes only refresh tokens, but 'it' is 'identity-token'",
                "6:66: the identity token 'it' needs an endpoint with "
                "'request: federate', but 'api' has 'refresh'",
            ],
        ),
    ],
)
def test_a_token_that_is_exchanged_needs_the_matching_endpoint(
    tmp_path: Path, request_: str, token: str, via: str, expected: list[str]
) -> None:
    text = changed("example.org}", f"example.org, request: {request_}}}")
    text = changed("[api]}", "[api], credential: [none, it]}", text)
    text += f"credentials: {{it: {{token: {token}, via: {via}}}}}"
    assert error_messages(tmp_path, text) == expected


def test_a_huge_matrix_is_rejected_without_being_expanded() -> None:
    values = tuple(f"claude-code@2.1.{number}" for number in range(100))
    names = tuple(f"n{number}" for number in range(100))
    endless = Matrix(
        client=make_clients(*values), endpoint=names, credential=names, headers=names, backend=names
    )
    scenario = make_scenario(matrix=endless)
    assert (("matrix",), "10,000,000,000 cases are too many; the limit is 50,000 per scenario") in [
        *check(scenario)
    ]


def test_all_problems_of_a_scenario_are_reported_at_once() -> None:
    scenario = make_scenario(
        matrix=Matrix(client=make_clients("raw-http", "raw-http")),
        expect=Expectation(outcome=Outcome.REJECTED),
        exclude=(Combination(client=parse_client("claude-code")),),
    )
    assert [path for path, _ in check(scenario)] == [
        ("matrix", "client", 1),
        ("exclude", 0),
        ("matrix", "endpoint", 0),
    ]
