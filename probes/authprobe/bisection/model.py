"""Values of a bisection: what is asked of versions, what they answer, and what that comes to."""

import dataclasses
import enum
import math
from dataclasses import dataclass
from typing import Final

ERROR_RATE: Final = 0.01
"""How often the sequential test may take a good version for a bad one, or a bad one for good."""
MAX_GOOD_FAILURE_RATE, MIN_BAD_FAILURE_RATE = 0.1, 0.5
"""A version that is bad at most so often is good, one that is so at least so often is bad; in
between the error rate is not kept (Wald, Sequential Tests of Statistical Hypotheses, 1945)."""
MAX_ANSWERS: Final = 60
"""Answers of one version, after which it is left as it is: flaky, and not settled."""

_DECISION_THRESHOLD: Final = math.log((1 - ERROR_RATE) / ERROR_RATE)
_STEP_BAD: Final = math.log(MIN_BAD_FAILURE_RATE / MAX_GOOD_FAILURE_RATE)
_STEP_GOOD: Final = math.log((1 - MIN_BAD_FAILURE_RATE) / (1 - MAX_GOOD_FAILURE_RATE))


class Classification(enum.StrEnum):
    """What a probe says of a version."""

    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"


class Purpose(enum.StrEnum):
    """What a version is asked for."""

    BOUND = "bound"
    SEARCH = "search"
    SETTLE = "settle"
    """Its answers differ, or those of another version do: one more for the sequential test."""
    CONFIRM = "confirm"
    """A second look, where one answer decides a lot."""
    SAMPLE = "sample"
    """It is outside the interval that was found, and should be as its neighbours are."""
    KNOWN = "known"
    """It was asked before, and the answer is in the log."""
    LACKING = "lacking"
    """It would be asked, and there is nothing but the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectionAnswer:
    """What one probe of a version has said."""

    version: str
    word: Classification
    reason: str | None = None
    """Why it is untestable."""
    purpose: Purpose = Purpose.SEARCH


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRequest:
    """A version to probe next."""

    version: str
    purpose: Purpose
    remaining: tuple[str, str]
    """The change is after the first of these, and not after the second."""
    candidates: int
    """Versions that may be the one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What all probes of a version come to."""

    version: str
    word: Classification | None
    """None: its answers are too few to tell."""
    good: int
    bad: int
    asked: int
    """Answers, also those that were neither."""
    reason: str | None = None

    @property
    def flaky(self) -> bool:
        """Whether it was good at one time and bad at another."""
        return self.good > 0 and self.bad > 0

    def __str__(self) -> str:
        """`good`, `untestable (not published)`, `bad, flaky (4 of 5 bad)`."""
        flaky = f"flaky ({self.bad} of {self.good + self.bad} bad)"
        match self.word:
            case Classification.UNTESTABLE:
                return f"untestable ({self.reason})"
            case None:
                return flaky if self.flaky else "not settled"
            case word:
                return f"{word.value}, {flaky}" if self.flaky else word.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Versions from one bound to the other, the oldest first, and the answers so far."""

    versions: tuple[str, ...]
    oldest: Classification
    """What the oldest is said to be: good, or bad where a fix is looked for."""
    answers: tuple[BisectionAnswer, ...] = ()

    @property
    def newest(self) -> Classification:
        """What the newest is said to be."""
        return Classification.BAD if self.oldest is Classification.GOOD else Classification.GOOD

    def plus(self, answer: BisectionAnswer) -> "Search":
        """The search with one more answer."""
        return dataclasses.replace(self, answers=(*self.answers, answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """The answer: between which versions it changes, and how sure that is."""

    last_before: str | None
    """The newest version known to be as the oldest is; None: nothing was decided."""
    first_after: str | None
    """The oldest version known to be as the newest is."""
    candidates: tuple[str, ...] = ()
    """Any of these may be the first that is changed; several: those between are untestable."""
    assessments: tuple[Assessment, ...] = ()
    """Every version that was probed, the oldest first."""
    contradictions: tuple[str, ...] = ()
    """Versions outside the interval that are not as their side of it."""
    sampled: tuple[str, ...] = ()
    """Versions outside the interval that have not led to it, and tell whether it is right."""
    probes: int = 0
    """Until the interval was found."""
    checks: int = 0
    """Second looks, repeats and samples."""
    known: int = 0
    """Answers that were there before."""
    lacking: tuple[str, ...] = ()
    """Versions of which there is nothing in the log, where nothing else was asked."""
    problem: str | None = None
    """Why nothing was decided."""

    @property
    def named(self) -> str | None:
        """The version in which it changes, if that is a single one."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def monotonic(self) -> bool:
        """Whether nothing that was probed contradicts a single change."""
        return not self.contradictions

    @property
    def untestable(self) -> tuple[Assessment, ...]:
        """Versions that could not be tested, each with the reason."""
        return tuple(f for f in self.assessments if f.word is Classification.UNTESTABLE)


def sequential_test(words: tuple[Classification, ...]) -> Classification | None:
    """What good and bad answers come to by the sequential test; None: more are needed."""
    weight = 0.0
    for word in words:
        weight += _STEP_BAD if word is Classification.BAD else _STEP_GOOD
        if abs(weight) >= _DECISION_THRESHOLD:
            return Classification.BAD if weight > 0 else Classification.GOOD
    return None
