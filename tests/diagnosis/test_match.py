"""Texts match the right causes, with a confidence that follows from the evidence."""

from authprobe.diagnosis.match import (
    CERTAIN_CONFIDENCE,
    LIKELY_CONFIDENCE,
    ConfidenceLevel,
    confidence_level,
    rank_causes,
)
from authprobe.diagnosis.text_facts import symptom_from_text


def test_confidence_follows_from_the_weights_of_the_signs() -> None:
    [decisive] = rank_causes(symptom_from_text("API Error: 529 Overloaded"))
    assert (decisive.level, decisive.confidence >= CERTAIN_CONFIDENCE) == (
        ConfidenceLevel.CERTAIN,
        True,
    )
    [strong] = rank_causes(symptom_from_text("the service says fetch failed"))
    assert (strong.confidence, strong.level) == (0.6, ConfidenceLevel.LIKELY)
    assert [confidence_level(n) for n in (CERTAIN_CONFIDENCE, LIKELY_CONFIDENCE, 0.1)] == list(
        ConfidenceLevel
    )


def test_no_cause_is_certain_if_two_match() -> None:
    matches = rank_causes(
        symptom_from_text("HTTP 500 Internal server error\ngetaddrinfo ENOTFOUND api.anthropic.com")
    )
    assert {match.cause.id for match in matches} == {"dns-failure", "server-incident"}
    assert {match.level for match in matches} == {ConfidenceLevel.LIKELY}
