"""What facts do to the ranking by the words."""

import dataclasses

import pytest

from authprobe.diagnosis.causes import UNKNOWN, causes
from authprobe.diagnosis.incident.facts import ERROR_FACTOR, WARNING_FACTOR, IncidentFact
from authprobe.diagnosis.incident.weighing import (
    IncidentRanking,
    deciding_question,
    rank_by_words,
    weigh,
)
from authprobe.diagnosis.match import CauseMatch, ConfidenceLevel
from authprobe.diagnosis.model import model
from authprobe.diagnosis.symptom import Evidence

HERE = Evidence("a fact", 3, "settings.json")


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grade by thresholds that do not change with the training."""
    thresholds = dataclasses.replace(model(), certain=0.95, likely=0.6)
    monkeypatch.setattr("authprobe.diagnosis.incident.weighing.model", lambda: thresholds)


def match(cause: str, confidence: float) -> CauseMatch:
    level = ConfidenceLevel.CERTAIN if confidence >= 0.95 else ConfidenceLevel.LIKELY
    return CauseMatch(cause=causes()[cause], confidence=confidence, level=level)


def ranking(*pairs: tuple[str, float]) -> IncidentRanking:
    return rank_by_words(tuple(match(*pair) for pair in pairs), causes())


def fact(question: str, answer: str, *, is_inferred: bool = False) -> IncidentFact:
    return IncidentFact(evidence=HERE, question=question, answer=answer, is_inferred=is_inferred)


def confidences(ranking: IncidentRanking) -> dict[str, float]:
    return {each.cause.id: each.confidence for each in ranking.matches}


def test_without_facts_nothing_changes() -> None:
    before = ranking(("bearer-unknown", 0.6), ("gateway-own-key", 0.3))
    assert weigh(before, (), causes()) is before
    told = IncidentFact(evidence=HERE)
    assert weigh(before, (told,), causes()) is before


def test_the_shares_of_all_causes_are_a_distribution() -> None:
    before = ranking(("bearer-unknown", 0.6), ("gateway-own-key", 0.3))
    after = weigh(before, (fact("base-url", "yes"), fact("clock", "yes")), causes())
    for each in (before, after):
        assert sum(each.shares.values()) == pytest.approx(1, abs=0.01)


def test_what_the_words_leave_open_is_shared_as_the_model_says() -> None:
    shares = rank_by_words(
        (match("bearer-unknown", 0.5),), causes(), {"api-key-invalid": 0.4, "bearer-unknown": 0.5}
    ).shares
    assert shares["api-key-invalid"] > 0.35
    assert 0 < shares["clock-skew"] < 0.01


def test_a_fact_that_concerns_none_of_the_causes_leaves_them_nearly_alone() -> None:
    before = ranking(("rate-limited", 0.9))
    after = weigh(before, (fact("clock", "yes"),), causes())
    assert confidences(after)["rate-limited"] == pytest.approx(0.9, abs=0.01)


def test_a_gateway_in_the_settings_turns_the_answer() -> None:
    before = ranking(("bearer-unknown", 0.5), ("gateway-own-key", 0.4))
    after = weigh(before, (fact("base-url", "yes"),), causes())
    assert after.matches[0].cause.id == "gateway-own-key"
    assert HERE in after.matches[0].evidence
    assert confidences(after)["bearer-unknown"] < 0.3


def test_an_excluding_fact_turns_a_likely_answer() -> None:
    before = ranking(("credential-missing", 0.9))
    after = weigh(before, (fact("stored-login", "valid"),), causes())
    assert after.matches[0].cause.id == UNKNOWN
    inferred = fact("stored-login", "valid", is_inferred=True)
    weakened = weigh(before, (inferred,), causes())
    assert weakened.matches[0].cause.id == "credential-missing"
    assert weakened.matches[0].confidence < 0.85


def test_a_confidence_that_did_not_change_keeps_its_word() -> None:
    before = ranking(("overloaded", 0.9))
    certain = dataclasses.replace(before.matches[0], level=ConfidenceLevel.CERTAIN)
    unchanged = weigh(
        dataclasses.replace(before, matches=(certain,)), (fact("cloud", "no"),), causes()
    )
    assert unchanged.matches[0].level is ConfidenceLevel.CERTAIN


def test_facts_alone_never_make_a_cause_certain() -> None:
    facts = [
        IncidentFact(evidence=HERE, cause="credential-blanked", factor=ERROR_FACTOR)
        for _ in range(5)
    ]
    first = weigh(ranking((UNKNOWN, 0.0)), facts, causes()).matches[0]
    assert (first.cause.id, first.level) == ("credential-blanked", ConfidenceLevel.LIKELY)


def test_one_error_of_the_doctor_names_a_cause_and_one_warning_does_not() -> None:
    error = IncidentFact(evidence=HERE, cause="credential-blanked", factor=ERROR_FACTOR)
    warning = IncidentFact(evidence=HERE, cause="credential-blanked", factor=WARNING_FACTOR)
    before = ranking((UNKNOWN, 0.0))
    assert weigh(before, (error,), causes()).matches[0].cause.id == "credential-blanked"
    weak = weigh(before, (warning,), causes())
    assert [each.cause.id for each in weak.matches] == [UNKNOWN, "credential-blanked"]


@pytest.mark.parametrize("confidence", [0.55, 0.95])
@pytest.mark.parametrize("cause", ["no-answer", "server-incident", "edge-blocked", "rate-limited"])
@pytest.mark.parametrize("blamed", ["access-token-expired", "refresh-token-rejected"])
def test_no_fact_turns_an_outage_into_an_invalid_token(
    cause: str, confidence: float, blamed: str
) -> None:
    error = IncidentFact(evidence=HERE, cause=blamed, factor=ERROR_FACTOR)
    facts = (error, fact("active-credential", "login"))
    before = ranking((cause, confidence), (blamed, round(0.98 - confidence, 2)))
    after = weigh(before, facts, causes())
    assert after.matches[0].cause.id == cause
    assert confidences(after).get(blamed, 0.0) <= confidences(before)[blamed]


def test_no_question_is_left_when_the_answer_is_certain_or_nothing_is_known() -> None:
    assert deciding_question(ranking(("bearer-unknown", 0.96)), frozenset()) is None
    assert deciding_question(ranking((UNKNOWN, 0.0)), frozenset()) is None


def test_a_question_is_not_asked_twice() -> None:
    two = ranking(("bearer-unknown", 0.5), ("gateway-own-key", 0.4))
    asked: set[str] = set()
    while (question := deciding_question(two, frozenset(asked))) is not None:
        assert question.id not in asked
        asked.add(question.id)
    assert {"experiment:bearer-unknown", "experiment:gateway-own-key"} <= asked


def test_several_facts_that_point_to_one_cause_count_once() -> None:
    pointer = IncidentFact(evidence=HERE, cause="refresh-lock", factor=WARNING_FACTOR)
    before = ranking(("gateway-own-key", 0.7))
    one = weigh(before, (pointer,), causes())
    assert confidences(weigh(before, (pointer,) * 9, causes())) == confidences(one)


def test_the_last_digits_of_a_probability_choose_no_question() -> None:
    causes = ("other-service-credential", 0.4), ("proxy-unreachable", 0.3), ("region-refused", 0.1)
    other = [
        (cause, share * (1 + 2e-15 * (1 - place))) for place, (cause, share) in enumerate(causes)
    ]
    first, second = (deciding_question(ranking(*each), frozenset()) for each in (causes, other))
    assert first is not None
    assert first == second
