"""What facts do to the ranking by the words."""

import pytest

from authprobe.diagnosis.causes import UNKNOWN, causes
from authprobe.diagnosis.incident.facts import ERROR_FACTOR, WARNING_FACTOR, IncidentFact
from authprobe.diagnosis.incident.weighing import deciding_question, weigh
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel, confidence_level
from authprobe.diagnosis.symptom import Evidence

HERE = Evidence("a fact", 3, "settings.json")


def match(cause: str, confidence: float) -> CauseMatch:
    level = confidence_level(confidence)
    return CauseMatch(cause=causes()[cause], confidence=confidence, level=level)


def ranking(*pairs: tuple[str, float]) -> tuple[CauseMatch, ...]:
    return tuple(match(cause, confidence) for cause, confidence in pairs)


def fact(question: str, answer: str, *, is_inferred: bool = False) -> IncidentFact:
    return IncidentFact(evidence=HERE, question=question, answer=answer, is_inferred=is_inferred)


def confidences(matches: tuple[CauseMatch, ...]) -> dict[str, float]:
    return {each.cause.id: each.confidence for each in matches}


def test_without_facts_nothing_changes() -> None:
    before = ranking(("bearer-unknown", 0.6), ("gateway-own-key", 0.3))
    assert weigh(before, (), causes()) is before
    told = IncidentFact(evidence=HERE)
    assert weigh(before, (told,), causes()) is before


def test_a_fact_that_concerns_none_of_the_causes_leaves_them_nearly_alone() -> None:
    before = ranking(("rate-limited", 0.9))
    after = weigh(before, (fact("clock", "yes"),), causes())
    assert confidences(after)["rate-limited"] == pytest.approx(0.9, abs=0.01)


def test_a_gateway_in_the_settings_turns_the_answer() -> None:
    before = ranking(("bearer-unknown", 0.5), ("gateway-own-key", 0.4))
    after = weigh(before, (fact("base-url", "yes"),), causes())
    assert after[0].cause.id == "gateway-own-key"
    assert HERE in after[0].evidence
    assert confidences(after)["bearer-unknown"] < 0.3


def test_an_excluding_fact_turns_a_certain_answer() -> None:
    before = ranking(("credential-missing", 0.9))
    after = weigh(before, (fact("stored-login", "valid"),), causes())
    assert after[0].cause.id == UNKNOWN
    inferred = fact("stored-login", "valid", is_inferred=True)
    weakened = weigh(before, (inferred,), causes())
    assert weakened[0].cause.id == "credential-missing"
    assert weakened[0].level is ConfidenceLevel.LIKELY


def test_facts_alone_never_make_a_cause_certain() -> None:
    facts = [
        IncidentFact(evidence=HERE, cause="credential-blanked", factor=ERROR_FACTOR)
        for _ in range(5)
    ]
    after = weigh(ranking((UNKNOWN, 0.0)), facts, causes())
    assert after[0].cause.id == "credential-blanked"
    assert after[0].level is ConfidenceLevel.LIKELY


def test_one_error_of_the_doctor_is_likely_and_one_warning_is_not() -> None:
    error = IncidentFact(evidence=HERE, cause="credential-blanked", factor=ERROR_FACTOR)
    warning = IncidentFact(evidence=HERE, cause="credential-blanked", factor=WARNING_FACTOR)
    before = ranking((UNKNOWN, 0.0))
    assert weigh(before, (error,), causes())[0].cause.id == "credential-blanked"
    weak = weigh(before, (warning,), causes())
    assert [each.cause.id for each in weak] == [UNKNOWN, "credential-blanked"]


@pytest.mark.parametrize("cause", ["no-answer", "server-incident", "edge-blocked", "rate-limited"])
def test_a_doctor_error_does_not_turn_what_words_say_for_certain(cause: str) -> None:
    error = IncidentFact(evidence=HERE, cause="access-token-expired", factor=ERROR_FACTOR)
    assert weigh(ranking((cause, 0.95)), (error,), causes())[0].cause.id == cause


def test_no_question_is_left_when_the_answer_is_certain() -> None:
    assert deciding_question(ranking(("bearer-unknown", 0.9)), frozenset()) is None
    assert deciding_question(ranking((UNKNOWN, 0.0)), frozenset()) is None


def test_a_question_is_not_asked_twice() -> None:
    matches = ranking(("bearer-unknown", 0.5), ("gateway-own-key", 0.4))
    asked: set[str] = set()
    while (question := deciding_question(matches, frozenset(asked))) is not None:
        assert question.id not in asked
        asked.add(question.id)
    assert {"experiment:bearer-unknown", "experiment:gateway-own-key"} <= asked
