"""Values of a bisection: probe requests, answers, assessments of versions, and the result."""

import dataclasses
import enum
import math
from dataclasses import dataclass
from typing import Final

ERROR_RATE: Final = 0.01
"""Probability that the sequential test classifies a version wrongly."""
MAX_GOOD_FAILURE_RATE, MIN_BAD_FAILURE_RATE = 0.1, 0.5
"""Share of bad answers up to which a version is good, and from which it is bad. `ERROR_RATE` does
not hold between the two (Wald, Sequential Tests of Statistical Hypotheses, 1945)."""
MAX_ANSWERS: Final = 60
"""Answers after which a version that is still undecided counts as untestable."""

_DECISION_THRESHOLD: Final = math.log((1 - ERROR_RATE) / ERROR_RATE)
_STEP_BAD: Final = math.log(MIN_BAD_FAILURE_RATE / MAX_GOOD_FAILURE_RATE)
_STEP_GOOD: Final = math.log((1 - MIN_BAD_FAILURE_RATE) / (1 - MAX_GOOD_FAILURE_RATE))


class Classification(enum.StrEnum):
    """Classification of a version by a probe."""

    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"


class Purpose(enum.StrEnum):
    """Purpose of a probe."""

    BOUND = "bound"
    SEARCH = "search"
    SETTLE = "settle"
    """A further answer for the sequential test, as the answers of some version differ."""
    CONFIRM = "confirm"
    """A second answer of a version on which the result depends."""
    SAMPLE = "sample"
    """A check that a version outside the interval equals its side of it."""
    LOGGED = "logged"
    """An answer from the log."""
    REPLAY_ONLY = "replay-only"
    """No answer: the log has none, and a replay does not probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionAnswer:
    """Classification of a version by one probe."""

    version: str
    classification: Classification
    reason: str | None = None
    """Evidence for the classification, or the reason that the version is untestable."""
    purpose: Purpose = Purpose.SEARCH


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRequest:
    """Version to probe next."""

    version: str
    purpose: Purpose
    remaining: tuple[str, str]
    """Interval of the change: after the first version, at or before the second."""
    candidates: int
    """Number of versions that may have the change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionAssessment:
    """Classification of a version by all of its answers."""

    version: str
    classification: Classification | None
    """None: undecided, as its answers differ and are too few."""
    good: int
    """Number of good answers."""
    bad: int
    """Number of bad answers."""
    answers: int
    """Number of all answers, including untestable ones."""
    reason: str | None = None

    @property
    def flaky(self) -> bool:
        """True if some answers are good and others bad."""
        return self.good > 0 and self.bad > 0

    def __str__(self) -> str:
        """Return `good`, `untestable (not published)` or `bad, flaky (4 of 5 bad)`."""
        flaky = f"flaky ({self.bad} of {self.good + self.bad} bad)"
        match self.classification:
            case Classification.UNTESTABLE:
                return f"untestable ({self.reason})"
            case None:
                return flaky if self.flaky else "not settled"
            case classification:
                return f"{classification.value}, {flaky}" if self.flaky else classification.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Versions from one bound to the other, oldest first, and the answers so far."""

    versions: tuple[str, ...]
    oldest: Classification
    """Claim about the oldest version: good, or bad in a search for a fix."""
    answers: tuple[BisectionAnswer, ...] = ()

    @property
    def newest(self) -> Classification:
        """Claim about the newest version."""
        return Classification.BAD if self.oldest is Classification.GOOD else Classification.GOOD

    def with_answer(self, answer: BisectionAnswer) -> "Search":
        """Return the search with one more answer."""
        return dataclasses.replace(self, answers=(*self.answers, answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """Result of a bisection: the interval of the change, and the evidence for it."""

    last_before: str | None
    """Newest version classified as the oldest is (good, or bad in a search for a fix).

    None: the bisection has no result.
    """
    first_after: str | None
    """Oldest version classified as the newest is."""
    candidates: tuple[str, ...] = ()
    """Versions that may be the first changed one; more than one if those between are untestable."""
    assessments: tuple[BisectionAssessment, ...] = ()
    """Every version with answers, oldest first."""
    contradictions: tuple[str, ...] = ()
    """Versions outside the interval whose classification differs from their side's."""
    sampled: tuple[str, ...] = ()
    """Testable versions outside the interval that were probed to check it."""
    probes: int = 0
    """Number of probes until the interval was found."""
    checks: int = 0
    """Number of probes to confirm, settle and sample."""
    logged: int = 0
    """Number of answers from the log."""
    not_in_log: tuple[str, ...] = ()
    """Versions that a replay needed and the log does not have."""
    problem: str | None = None
    """Reason that there is no result."""

    @property
    def changed_in(self) -> str | None:
        """Version with the change; None: there is no single candidate."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def monotonic(self) -> bool:
        """True if no probed version contradicts a single change."""
        return not self.contradictions

    @property
    def untestable(self) -> tuple[BisectionAssessment, ...]:
        """Versions that could not be tested."""
        return tuple(x for x in self.assessments if x.classification is Classification.UNTESTABLE)


def sequential_test(answers: tuple[Classification, ...]) -> Classification | None:
    """Classify a version by its good and bad answers; None: more answers are needed."""
    weight = 0.0
    for answer in answers:
        weight += _STEP_BAD if answer is Classification.BAD else _STEP_GOOD
        if abs(weight) >= _DECISION_THRESHOLD:
            return Classification.BAD if weight > 0 else Classification.GOOD
    return None
