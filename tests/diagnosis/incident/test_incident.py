"""The conclusion from several texts about one failure."""

import datetime
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from authprobe.diagnosis.causes import causes
from authprobe.diagnosis.incident.incident import Conclusion, Incident, open_incident
from authprobe.diagnosis.incident.questions import questions
from authprobe.diagnosis.incident.recognition import recognise
from authprobe.diagnosis.incident.weighing import rank_by_words
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel

NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
KEY = "my-gateway-key-123456"
BEARER = '{"type":"error","error":{"type":"authentication_error","message":"Invalid bearer token"}}'
NEW_API = (
    'API Error: 401 {"error":{"message":"Invalid token (request id: 2026112010)",'
    '"type":"new_api_error"}}'
)


def incident(**texts: object) -> Incident:
    """Return the incident of texts by name; `_` in a name stands for a dot."""
    return open_incident(
        tuple(
            recognise(
                name.replace("_", "."),
                text if isinstance(text, str) else json.dumps(text, indent=2),
                name.replace("_", "."),
            )
            for name, text in texts.items()
        ),
        now=NOW,
    )


def conclude(**texts: object) -> Conclusion:
    return incident(**texts).conclude()


def settings(**variables: str) -> dict[str, object]:
    return {"env": variables}


def doctor(*results: Mapping[str, object], wins: object = None) -> dict[str, object]:
    return {"results": results, "wins": wins or {}}


def test_a_base_url_in_the_settings_and_an_error_of_a_gateway_support_one_another() -> None:
    texts = {"a_log": NEW_API, "settings_json": settings(ANTHROPIC_BASE_URL="https://gw.example")}
    conclusion = conclude(**texts)
    first = conclusion.matches[0]
    assert first.cause.id == "gateway-own-key"
    assert first.confidence >= conclude(a_log=NEW_API).matches[0].confidence
    places = [(each.source, each.line) for each in first.evidence]
    assert places[:2] == [("a.log", 1), ("settings.json", 3)]
    assert conclusion.contradictions == ()


def test_the_settings_are_facts_and_not_words() -> None:
    text = settings(NOTE="OAuth token has expired; invalid x-api-key; 529 overloaded")
    conclusion = conclude(settings_json=text)
    assert [match.cause.id for match in conclusion.matches] == ["unknown"]
    assert conclusion.facts == ()


def test_two_logs_are_read_together_and_each_keeps_its_lines() -> None:
    conclusion = conclude(a_log="hello\n\nall fine", b_log=f"first\nAPI Error: 401 {BEARER}\nlast")
    (evidence, *_) = conclusion.matches[0].evidence
    assert (evidence.source, evidence.line) == ("b.log", 2)


def test_a_contradiction_of_two_texts_is_said() -> None:
    conclusion = conclude(
        settings_json=settings(ANTHROPIC_BASE_URL="https://one.example"),
        d_json=doctor(
            {"id": "gateway", "severity": "info", "summary": "go to https://two.example."}
        ),
    )
    (contradiction,) = conclusion.contradictions
    assert "settings.json line 3" in contradiction
    assert "d.json line 4" in contradiction
    assert contradiction.endswith("(believed: d.json line 4)")


def test_a_request_that_was_sent_goes_before_a_setting() -> None:
    conclusion = conclude(
        settings_json=settings(ANTHROPIC_BASE_URL="https://gw.example"),
        a_log=f"POST https://api.anthropic.com/v1/messages\nAPI Error: 401 {BEARER}",
    )
    assert conclusion.matches[0].cause.id == "bearer-unknown"
    assert conclusion.matches[0].confidence >= conclusion.words_say[0].confidence - 0.1
    (contradiction,) = conclusion.contradictions
    assert contradiction.endswith("(believed: a.log line 1)")


def test_a_fact_against_what_the_words_say_is_said() -> None:
    conclusion = conclude(
        a_log="Not logged in. Please run /login",
        d_json={"claudeAiOauth": {"accessToken": "a" * 20, "expiresAt": 1_900_000_000_000}},
    )
    assert len(conclusion.contradictions) > 0
    for contradiction in conclusion.contradictions:
        assert contradiction.startswith("a.log line 1 says credential-missing; but d.json line 2")


def test_texts_that_agree_do_not_contradict() -> None:
    conclusion = conclude(
        settings_json=settings(ANTHROPIC_BASE_URL="https://gw.example/x"),
        a_log="POST https://gw.example/x/v1/messages 401",
        d_json=doctor({"id": "gateway", "severity": "info", "summary": "to https://gw.example."}),
    )
    assert conclusion.contradictions == ()


def test_versions_that_differ_are_said_and_one_that_is_missing_is_taken() -> None:
    wins = {"claude-code 2.1.280": {"credential": None}}
    log = "Claude Code v2.1.31\nAPI Error: 529 overloaded"
    conclusion = conclude(a_log=log, d_json=doctor(wins=wins))
    assert conclusion.version == "2.1.31"
    assert any("2.1.280" in each for each in conclusion.contradictions)
    assert conclude(a_log="API Error: 529", d_json=doctor(wins=wins)).version == "2.1.280"


def sure(*pairs: tuple[str, float], **texts: object) -> Incident:
    """Return an incident whose words point to these causes, whatever the texts say."""
    matches = tuple(
        CauseMatch(cause=causes()[cause], confidence=share, level=ConfidenceLevel.POSSIBLE)
        for cause, share in pairs
    )
    return replace(incident(**texts), ranking=rank_by_words(matches, causes()))


def unsure(**texts: object) -> Incident:
    return sure(("api-key-invalid", 0.5), ("access-token-expired", 0.4), **texts)


TOKEN = "sk-ant-oat01-" + "Ab3" * 20
NO_CREDENTIAL = {"claude-code 2.1.280": {"credential": None}}
LOGIN = {"claude-code 2.1.280": {"credential": {"slot": "login"}}}


def warning(result: str, cause: str, wins: object = None) -> dict[str, object]:
    finding = {"id": result, "severity": "warning", "summary": "It is so.", "cause": cause}
    return doctor(finding, wins=wins)


@pytest.mark.parametrize(
    ("words", "text", "cause"),
    [
        (
            "credit-exhausted",
            warning("login-shadowed", "ambient-credential-shadows"),
            "ambient-credential-shadows",
        ),
        (
            "credential-missing",
            warning("login-elsewhere", "config-folder-mismatch", NO_CREDENTIAL),
            "config-folder-mismatch",
        ),
        (
            "credential-missing",
            warning("keychain-by-ssh", "keychain-unavailable", NO_CREDENTIAL),
            "keychain-unavailable",
        ),
        (
            "access-token-expired",
            warning("refresh-lock-stale", "refresh-lock", LOGIN),
            "refresh-lock",
        ),
        (
            "bearer-unknown",
            warning("gateway-of-project", "base-url-overridden", LOGIN),
            "base-url-overridden",
        ),
        ("bearer-unknown", settings(CLAUDE_CODE_OAUTH_TOKEN="${TOKEN}"), "credential-malformed"),
        ("api-key-invalid", settings(ANTHROPIC_API_KEY=TOKEN), "oauth-token-as-api-key"),
        (
            "credential-missing",
            {"claudeAiOauth": {"accessToken": "", "refreshToken": ""}},
            "credential-blanked",
        ),
        ("api-key-invalid", {"loggedIn": False, "authMethod": "none"}, "credential-missing"),
        # What the words say is specific already, or the fact is about something else:
        ("org-disabled", warning("keychain-by-ssh", "keychain-unavailable"), "org-disabled"),
        ("scope-missing", warning("refresh-lock-stale", "refresh-lock"), "scope-missing"),
        ("api-key-invalid", settings(ANTHROPIC_API_KEY="sk-ant-api03-x"), "api-key-invalid"),
        ("access-token-expired", settings(CLAUDE_CODE_OAUTH_TOKEN=TOKEN), "access-token-expired"),
        ("dns-failure", settings(ANTHROPIC_BASE_URL="https://gw.example"), "dns-failure"),
    ],
)
def test_a_fact_names_the_specific_cause_behind_what_the_words_say(
    words: str, text: object, cause: str
) -> None:
    conclusion = sure((words, 0.9), other_json=text).conclude()
    assert conclusion.matches[0].cause.id == cause
    assert sum(match.confidence for match in conclusion.matches) <= 1.05
    assert conclusion.is_changed is (words != cause)


@pytest.mark.parametrize(
    ("finding", "wins"),
    [
        (("login-expired", "access-token-expired"), LOGIN),
        (("refresh-lock-stale", "refresh-lock"), LOGIN),
    ],
)
def test_a_finding_of_doctor_decides_what_the_words_leave_open(
    finding: tuple[str, str], wins: object
) -> None:
    words = (("access-token-revoked", 0.3), ("wrapper-hides-error", 0.15))
    conclusion = sure(*words, d_json=warning(*finding, wins)).conclude()
    first = conclusion.matches[0]
    assert (first.cause.id, first.level) == (finding[1], ConfidenceLevel.LIKELY)


def test_a_key_that_is_invalid_stays_the_cause_although_it_shadows_the_login() -> None:
    wins = {"claude-code 2.1.280": {"credential": {"slot": "ANTHROPIC_API_KEY"}}}
    finding = warning("login-shadowed", "ambient-credential-shadows", wins)
    conclusion = sure(("api-key-invalid", 0.9), d_json=finding).conclude()
    assert [match.cause.id for match in conclusion.matches] == [
        "api-key-invalid",
        "ambient-credential-shadows",
    ]


def test_logins_in_other_folders_explain_a_missing_one() -> None:
    folders = {"id": "several-config-folders", "severity": "info", "summary": "There are logins."}
    missing = {
        "id": "credential-missing",
        "severity": "warning",
        "summary": "There is no credential.",
        "cause": "credential-missing",
    }
    found = sure(("credential-missing", 0.95), d_json=doctor(missing, folders, wins=NO_CREDENTIAL))
    conclusion = found.conclude()
    assert conclusion.matches[0].cause.id == "config-folder-mismatch"
    assert conclusion.question is None or conclusion.question.id != "credential-intended"
    alone = sure(("credential-missing", 0.95), d_json=doctor(missing, wins=NO_CREDENTIAL))
    assert alone.conclude().matches[0].cause.id == "credential-missing"
    used = sure(("access-token-expired", 0.9), d_json=doctor(folders, wins=LOGIN))
    assert used.conclude().matches[0].cause.id == "access-token-expired"


def test_another_host_is_asked_for_a_key_and_never_gets_the_login() -> None:
    conclusion = conclude(
        a_log="API Error: 401 " + BEARER,
        settings_json=settings(ANTHROPIC_BASE_URL="https://gw.example", ANTHROPIC_AUTH_TOKEN=KEY),
    )
    assert conclusion.matches[0].cause.id == "gateway-own-key"
    assert all("believed: " in each for each in conclusion.contradictions)
    remedy = next(m for m in conclusion.matches if m.cause.id == "bearer-unknown").cause.remedy
    assert remedy.text.startswith(
        "The requests go to gw.example, not to Anthropic: ask its operator"
    )
    assert "nset" not in remedy.text
    assert conclusion.question is None or conclusion.question.id != "fresh-login"


@pytest.mark.parametrize(
    "cause",
    ["api-key-invalid", "bearer-unknown", "ambient-credential-shadows", "credential-missing"],
)
def test_no_remedy_at_another_host_begins_with_a_login_or_an_unset(cause: str) -> None:
    url = settings(ANTHROPIC_BASE_URL="https://gw.example")
    matches = sure((cause, 0.6), settings_json=url).conclude().matches
    remedy = next(match for match in matches if match.cause.id == cause).cause.remedy
    assert "gw.example" in remedy.text
    assert remedy.commands == ("authprobe doctor",)


def test_the_remedy_names_the_credential_that_is_used() -> None:
    stored = {"claudeAiOauth": {"accessToken": TOKEN, "expiresAt": 1_900_000_000_000}}
    by_login = sure(("bearer-unknown", 0.9), d_json=stored).conclude().matches[0].cause.remedy
    assert by_login.commands == ("claude auth login",)
    assert "nset" not in by_login.text
    variable = settings(CLAUDE_CODE_OAUTH_TOKEN=TOKEN)
    by_token = sure(("access-token-revoked", 0.9), settings_json=variable).conclude()
    remedy = by_token.matches[0].cause.remedy
    assert remedy.text.startswith("CLAUDE_CODE_OAUTH_TOKEN is what is used")
    assert "claude auth login" not in remedy.commands


def test_a_login_that_is_not_used_is_not_asked_about() -> None:
    used = settings(ANTHROPIC_AUTH_TOKEN=KEY)
    found = sure(("access-token-expired", 0.4), ("access-token-revoked", 0.4), settings_json=used)
    asked: set[str] = set()
    while (question := found.conclude().question) is not None:
        asked.add(question.id)
        found = found.with_answer(question, None)
    assert asked
    assert asked.isdisjoint({"fresh-login", "stored-login", "shared-login"})


def test_no_fresh_login_is_asked_for_before_it_is_known_what_is_used() -> None:
    found = sure(("bearer-unknown", 0.5), a_log="401")
    question = found.conclude().question
    assert question is not None
    assert question.id in ("active-credential", "credential-form")


def test_there_is_something_to_ask_about_a_text_that_says_nothing() -> None:
    found = incident(a_log="CI is red")
    question = found.opening_question()
    assert question is not None
    answered = found.with_answer(question, question.answers[0].id)
    following = answered.opening_question()
    assert following is not None
    assert following.id != question.id


def test_an_answer_changes_the_ranking_and_is_a_fact() -> None:
    before = unsure(a_log="401")
    question = before.conclude().question
    assert question is not None
    after = before.with_answer(questions()["credential-form"], "oauth-token").conclude()
    assert after.matches[0].cause.id == "access-token-expired"
    assert after.facts[-1].evidence.text.startswith("your answer: ")
    unanswered = before.with_answer(question, None).conclude()
    assert unanswered.matches == before.conclude().matches
    assert unanswered.question is None or unanswered.question.id != question.id


def test_what_a_text_answers_is_not_asked() -> None:
    without = unsure(a_log="401").conclude()
    assert without.question is not None
    assert without.question.id == "credential-form"
    token = "sk-ant-oat01-" + "Ab3" * 20
    answered = unsure(a_log="401", settings_json=settings(CLAUDE_CODE_OAUTH_TOKEN=token))
    conclusion = answered.conclude()
    assert conclusion.matches[0].cause.id == "access-token-expired"
    assert conclusion.question is None or conclusion.question.id != "credential-form"


@pytest.mark.parametrize(
    "text",
    [
        "API Error: request timed out",
        "HTTP 500 internal server error",
        "API Error: 529 overloaded_error",
        "HTTP 429 too many requests, rate limit exceeded",
        "captive portal: sign in to the network",
    ],
)
def test_settings_never_turn_an_outage_into_an_invalid_token(text: str) -> None:
    variables = settings(
        ANTHROPIC_AUTH_TOKEN=KEY, ANTHROPIC_BASE_URL="https://gw.example", HTTPS_PROXY="http://p:1"
    )
    conclusion = conclude(a_log=text, settings_json=variables)
    assert conclusion.matches[0].cause.group not in ("credential", "login")


def test_secrets_of_one_text_are_redacted_in_the_others() -> None:
    conclusion = conclude(
        a_log=f"API Error: 401 Invalid bearer token {KEY}",
        settings_json=settings(ANTHROPIC_AUTH_TOKEN=KEY),
    )
    assert KEY not in repr(conclusion)


def test_the_kind_of_a_token_is_read_before_its_value_is_redacted() -> None:
    token = "sk-ant-oat01-" + "Ab3" * 20
    log = f"x-api-key: {token} gives API Error: 401 invalid x-api-key"
    alone = conclude(a_log=log)
    together = conclude(a_log=log, settings_json=settings(ANTHROPIC_AUTH_TOKEN="k" * 20))
    assert alone.matches[0].cause.id == "oauth-token-as-api-key"
    assert "oauth-token-as-api-key" in [match.cause.id for match in together.matches]
