"""Bisection search (pure functions): the next version to probe, or the result.

The search is a function of the versions and of the answers so far.
"""

import itertools
from collections.abc import Iterator
from typing import Final

from authprobe.bisection.model import (
    MAX_ANSWERS,
    Bisection,
    BisectionAnswer,
    BisectionAssessment,
    Classification,
    ProbeRequest,
    Purpose,
    Search,
    sequential_test,
)

MIN_SAMPLES: Final = 2
"""Testable versions on each side of the interval that check the result."""
MAX_SAMPLES: Final = 4
"""Versions on each side that are probed for them."""
MAX_RETESTED_VERSIONS: Final = 3
"""Untestable versions in the interval up to which each is probed again."""
MAX_UNTESTABLE_REPEATS: Final = 3
"""Consecutive untestable answers after which an undecided version is given up."""


def next_step(search: Search) -> ProbeRequest | Bisection:
    """Return the next version to probe, or the result."""
    state = _SearchState(search)
    for step in (state.check_bounds, state.narrow_interval, state.confirm_neighbours):
        if (request := step()) is not None:
            return request
    return state.check_outside() or state.result()


def stop(search: Search, problem: str) -> Bisection:
    """Return the result of a search that cannot continue."""
    return _SearchState(search).result(problem)


def upcoming_versions(search: Search, request: ProbeRequest) -> tuple[str, ...]:
    """Return the versions that are probed after a good and after a bad answer to `request`."""
    versions: dict[str, None] = {}
    for classification in (search.oldest, search.newest):
        answer = BisectionAnswer(
            version=request.version, classification=classification, purpose=request.purpose
        )
        following = next_step(search.with_answer(answer))
        if isinstance(following, ProbeRequest) and following.version != request.version:
            versions[following.version] = None
    return tuple(versions)


class _SearchState:
    """Assessments of the versions by the answers so far, and the interval of the change."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.index = {version: index for index, version in enumerate(search.versions)}
        by_index: dict[int, list[BisectionAnswer]] = {}
        for answer in search.answers:
            by_index.setdefault(self.index[answer.version], []).append(answer)
        self.exhausted = {
            index
            for index, answers in by_index.items()
            if any(answer.purpose is Purpose.REPLAY_ONLY for answer in answers)
        }
        """Versions of which a replay has used all answers in the log."""
        self.is_flaky = any(map(_is_contradictory, by_index.values()))
        """True if some version has good and bad answers; then the sequential test decides."""
        self.assessments = {index: self._assess(answers) for index, answers in by_index.items()}
        self.low, self.high = 0, len(search.versions) - 1
        """Bounds of the interval."""
        self.path = {self.low, self.high}
        """Versions that have been a bound."""

    def _assess(self, answers: list[BisectionAnswer]) -> BisectionAssessment:
        testable = [x for x in answers if x.classification is not Classification.UNTESTABLE]
        values = tuple(answer.classification for answer in testable)
        classification: Classification | None = Classification.UNTESTABLE
        reason = answers[-1].reason
        if values:
            classification = sequential_test(values) if self.is_flaky else values[0]
            reasons = (x.reason for x in testable if x.classification is classification)
            reason = next((text for text in reasons if text), None)
        if classification is None:
            classification, reason = _give_up(answers, values)
        return BisectionAssessment(
            version=answers[0].version,
            classification=classification,
            good=values.count(Classification.GOOD),
            bad=values.count(Classification.BAD),
            answers=sum(answer.purpose is not Purpose.REPLAY_ONLY for answer in answers),
            reason=reason,
        )

    def _needs_confirmation(self, index: int) -> bool:
        return self.assessments[index].answers == 1 and index not in self.exhausted

    def check_bounds(self) -> ProbeRequest | Bisection | None:
        """Probe the bounds, the good one first, as fields are compared with its value."""
        claims = {self.low: self.search.oldest, self.high: self.search.newest}
        for index, claim in sorted(claims.items(), key=lambda x: x[1] is Classification.BAD):
            assessment = self.assessments.get(index)
            if assessment is None:
                return self._request(index, Purpose.BOUND)
            if assessment.classification is None:
                return self._request(index, Purpose.SETTLE)
            if assessment.classification is claim:
                continue
            if self._needs_confirmation(index):
                return self._request(index, Purpose.CONFIRM)
            return self.result(_wrong_claim_message(assessment, claim))
        return None

    def narrow_interval(self) -> ProbeRequest | None:
        """Narrow the interval by the answers, in their order; then probe the middle of it."""
        for index, assessment in self.assessments.items():
            classification = assessment.classification
            if not self.low < index < self.high or classification is Classification.UNTESTABLE:
                continue
            if classification is None:
                return self._request(index, Purpose.SETTLE)
            if classification is self.search.oldest:
                self.low = index
            else:
                self.high = index
            self.path.add(index)
        middle = self._middle(self.low, self.high)
        return None if middle is None else self._request(middle, Purpose.SEARCH)

    def confirm_neighbours(self) -> ProbeRequest | None:
        """Probe both bounds of the interval again, and a few untestable versions within it."""
        inside = range(self.low + 1, self.high)
        retested = inside if len(inside) <= MAX_RETESTED_VERSIONS else ()
        for index in (*retested, self.low, self.high):
            if self._needs_confirmation(index):
                return self._request(index, Purpose.CONFIRM)
        return None

    def check_outside(self) -> ProbeRequest | None:
        """Confirm contradictions outside the interval, and probe samples on both sides."""
        for index, assessment in self.assessments.items():
            if not self._contradicts(index, assessment):
                continue
            if assessment.classification is None:
                return self._request(index, Purpose.SETTLE)
            if self._needs_confirmation(index):
                return self._request(index, Purpose.CONFIRM)
        for low, high in ((0, self.low), (self.high, len(self.search.versions) - 1)):
            samples = [index for index in self._samples() if low < index < high]
            testable = sum(self._is_testable(index) for index in samples)
            if testable < MIN_SAMPLES and len(samples) < MAX_SAMPLES:
                middle = self._middle(low, high)
                if middle is not None:
                    return self._request(middle, Purpose.SAMPLE)
        return None

    def result(self, problem: str | None = None) -> Bisection:
        """Return the result by the answers so far; with a problem, one without an interval."""
        versions, purposes = self.search.versions, [x.purpose for x in self.search.answers]
        probes = sum(purpose in (Purpose.BOUND, Purpose.SEARCH) for purpose in purposes)
        logged = purposes.count(Purpose.LOGGED)
        replay_only = purposes.count(Purpose.REPLAY_ONLY)
        ordered = [self.assessments[index] for index in sorted(self.assessments)]
        has_interval = problem is None
        return Bisection(
            last_before=versions[self.low] if has_interval else None,
            first_after=versions[self.high] if has_interval else None,
            candidates=versions[self.low + 1 : self.high + 1] if has_interval else (),
            assessments=tuple(assessment for assessment in ordered if assessment.answers),
            contradictions=tuple(self._contradictions()) if has_interval else (),
            sampled=tuple(versions[x] for x in sorted(self._samples()) if self._is_testable(x)),
            probes=probes,
            checks=len(purposes) - probes - logged - replay_only,
            logged=logged,
            not_in_log=tuple(x.version for x in ordered if not x.answers),
            problem=problem,
        )

    def _contradictions(self) -> Iterator[str]:
        for index in sorted(self.assessments):
            assessment = self.assessments[index]
            if self._contradicts(index, assessment):
                yield assessment.version

    def _contradicts(self, index: int, assessment: BisectionAssessment) -> bool:
        """Return True for a version outside the interval with answers of the other side.

        If it is undecided, one such answer is enough.
        """
        if self.low < index < self.high or not self._is_testable(index):
            return False
        side = self.search.oldest if index <= self.low else self.search.newest
        if assessment.classification is not None:
            return assessment.classification is not side
        return (assessment.bad if side is Classification.GOOD else assessment.good) > 0

    def _samples(self) -> set[int]:
        """Return the versions outside the interval that were not probed to narrow it."""
        purposes = (Purpose.SAMPLE, Purpose.LOGGED, Purpose.REPLAY_ONLY)
        samples = {self.index[x.version] for x in self.search.answers if x.purpose in purposes}
        return {index for index in samples - self.path if not self.low < index < self.high}

    def _is_testable(self, index: int) -> bool:
        return self.assessments[index].classification is not Classification.UNTESTABLE

    def _middle(self, low: int, high: int) -> int | None:
        """Return the middle of the widest gap between probed versions; None: there is no gap.

        So the search leaves a cluster of untestable versions in one step, wherever it ends.
        """
        points = [low, *sorted(index for index in self.assessments if low < index < high), high]
        gaps = [(start, end) for start, end in itertools.pairwise(points) if end - start > 1]
        if not gaps:
            return None
        start, end = min(gaps, key=lambda gap: (gap[0] - gap[1], abs(sum(gap) - low - high)))
        return (start + end) // 2

    def _request(self, index: int, purpose: Purpose) -> ProbeRequest:
        versions = self.search.versions
        return ProbeRequest(
            version=versions[index],
            purpose=purpose,
            remaining=(versions[self.low], versions[self.high]),
            candidates=sum(
                inside not in self.assessments or self._is_testable(inside)
                for inside in range(self.low + 1, self.high + 1)
            ),
        )


def _is_contradictory(answers: list[BisectionAnswer]) -> bool:
    values = {answer.classification for answer in answers}
    return {Classification.GOOD, Classification.BAD} <= values


def _wrong_claim_message(assessment: BisectionAssessment, claim: Classification) -> str:
    version = assessment.version
    if assessment.classification is Classification.UNTESTABLE:
        return f"{version}, which should be {claim}, is {assessment}"
    reason = f": {assessment.reason}" if assessment.reason else ""
    return f"{version} should be {claim}, but is {assessment}{reason}"


def _give_up(
    answers: list[BisectionAnswer], values: tuple[Classification, ...]
) -> tuple[Classification | None, str | None]:
    """Return untestable and the reason if an undecided version is given up, else (None, None)."""
    counts = f"{values.count(Classification.BAD)} of {len(values)} bad, and not settled"
    if answers[-1].purpose is Purpose.REPLAY_ONLY:
        return Classification.UNTESTABLE, f"{counts} by the answers in the log"
    last = [answer.classification for answer in answers[-MAX_UNTESTABLE_REPEATS:]]
    if last == [Classification.UNTESTABLE] * MAX_UNTESTABLE_REPEATS:
        return Classification.UNTESTABLE, answers[-1].reason
    if len(answers) >= MAX_ANSWERS:
        is_flaky = len(set(values)) > 1
        return Classification.UNTESTABLE, f"flaky, {counts}" if is_flaky else counts
    return None, None
