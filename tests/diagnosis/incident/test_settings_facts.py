"""Settings, variables and stored logins as facts, with their lines and without values."""

import datetime
import json

import pytest

from authprobe.diagnosis.incident.facts import IncidentFact
from authprobe.diagnosis.incident.recognition import (
    IncidentText,
    recognise,
    words_beside_variables,
)
from authprobe.diagnosis.incident.settings_facts import secret_values, settings_facts

NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
OAUTH = "sk-ant-oat01-" + "Ab3" * 20
KEY = "sk-ant-api03-" + "Ab3" * 20


def text_of(data: object, name: str = "settings.json") -> IncidentText:
    return recognise(name, json.dumps(data, indent=2), name)


def facts_of(*texts: IncidentText) -> list[IncidentFact]:
    return list(settings_facts(texts, NOW))


def answers(*texts: IncidentText) -> dict[str | None, str | None]:
    return {fact.question: fact.answer for fact in facts_of(*texts) if fact.question}


def causes(*texts: IncidentText) -> set[str]:
    return {fact.cause for fact in facts_of(*texts) if fact.cause}


def env(**variables: str) -> IncidentText:
    return text_of({"env": variables})


def test_a_base_url_is_a_fact_with_its_line_and_host() -> None:
    url = "https://user:hunter2hunter2@gw.example:8443/x?k=1"
    (fact,) = facts_of(env(ANTHROPIC_BASE_URL=url))
    assert (fact.question, fact.answer, fact.value) == ("base-url", "yes", "gw.example")
    assert (fact.evidence.source, fact.evidence.line) == ("settings.json", 3)
    assert "https://gw.example:8443 " in fact.evidence.text
    assert "hunter2" not in fact.evidence.text


def test_the_address_of_the_api_is_no_gateway() -> None:
    assert answers(env(ANTHROPIC_BASE_URL="https://api.anthropic.com")) == {"base-url": "no"}


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/proxy/v1/messages"])
def test_a_path_that_the_client_adds_points_to_a_wrong_path(path: str) -> None:
    assert causes(env(ANTHROPIC_BASE_URL=f"https://gw.example{path}")) == {"gateway-wrong-path"}
    assert causes(env(ANTHROPIC_BASE_URL="https://gw.example/proxy")) == set()


def test_settings_override_the_shell() -> None:
    shell = recognise("env.txt", "ANTHROPIC_BASE_URL=https://one.example\n", "env.txt")
    settings = env(ANTHROPIC_BASE_URL="https://two.example")
    facts = facts_of(shell, settings)
    assert [fact.value for fact in facts if fact.question] == ["two.example"]
    (override,) = [fact for fact in facts if fact.cause]
    assert override.cause == "base-url-overridden"
    assert "overrides https://one.example (env.txt line 1)" in override.evidence.text


def test_an_empty_value_in_settings_unsets_a_variable_of_the_shell() -> None:
    """As the real client does (tests/clients/claude_code/test_settings_precedence.py)."""
    shell = recognise("env.txt", f"ANTHROPIC_API_KEY={KEY}\n", "env.txt")
    login = text_of({"claudeAiOauth": {"accessToken": OAUTH}}, ".credentials.json")
    assert answers(shell, login)["active-credential"] == "api-key"
    assert answers(shell, env(ANTHROPIC_API_KEY=""), login)["active-credential"] == "login"


def test_the_first_of_several_clouds_is_the_one_that_claude_code_prefers() -> None:
    variables = dict.fromkeys(
        ("CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD"), "1"
    )
    (fact,) = (each for each in facts_of(env(**variables)) if each.question == "active-credential")
    assert "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD wins" in fact.evidence.text


@pytest.mark.parametrize(
    ("new", "old", "words"),
    [
        ("gw.example", "https://one.example", "(not a URL) overrides https://one.example (env.txt"),
        ("https://two.example", "gw.example", "two.example overrides a value that is not a URL (e"),
    ],
)
def test_a_base_url_that_is_no_url_is_called_so_where_one_overrides_another(
    new: str, old: str, words: str
) -> None:
    shell = recognise("env.txt", f"ANTHROPIC_BASE_URL={old}\n", "env.txt")
    (override,) = [
        fact
        for fact in facts_of(shell, env(ANTHROPIC_BASE_URL=new))
        if fact.cause == "base-url-overridden"
    ]
    assert words in override.evidence.text


def test_only_line_feeds_are_counted_as_lines_of_variables() -> None:
    others = "".join(f"{name}=1\r\n" for name in "ABCDEF")
    text = f"LESS=\x0c\u2028x\r\nANTHROPIC_BASE_URL=gw.example\r\n{others}Error: 403\r\n"
    variables = recognise("env.txt", text, "env.txt")
    (fact,) = facts_of(variables)
    assert fact.evidence.line == 2
    assert words_beside_variables(variables).split("\n").index("Error: 403\r") == 8


@pytest.mark.parametrize(
    ("variables", "answer"),
    [
        ({"ANTHROPIC_AUTH_TOKEN": "k" * 9, "ANTHROPIC_API_KEY": KEY}, "auth-token"),
        ({"ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_OAUTH_TOKEN": OAUTH}, "api-key"),
        ({"CLAUDE_CODE_OAUTH_TOKEN": OAUTH}, "oauth-token"),
        ({"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_API_KEY": KEY}, "cloud"),
        ({"CLAUDE_CODE_USE_BEDROCK": "0", "ANTHROPIC_API_KEY": KEY}, "api-key"),
        ({"ANTHROPIC_AUTH_TOKEN": " ", "ANTHROPIC_API_KEY": KEY}, "api-key"),
    ],
)
def test_the_credential_that_wins_is_named(variables: dict[str, str], answer: str) -> None:
    assert answers(env(**variables))["active-credential"] == answer


def test_a_variable_that_shadows_the_login_is_named() -> None:
    login = text_of({"claudeAiOauth": {"accessToken": OAUTH, "expiresAt": 4102444800000}}, "l")
    assert "ambient-credential-shadows" in causes(login, env(ANTHROPIC_API_KEY=KEY))
    assert answers(login) == {"stored-login": "valid", "active-credential": "login"}


def test_a_token_in_the_variable_of_a_key_points_to_its_cause() -> None:
    assert causes(env(ANTHROPIC_API_KEY=OAUTH)) == {"oauth-token-as-api-key"}
    assert causes(env(ANTHROPIC_API_KEY=KEY)) == set()
    assert causes(env(CLAUDE_CODE_OAUTH_TOKEN="${SECRET}")) == {"credential-malformed"}


@pytest.mark.parametrize(
    ("record", "answer"),
    [
        ({"accessToken": "", "refreshToken": ""}, "blanked"),
        ({"accessToken": OAUTH, "refreshToken": "r", "expiresAt": 1_700_000_000_000}, "renewable"),
        ({"accessToken": OAUTH, "refreshToken": "r", "expiresAt": 1_795_000_000}, "renewable"),
        ({"accessToken": OAUTH, "expiresAt": 1_700_000_000_000}, "expired"),
        ({"accessToken": OAUTH, "expiresAt": 1_900_000_000_000}, "valid"),
        ({"accessToken": OAUTH, "expiresAt": "soon"}, None),
        ({"accessToken": OAUTH, "expiresAt": 1e300}, None),
    ],
)
def test_the_state_of_a_stored_login_is_read(record: object, answer: str | None) -> None:
    assert answers(text_of({"claudeAiOauth": record}, "l")).get("stored-login") == answer


@pytest.mark.parametrize("record", [None, [], "x", 1, {"scopes": [1, None]}, {"expiresAt": []}])
def test_a_login_of_any_shape_is_read(record: object) -> None:
    facts_of(text_of({"claudeAiOauth": record}, "l"))


@pytest.mark.parametrize("variables", [[], "x", {"ANTHROPIC_API_KEY": 1}, None])
def test_variables_of_any_shape_are_read(variables: object) -> None:
    assert facts_of(text_of({"env": variables})) == []


def test_settings_that_cannot_be_parsed_are_told() -> None:
    (fact,) = facts_of(recognise("settings.json", '{"env": }', "settings.json"))
    assert "cannot be parsed" in fact.evidence.text
    assert fact.evidence.line == 1


def test_values_that_no_output_may_show_are_known() -> None:
    text = env(
        ANTHROPIC_AUTH_TOKEN="my-gateway-key",
        HTTPS_PROXY="http://u:p@proxy.example",
        ANTHROPIC_MODEL="opus",
    )
    assert set(secret_values(text)) == {"my-gateway-key", "http://u:p@proxy.example", "p"}
    login = text_of({"claudeAiOauth": {"accessToken": "abc", "refreshToken": "def"}}, "l")
    assert {"abc", "def"} <= set(secret_values(login))
