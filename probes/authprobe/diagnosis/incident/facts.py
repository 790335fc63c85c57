"""Facts of an incident that are not words: settings, credentials, and results of `doctor`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from authprobe.diagnosis.incident.questions import FACTORS, questions
from authprobe.diagnosis.symptom import Evidence

ERROR_FACTOR: Final = 200.0
"""Change of the odds of the cause that an error of `doctor` names: it "will fail"."""
WARNING_FACTOR: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFact:
    """A fact with its place: the answer to a question, or a pointer to a cause, or both."""

    evidence: Evidence
    question: str | None = None
    answer: str | None = None
    value: str | None = None
    """Exact value, such as a host, for the comparison with another text."""
    cause: str | None = None
    factor: float = 1.0
    """Change of the odds of `cause`."""
    rank: int = 0
    """Of two facts that contradict one another, the one with the higher rank is believed."""
    is_from_words: bool = False
    """True if the words show it, which are weighed already."""
    is_inferred: bool = False
    """True if it rests on something that is absent, which excludes nothing."""

    @property
    def factors(self) -> Mapping[str, float]:
        """Change of the odds of each cause that it concerns."""
        factors: dict[str, float] = {}
        if self.is_from_words:
            return factors
        if self.question and self.answer:
            factors |= questions()[self.question].answer(self.answer).factors
        if self.is_inferred:
            factors = {cause: max(each, FACTORS["weakens"]) for cause, each in factors.items()}
        if self.cause:
            factors[self.cause] = factors.get(self.cause, 1.0) * self.factor
        return factors


def line_of(text: str, offset: int) -> int:
    """Return the number of the line at an offset."""
    return text.count("\n", 0, max(offset, 0)) + 1


def line_of_key(text: str, key: str, value: str | None = None, start: int = 0) -> int:
    """Return the line of a key of a JSON text, with this value if one is given; else 1."""
    pattern = rf'"{re.escape(key)}"\s*:'
    if value is not None:
        pattern += rf'\s*"{re.escape(value)}"'
    match = re.compile(pattern).search(text, start)
    return line_of(text, match.start()) if match else 1


def without_repetitions(facts: Iterable[IncidentFact]) -> tuple[IncidentFact, ...]:
    """Return the facts without those that say the same at the same place."""
    return tuple({(each.evidence, each.question, each.cause): each for each in facts}.values())
