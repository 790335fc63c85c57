"""The plan of a live run: its numbers and words, and what is refused before a question."""

from pathlib import Path

import pytest

from authprobe.core.targets import Target
from authprobe.errors import SettingsError
from authprobe.live.plan import LivePlan, check_cost, live_plan, missing_secrets, plan_lines
from authprobe.live.secrets import Secrets
from authprobe.plan.case import Case
from authprobe.plan.expand import make_plan
from authprobe.scenario.load import load_files
from tests.live.test_requests import SCENARIO, SOON

CLAUDE = f"""\
id: plan
title: Our subscription
why: It must work today.
sources: [https://code.claude.com/docs/en/authentication]
live: {{hosts: [api.anthropic.com], ask: message, max_requests: 40, expires: {SOON}}}
credentials:
  setup: {{token: setup-token, from: env:MY_TOKEN}}
  me: {{token: login, from: stored}}
  key: {{token: api-key, from: env:OUR_KEY, via: ANTHROPIC_API_KEY}}
matrix:
  client: [claude-code@installed]
  credential: [setup, me, key]
expect: {{outcome: accepted}}
"""


def cases_of(folder: Path, text: str) -> tuple[Case, ...]:
    """Return the cases of a scenario for both targets."""
    path = folder / "mine.yaml"
    path.write_text(text)
    return make_plan([load_files([path])[0].scenario], targets=tuple(Target))


def plan_of(folder: Path, text: str) -> LivePlan:
    """Return the plan of a scenario's cases."""
    return live_plan(cases_of(folder, text))


def test_only_live_cases_are_in_the_plan(tmp_path: Path) -> None:
    cases = cases_of(tmp_path, SCENARIO)
    assert len(live_plan(cases).cases) == sum(case.live is not None for case in cases) == 15
    assert live_plan([case for case in cases if case.live is None]).requests == 0


def test_a_question_without_a_model_is_two_requests(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SCENARIO)
    numbers = {each.case.id: each.requests for each in plan.cases}
    assert numbers["mine/raw-http/models/key/live"] == 1
    assert numbers["mine/raw-http/count/key/live"] == 2
    assert numbers["mine/raw-http/message/key/live"] == 2
    assert numbers["mine/raw-http/named/key/live"] == 1
    assert plan.requests == sum(numbers.values()) == 21


def test_only_messages_with_a_secret_cost_something(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SCENARIO)
    assert {each.case.id for each in plan.cases if each.usd} == {
        "mine/raw-http/message/key/live",
        "mine/raw-http/named/key/live",
    }
    assert plan.usd == 0.002


def test_claude_takes_two_requests_and_a_little_of_a_plan(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, CLAUDE)
    assert plan.requests == 6
    assert [(each.usd, each.uses_plan) for each in plan.cases] == [
        (0.0, True),
        (0.0, True),
        (0.02, False),
    ]
    lines = list(plan_lines(plan))
    assert lines[1] == (
        "  api.anthropic.com  at most 6 requests  with MY_TOKEN (setup-token), the stored login of "
        "your own Claude Code or OUR_KEY (api-key)"
    )
    assert lines[-1].endswith("Highest cost: 0.02 USD and a little of your subscription's usage.")


def test_a_question_to_another_model_can_cost_more(tmp_path: Path) -> None:
    text = CLAUDE.replace("matrix:", "environments: {own: {ANTHROPIC_MODEL: any}}\nmatrix:")
    plan = plan_of(tmp_path, f"{text}include: [{{credential: key, environment: own}}]\n")
    assert [each.usd for each in plan.cases] == [0.0, 0.0, 0.02, 0.2]


@pytest.mark.parametrize(
    "variable",
    [
        'CLAUDE_CODE_EXTRA_BODY: "{}"',
        'CLAUDE_CODE_MAX_OUTPUT_TOKENS: "9000"',
        "ANTHROPIC_BEDROCK_BASE_URL: https://api.anthropic.com",
    ],
)
def test_a_question_is_not_made_dearer_nor_another(variable: str, tmp_path: Path) -> None:
    text = CLAUDE.replace("matrix:", f"environments: {{own: {{{variable}}}}}\nmatrix:")
    text += "include: [{credential: key, environment: own}]\n"
    assert not any("/own/" in each.case.id for each in plan_of(tmp_path, text).cases)
    ids = [case.id for case in cases_of(tmp_path, text)]
    assert "plan/claude-code@installed/default/key/own" in ids


def test_more_than_the_scenario_allows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        plan_of(tmp_path, SCENARIO.replace("max_requests: 30", "max_requests: 20"))
    assert str(caught.value) == (
        "--target live: 'mine' takes 21 requests, more than its 'max_requests' of 20; select fewer "
        "cases, such as with -k, or raise it"
    )


def test_more_than_forty_requests_are_refused(tmp_path: Path) -> None:
    one = cases_of(tmp_path, SCENARIO)
    other = cases_of(tmp_path, SCENARIO.replace("id: mine", "id: other"))
    with pytest.raises(SettingsError, match="42 requests are more than 40, the most in one run"):
        live_plan([*one, *other])


def test_a_cost_above_the_limit_is_refused(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SCENARIO)
    check_cost(plan, 0.002)
    with pytest.raises(SettingsError, match=r"this could cost 0\.002 USD, more than"):
        check_cost(plan, 0.0019)


def test_missing_secrets_are_named_before_the_question(tmp_path: Path) -> None:
    cases, none = cases_of(tmp_path, SCENARIO), Secrets({})
    plan = live_plan(cases, none)
    words = "Not set, or empty: OUR_KEY; 5 cases cannot be asked."
    assert list(missing_secrets(plan, {}, none)) == [words]
    assert (len(plan.cases), len(plan.without_secret)) == (10, 5)
    assert not any("OUR_KEY" in line for line in plan_lines(plan))
    first, other = missing_secrets(plan, {"ANTHROPIC_API_KEY": "a-secret-value"}, none)
    assert first == words
    assert other.endswith("start with OUR_KEY=$ANTHROPIC_API_KEY before `authprobe`.")
    has_key = Secrets({"OUR_KEY": "x"})
    assert list(missing_secrets(live_plan(cases, has_key), {}, has_key)) == []


def test_a_plan_without_questions_says_so(tmp_path: Path) -> None:
    cases = [each for each in cases_of(tmp_path, SCENARIO) if "/key" in each.id]
    plan = live_plan(cases, Secrets({}))
    assert list(plan_lines(plan)) == ["Nothing can be asked of the real service."]
    assert plan.requests == 0


def test_a_long_plan_names_the_option_that_shows_all_of_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SCENARIO)
    assert "  and 3 more, which -v lists" in list(plan_lines(plan))
    whole = list(plan_lines(plan, limit=len(plan.cases)))
    assert all(f"  {each.case.id}" in whole for each in plan.cases)
    assert not any("more" in line for line in whole)


def test_downloads_are_in_the_plan(tmp_path: Path) -> None:
    text = CLAUDE.replace("claude-code@installed", "claude-code@2.1.332").replace(
        ", from: stored", ""
    )
    (line,) = (x for x in plan_lines(plan_of(tmp_path, text)) if x.startswith("Downloaded"))
    assert "claude-code@2.1.332" in line
    assert not any("Downloaded" in line for line in plan_lines(plan_of(tmp_path, CLAUDE)))


def test_what_nobody_can_see_is_told_and_takes_no_request(tmp_path: Path) -> None:
    text = CLAUDE.replace(
        "{outcome: accepted}", "{outcome: accepted, requests: [{path: /v1/messages}]}"
    )
    plan = plan_of(tmp_path, text)
    assert (plan.requests, len(plan.unseen)) == (0, 3)
    assert (
        "Not asked: plan/claude-code@installed/default/me/live: 'requests' cannot be seen: nobody "
        "ends the TLS connection of the client"
    ) in list(plan_lines(plan))


@pytest.mark.parametrize(
    ("host", "address", "shown"),
    [
        ('"::1"', "http://[::1]:4000", "[::1]:4000"),
        ("127.0.0.1", "http://127.0.0.1:80", "127.0.0.1"),
        ("gateway.example.com", "https://gateway.example.com:8443", "gateway.example.com:8443"),
        ("gateway.example.com", "https://gateway.example.com:443", "gateway.example.com"),
    ],
)
def test_the_port_of_an_address_is_in_the_plan(
    host: str, address: str, shown: str, tmp_path: Path
) -> None:
    text = f"""\
id: mine
title: A gateway
why: Its port tells who gets the key.
sources: [https://platform.claude.com/docs/en/api/overview]
live: {{hosts: [{host}], expires: {SOON}}}
hosts: {{gateway.example.com: {{}}}}
endpoints: {{models: {{url: "{address}/v1/models", request: models}}}}
credentials: {{key: {{token: gateway-key, from: env:OUR_KEY, for: [{host}], via: bearer}}}}
matrix: {{client: [raw-http], endpoint: [models], credential: [key]}}
expect: {{outcome: accepted}}
"""
    lines = list(plan_lines(plan_of(tmp_path, text)))
    assert f"  {shown}  at most 1 request  with OUR_KEY (gateway-key)" in lines


def test_a_made_up_token_of_a_subscription_takes_nothing_of_a_plan(tmp_path: Path) -> None:
    text = CLAUDE.replace("from: env:MY_TOKEN", "state: unknown, via: CLAUDE_CODE_OAUTH_TOKEN")
    takes_plan = [each.uses_plan for each in plan_of(tmp_path, text).cases]
    assert takes_plan == [False, True, False]
