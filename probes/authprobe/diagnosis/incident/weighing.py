"""Weighing: what the facts of an incident do to the causes that its words point to.

The words give each cause a probability. A fact multiplies the odds of the causes that it concerns,
and the others share what is left (Bayes' rule). A cause that no word points to starts with a small,
equal part of what the words leave open.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from authprobe.diagnosis.causes import UNKNOWN, Cause
from authprobe.diagnosis.incident.facts import IncidentFact
from authprobe.diagnosis.incident.questions import (
    Answer,
    Question,
    experiment_question,
    questions,
)
from authprobe.diagnosis.match import (
    CERTAIN_CONFIDENCE,
    CONTEST_MARGIN,
    LIKELY_CONFIDENCE,
    MAX_ALTERNATIVES,
    CauseMatch,
    ConfidenceLevel,
    confidence_level,
)

MIN_REST: Final = 0.05
"""Part that the words always leave to causes that they do not point to."""
MIN_SHOWN: Final = 0.05
"""Confidence from which a cause is shown that only facts point to."""
MAX_FACTOR: Final = 1000.0
MAX_CONFIDENCE: Final = 0.99
MAX_EVIDENCE: Final = 8
MAX_CANDIDATES: Final = 4
MIN_GAIN: Final = 0.1
"""Bits that the answer to a question must be expected to give."""


@dataclass(frozen=True, slots=True)
class FactWeight:
    """A fact, and what it does to the odds of causes."""

    fact: IncidentFact
    factors: Mapping[str, float]


def weigh(
    matches: tuple[CauseMatch, ...],
    facts: Iterable[IncidentFact],
    catalogue: Mapping[str, Cause],
) -> tuple[CauseMatch, ...]:
    """Return the causes as the facts rank them; the same ones if no fact concerns them."""
    weights = [FactWeight(fact, factors) for fact in facts if (factors := fact.factors)]
    if not weights:
        return matches
    priors = {match.cause.id: match.confidence for match in matches if match.cause.id != UNKNOWN}
    totals = _totals(weights, catalogue)
    rest = max(1 - sum(priors.values()), MIN_REST) / max(len(catalogue) - 1 - len(priors), 1)
    shares = {cause: priors.get(cause, rest) or rest for cause in catalogue if cause != UNKNOWN}
    posteriors = {cause: _posterior(cause, shares, totals) for cause in shares}
    ranking = sorted(posteriors, key=lambda cause: -round(posteriors[cause], 4))
    shown = [cause for cause in ranking if cause in priors or posteriors[cause] >= MIN_SHOWN][
        : MAX_ALTERNATIVES + 1
    ]
    by_id = {match.cause.id: match for match in matches}
    ranked = tuple(
        _match(catalogue[cause], by_id.get(cause), posteriors, weights) for cause in shown
    )
    if ranked and ranked[0].confidence >= LIKELY_CONFIDENCE:
        return ranked
    unknown = by_id.get(UNKNOWN) or CauseMatch(
        cause=catalogue[UNKNOWN], confidence=0.0, level=ConfidenceLevel.POSSIBLE
    )
    return (unknown, *ranked)


def _totals(weights: Iterable[FactWeight], catalogue: Mapping[str, Cause]) -> dict[str, float]:
    """Return the product of all factors of each cause."""
    totals = dict.fromkeys(catalogue, 1.0)
    for weight in weights:
        for cause, factor in weight.factors.items():
            if cause in totals:
                totals[cause] *= factor
    return {cause: min(max(total, 1 / MAX_FACTOR), MAX_FACTOR) for cause, total in totals.items()}


def _posterior(cause: str, shares: Mapping[str, float], totals: Mapping[str, float]) -> float:
    """Return the probability of a cause, given the factors of all of them."""
    prior = min(shares[cause], MAX_CONFIDENCE)
    others = {other: share for other, share in shares.items() if other != cause}
    average = sum(share * totals[other] for other, share in others.items()) / sum(others.values())
    odds = prior / (1 - prior) * totals[cause] / average
    return min(odds / (1 + odds), MAX_CONFIDENCE)


def _match(
    cause: Cause,
    match: CauseMatch | None,
    posteriors: Mapping[str, float],
    weights: Iterable[FactWeight],
) -> CauseMatch:
    """Return a cause with its new confidence, and the facts that support it as evidence."""
    value = posteriors[cause.id]
    rivals = [other for key, other in posteriors.items() if key != cause.id]
    is_contested = any(other >= max(value - CONTEST_MARGIN, LIKELY_CONFIDENCE) for other in rivals)
    is_from_words = match is not None and match.confidence >= LIKELY_CONFIDENCE
    if is_contested or not is_from_words:
        value = min(value, CERTAIN_CONFIDENCE - 0.01)
    support = (w.fact.evidence for w in weights if w.factors.get(cause.id, 1.0) > 1)
    evidence = (*(match.evidence if match else ()), *support)
    shown = tuple(dict.fromkeys(evidence))[:MAX_EVIDENCE]
    confidence, level = round(value, 2), confidence_level(value)
    if match is None:
        return CauseMatch(cause=cause, confidence=confidence, level=level, evidence=shown)
    return replace(match, confidence=confidence, level=level, evidence=shown)


def deciding_question(matches: tuple[CauseMatch, ...], answered: frozenset[str]) -> Question | None:
    """Return the question whose answer is expected to tell most about the first causes.

    None if nothing is open, or no question is left. Of the causes' experiments, which cost more
    than a look at the machine, one is proposed only if no other question separates them.
    """
    candidates = [match for match in matches if match.cause.id != UNKNOWN][:MAX_CANDIDATES]
    if not candidates or candidates[0].level is ConfidenceLevel.CERTAIN:
        return None
    shares = {match.cause.id: max(match.confidence, 0.01) for match in candidates}
    if len(shares) == 1:
        shares[UNKNOWN] = max(1 - sum(shares.values()), MIN_REST)  # some other cause
    total = sum(shares.values())
    shares = {cause: share / total for cause, share in shares.items()}
    open_questions = [each for each in questions().values() if each.id not in answered]
    best = _best(open_questions, shares)
    if best is not None:
        return best
    experiments = (experiment_question(match.cause) for match in candidates)
    left = [each for each in experiments if each is not None and each.id not in answered]
    return (_best(left, shares) or left[0]) if left else None


def _best(candidates: list[Question], shares: Mapping[str, float]) -> Question | None:
    gains = {question.id: expected_gain(question, shares) for question in candidates}
    best = max(candidates, key=lambda question: gains[question.id], default=None)
    return best if best is not None and gains[best.id] >= MIN_GAIN else None


def expected_gain(question: Question, shares: Mapping[str, float]) -> float:
    """Return the bits by which an answer is expected to narrow down the causes."""
    gain = _entropy(shares.values())
    likelihoods = {cause: _likelihoods(question.answers, cause) for cause in shares}
    for number in range(len(question.answers)):
        joint = [share * likelihoods[cause][number] for cause, share in shares.items()]
        total = sum(joint)
        gain -= total * _entropy(each / total for each in joint)
    return gain


def _likelihoods(answers: tuple[Answer, ...], cause: str) -> list[float]:
    """Return the probability of each answer if this is the cause."""
    factors = [answer.factors.get(cause, 1.0) for answer in answers]
    return [factor / sum(factors) for factor in factors]


def _entropy(shares: Iterable[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0)
