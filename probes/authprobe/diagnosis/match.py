"""Symptom to causes: which fit, how surely, and by what evidence. Pure; it knows no rule.

How sure an answer is, is one function of the evidence: a sign that is decisive counts 0.9, a
strong one 0.6, a weak one 0.25, and signs of one cause add up as independent ones do (what is left
of the doubt is the product of what each leaves). From 0.85 on a cause is certain, from 0.5 likely,
below that possible; where a second cause comes as near as 0.2, no answer is certain.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.diagnosis.causes import (
    BEFORE_CREDENTIALS,
    NOT_AUTH,
    UNKNOWN,
    Cause,
    CauseCondition,
    CauseGroup,
    Sign,
    Weight,
    causes,
)
from authprobe.diagnosis.phrases import matching_phrases
from authprobe.diagnosis.symptom import Evidence, FactKind, Scene, Symptom

COUNTS: Final = {Weight.DECISIVE: 0.9, Weight.STRONG: 0.6, Weight.WEAK: 0.25}
SUREST: Final = 0.99
CERTAIN: Final = 0.85
LIKELY: Final = 0.5
NEAR: Final = 0.2
ALTERNATIVES: Final = 3
ENOUGH_WORDS: Final = 6
"""Less than that says nothing, not even that it is about something else."""

AUTH_WORDS: Final = (
    "auth*|oauth|login|logged|logout|sign*|token*|credential*|account|permission|organization",
    "api key|keys",
    "log in|out|into",
    "request* fail*|rejected|refused|blocked",
    "blocked|refused claude|anthropic|access",
    "api error*",
    "401|403|429|529",
    "unauthorized|forbidden|limit|quota|subscription|billing|bearer",
)
"""Who speaks of none of these, speaks of something else."""


class Level(enum.StrEnum):
    """How sure an answer is, in a word."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A cause that fits, and why."""

    cause: Cause
    confidence: float
    level: Level
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class _Score:
    value: float
    decisive: bool
    evidence: tuple[Evidence, ...]


def match(symptom: Symptom, known: Mapping[str, Cause] | None = None) -> tuple[Match, ...]:
    """The causes that fit, the surest first; `unknown` first if none is at least likely."""
    known = causes() if known is None else known
    scores = dict(_scored(symptom, known.values()))
    kept = _without_lesser(scores, known)
    order = {name: place for place, name in enumerate(known)}
    ranked = sorted(kept, key=lambda name: (-round(kept[name].value, 2), order[name]))
    if not ranked or kept[ranked[0]].value < LIKELY:
        return (_fallback(symptom, known, kept), *_matches(ranked, kept, known))
    return tuple(_matches(ranked, kept, known))


def _matches(
    ranked: list[str], scores: Mapping[str, _Score], known: Mapping[str, Cause]
) -> Iterator[Match]:
    for name in ranked[: ALTERNATIVES + 1]:
        others = [scores[other].value for other in ranked if other != name]
        contested = any(value >= max(scores[name].value - NEAR, LIKELY) for value in others)
        value = min(scores[name].value, CERTAIN - 0.01) if contested else scores[name].value
        yield Match(
            cause=known[name],
            confidence=round(value, 2),
            level=level_of(value),
            evidence=scores[name].evidence,
        )


def level_of(confidence: float) -> Level:
    """The word for a number."""
    if confidence >= CERTAIN:
        return Level.CERTAIN
    return Level.LIKELY if confidence >= LIKELY else Level.POSSIBLE


def _scored(symptom: Symptom, known: Iterable[Cause]) -> Iterator[tuple[str, _Score]]:
    for cause in known:
        if any(_anywhere(symptom, condition) for condition in cause.unless):
            continue
        met = [found for sign in cause.signs if (found := _meets(symptom, sign)) is not None]
        if met:
            yield cause.id, _sum(met)


def _sum(met: list[tuple[Weight, tuple[Evidence, ...]]]) -> _Score:
    doubt = 1.0
    evidence: dict[Evidence, None] = {}
    for weight, shown in sorted(met, key=lambda pair: -COUNTS[pair[0]]):
        doubt *= 1 - COUNTS[weight]
        evidence |= dict.fromkeys(shown)
    decisive = any(weight is Weight.DECISIVE for weight, _ in met)
    return _Score(min(1 - doubt, SUREST), decisive, tuple(evidence)[:5])


def _without_lesser(scores: Mapping[str, _Score], known: Mapping[str, Cause]) -> dict[str, _Score]:
    """Without those that give way to others, and without credentials that are blamed for what the
    network, the service or the clock explains.
    """
    likely = {name for name, score in scores.items() if score.value >= LIKELY}
    explained = any(known[name].group in BEFORE_CREDENTIALS for name in likely)
    return {
        name: score
        for name, score in scores.items()
        if likely.isdisjoint(known[name].yields_to)
        and not (explained and known[name].group is CauseGroup.CREDENTIAL and not score.decisive)
    }


def _meets(symptom: Symptom, sign: Sign) -> tuple[Weight, tuple[Evidence, ...]] | None:
    for scene in symptom.scenes:
        found = _holds(scene, sign)
        if found is not None and (sign.lacks is None or _holds(scene, sign.lacks) is None):
            return sign.weight, found
    return None


def _anywhere(symptom: Symptom, condition: CauseCondition) -> bool:
    return any(_holds(scene, condition) is not None for scene in symptom.scenes)


def _holds(scene: Scene, condition: CauseCondition) -> tuple[Evidence, ...] | None:
    """What shows that the condition is met in this scene; None: it is not."""
    shown: list[Evidence] = []
    for kind, values in condition.facts.items():
        evidence = _fact(scene, kind, values)
        if evidence is None:
            return None
        shown.append(evidence)
    for wordings in (condition.says, condition.also):
        if not wordings:
            continue
        place = next(
            (p for text in wordings if (p := matching_phrases(text).find(scene.words)) is not None),
            None,
        )
        if place is None:
            return None
        shown.insert(0, scene.quote(place))
    return tuple(dict.fromkeys(shown))


def _fact(scene: Scene, kind: FactKind, values: tuple[str, ...]) -> Evidence | None:
    facts = scene.facts.get(kind, {})
    for value in values:
        if value in facts:
            return facts[value]
        if value[0] == "*" or value[-1] == "*" or value.endswith("xx"):
            for known, evidence in facts.items():
                if _fits(value, known):
                    return evidence
    return None


def _fits(value: str, known: str) -> bool:
    """`5xx`, `*/oauth/token` and `unknown*` stand for what ends or begins so."""
    if value.endswith("xx"):
        return known[:1] == value[:1] and len(known) == 3
    if value.startswith("*"):
        return known.endswith(value[1:])
    return known.startswith(value[:-1])


def _fallback(symptom: Symptom, known: Mapping[str, Cause], scores: Mapping[str, _Score]) -> Match:
    """That it is about something else, where no word is about authentication; else unknown."""
    if symptom.is_text and not scores:
        words = symptom.scenes[0].words
        about = any(matching_phrases(text).find(words) is not None for text in AUTH_WORDS)
        if not about and len(words) >= ENOUGH_WORDS:
            return Match(cause=known[NOT_AUTH], confidence=LIKELY, level=Level.LIKELY)
    return Match(cause=known[UNKNOWN], confidence=0.0, level=Level.POSSIBLE)
