"""The causes of a text: what the signs say and what the trained model says, added up.

The laboratory's own observations are structured, so for them the signs alone decide.
"""

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from authprobe.diagnosis.causes import UNKNOWN, Cause, CauseGroup, Weight, causes
from authprobe.diagnosis.features import TextFeature, features
from authprobe.diagnosis.match import (
    LIKELY_CONFIDENCE,
    MAX_ALTERNATIVES,
    MAX_CONFIDENCE,
    MAX_EVIDENCE,
    OF_OTHERS,
    Assessment,
    CauseMatch,
    ConfidenceLevel,
    assess,
)
from authprobe.diagnosis.model import Model, model
from authprobe.diagnosis.other_sentences import without_others
from authprobe.diagnosis.other_speakers import names_others
from authprobe.diagnosis.phrases import WordIndex
from authprobe.diagnosis.symptom import Evidence, FactKind, FactSet, Symptom, quote_line_number
from authprobe.diagnosis.text_facts import symptom_from_text

LEAST_LOG_PROBABILITY: Final = math.log(1e-4)
"""For a cause that the model does not know."""
MIN_ALTERNATIVE: Final = 0.1
"""Probability below which no other cause is shown."""
SPECIFIC_CONFIDENCE: Final = 0.1
"""Of a specific cause that the signs add: less than any other one that the model shows.

It is not measured, because no thread of the read part gets such a cause.
"""
MIN_LINE_WEIGHT: Final = 1.0
"""Weight below which a line of the text is no evidence, unless a sign points to it."""
MIN_WORDS: Final = 4
"""Fewer words and no sign leave every cause open."""
OUTAGES: Final = frozenset({CauseGroup.NETWORK, CauseGroup.SERVICE, CauseGroup.CLOCK})
BAD_TOKENS: Final = frozenset(
    {"gateway-own-key", "gateway-upstream-credential"}
    | {"refresh-token-rejected", "stale-copy-of-login"}
)
"""Causes that blame a token or key, beside the credentials: an outage, a limit or the network that
explains a text rules them out, unless a decisive sign points to them.
"""
MAX_MESSAGE_WORDS: Final = 20
"""Fewer words are hardly more than the message of one error, which its signs know exactly."""
MAX_DISPUTED_CONFIDENCE: Final = 0.8
"""If the signs of one message and the model disagree."""
MIN_AGREEMENT: Final = 0.8
"""Probability from which the model agrees with the signs of one message."""
MAX_OTHER_WORDS: Final = 1
"""Words that no error has and that may stand beside the message of one, if Claude is not named."""
PRODUCT_NAMES: Final = ("claude", "anthropic")
UNSIGNED_WORDS: Final = frozenset(("attempt", "forbidden", "resets", "retrying"))
"""Words of errors that no sign needs: a status, or when the client goes on."""
GENERAL_TYPES: Final = frozenset(
    (
        *("invalid_request_error", "authentication_error", "billing_error", "permission_error"),
        *("not_found_error", "conflict_error", "rate_limit_error", "api_error", "timeout_error"),
        *("forbidden", "invalid_grant", "invalid_scope", "invalid_client", "request_too_large"),
        *("unsupported_grant_type", "overloaded_error"),
    )
)
"""Error types that many causes share, or other services as well; the others are of one cause."""


class Ranking(NamedTuple):
    """Probabilities of causes for a text, with what they are computed from."""

    assessment: Assessment
    features: Mapping[str, TextFeature]
    probabilities: Mapping[str, float]
    """Most probable first."""


def decide(symptom: Symptom, *, trained: Model | None = None) -> tuple[CauseMatch, ...]:
    """Return the causes of a symptom, most confident first."""
    if not symptom.is_text:
        return assess(symptom).matches
    trained = trained or model()
    matches = _decide_text(symptom, trained)
    if len(symptom.fact_sets) > 1:
        return matches
    if names_others(symptom.fact_sets[0]):
        return tuple(_at_most_possible(match, trained) for match in matches)
    return tuple(_of_claude(matches, symptom.fact_sets[0], trained))


def _of_claude(
    matches: tuple[CauseMatch, ...], fact_set: FactSet, trained: Model
) -> Iterator[CauseMatch]:
    """Yield the causes, of which those of Claude's must not need another service's words."""
    doubted = {match.cause.id for match in matches if _is_likely(match)} - OF_OTHERS
    rest = without_others(fact_set) if doubted else None
    if rest is not None:
        doubted -= {
            match.cause.id
            for match in _decide_text(symptom_from_text(rest), trained)
            if _is_likely(match)
        }
    for match in matches:
        is_doubted = rest is not None and match.cause.id in doubted
        yield _at_most_possible(match, trained) if is_doubted else match


def _is_likely(match: CauseMatch) -> bool:
    return match.level is not ConfidenceLevel.POSSIBLE


def _at_most_possible(match: CauseMatch, trained: Model) -> CauseMatch:
    """Return a cause of Claude's as *possible*, since the error may be another service's."""
    if match.cause.id in OF_OTHERS:
        return match
    confidence = min(match.confidence, round(trained.likely - 0.01, 2))
    return replace(match, confidence=confidence, level=ConfidenceLevel.POSSIBLE)


def _decide_text(symptom: Symptom, trained: Model) -> tuple[CauseMatch, ...]:
    ranking = rank(symptom, trained)
    matches = ranking.assessment.matches
    if _is_decided(symptom, ranking.assessment) or _is_untrained(matches[0], trained):
        return matches
    if matches[0].level is ConfidenceLevel.CERTAIN and _length(symptom) < MAX_MESSAGE_WORDS:
        return _agreed(matches, ranking.probabilities, symptom.fact_sets[0].words)
    return _with_specific(tuple(_matches(symptom, ranking, trained)), matches[0])


def _with_specific(matches: tuple[CauseMatch, ...], by_signs: CauseMatch) -> tuple[CauseMatch, ...]:
    """Return the causes with the more specific one that the signs are sure of, as an alternative.

    The model knows few texts of a rare cause, so it may see only the general one.
    """
    first, *others = matches
    is_shown = any(match.cause.id == by_signs.cause.id for match in matches)
    is_specific = by_signs.cause.id in first.cause.yields_to
    if is_shown or not is_specific or by_signs.level is not ConfidenceLevel.CERTAIN:
        return matches
    if first.level is ConfidenceLevel.CERTAIN:
        return matches
    confidence = min(SPECIFIC_CONFIDENCE, first.confidence)
    specific = replace(by_signs, confidence=confidence, level=ConfidenceLevel.POSSIBLE)
    return (first, *others[: MAX_ALTERNATIVES - 1], specific)


def _agreed(
    matches: tuple[CauseMatch, ...], probabilities: Mapping[str, float], words: WordIndex
) -> tuple[CauseMatch, ...]:
    """Return what the signs say of one message.

    It is not certain if the model doubts it, or if the message may be another product's, or only
    talked about.
    """
    first, *others = matches
    if probabilities.get(first.cause.id, 0.0) >= MIN_AGREEMENT and _is_message(words):
        return matches
    confidence = min(first.confidence, MAX_DISPUTED_CONFIDENCE)
    return (replace(first, confidence=confidence, level=ConfidenceLevel.LIKELY), *others)


def _is_message(words: WordIndex) -> bool:
    """Return True if a short text names Claude, or has hardly a word that no error has."""
    if any(words.positions((name,)) for name in PRODUCT_NAMES):
        return True
    others = {word for word in words.words if word.isalpha()} - _error_words()
    return len(others) <= MAX_OTHER_WORDS


@functools.cache
def _error_words() -> frozenset[str]:
    """Return the words of the errors that users see and of the phrases of signs."""
    texts = (
        text
        for cause in causes().values()
        for text in (*cause.errors, *(p for sign in cause.signs for p in (*sign.says, *sign.also)))
    )
    return UNSIGNED_WORDS.union(WordIndex("\n".join(texts)).words)


def _length(symptom: Symptom) -> int:
    return len(symptom.fact_sets[0].words)


def rank(symptom: Symptom, trained: Model) -> Ranking:
    """Return the probabilities of the causes of a text."""
    assessment = assess(symptom)
    found = features(symptom)
    logs = dict(combine(trained, assessment, trained.log_probabilities(found)))
    most = max(logs.values())
    total = sum(math.exp(value - most) for value in logs.values())
    probabilities = {cause: math.exp(value - most) / total for cause, value in logs.items()}
    order = sorted(probabilities, key=lambda cause: -probabilities[cause])
    return Ranking(assessment, found, {cause: probabilities[cause] for cause in order})


def combine(
    trained: Model, assessment: Assessment, logs: Mapping[str, float]
) -> Iterator[tuple[str, float]]:
    """Yield each cause that is not ruled out, with the sum of its weights."""
    trust, scores, catalogue = trained.trust, assessment.scores, causes()
    first = assessment.matches[0].cause.id
    is_outage = any(
        score.value >= LIKELY_CONFIDENCE and catalogue[cause].group in OUTAGES
        for cause, score in scores.items()
    )
    considered = OF_OTHERS if assessment.is_about_others else catalogue.keys()
    for cause in {*logs, *scores, first} & considered:
        score = scores.get(cause)
        is_decisive = score is not None and score.has_decisive_sign
        is_ruled_out = (is_outage and cause in BAD_TOKENS) or (
            assessment.is_explained and _is_credential(catalogue[cause])
        )
        if is_ruled_out and not is_decisive:
            continue
        yield (
            cause,
            trust.model * max(logs.get(cause, LEAST_LOG_PROBABILITY), LEAST_LOG_PROBABILITY)
            + (trust.score * score.value if score else 0.0)
            + trust.decisive * is_decisive
            + trust.first * (cause == first),
        )


def _is_credential(cause: Cause) -> bool:
    return cause.group is CauseGroup.CREDENTIAL


def _is_decided(symptom: Symptom, assessment: Assessment) -> bool:
    """Return True if the signs alone decide: an error code names one cause, or little is said."""
    first = assessment.matches[0]
    if not assessment.scores and _length(symptom) < MIN_WORDS:
        return True
    types = symptom.fact_sets[0].facts.get(FactKind.ERROR_TYPE, {})
    codes = set(types) - GENERAL_TYPES
    return first.level is ConfidenceLevel.CERTAIN and any(
        sign.weight is Weight.DECISIVE and not (sign.says or sign.also) and codes & set(sign.type)
        for sign in first.cause.signs
    )


def _is_untrained(by_signs: CauseMatch, trained: Model) -> bool:
    """Return True if the signs are sure of a cause of which the model has seen no text."""
    is_known = by_signs.cause.id in trained.causes
    return not is_known and by_signs.level is ConfidenceLevel.CERTAIN


def _matches(symptom: Symptom, ranking: Ranking, trained: Model) -> Iterator[CauseMatch]:
    for place, (cause, probability) in enumerate(ranking.probabilities.items()):
        if place and (probability < MIN_ALTERNATIVE or place > MAX_ALTERNATIVES):
            return
        confidence = min(trained.confidence(probability), MAX_CONFIDENCE)
        yield CauseMatch(
            cause=causes()[cause],
            confidence=round(confidence, 2),
            level=level_of(trained, confidence),
            evidence=tuple(_evidence(symptom, ranking, trained, cause))[:MAX_EVIDENCE],
        )


def level_of(trained: Model, confidence: float) -> ConfidenceLevel:
    """Return the word for a confidence, by the thresholds of a model."""
    if confidence >= trained.certain:
        return ConfidenceLevel.CERTAIN
    return ConfidenceLevel.LIKELY if confidence >= trained.likely else ConfidenceLevel.POSSIBLE


def _evidence(symptom: Symptom, ranking: Ranking, trained: Model, cause: str) -> Iterator[Evidence]:
    """Yield the lines of the signs and those that the model weighs most, heaviest first.

    Nothing is evidence for an unknown cause.
    """
    if cause == UNKNOWN:
        return
    found = list(_found_evidence(symptom, ranking, trained, cause))
    yield from sorted(found, key=lambda each: -(each.weight or 0.0))


def _found_evidence(
    symptom: Symptom, ranking: Ranking, trained: Model, cause: str
) -> Iterator[Evidence]:
    weights = trained.line_weights(ranking.features, cause)
    seen = set[int | None]()
    if score := ranking.assessment.scores.get(cause):
        for evidence in score.evidence:
            seen.add(evidence.line)
            yield replace(evidence, weight=weights.get(evidence.line or 0))
    for line in sorted(weights, key=lambda line: -weights[line]):
        if line not in seen and weights[line] >= MIN_LINE_WEIGHT:
            yield replace(quote_line_number(symptom.fact_sets[0].text, line), weight=weights[line])
