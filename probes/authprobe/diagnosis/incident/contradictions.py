"""Contradictions between the texts of an incident, and which of them is believed."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Final

from authprobe.diagnosis.incident.facts import IncidentFact
from authprobe.diagnosis.match import LIKELY_CONFIDENCE, CauseMatch
from authprobe.diagnosis.symptom import Evidence

CONTRADICTION_FACTOR: Final = 0.5
"""Change of the odds of a likely cause from which a fact contradicts the words."""


def believed_facts(facts: Collection[IncidentFact]) -> tuple[IncidentFact, ...]:
    """Return the facts that count: of several answers to a question, that of the best witness."""
    best: dict[str, IncidentFact] = {}
    others: list[IncidentFact] = []
    for fact in facts:
        if fact.question is None:
            others.append(fact)
            continue
        previous = best.get(fact.question)
        if previous is None or (not fact.is_inferred, fact.rank) > (
            not previous.is_inferred,
            previous.rank,
        ):
            best[fact.question] = fact
    # What a fact says of a cause holds whatever another one answers to its question.
    pointers = [
        replace(fact, question=None, answer=None)
        for fact in facts
        if fact.question and fact.cause and best[fact.question] is not fact
    ]
    return (*others, *best.values(), *pointers)


def contradictions(facts: tuple[IncidentFact, ...]) -> Iterator[str]:
    """Yield what texts say differently of the same fact."""
    for one, other in combinations(facts, 2):
        if one.question is None or one.question != other.question:
            continue
        is_same_host = one.value is None or other.value is None or one.value == other.value
        if one.answer == other.answer and is_same_host:
            continue
        if one.evidence.source == other.evidence.source:
            continue  # the precedence within one text is known
        believed = max((one, other), key=lambda fact: (not fact.is_inferred, fact.rank))
        yield f"{one.evidence}; but {other.evidence} (believed: {_place(believed.evidence)})"


def _place(evidence: Evidence) -> str:
    return str(replace(evidence, text="", weight=None)).removesuffix(": ")


def against_words(by_words: CauseMatch, facts: Iterable[IncidentFact], first: str) -> Iterator[str]:
    """Yield the facts that speak against what the words say, and which of both is believed.

    Args:
        by_words: the first cause by the words alone.
        facts: the facts that count.
        first: the first cause when both are weighed.
    """
    cause = by_words.cause.id
    if by_words.confidence < LIKELY_CONFIDENCE or not by_words.evidence:
        return
    words = _place(by_words.evidence[0]) or "the text"
    for fact in facts:
        if fact.factors.get(cause, 1.0) < CONTRADICTION_FACTOR:
            believed = words if first == cause else _place(fact.evidence)
            yield (
                f"{words} says {cause}; but {fact.evidence} (believed: {believed or 'the fact'})"
            )
