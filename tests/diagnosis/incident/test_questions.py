"""The questions that decide between causes."""

from pathlib import Path

import pytest

from authprobe.diagnosis.causes import UNKNOWN, causes
from authprobe.diagnosis.incident.questions import (
    FACTORS,
    QUESTIONS_FILE,
    experiment_question,
    questions,
)
from authprobe.diagnosis.incident.questions_file import load_questions
from authprobe.diagnosis.incident.weighing import (
    IncidentRanking,
    deciding_question,
    expected_gain,
    rank_by_words,
)
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel
from authprobe.errors import RecordError

OFTEN_CONFUSED = [
    ("gateway-own-key", "bearer-unknown"),
    ("gateway-own-key", "gateway-upstream-credential"),
    ("base-url-overridden", "gateway-own-key"),
    ("ambient-credential-shadows", "api-key-invalid"),
    ("other-service-credential", "access-token-expired"),
    ("stale-copy-of-login", "refresh-token-rejected"),
    ("access-token-expired", "access-token-revoked"),
    ("access-token-revoked", "org-oauth-disabled"),
    ("org-oauth-disabled", "not-a-member"),
    ("credential-missing", "config-folder-mismatch"),
    ("credential-missing", "keychain-unavailable"),
    ("edge-blocked", "region-refused"),
    ("server-incident", "no-answer"),
    ("rate-limited", "overloaded"),
    ("rate-limited", "extra-usage-exhausted"),
    ("credit-exhausted", "ambient-credential-shadows"),
    ("sandbox-blocks-login", "callback-unreachable"),
    ("login-timeout", "authorize-request-refused"),
    ("cli-regression", "access-token-expired"),
    ("oauth-beta-missing", "oauth-token-as-api-key"),
    ("cloud-credential", "bearer-unknown"),
    ("beta-unknown", "gateway-strips-beta"),
    ("long-context-not-in-plan", "rate-limited"),
    ("tls-untrusted-ca", "proxy-unreachable"),
    ("not-auth", "bearer-unknown"),
]


def match(cause: str, confidence: float = 0.45) -> CauseMatch:
    return CauseMatch(cause=causes()[cause], confidence=confidence, level=ConfidenceLevel.POSSIBLE)


def ranking(*ids: str) -> IncidentRanking:
    return rank_by_words(tuple(map(match, ids)), causes())


@pytest.mark.parametrize("pair", OFTEN_CONFUSED, ids="-or-".join)
def test_causes_that_are_often_confused_have_a_question(pair: tuple[str, str]) -> None:
    question = deciding_question(ranking(*pair), frozenset())
    assert question is not None
    factors = [[answer.factors.get(cause, 1.0) for answer in question.answers] for cause in pair]
    assert factors[0] != factors[1]


@pytest.mark.parametrize("cause", [each for each in causes() if each != UNKNOWN])
def test_every_cause_has_a_question(cause: str) -> None:
    assert deciding_question(ranking(cause), frozenset()) is not None


def test_every_question_separates_causes() -> None:
    for question in questions().values():
        effects = [answer.factors for answer in question.answers]
        assert any(effect != effects[0] for effect in effects), question.id


def test_a_group_stands_for_its_causes_and_a_cause_goes_before_it() -> None:
    yes = questions()["request-id"].answer("no").factors
    assert yes["bearer-unknown"] == FACTORS["weakens"]
    group = {each.id for each in causes().values() if each.group == "gateway"}
    no = questions()["base-url"].answer("no").factors
    assert {cause for cause in group if no[cause] == FACTORS["excludes"]} == group


def test_an_experiment_is_a_question() -> None:
    question = experiment_question(causes()["bearer-unknown"])
    assert question is not None
    assert not question.commands  # the case asks the emulator, which does not know your credential
    assert expected_gain(question, {"bearer-unknown": 0.5, "api-key-invalid": 0.5}) > 0.25
    assert experiment_question(causes()[UNKNOWN]) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("supports: [no-such]", "no such cause or group: 'no-such'"),
        ("supports: [nothing/*]", "no such cause or group: 'nothing/*'"),
        ("excludes: [unknown]", "no such cause or group: 'unknown'"),
        ("supporst: [not-auth]", "supporst"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "q.yaml"
    answers = f"    - {{id: a, says: A, {change}}}\n    - {{id: b, says: B}}\n"
    path.write_text(f"- id: x\n  asks: X?\n  answers:\n{answers}")
    with pytest.raises(RecordError) as caught:
        load_questions(path)
    assert message in str(caught.value)
    assert "q.yaml:4:" in str(caught.value)


def test_ids_are_unique(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text(
        "- {id: x, asks: X?, answers: [{id: a, says: A}, {id: a, says: B}]}\n"
        "- {id: x, asks: X?, answers: [{id: a, says: A}, {id: b, says: B}]}\n"
    )
    with pytest.raises(RecordError) as caught:
        load_questions(path)
    assert str(caught.value).count("duplicate id") == 2


def test_the_bundled_questions_are_what_the_strict_reader_returns() -> None:
    assert load_questions(QUESTIONS_FILE) == questions()


def test_the_question_about_a_refused_key_is_about_the_key() -> None:
    question = deciding_question(ranking("api-key-invalid"), frozenset())
    assert question is not None
    assert question.id in ("active-credential", "credential-form")


def test_nothing_is_looked_at_by_a_command_that_changes_a_login() -> None:
    commands = [each for question in questions().values() for each in question.commands]
    commands += [
        each for cause in causes().values() for each in (*cause.remedy.commands, cause.remedy.text)
    ]
    assert not [each for each in commands if "auth status" in each]
    # It removes the logins to MCP servers too (tests/clients/claude_code/test_remedies.py).
    assert not [each for each in commands if "auth logout" in each]
