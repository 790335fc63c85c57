"""Weighing: what the facts of an incident do to the causes that its words point to.

The words give each cause a probability. A fact multiplies the odds of the causes that it concerns,
and the others share what is left (Bayes' rule). A cause that no word points to starts with a small,
equal part of what the words leave open.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authprobe.diagnosis.causes import (
    CONSIDERED_BEFORE_CREDENTIALS,
    UNKNOWN,
    Cause,
    CauseGroup,
    causes,
)
from authprobe.diagnosis.decision import level_of
from authprobe.diagnosis.incident.facts import ERROR_FACTOR, WARNING_FACTOR, IncidentFact
from authprobe.diagnosis.incident.questions import (
    DecidingQuestion,
    QuestionAnswer,
    experiment_question,
    questions,
)
from authprobe.diagnosis.match import (
    LIKELY_CONFIDENCE,
    MAX_ALTERNATIVES,
    MAX_CONFIDENCE,
    CauseMatch,
    ConfidenceLevel,
)
from authprobe.diagnosis.model import model

CREDENTIAL_GROUPS: Final = frozenset({CauseGroup.CREDENTIAL, CauseGroup.LOGIN})
"""Causes at a credential, which no fact makes more probable if the words name another subject."""
SHOWN_BY_FACTS: Final = {
    "access-token-expired": ("refresh-lock", "stale-copy-of-login", "ambient-credential-shadows"),
    "access-token-revoked": (
        *("ambient-credential-shadows", "base-url-overridden", "refresh-lock"),
        *("access-token-expired", "stale-copy-of-login"),
    ),
    "api-key-invalid": ("base-url-overridden", "gateway-own-key", "credential-missing"),
    "bearer-unknown": ("base-url-overridden", "ambient-credential-shadows", "gateway-own-key"),
    "credential-missing": ("config-folder-mismatch", "sandbox-blocks-login"),
    "refresh-token-rejected": ("refresh-lock", "stale-copy-of-login"),
}
"""More specific causes, beside `yields_to`, that words seldom tell from the general one."""
SPECIFIC_PART: Final = 0.15
"""Part of the probability of a general cause that each more specific one has at least."""
BOTH_HOLD: Final = {"api-key-invalid": "ambient-credential-shadows"}
"""Specific causes that may hold beside the general one, which the words state."""
BOTH_PART: Final = 0.015
POINTED_BY_ANSWERS: Final = {("base-url", "yes"): "gateway-own-key"}
"""Specific causes that an answer makes as likely as a pointer would."""
MIN_REST: Final = 0.05
"""Part that the words always leave to causes that they do not point to."""
MIN_SHOWN: Final = 0.05
"""Confidence below which a cause is not shown."""
MIN_NAMED: Final = 0.35
"""Confidence below which the answer is unknown, if facts speak against what the words say."""
MIN_CANDIDATE: Final = 0.03
"""Probability from which a question is also about a cause that is not shown."""
EVEN_PART: Final = 0.2
"""Part of what the words leave open that all causes share equally."""
MAX_FACTOR: Final = 1000.0
MAX_EVIDENCE: Final = 8
MAX_CANDIDATES: Final = 4
CLEAR_SHARE: Final = 0.9
"""Probability of the first cause, of those that a question is about, that needs no experiment."""
MIN_GAIN: Final = 0.1
"""Bits that the answer to a question must be expected to give."""


@dataclass(frozen=True, slots=True)
class FactWeight:
    """A fact, and what it does to the odds of causes."""

    fact: IncidentFact
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class IncidentRanking:
    """Causes by their probabilities: those that are shown, and all of them."""

    matches: tuple[CauseMatch, ...]
    shares: Mapping[str, float]

    @property
    def candidates(self) -> dict[str, float]:
        """The first causes that are not unknown, with their probabilities."""
        shown = {match.cause.id for match in self.matches} - {UNKNOWN}
        if not shown:
            return {}
        found = sorted(
            (cause for cause in self.shares if cause != UNKNOWN),
            key=lambda cause: -self.shares[cause],
        )
        return {
            cause: self.shares[cause]
            for cause in found[:MAX_CANDIDATES]
            if cause in shown or self.shares[cause] >= MIN_CANDIDATE
        }


def rank_by_words(
    matches: tuple[CauseMatch, ...],
    catalogue: Mapping[str, Cause],
    probabilities: Mapping[str, float] | None = None,
) -> IncidentRanking:
    """Return the ranking by the words alone, with a share of each cause that they do not name."""
    shares = {match.cause.id: match.confidence for match in matches if match.confidence}
    rest = max(1 - sum(shares.values()), MIN_REST)
    others = [cause for cause in catalogue if cause not in shares and cause != UNKNOWN]
    found = {cause: (probabilities or {}).get(cause, 0.0) for cause in others}
    total = sum(found.values())
    for cause, probability in found.items():
        even = 1 / len(others)
        part = EVEN_PART * even + (1 - EVEN_PART) * probability / total if total else even
        shares[cause] = rest * part
    return IncidentRanking(matches, shares)


def weigh(
    ranking: IncidentRanking, facts: Iterable[IncidentFact], catalogue: Mapping[str, Cause]
) -> IncidentRanking:
    """Return the ranking as the facts change it; the same one if no fact concerns its causes."""
    weights = [FactWeight(fact, factors) for fact in facts if (factors := fact.factors)]
    if not weights:
        return ranking
    before = {match.cause.id: match for match in ranking.matches if match.confidence}
    totals = _totals(weights, catalogue)
    if _is_ruled_out_first(ranking.matches[0]):
        totals |= {
            cause: min(total, 1.0)
            for cause, total in totals.items()
            if catalogue[cause].group in CREDENTIAL_GROUPS
        }
    shares = _shares(ranking, weights)
    posteriors = {cause: _posterior(cause, shares, totals) for cause in shares}
    order = sorted(posteriors, key=lambda cause: -round(posteriors[cause], 4))
    ranked = tuple(
        _match(catalogue[cause], before.get(cause), posteriors[cause], weights)
        for cause in order
        if posteriors[cause] >= MIN_SHOWN
    )[: MAX_ALTERNATIVES + 1]
    is_unknown = ranking.matches[0].cause.id == UNKNOWN
    least = LIKELY_CONFIDENCE if is_unknown else MIN_NAMED
    is_known = bool(ranked) and ranked[0].confidence >= least
    if not is_known and all(match.cause.id != UNKNOWN for match in ranked):
        ranked = (unknown_match(catalogue), *ranked[:MAX_ALTERNATIVES])
    return IncidentRanking(ranked, posteriors)


def _shares(ranking: IncidentRanking, weights: Iterable[FactWeight]) -> dict[str, float]:
    """Return the shares, with larger ones for specific causes that a fact points to.

    The words "not logged in" are those of a missing login; only the machine shows that its tokens
    are empty, or in another folder.
    """
    first, shares = ranking.matches[0], dict(ranking.shares)
    if first.confidence < LIKELY_CONFIDENCE:
        return _open_shares(ranking, weights)
    specific = {*first.cause.yields_to, *SHOWN_BY_FACTS.get(first.cause.id, ())}
    for weight in weights:
        cause = _pointed(weight.fact)
        if cause in specific and cause in shares:
            both = BOTH_HOLD.get(first.cause.id) == cause
            part = BOTH_PART if both else SPECIFIC_PART
            more = max(part * first.confidence - shares[cause], 0.0)
            shares[cause] += more
            shares[first.cause.id] = max(shares[first.cause.id] - more, more)
    return shares


def _pointed(fact: IncidentFact) -> str | None:
    """Return the cause that a fact points to with weight."""
    if fact.cause and fact.factor >= WARNING_FACTOR:
        return fact.cause
    is_told = fact.question and fact.answer and not fact.is_inferred
    return POINTED_BY_ANSWERS.get((fact.question or "", fact.answer or "")) if is_told else None


def _open_shares(ranking: IncidentRanking, weights: Iterable[FactWeight]) -> dict[str, float]:
    """Return the shares of a text that leaves several causes open.

    A cause that a finding points to is no less probable than the first one, if it is one of them,
    or behind one.
    """
    first, shares = ranking.matches[0], dict(ranking.shares)
    if not first.confidence or first.cause.group in CONSIDERED_BEFORE_CREDENTIALS:
        return shares
    known = {match.cause.id for match in ranking.matches}
    known |= {cause for each in known for cause in SHOWN_BY_FACTS.get(each, ())}
    for weight in weights:
        fact = weight.fact
        if fact.cause in known and fact.cause in shares and fact.factor >= WARNING_FACTOR:
            shares[fact.cause] = max(shares[fact.cause], first.confidence)
    total = sum(shares.values()) / sum(ranking.shares.values())
    return {cause: share / total for cause, share in shares.items()}


def _is_ruled_out_first(first: CauseMatch) -> bool:
    """Return True if the words name a subject that is ruled out before a credential is blamed."""
    is_likely = first.confidence >= LIKELY_CONFIDENCE
    return is_likely and first.cause.group in CONSIDERED_BEFORE_CREDENTIALS


def unknown_match(catalogue: Mapping[str, Cause]) -> CauseMatch:
    """Return the answer that nothing is known."""
    return CauseMatch(cause=catalogue[UNKNOWN], confidence=0.0, level=ConfidenceLevel.POSSIBLE)


def _totals(weights: Iterable[FactWeight], catalogue: Mapping[str, Cause]) -> dict[str, float]:
    """Return the product of all factors of each cause.

    Of several facts that point to one cause only the strongest counts: they are seldom independent.
    """
    totals = dict.fromkeys(catalogue, 1.0)
    pointers: dict[str, float] = {}
    for weight in weights:
        pointed = weight.fact.cause if weight.fact.factor > 1 else None
        for cause, factor in weight.factors.items():
            if cause == pointed:
                pointers[cause] = max(pointers.get(cause, 1.0), factor)
            elif cause in totals:
                totals[cause] *= factor
    for cause, factor in pointers.items():
        if factor < ERROR_FACTOR and set(SHOWN_BY_FACTS.get(cause, ())) & set(pointers):
            continue  # the finding about the general cause says no more than the specific one
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
    cause: Cause, match: CauseMatch | None, value: float, weights: Iterable[FactWeight]
) -> CauseMatch:
    """Return a cause with its new confidence, and the facts that support it as evidence."""
    if match is None or match.confidence < LIKELY_CONFIDENCE:
        value = min(value, model().certain - 0.01)  # facts alone make nothing certain
    support = (w.fact.evidence for w in weights if w.factors.get(cause.id, 1.0) > 1)
    evidence = (*(match.evidence if match else ()), *support)
    return CauseMatch(
        cause=cause,
        confidence=round(value, 2),
        level=_level(match, value),
        evidence=tuple(dict.fromkeys(evidence))[:MAX_EVIDENCE],
    )


def _level(match: CauseMatch | None, value: float) -> ConfidenceLevel:
    """Return the word for a confidence."""
    if match is not None and match.confidence == round(value, 2):
        return match.level
    return level_of(model(), value)


def deciding_question(
    ranking: IncidentRanking, answered: frozenset[str]
) -> DecidingQuestion | None:
    """Return the question whose answer is expected to tell most about the first causes.

    None if nothing is open, or no question is left. Of the causes' experiments, which cost more
    than a look at the machine, one is proposed only if no other question separates them.
    """
    shares = ranking.candidates
    if not shares or ranking.matches[0].level is ConfidenceLevel.CERTAIN:
        return None
    candidates = tuple(shares)
    if len(shares) == 1:
        shares[UNKNOWN] = max(1 - sum(shares.values()), MIN_REST)  # some other cause
    total = sum(shares.values())
    shares = {cause: share / total for cause, share in shares.items()}
    open_questions = [each for each in questions().values() if each.id not in answered]
    # A question is better if an answer would speak for a cause that is shown, not only against.
    helpful = [each for each in open_questions if _supports(each, candidates)]
    best = _best(helpful, shares) or _best(open_questions, shares)
    if best is not None or max(shares.values()) >= CLEAR_SHARE:
        return best
    experiments = (experiment_question(causes()[cause]) for cause in candidates)
    left = [each for each in experiments if each is not None and each.id not in answered]
    return (_best(left, shares) or left[0]) if left else None


def _supports(question: DecidingQuestion, candidates: Sequence[str]) -> bool:
    """Return True if an answer makes one of these causes more probable."""
    return any(
        answer.factors.get(cause, 1) > 1 for answer in question.answers for cause in candidates
    )


def _best(
    candidates: list[DecidingQuestion], shares: Mapping[str, float]
) -> DecidingQuestion | None:
    # Rounded, as sums in another order differ in the last digits, which must not break a tie.
    gains = {each.id: round(expected_gain(each, shares), 9) for each in candidates}
    best = max(candidates, key=lambda question: gains[question.id], default=None)
    return best if best is not None and gains[best.id] >= MIN_GAIN else None


def expected_gain(question: DecidingQuestion, shares: Mapping[str, float]) -> float:
    """Return the bits by which an answer is expected to narrow down the causes."""
    gain = _entropy(shares.values())
    likelihoods = {cause: _likelihoods(question.answers, cause) for cause in shares}
    for number in range(len(question.answers)):
        joint = [share * likelihoods[cause][number] for cause, share in shares.items()]
        total = sum(joint)
        gain -= total * _entropy(each / total for each in joint)
    return gain


def _likelihoods(answers: tuple[QuestionAnswer, ...], cause: str) -> list[float]:
    """Return the probability of each answer if this is the cause."""
    factors = [answer.factors.get(cause, 1.0) for answer in answers]
    return [factor / sum(factors) for factor in factors]


def _entropy(shares: Iterable[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share > 0)
