"""The search for the version in which an answer changes: the next question, or the result.

Nothing is run here: it is a function of the versions and of the answers so far.
"""

import itertools
from collections.abc import Iterator
from typing import Final

from authprobe.bisection.model import (
    MAX_ANSWERS,
    Assessment,
    Bisection,
    BisectionAnswer,
    Classification,
    ProbeRequest,
    Purpose,
    Search,
    sequential_test,
)

MIN_SAMPLES: Final = 2
"""Versions on each side of the interval that are asked after the answer, and can be tested."""
MAX_SAMPLES: Final = 4
"""Versions on each side that are asked for that."""
MAX_RETESTED_VERSIONS: Final = 3
"""Untestable versions in the interval up to which each is asked once more."""
MAX_UNTESTABLE_REPEATS: Final = 3
"""Answers in a row that say nothing, after which a version is not asked to settle it."""


def next_step(search: Search) -> ProbeRequest | Bisection:
    """The next question, or what was found."""
    known = _SearchState(search)
    for look in (known.about_bounds, known.about_inside, known.about_neighbours):
        if (found := look()) is not None:
            return found
    return known.about_outside() or known.result()


def stop(search: Search, problem: str) -> Bisection:
    """What is known where nothing more can be asked."""
    return _SearchState(search).result(problem)


def upcoming_versions(search: Search, question: ProbeRequest) -> tuple[str, ...]:
    """The versions that are asked next if the answer is good, and if it is bad."""
    found: dict[str, None] = {}
    for word in (search.oldest, search.newest):
        answer = BisectionAnswer(version=question.version, word=word, purpose=question.purpose)
        following = next_step(search.plus(answer))
        if isinstance(following, ProbeRequest) and following.version != question.version:
            found[following.version] = None
    return tuple(found)


class _SearchState:
    """What the answers so far say of each version, and the interval that they leave."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.place = {version: index for index, version in enumerate(search.versions)}
        given: dict[int, list[BisectionAnswer]] = {}
        for answer in search.answers:
            given.setdefault(self.place[answer.version], []).append(answer)
        self.lacking = {
            index
            for index, answers in given.items()
            if any(answer.purpose is Purpose.LACKING for answer in answers)
        }
        """Versions of which there is no more in the log than what is known."""
        words = [{a.word for a in answers} for answers in given.values()]
        self.careful = any({Classification.GOOD, Classification.BAD} <= said for said in words)
        self.found = {index: self._assess(answers) for index, answers in given.items()}
        self.low, self.high = 0, len(search.versions) - 1
        self.path = {self.low, self.high}
        """Versions that the interval was narrowed by."""

    def _assess(self, answers: list[BisectionAnswer]) -> Assessment:
        told = [answer for answer in answers if answer.word is not Classification.UNTESTABLE]
        words = tuple(answer.word for answer in told)
        word: Classification | None = Classification.UNTESTABLE
        reason = answers[-1].reason
        if words:
            word = sequential_test(words) if self.careful else words[0]
            shown = [answer.reason for answer in told if answer.word is word and answer.reason]
            reason = shown[0] if shown else None
        if word is None:
            word, reason = _give_up(answers, words)
        return Assessment(
            version=answers[0].version,
            word=word,
            good=words.count(Classification.GOOD),
            bad=words.count(Classification.BAD),
            asked=sum(answer.purpose is not Purpose.LACKING for answer in answers),
            reason=reason,
        )

    def _asked_once(self, index: int) -> bool:
        """Whether a second look is due."""
        return self.found[index].asked == 1 and index not in self.lacking

    def about_bounds(self) -> ProbeRequest | Bisection | None:
        """The good bound first: questions about a field compare with it."""
        said = {self.low: self.search.oldest, self.high: self.search.newest}
        for index, word in sorted(said.items(), key=lambda pair: pair[1] is Classification.BAD):
            found = self.found.get(index)
            if found is None:
                return self._question(index, Purpose.BOUND)
            if found.word is None:
                return self._question(index, Purpose.SETTLE)
            if found.word is not word and self._asked_once(index):
                return self._question(index, Purpose.CONFIRM)
            if found.word is Classification.UNTESTABLE:
                return self.result(f"{found.version}, which is said to be {word}, is {found}")
            if found.word is not word:
                shown = f": {found.reason}" if found.reason else ""
                return self.result(f"{found.version} is said to be {word}, and is {found}{shown}")
        return None

    def about_inside(self) -> ProbeRequest | None:
        """Narrow the interval by what is known, in the order in which it was learned."""
        for index, found in self.found.items():
            if not self.low < index < self.high or found.word is Classification.UNTESTABLE:
                continue
            if found.word is None:
                return self._question(index, Purpose.SETTLE)
            if found.word is self.search.oldest:
                self.low = index
            else:
                self.high = index
            self.path.add(index)
        middle = self._middle(self.low, self.high)
        return None if middle is None else self._question(middle, Purpose.SEARCH)

    def about_neighbours(self) -> ProbeRequest | None:
        """A second look at the two versions that the answer rests on, and at a few between them
        that could not be tested.
        """
        between = range(self.low + 1, self.high)
        again = between if len(between) <= MAX_RETESTED_VERSIONS else ()
        for index in (*again, self.low, self.high):
            if self._asked_once(index):
                return self._question(index, Purpose.CONFIRM)
        return None

    def about_outside(self) -> ProbeRequest | None:
        """A few further versions, and a second look at what is not as its side should be."""
        for index, found in self.found.items():
            if not self._contradicts(index, found):
                continue
            if found.word is None:
                return self._question(index, Purpose.SETTLE)
            if self._asked_once(index):
                return self._question(index, Purpose.CONFIRM)
        for low, high in ((0, self.low), (self.high, len(self.search.versions) - 1)):
            asked = [index for index in self._asked_outside() if low < index < high]
            tested = sum(self._is_tested(index) for index in asked)
            if tested < MIN_SAMPLES and len(asked) < MAX_SAMPLES:
                middle = self._middle(low, high)
                if middle is not None:
                    return self._question(middle, Purpose.SAMPLE)
        return None

    def result(self, problem: str | None = None) -> Bisection:
        """What the answers come to."""
        versions, purposes = self.search.versions, [a.purpose for a in self.search.answers]
        counted = sum(purpose in (Purpose.BOUND, Purpose.SEARCH) for purpose in purposes)
        known = purposes.count(Purpose.KNOWN)
        lacking = purposes.count(Purpose.LACKING)
        done = problem is None
        return Bisection(
            last_before=versions[self.low] if done else None,
            first_after=versions[self.high] if done else None,
            candidates=versions[self.low + 1 : self.high + 1] if done else (),
            assessments=tuple(
                self.found[index] for index in sorted(self.found) if self.found[index].asked
            ),
            contradictions=tuple(self._contradictions()) if done else (),
            sampled=tuple(versions[x] for x in sorted(self._asked_outside()) if self._is_tested(x)),
            probes=counted,
            checks=len(purposes) - counted - known - lacking,
            known=known,
            lacking=tuple(versions[x] for x in sorted(self.found) if not self.found[x].asked),
            problem=problem,
        )

    def _contradictions(self) -> Iterator[str]:
        for index in sorted(self.found):
            found = self.found[index]
            if self._contradicts(index, found):
                yield found.version

    def _contradicts(self, index: int, found: Assessment) -> bool:
        """Whether it is outside the interval, and some of its answers, if not all, are of the
        other side.
        """
        if self.low < index < self.high or found.word is Classification.UNTESTABLE:
            return False
        own = self.search.oldest if index <= self.low else self.search.newest
        against = found.bad if own is Classification.GOOD else found.good
        return against > 0 if found.word is None else found.word is not own

    def _asked_outside(self) -> set[int]:
        """Versions outside the interval that have not led to it."""
        purposes = (Purpose.SAMPLE, Purpose.KNOWN, Purpose.LACKING)
        asked = {self.place[a.version] for a in self.search.answers if a.purpose in purposes}
        return {x for x in asked - self.path if not self.low < x < self.high}

    def _is_tested(self, index: int) -> bool:
        return self.found[index].word is not Classification.UNTESTABLE

    def _middle(self, low: int, high: int) -> int | None:
        """The middle of the widest gap between versions that were asked; None: there is no gap.

        So one leap leaves a cluster of untestable versions, wherever it ends.
        """
        points = [low, *sorted(index for index in self.found if low < index < high), high]
        gaps = [(a, b) for a, b in itertools.pairwise(points) if b - a > 1]
        if not gaps:
            return None
        a, b = min(gaps, key=lambda gap: (gap[0] - gap[1], abs(sum(gap) - low - high)))
        return (a + b) // 2

    def _question(self, index: int, purpose: Purpose) -> ProbeRequest:
        versions = self.search.versions
        return ProbeRequest(
            version=versions[index],
            purpose=purpose,
            remaining=(versions[self.low], versions[self.high]),
            candidates=sum(
                self.found.get(i) is None or self.found[i].word is not Classification.UNTESTABLE
                for i in range(self.low + 1, self.high + 1)
            ),
        )


def _give_up(
    answers: list[BisectionAnswer], words: tuple[Classification, ...]
) -> tuple[Classification | None, str | None]:
    """Of a version that is not settled, whether to ask it no more, and why; None: it is asked."""
    told = f"{words.count(Classification.BAD)} of {len(words)} bad, and not settled"
    if answers[-1].purpose is Purpose.LACKING:
        return Classification.UNTESTABLE, f"{told} by what is in the log"
    if [answer.word for answer in answers[-MAX_UNTESTABLE_REPEATS:]] == [
        Classification.UNTESTABLE
    ] * MAX_UNTESTABLE_REPEATS:
        return Classification.UNTESTABLE, answers[-1].reason
    if len(answers) >= MAX_ANSWERS:
        return Classification.UNTESTABLE, f"flaky, {told}" if len(set(words)) > 1 else told
    return None, None
