"""Checks of scenarios with `live`: every refusal at its line and column, and none of a good one."""

import datetime
from pathlib import Path

import pytest

from authprobe.core.targets import Target
from authprobe.errors import ScenarioError
from authprobe.plan.expand import left_out_of_live, make_plan
from authprobe.scenario.load import load_files
from authprobe.scenario.model import Scenario

TODAY = datetime.datetime.now(datetime.UTC).date()
SOON = TODAY + datetime.timedelta(days=30)
KEY = "sk-ant-api03-" + "q7Zp" * 20
GOOD = f"""\
id: mine
title: Our key, straight and by our gateway
why: It must work today.
sources: [https://platform.claude.com/docs/en/api/overview]
live:
  hosts: [api.anthropic.com, gateway.example.com]
  max_requests: 8
  expires: {SOON}
endpoints:
  models: {{url: https://api.anthropic.com/v1/models, request: models}}
  ours: {{url: https://gateway.example.com/v1/models, request: models}}
hosts:
  gateway.example.com: {{}}
credentials:
  key: {{token: api-key, from: env:OUR_KEY, for: [api.anthropic.com], via: x-api-key}}
  theirs: {{token: gateway-key, from: env:GATEWAY_KEY, for: [gateway.example.com], via: bearer}}
  made-up: {{token: api-key, state: unknown, via: x-api-key}}
  old: {{token: api-key, state: revoked, via: x-api-key}}
matrix:
  client: [raw-http]
  endpoint: [models, ours]
  credential: [key, theirs, made-up, old]
expect:
  - when: {{target: live, credential: [key, theirs]}}
    then: {{outcome: accepted}}
  - then: {{outcome: rejected}}
"""
CLAUDE = f"""\
id: plan
title: Our subscription
why: It must work today.
sources: [https://code.claude.com/docs/en/authentication]
live: {{hosts: [api.anthropic.com], ask: message, expires: {SOON}}}
credentials:
  setup: {{token: setup-token, from: env:MY_TOKEN}}
  me: {{token: login, from: stored}}
matrix:
  client: [claude-code@installed, claude-code@2.1.112]
  credential: [setup, me]
expect: {{outcome: accepted}}
"""


def load(folder: Path, text: str, *, asks_live: bool = True) -> Scenario:
    """Return the scenario of a text, or raise its errors."""
    path = folder / "mine.yaml"
    path.write_text(text)
    return load_files([path], asks_live=asks_live)[0].scenario


def errors(folder: Path, text: str) -> list[str]:
    """Return the errors of a text as `line:column: message`."""
    with pytest.raises(ScenarioError) as caught:
        load(folder, text)
    return [m.removeprefix(f"{folder}/mine.yaml:") for m in str(caught.value).split("\n")]


def changed(old: str, new: str, text: str = GOOD) -> str:
    """Return the text with one change."""
    assert old in text
    return text.replace(old, new, 1)


def test_a_secret_reaches_its_own_hosts_only(tmp_path: Path) -> None:
    scenario = load(tmp_path, GOOD)
    live = make_plan([scenario], targets=(Target.LIVE,))
    assert [case.id for case in live] == [
        "mine/raw-http/models/key/live",
        "mine/raw-http/models/made-up/live",
        "mine/raw-http/ours/theirs/live",
        "mine/raw-http/ours/made-up/live",
    ]
    assert all(case.live == scenario.live and case.target is Target.LIVE for case in live)
    assert live[0].expectation.outcome == "accepted"
    assert live[1].expectation.outcome == "rejected"


def test_without_the_target_nothing_is_live_and_ids_stay(tmp_path: Path) -> None:
    cases = make_plan([load(tmp_path, GOOD)])
    assert len(cases) == 8
    assert not any(case.id.endswith("/live") or case.live for case in cases)


def test_both_targets_stand_side_by_side(tmp_path: Path) -> None:
    ids = [case.id for case in make_plan([load(tmp_path, GOOD)], targets=tuple(Target))]
    assert ids[:3] == [
        "mine/raw-http/models/key",
        "mine/raw-http/models/key/live",
        "mine/raw-http/models/theirs",
    ]
    assert len(ids) == 12


def test_what_is_left_out_is_told_once_with_its_reason(tmp_path: Path) -> None:
    assert list(left_out_of_live([load(tmp_path, GOOD)])) == [
        "mine: 1 case is not asked live: the credential 'theirs' is not for api.anthropic.com",
        "mine: 2 cases are not asked live: the credential 'old' is made up, and revoked on the "
        "emulator only; a secret of your own has a 'from'",
        "mine: 1 case is not asked live: the credential 'key' is not for gateway.example.com",
    ]


def test_a_stored_login_is_for_the_installed_claude_only(tmp_path: Path) -> None:
    live = make_plan([load(tmp_path, CLAUDE)], targets=(Target.LIVE,))
    assert [case.id for case in live] == [
        "plan/claude-code@installed/default/setup/live",
        "plan/claude-code@installed/default/me/live",
        "plan/claude-code@2.1.112/default/setup/live",
    ]


def test_claude_that_asks_too_often_is_for_the_emulator_only(tmp_path: Path) -> None:
    scenario = load(tmp_path, CLAUDE.replace("2.1.112", "2.0.76"))
    left_out = list(left_out_of_live([scenario]))
    assert left_out[0] == (
        "plan: 2 cases are not asked live: claude 2.0.76 asks a model up to 7 times for one "
        "answer; live needs 2.1.62 or newer"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "from: env:OUR_KEY",
            f"from: {KEY}",
            "15:31: this is no source of a secret; write env:NAME with the name of a variable, or "
            "stored; a scenario never contains the secret itself",
        ),
        (
            "why: It must work today.",
            f"why: It must work today.  # {KEY}",
            "3:29: this looks like a token; a scenario never contains one: write 'from: env:NAME'",
        ),
        (
            "via: x-api-key}\n  theirs",
            "via: x-api-key, state: expired}\n  theirs",
            "15:93: a secret of your own has the state 'valid', not 'expired'",
        ),
        (
            "token: api-key, from: env:OUR_KEY",
            "token: setup-token, from: env:OUR_KEY",
            "15:79: 'setup-token' of your own is sent by the unmodified claude only, via "
            "'CLAUDE_CODE_OAUTH_TOKEN'",
        ),
        (
            "token: api-key, from: env:OUR_KEY",
            "token: refresh-token, from: env:OUR_KEY",
            "15:16: a refresh-token cannot come from 'env:OUR_KEY': the real service would "
            "exchange it for another; only a made-up one is sent, with 'state: unknown'",
        ),
        (
            "for: [gateway.example.com]",
            "for: [other.example.com]",
            "16:61: 'other.example.com' is not among the 'hosts' of 'live'",
        ),
        (
            ", for: [gateway.example.com], via: bearer",
            ", for: [api.anthropic.com], via: bearer",
            "16:61: 'gateway-key' is for a gateway of your own, not for 'api.anthropic.com'",
        ),
        (
            "https://gateway.example.com/v1/models",
            "http://gateway.example.com/v1/models",
            "11:15: the real service is asked over https only; write https://gateway.example.com",
        ),
        (
            "[api.anthropic.com, gateway.example.com]\n  max",
            "[api.anthropic.com]\n  max",
            "11:15: the host 'gateway.example.com' is not among the 'hosts' of 'live'; name it "
            "there, or put these cases into another scenario",
        ),
        (
            "gateway.example.com]\n  max",
            "gateway.example.com, Api.example.com]\n  max",
            "6:51: the host 'Api.example.com' has capital letters; write it in lower case",
        ),
        ("max_requests: 8", "max_requests: 41", "7:17: 'max_requests' must be at most 40, not "),
        (f"expires: {SOON}", "ask: cheap", "6:3: the key 'expires' is missing"),
        (
            f"expires: {SOON}",
            "expires: 2099-01-01",
            "8:12: 2099-01-01 is more than a year ahead; a scenario asks until ",
        ),
        (
            f"expires: {SOON}",
            "expires: 2026-02-01",
            "8:12: this scenario asks the real service until 2026-02-01 only; look at it, then set "
            "a later day",
        ),
        (
            "request: models}\n  ours",
            "request: messages}\n  ours",
            "10:3: a message costs something; write 'ask: message' under 'live', or 'request: "
            "models' here",
        ),
        (
            "token: api-key, state: unknown",
            "token: api-key, state: unknown, for: [api.anthropic.com]",
            "17:45: 'for' is only for a secret of your own, with a 'from'",
        ),
    ],
)
def test_a_refusal_names_the_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = errors(tmp_path, changed(old, new))
    assert any(each.startswith(message) for each in found), found
    assert not any(KEY in each for each in found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "token: login, from: stored",
            "token: login, from: env:MY_LOGIN",
            "8:28: a login stays where it is: write 'from: stored'",
        ),
        (
            "token: setup-token, from: env:MY_TOKEN",
            "token: api-key, from: stored",
            "7:33: only a login is 'stored', not 'api-key'",
        ),
        (
            "token: setup-token, from: env:MY_TOKEN",
            "token: api-key, from: env:MY_TOKEN, via: apiKeyHelper",
            "7:52: a secret of your own is never written to a file, as 'apiKeyHelper' is",
        ),
        (
            "ask: message, ",
            "",
            "10:12: claude-code sends a message, which costs something; write 'ask: message' under "
            "'live'",
        ),
        (
            "hosts: [api.anthropic.com]",
            "hosts: [gateway.example.com]",
            "7:3: write under 'for' which of the hosts it is for: 'gateway.example.com'; a secret "
            "is sent to no other",
        ),
        (
            "from: env:MY_TOKEN",
            "from: env:MY_TOKEN, for: [gateway.example.com]",
            "7:57: 'gateway.example.com' is not among the 'hosts' of 'live'",
        ),
        (
            f"live: {{hosts: [api.anthropic.com], ask: message, expires: {SOON}}}\n",
            "",
            "6:37: 'from' has no effect in a scenario without 'live'",
        ),
    ],
)
def test_a_refusal_for_claude_names_the_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert message in errors(tmp_path, changed(old, new, CLAUDE))


def test_a_token_of_a_subscription_stays_with_anthropic(tmp_path: Path) -> None:
    text = changed(
        "hosts: [api.anthropic.com]", "hosts: [api.anthropic.com, gateway.example.com]", CLAUDE
    )
    text = changed("from: env:MY_TOKEN", "from: env:MY_TOKEN, for: [gateway.example.com]", text)
    assert errors(tmp_path, text) == [
        "7:57: 'setup-token' is for hosts of Anthropic's only, not for 'gateway.example.com'"
    ]


def test_authprobe_itself_sends_no_token_of_a_subscription(tmp_path: Path) -> None:
    text = changed(
        "token: api-key, from: env:OUR_KEY, for: [api.anthropic.com], via: x-api-key",
        "token: setup-token, from: env:OUR_KEY, for: [api.anthropic.com]",
    )
    assert errors(tmp_path, text) == [
        "22:16: 'setup-token' of your own is sent by the unmodified claude only, via "
        "'CLAUDE_CODE_OAUTH_TOKEN', not by raw-http"
    ]


def test_a_last_day_that_has_passed_does_not_matter_to_the_emulator(tmp_path: Path) -> None:
    text = changed(f"expires: {SOON}", "expires: 2026-02-01")
    assert load(tmp_path, text, asks_live=False).live is not None


def test_a_token_in_a_file_of_definitions_is_refused(tmp_path: Path) -> None:
    definitions = tmp_path / "shared.definitions.yaml"
    definitions.write_text(f"anchors: {KEY}\nheaders: {{x: {{anthropic-version: '1'}}}}\n")
    text = changed("id: mine", "id: mine\ndefinitions: [shared.definitions.yaml]")
    (message,) = errors(tmp_path, text)
    assert message.startswith(f"{definitions}:1:10: this looks like a token")


def test_a_token_in_a_comment_of_definitions_is_refused(tmp_path: Path) -> None:
    definitions = tmp_path / "shared.definitions.yaml"
    definitions.write_text(f"headers: {{x: {{anthropic-version: '1'}}}} # {KEY}\n")
    text = changed("id: mine", "id: mine\ndefinitions: [shared.definitions.yaml]")
    place = "2:1: shared.definitions.yaml:1:42: "
    assert f"{place}this looks like a token" in "\n".join(errors(tmp_path, text))


def test_a_token_that_variables_put_together_is_refused(tmp_path: Path) -> None:
    parts = {"a": KEY[:7], "b": KEY[7:20], "c": KEY[20:]}
    text = changed("id: mine", f"id: mine\nvariables: {{a: {parts['a']}, b: x, c: x}}")
    path = tmp_path / "mine.yaml"
    path.write_text(changed("title: ", "title: ${a}${b}${c} ", text))
    with pytest.raises(ScenarioError, match="this looks like a token") as caught:
        load_files([path], parts, asks_live=True)
    assert parts["c"] not in str(caught.value)


def test_the_key_of_a_gateway_has_no_host_but_those_that_the_scenario_says(tmp_path: Path) -> None:
    text = changed(
        "key: {token: api-key, from: env:OUR_KEY, for: [api.anthropic.com]",
        "key: {token: gateway-key, from: env:OUR_KEY",
    )
    assert [message.partition(": ")[2] for message in errors(tmp_path, text)] == [
        "write under 'for' which of the hosts it is for: 'api.anthropic.com' or "
        "'gateway.example.com'; a secret is sent to no other"
    ]


def test_the_service_is_asked_on_its_own_port_only(tmp_path: Path) -> None:
    text = changed(
        "https://api.anthropic.com/v1/models", "https://api.anthropic.com:8443/v1/models"
    )
    scenario = load(tmp_path, text)
    assert not any("/models/" in case.id for case in make_plan([scenario], targets=(Target.LIVE,)))
    assert any("on port 443 only, not on 8443" in line for line in left_out_of_live([scenario]))


@pytest.mark.parametrize(
    ("group", "value"),
    [
        ("headers", "{Anthropic-Workspace-Id: wrkspc_01OfOurs}"),
        ("headers", "{anthropic-organization-id: 8a1f7e42}"),
    ],
)
def test_an_id_of_ones_own_does_not_stand_in_the_file(
    group: str, value: str, tmp_path: Path
) -> None:
    text = changed("matrix:", f"{group}:\n  ids: {value}\nmatrix:\n  {group}: [ids]")
    (message,) = errors(tmp_path, text)
    assert message.startswith("20:")
    assert "has an id of yours, which would be in every report; write a credential" in message


@pytest.mark.parametrize(
    "value",
    [
        "{ANTHROPIC_WORKSPACE_ID: wrkspc_01OfOurs}",
        '{ANTHROPIC_CUSTOM_HEADERS: "x-team: a\\nAnthropic-Workspace-Id : wrkspc_01OfOurs"}',
    ],
)
def test_an_id_of_ones_own_is_in_no_variable_either(value: str, tmp_path: Path) -> None:
    text = changed("matrix:", f"environments:\n  ids: {value}\nmatrix:", CLAUDE)
    text = changed("credential: [setup, me]", "credential: [setup, me]\n  environment: [ids]", text)
    assert any("has an id of yours" in message for message in errors(tmp_path, text))


@pytest.mark.parametrize(
    "way", ["via: bearer", "via: header, header: x-space", "via: x-api-key", "state: valid"]
)
def test_the_id_of_a_workspace_has_one_header(way: str, tmp_path: Path) -> None:
    text = changed("via: bearer}", f"{way}}}", changed("token: gateway-key", "token: workspace-id"))
    assert any(
        "a workspace-id is handed over via 'header' or 'ANTHROPIC_CUSTOM_HEADERS', as 'header: "
        "anthropic-workspace-id'" in message
        for message in errors(tmp_path, text)
    )


@pytest.mark.parametrize(
    "host",
    [
        *(
            "[::1]",
            "::ffff:127.0.0.1",
            "::1%lo",
            "2001:db8::1",
            "127.1",
            "0x7f000001",
            "2130706433",
        ),
        *("0177.0.0.1", "10.0.0.1", "127.0.0.1.", "localhost.", "LOCALHOST", "169.254.169.254"),
        *("api.anthropic.com.", "API.anthropic.com", "api.anthropic.com:443", "*.anthropic.com"),
        *("\u0430pi.anthropic.com", "api\u3002anthropic.com", "\ufb00.com", "a@b.com", "a/b.com"),
    ],
)
def test_a_host_is_a_plain_name_in_lower_case_or_loopback(host: str, tmp_path: Path) -> None:
    text = changed("[api.anthropic.com, gateway", f'["{host}", api.anthropic.com, gateway')
    (message,) = errors(tmp_path, text)
    assert message.startswith("6:11: the host ")


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.anthropic.com/", "https://api.anthropic.com@evil.example/"),
        *("https://evil.example@api.anthropic.com/", "https://api.anthropic.com./"),
        *("https://api.anthropic.com;evil.example/", "https://api%2eanthropic.com/"),
        *("https://evil.example\\\\@api.anthropic.com/", "https://api\u3002anthropic.com/"),
        *("https://[::1/", "https://[api.anthropic.com]/", "https://ap\u2100.com/"),
        *("https://api.anthropic.com:0/", "https://api.anthropic.com:99999/"),
        *("https://api.anthropic.com.evil.example/", "https://[::ffff:7f00:1]/"),
    ],
)
def test_an_address_has_a_host_of_live_and_nothing_else(url: str, tmp_path: Path) -> None:
    text = changed("models: {url: https://api.anthropic.com/v1/models", f'models: {{url: "{url}"')
    assert {message[:7] for message in errors(tmp_path, text)} == {"10:17: "}


def test_a_name_at_the_end_of_ids_is_not_given_twice(tmp_path: Path) -> None:
    text = changed("matrix:", "headers:\n  live: {anthropic-beta: x}\nmatrix:\n  headers: [live]")
    found = errors(tmp_path, text)
    assert found == ["20:3: 'live' is the end of the ids of live cases; choose another name"]
