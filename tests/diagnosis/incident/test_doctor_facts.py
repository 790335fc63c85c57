"""The output of `authprobe doctor --json` and of `claude auth status` as facts."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from authprobe.cli import main
from authprobe.diagnosis.incident.doctor_facts import (
    ANSWERS,
    MAX_RESULTS,
    METHODS,
    SLOTS,
    doctor_facts,
    doctor_version,
    status_facts,
)
from authprobe.diagnosis.incident.facts import ERROR_FACTOR
from authprobe.diagnosis.incident.questions import questions
from authprobe.diagnosis.incident.recognition import IncidentText, TextKind, recognise
from authprobe.doctor.inventory.precedence import CredentialSlot
from tests.support.homes import ACCESS, API_KEY, NEWEST, Home, hours_from_now, make_home


def doctor_text(home: Home, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> IncidentText:
    """Return what `doctor --json` prints for a home."""
    monkeypatch.setattr("authprobe.commands.doctor.this_machine", home.machine)
    output = CliRunner().invoke(main, ["doctor", "--json", *arguments]).stdout
    return recognise("doctor.json", output, "doctor.json")


def made_up(results: object, wins: object) -> IncidentText:
    return recognise("d", json.dumps({"results": results, "wins": wins}, indent=2), "d")


def test_every_slot_of_the_doctor_has_an_answer() -> None:
    assert set(SLOTS) == {slot.value for slot in CredentialSlot}


@pytest.mark.parametrize("answer", sorted(set(SLOTS.values()) | set(METHODS.values())))
def test_every_slot_answers_the_question(answer: str) -> None:
    assert questions()["active-credential"].answer(answer).id == answer


@pytest.mark.parametrize(("question", "answer"), sorted(set(ANSWERS.values())))
def test_every_result_answers_its_question(question: str, answer: str) -> None:
    assert questions()[question].answer(answer).id == answer


def test_the_doctor_tells_gateway_proxy_and_the_credential_that_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(
        tmp_path,
        ANTHROPIC_BASE_URL="https://gw.example.com",
        ANTHROPIC_API_KEY=API_KEY,
        CLAUDE_CODE_OAUTH_TOKEN=ACCESS,
        HTTPS_PROXY="http://proxy.example:3128",
    )
    text = doctor_text(home, monkeypatch)
    assert text.kind is TextKind.DOCTOR
    facts = list(doctor_facts(text))
    found = {fact.question: (fact.answer, fact.value) for fact in facts if fact.question}
    assert found["base-url"] == ("yes", "gw.example.com")
    assert found["proxy"] == ("yes", None)
    assert found["active-credential"] == ("api-key", None)
    assert "ambient-credential-shadows" in {fact.cause for fact in facts}
    for fact in facts:
        line = text.text.splitlines()[(fact.evidence.line or 0) - 1]
        assert '"id"' in line or '"claude-code' in line
    version = doctor_version(text)
    assert version is not None
    assert version[0] == NEWEST


def test_an_error_counts_more_than_a_warning_and_information_nothing() -> None:
    results = [
        {"id": "a", "severity": severity, "summary": "s", "cause": "refresh-lock"}
        for severity in ("error", "warning", "info")
    ]
    facts = [fact for fact in doctor_facts(made_up(results, {})) if fact.cause]
    assert [fact.factor for fact in facts] == [ERROR_FACTOR, 10.0]
    assert [fact.evidence.line for fact in facts] == [4, 10]


def test_information_that_points_to_a_cause_counts_little() -> None:
    lock = {"id": "refresh-lock", "severity": "info", "summary": "s", "cause": None}
    (fact,) = (fact for fact in doctor_facts(made_up([lock], {})) if fact.cause)
    assert (fact.cause, fact.factor) == ("refresh-lock", 3.0)
    other = {"id": "command-missing", "severity": "info", "summary": "s", "cause": None}
    assert [fact.question for fact in doctor_facts(made_up([other], {}))] == ["base-url"]


@pytest.mark.parametrize(
    ("hours", "answer"), [(1, "valid"), (-1, "renewable")], ids=["valid", "renewable"]
)
def test_the_state_of_the_login_is_read(
    hours: float, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path)
    home.login(expiresAt=hours_from_now(hours))
    facts = doctor_facts(doctor_text(home, monkeypatch))
    assert ("stored-login", answer) in [(fact.question, fact.answer) for fact in facts]


def test_a_declared_gateway_is_the_intended_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://gw.example.com"
    home = make_home(tmp_path, ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY=API_KEY)
    for arguments, is_declared in (((), False), (("--gateway", url), True)):
        facts = list(doctor_facts(doctor_text(home, monkeypatch, *arguments)))
        found = [(fact.question, fact.answer) for fact in facts]
        assert ("base-url", "yes") in found
        assert (("base-url-intended", "yes") in found) is is_declared


def test_an_absent_gateway_excludes_nothing() -> None:
    (fact,) = doctor_facts(made_up([], {}))
    assert (fact.question, fact.answer) == ("base-url", "no")
    assert min(fact.factors.values()) > 0.3


def test_no_credential_is_a_fact() -> None:
    facts = doctor_facts(made_up([], {"claude-code 2.1.280": {"credential": None}}))
    assert ("active-credential", "none") in [(fact.question, fact.answer) for fact in facts]


@pytest.mark.parametrize(
    ("results", "wins"),
    [
        ([1, None, {}, {"id": 1}, {"id": "x"}, {"id": "gateway"}], {}),
        ([{"id": "x", "severity": "error", "summary": None, "cause": ["a"]}], {"claude-code": 1}),
        (
            [{"id": "x", "severity": "error", "cause": "no-such"}],
            {"claude-code": {"credential": 1}},
        ),
        ([], {"claude-code": {"credential": {"slot": [], "state": {}}}}),
        ([{"id": "gateway", "severity": "info", "summary": "https://["}], {"sdk": {}}),
    ],
)
def test_output_of_any_shape_is_read(results: object, wins: object) -> None:
    list(doctor_facts(made_up(results, wins)))


def status(**values: Any) -> IncidentText:
    data = {"loggedIn": True, "authMethod": "none", "apiProvider": "firstParty"} | values
    return recognise("s", json.dumps(data, indent=2), "s")


@pytest.mark.parametrize(
    ("method", "answer"),
    [("api_key", "api-key"), ("claude.ai", "login"), ("third_party", "cloud")],
)
def test_claude_auth_status_names_the_credential(method: str, answer: str) -> None:
    (fact,) = status_facts(status(authMethod=method))
    assert (fact.question, fact.answer, fact.evidence.line) == ("active-credential", answer, 3)


def test_a_method_that_stands_for_two_variables_answers_nothing() -> None:
    assert list(status_facts(status(authMethod="oauth_token"))) == []
    assert list(status_facts(status(authMethod=["x"]))) == []


def test_a_missing_login_points_to_its_cause() -> None:
    facts = list(status_facts(status(loggedIn=False)))
    assert [fact.cause for fact in facts] == [None, "credential-missing"]


@pytest.mark.parametrize(("number", "is_told"), [(MAX_RESULTS, False), (MAX_RESULTS + 1, True)])
def test_results_that_are_not_read_are_told(number: int, is_told: bool) -> None:
    facts = doctor_facts(made_up([{"id": "ok"}] * number, {}))
    assert any(f"the first {MAX_RESULTS}" in fact.evidence.text for fact in facts) is is_told
