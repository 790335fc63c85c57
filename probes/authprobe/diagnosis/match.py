"""Rank causes for a symptom, with a confidence and the evidence; pure, and unaware of rule ids.

This is the confidence of the signs; that of a text comes from the trained model, with thresholds of
its own (`decision`). It is computed from the evidence alone: a decisive sign scores 0.9, a strong
one 0.6, a weak one 0.25, and the signs of one cause are combined as if independent (the remaining
doubt is the product of the doubts that each sign leaves). From 0.85 a cause is certain, from 0.5
likely, below that possible. If another cause comes within 0.2, no cause is certain.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from authprobe.diagnosis.causes import (
    CONSIDERED_BEFORE_CREDENTIALS,
    NOT_AUTH,
    UNKNOWN,
    Cause,
    CauseCondition,
    CauseGroup,
    Sign,
    Weight,
    causes,
)
from authprobe.diagnosis.other_speakers import is_by_others
from authprobe.diagnosis.phrases import parse_phrase
from authprobe.diagnosis.symptom import Evidence, FactKind, FactSet, Symptom

SIGN_SCORES: Final = {Weight.DECISIVE: 0.9, Weight.STRONG: 0.6, Weight.WEAK: 0.25}
MAX_CONFIDENCE: Final = 0.99
CERTAIN_CONFIDENCE: Final = 0.85
LIKELY_CONFIDENCE: Final = 0.5
CONTEST_MARGIN: Final = 0.2
"""Difference in confidence within which another cause keeps a cause from being certain."""
OF_OTHERS: Final = frozenset({NOT_AUTH, "other-service-credential", "cloud-credential", UNKNOWN})
"""Causes of the errors of other services."""
MAX_ALTERNATIVES: Final = 3
MAX_EVIDENCE: Final = 5
MIN_WORDS: Final = 10
"""Fewer words in English do not even show that a text is about something else."""

AUTH_PHRASES: Final = (
    "auth*|oauth|login|logged|logout|sign*|token*|credential*|account|permission|organization",
    "api key|keys",
    "log in|out|into",
    "request* fail*|rejected|refused|blocked",
    "blocked|refused claude|anthropic|access",
    "api error*",
    "401|403|429|529",
    "unauthorized|forbidden|limit|quota|subscription|billing|bearer",
)
"""Vocabulary of authentication: a text that matches none of these is `not-auth`."""


class ConfidenceLevel(enum.StrEnum):
    """Confidence as a word."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseMatch:
    """A cause that matches a symptom, with the evidence."""

    cause: Cause
    confidence: float
    level: ConfidenceLevel
    evidence: tuple[Evidence, ...] = ()


class SignScore(NamedTuple):
    """Score of a cause by its signs, from 0 to `MAX_CONFIDENCE`."""

    value: float
    has_decisive_sign: bool
    evidence: tuple[Evidence, ...]


class Assessment(NamedTuple):
    """Judgement of a symptom by the signs alone."""

    matches: tuple[CauseMatch, ...]
    """Most confident first; `unknown` first if none is likely."""
    scores: Mapping[str, SignScore]
    is_explained: bool
    """True if the network, the service or the clock explains the symptom."""
    is_about_others: bool = False
    """True if the error is one of another service: then no cause of Claude's is considered."""


def rank_causes(
    symptom: Symptom, catalogue: Mapping[str, Cause] | None = None
) -> tuple[CauseMatch, ...]:
    """Return the matching causes, most confident first; `unknown` first if none is likely."""
    return assess(symptom, catalogue).matches


def assess(symptom: Symptom, catalogue: Mapping[str, Cause] | None = None) -> Assessment:
    """Return the score of each cause whose signs are present, and the causes that they name."""
    catalogue = causes() if catalogue is None else catalogue
    about_others = _is_about_others(symptom)
    considered = [each for each in catalogue.values() if not about_others or each.id in OF_OTHERS]
    found = dict(_scores(symptom, considered))
    is_explained = _is_explained(found, catalogue)
    scores = _without_superseded(found, catalogue, is_explained=is_explained)
    order = {cause_id: index for index, cause_id in enumerate(catalogue)}
    ranking = sorted(scores, key=lambda key: (-round(scores[key].value, 2), order[key]))
    matches = tuple(_matches(ranking, scores, catalogue))
    if not ranking or scores[ranking[0]].value < LIKELY_CONFIDENCE:
        matches = (_fallback(symptom, catalogue, scores), *matches)
    return Assessment(matches, scores, is_explained, about_others)


def _is_about_others(symptom: Symptom) -> bool:
    """Return True if there is nothing but a text, and its error is one of another service."""
    return symptom.is_text and len(symptom.fact_sets) == 1 and is_by_others(symptom.fact_sets[0])


def _matches(
    ranking: list[str], scores: Mapping[str, SignScore], catalogue: Mapping[str, Cause]
) -> Iterator[CauseMatch]:
    for cause_id in ranking[: MAX_ALTERNATIVES + 1]:
        score = scores[cause_id]
        rivals = [scores[other].value for other in ranking if other != cause_id]
        threshold = max(score.value - CONTEST_MARGIN, LIKELY_CONFIDENCE)
        is_contested = any(value >= threshold for value in rivals)
        value = min(score.value, CERTAIN_CONFIDENCE - 0.01) if is_contested else score.value
        yield CauseMatch(
            cause=catalogue[cause_id],
            confidence=round(value, 2),
            level=confidence_level(value),
            evidence=score.evidence,
        )


def confidence_level(confidence: float) -> ConfidenceLevel:
    """Return the word for a confidence."""
    if confidence >= CERTAIN_CONFIDENCE:
        return ConfidenceLevel.CERTAIN
    if confidence >= LIKELY_CONFIDENCE:
        return ConfidenceLevel.LIKELY
    return ConfidenceLevel.POSSIBLE


def _scores(symptom: Symptom, catalogue: Iterable[Cause]) -> Iterator[tuple[str, SignScore]]:
    for cause in catalogue:
        if any(_holds_anywhere(symptom, condition) for condition in cause.unless):
            continue
        signs = [
            (sign.weight, evidence)
            for sign in cause.signs
            if (evidence := _sign_evidence(symptom, sign)) is not None
        ]
        if signs:
            yield cause.id, _combine(signs)


def _combine(signs: list[tuple[Weight, tuple[Evidence, ...]]]) -> SignScore:
    doubt = 1.0
    evidence: dict[Evidence, None] = {}
    for weight, items in sorted(signs, key=lambda pair: -SIGN_SCORES[pair[0]]):
        doubt *= 1 - SIGN_SCORES[weight]
        evidence |= dict.fromkeys(items)
    has_decisive_sign = any(weight is Weight.DECISIVE for weight, _ in signs)
    return SignScore(
        min(1 - doubt, MAX_CONFIDENCE), has_decisive_sign, tuple(evidence)[:MAX_EVIDENCE]
    )


def _is_explained(scores: Mapping[str, SignScore], catalogue: Mapping[str, Cause]) -> bool:
    return any(
        score.value >= LIKELY_CONFIDENCE and catalogue[key].group in CONSIDERED_BEFORE_CREDENTIALS
        for key, score in scores.items()
    )


def _without_superseded(
    scores: Mapping[str, SignScore], catalogue: Mapping[str, Cause], *, is_explained: bool
) -> dict[str, SignScore]:
    """Drop causes that yield to a likely one.

    Credentials are dropped as well if the network, the service or the clock explains the symptom,
    unless a decisive sign points to them.
    """
    likely = {key for key, score in scores.items() if score.value >= LIKELY_CONFIDENCE}
    return {
        key: score
        for key, score in scores.items()
        if likely.isdisjoint(catalogue[key].yields_to)
        and not (
            is_explained
            and catalogue[key].group is CauseGroup.CREDENTIAL
            and not score.has_decisive_sign
        )
    }


def _sign_evidence(symptom: Symptom, sign: Sign) -> tuple[Evidence, ...] | None:
    """Return the evidence for a sign from the first fact set that shows it, or None."""
    for fact_set in symptom.fact_sets:
        evidence = _condition_evidence(fact_set, sign)
        if evidence is None:
            continue
        if sign.lacks is None or _condition_evidence(fact_set, sign.lacks) is None:
            return evidence
    return None


def _holds_anywhere(symptom: Symptom, condition: CauseCondition) -> bool:
    return any(_condition_evidence(each, condition) is not None for each in symptom.fact_sets)


def _condition_evidence(
    fact_set: FactSet, condition: CauseCondition
) -> tuple[Evidence, ...] | None:
    """Return the evidence that the condition holds in this fact set, or None if it does not."""
    evidence: list[Evidence] = []
    for kind, values in condition.facts.items():
        fact = _fact_evidence(fact_set, kind, values)
        if fact is None:
            return None
        evidence.append(fact)
    for phrases in (condition.says, condition.also):
        if not phrases:
            continue
        words = (parse_phrase(phrase).find(fact_set.words) for phrase in phrases)
        word = next((position for position in words if position is not None), None)
        if word is None:
            return None
        evidence.insert(0, fact_set.quote(word))
    return tuple(dict.fromkeys(evidence))


def _fact_evidence(fact_set: FactSet, kind: FactKind, values: tuple[str, ...]) -> Evidence | None:
    facts = fact_set.facts.get(kind, {})
    for value in values:
        if value in facts:
            return facts[value]
        if value[0] == "*" or value[-1] == "*" or value.endswith("xx"):
            for fact, evidence in facts.items():
                if _matches_wildcard(value, fact):
                    return evidence
    return None


def _matches_wildcard(pattern: str, fact: str) -> bool:
    """Return True if `5xx`, `*/oauth/token` or `unknown*` stands for this fact."""
    if pattern.endswith("xx"):
        return fact[:1] == pattern[:1] and len(fact) == 3
    if pattern.startswith("*"):
        return fact.endswith(pattern[1:])
    return fact.startswith(pattern[:-1])


def _fallback(
    symptom: Symptom, catalogue: Mapping[str, Cause], scores: Mapping[str, SignScore]
) -> CauseMatch:
    """Return `not-auth` if a text contains no word of authentication, else `unknown`."""
    if symptom.is_text and not scores:
        words = symptom.fact_sets[0].words
        is_about_auth = any(parse_phrase(each).find(words) is not None for each in AUTH_PHRASES)
        if not is_about_auth and words.ascii_count >= MIN_WORDS:
            return CauseMatch(
                cause=catalogue[NOT_AUTH],
                confidence=LIKELY_CONFIDENCE,
                level=ConfidenceLevel.LIKELY,
            )
    return CauseMatch(cause=catalogue[UNKNOWN], confidence=0.0, level=ConfidenceLevel.POSSIBLE)
