"""The search, against a scan of every version, on histories of all kinds."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authprobe.bisection.model import (
    ERROR_RATE,
    MAX_ANSWERS,
    Bisection,
    BisectionAnswer,
    Classification,
    ProbeRequest,
    Purpose,
    Search,
    sequential_test,
)
from authprobe.bisection.search import (
    MAX_SAMPLES,
    MAX_UNTESTABLE_REPEATS,
    MIN_SAMPLES,
    next_step,
    upcoming_versions,
)

G, B, U = Classification.GOOD, Classification.BAD, Classification.UNTESTABLE
LETTERS = {"G": G, "B": B, "U": U}


@dataclass
class Asked:
    """A search to its end, and what was asked on the way."""

    result: Bisection
    questions: list[ProbeRequest]
    search: Search

    def purposes(self, version: int) -> list[Purpose]:
        """What a version was asked for."""
        return [q.purpose for q in self.questions if q.version == str(version)]


def search_of(words: list[Classification], oldest: Classification = G) -> Search:
    """A search in so many versions, `0` the oldest."""
    return Search(versions=tuple(map(str, range(len(words)))), oldest=oldest)


def go(search: Search, probe: Callable[[int], Classification]) -> Asked:
    """Ask until there is a result."""
    questions = []
    while isinstance(question := next_step(search), ProbeRequest):
        questions.append(question)
        word = probe(int(question.version))
        reason = "it is so" if word is U else None
        search = search.plus(
            BisectionAnswer(
                version=question.version, word=word, reason=reason, purpose=question.purpose
            )
        )
    return Asked(question, questions, search)


def bisect(history: str, oldest: Classification = G) -> Asked:
    """The search in a history that is written with a letter for each version."""
    words = [LETTERS[letter] for letter in history]
    return go(search_of(words, oldest), words.__getitem__)


@st.composite
def steady(draw: st.DrawFn, untestable: bool) -> str:
    """A history with one change; both bounds can be tested."""
    length = draw(st.integers(2, 150))
    change = draw(st.integers(1, length - 1))
    letters = ["G"] * change + ["B"] * (length - change)
    if untestable:
        for index in draw(st.sets(st.integers(1, max(length - 2, 1)))):
            letters[index] = "U" if 0 < index < length - 1 else letters[index]
    return "".join(letters)


@given(steady(untestable=True))
def test_the_interval_is_the_one_that_a_scan_of_all_versions_finds(history: str) -> None:
    found = bisect(history).result
    last, first = history.rindex("G"), history.index("B")
    assert (found.last_before, found.first_after) == (str(last), str(first))
    assert found.candidates == tuple(map(str, range(last + 1, first + 1)))
    assert found.named == (str(first) if first == last + 1 else None)
    assert found.monotonic
    assert {x.version for x in found.untestable} <= {
        str(i) for i, letter in enumerate(history) if letter == "U"
    }


@given(steady(untestable=False))
def test_a_steady_history_takes_no_more_probes_than_promised(history: str) -> None:
    found = bisect(history).result
    assert found.probes <= math.ceil(math.log2(len(history))) + 2
    assert found.checks <= 2 + 2 * MIN_SAMPLES
    assert all(x.word is not U and not x.flaky for x in found.assessments)


@given(steady(untestable=True))
def test_a_fix_is_found_as_a_breakage_is(history: str) -> None:
    mirrored = history.translate(str.maketrans("GB", "BG"))
    one, other = bisect(history).result, bisect(mirrored, oldest=B).result
    assert (one.candidates, one.probes) == (other.candidates, other.probes)


@given(st.text("GBU", max_size=60))
def test_whatever_the_history_the_neighbours_are_as_they_are_called(inside: str) -> None:
    history = f"G{inside}B"
    found = bisect(history).result
    assert found.last_before is not None
    assert found.first_after is not None
    low, high = int(found.last_before), int(found.first_after)
    assert (history[low], history[high]) == ("G", "B")
    assert set(history[low + 1 : high]) <= {"U"}
    tested = [history[int(x.version)] for x in found.assessments if x.word is not U]
    assert found.monotonic is ("BG" not in "".join(tested))


@given(st.text("GBU", min_size=2, max_size=60))
def test_a_version_that_cannot_be_tested_is_never_named(history: str) -> None:
    found = bisect(history).result
    assert found.named is None or history[int(found.named)] == "B"
    assert found.problem is None or history[0] != "G" or history[-1] != "B"


@given(steady(untestable=True), st.data())
def test_what_is_known_is_not_asked_again(history: str, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.sampled_from(range(len(history)))))
    words = [LETTERS[letter] for letter in history]
    search = search_of(words)
    for index in chosen:
        for _ in range(2):
            search = search.plus(
                BisectionAnswer(version=str(index), word=words[index], purpose=Purpose.KNOWN)
            )
    asked = go(search, words.__getitem__)
    assert {q.version for q in asked.questions}.isdisjoint(map(str, chosen))
    assert asked.result.candidates == bisect(history).result.candidates
    assert asked.result.known == 2 * len(chosen)


@given(steady(untestable=False))
def test_the_next_question_is_one_of_those_that_were_foreseen(history: str) -> None:
    words = [LETTERS[letter] for letter in history]
    asked, search = bisect(history), search_of(words)
    for question, following in zip(asked.questions, asked.questions[1:], strict=False):
        if following.version != question.version:
            assert following.version in upcoming_versions(search, question)
        search = search.plus(asked.search.answers[len(search.answers)])


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        ("BB", "0 is said to be good, and is bad"),
        ("GGG", "2 is said to be bad, and is good"),
        ("UB", "0, which is said to be good, is untestable (it is so)"),
        ("GU", "1, which is said to be bad, is untestable (it is so)"),
    ],
)
def test_bounds_that_are_not_as_they_are_said_to_be_decide_nothing(
    history: str, problem: str
) -> None:
    found = bisect(history).result
    assert (found.problem, found.named, found.candidates) == (problem, None, ())


def test_a_bound_is_looked_at_twice_before_it_is_called_wrong() -> None:
    assert bisect("BB").purposes(0) == [Purpose.BOUND, Purpose.CONFIRM]


def test_both_neighbours_and_no_other_version_get_a_second_look() -> None:
    asked = bisect("GGGGGBBBBB")
    confirmed = [q.version for q in asked.questions if q.purpose is Purpose.CONFIRM]
    assert sorted(confirmed) == ["4", "5"]


def test_a_few_versions_on_both_sides_are_sampled_after_the_answer() -> None:
    found = bisect("G" * 40 + "B" * 60).result
    assert len(found.sampled) == 2 * MIN_SAMPLES
    assert sum(int(version) < 39 for version in found.sampled) == MIN_SAMPLES


def test_a_sample_that_contradicts_is_looked_at_twice_and_told() -> None:
    letters = ["G"] * 40 + ["B"] * 60
    (sample, *_) = bisect("".join(letters)).result.sampled
    letters[int(sample)] = "B"
    asked = bisect("".join(letters))
    assert asked.result.contradictions == (sample,)
    assert not asked.result.monotonic
    assert asked.purposes(int(sample)) == [Purpose.SAMPLE, Purpose.CONFIRM]


def test_a_cluster_of_untestable_versions_is_left_in_one_leap() -> None:
    asked = bisect("G" * 40 + "U" * 20 + "G" * 20 + "B" * 20)
    assert [q.version for q in asked.questions[:4]] == ["0", "99", "49", "74"]
    assert [x.version for x in asked.result.untestable] == ["49"]


def test_a_hanging_second_look_ends() -> None:
    words = iter([G, B, U, U, G, B])
    found = go(search_of([G, B]), lambda _: next(words)).result
    assert found.named == "1"


def test_a_bound_that_hangs_once_is_looked_at_again() -> None:
    words = iter([U, G, B])
    found = go(search_of([G, B]), lambda _: next(words, B)).result
    assert found.named == "1"


@pytest.mark.parametrize(("second", "named"), [(G, "6"), (U, None)])
def test_an_untestable_version_beside_the_change_gets_a_second_chance(
    second: Classification, named: str | None
) -> None:
    letters = "GGGGGUBBBB"
    answers = iter([U, second])

    def probe(index: int) -> Classification:
        return next(answers, second) if index == 5 else LETTERS[letters[index]]

    asked = go(search_of([G] * len(letters)), probe)
    assert asked.result.named == named
    assert asked.purposes(5)[:2] == [Purpose.SEARCH, Purpose.CONFIRM]


def test_what_was_good_once_and_then_hangs_is_not_asked_for_ever() -> None:
    hanging = iter([G, *[U] * 100])
    differing = iter([B, G, *[B] * 20])

    def probe(index: int) -> Classification:
        if index == 2:
            return next(hanging)
        return next(differing) if index == 3 else (G if index < 3 else B)

    found = go(search_of([G] * 6), probe).result
    (left,) = [x for x in found.assessments if x.version == "2"]
    assert (left.word, left.asked, left.reason) == (U, 1 + MAX_UNTESTABLE_REPEATS, "it is so")


def test_samples_that_cannot_be_tested_tell_nothing() -> None:
    letters = list("G" * 40 + "B" * 60)
    (low, *_, high) = bisect("".join(letters)).result.sampled
    letters[int(low)] = letters[int(high)] = "U"
    found = bisect("".join(letters)).result
    assert not {low, high} & set(found.sampled)
    assert len(found.sampled) == 2 * MIN_SAMPLES
    nothing = bisect("G" + "U" * 39 + "GB" + "U" * 57 + "B")
    assert nothing.result.sampled == ()
    assert [q.purpose for q in nothing.questions].count(Purpose.SAMPLE) <= 2 * MAX_SAMPLES


def test_by_the_log_alone_nothing_is_asked_again_that_does_not_settle_it() -> None:
    search = search_of([G] * 6)
    for index, word in ((0, G), (2, G), (3, B), (3, G), (5, B)):
        search = search.plus(BisectionAnswer(version=str(index), word=word, purpose=Purpose.KNOWN))
    rounds = 0
    while isinstance(question := next_step(search), ProbeRequest):
        rounds += 1
        search = search.plus(
            BisectionAnswer(
                version=question.version, word=U, reason="none", purpose=Purpose.LACKING
            )
        )
    assert rounds <= 6
    told = "0 of 1 bad, and not settled by what is in the log"
    assert question.problem == f"0, which is said to be good, is untestable ({told})"
    assert {x.version: x.asked for x in question.assessments} == {"0": 1, "2": 1, "3": 2, "5": 1}


def rates(length: int, change: int, bad: float) -> list[float]:
    """How often each version is bad."""
    return [0.0] * change + [bad] * (length - change)


@pytest.mark.parametrize("bad", [0.5, 0.7, 0.9])
def test_flaky_versions_are_settled_within_the_stated_error_rate(bad: float) -> None:
    # The first answer of a bound is given as bad: from then on every verdict is a tested one.
    wrong, decided = 0, 300
    for seed in range(decided):
        chance = random.Random(seed)  # noqa: S311 - the same in each run
        length = chance.randint(3, 100)
        change = chance.randint(1, length - 1)
        history = rates(length, change, bad)
        search = search_of([G] * length)
        for word in (G, B):
            search = search.plus(
                BisectionAnswer(version=str(length - 1), word=word, purpose=Purpose.KNOWN)
            )
        found = go(search, lambda i, h=history, c=chance: B if c.random() < h[i] else G).result  # type: ignore[misc]
        wrong += found.named != str(change)
        assert found.named is None or any(
            x.bad for x in found.assessments if x.version == found.named
        )
    # About log2(100) verdicts are taken in each search, and each may be wrong so often.
    assert wrong <= decided * ERROR_RATE * 8


def random_history(chance: random.Random) -> tuple[list[float | None], int, int]:
    """How often each version is bad, None: untestable; and what a scan of all versions finds: the
    last good one, and the first bad one that can be tested.
    """
    length = chance.randint(3, 100)
    change = chance.randint(1, length - 1)
    history: list[float | None] = [
        chance.choice([0.0, 0.0, 0.05]) if n < change else chance.choice([0.6, 0.9, 1.0])
        for n in range(length)
    ]
    for n in range(1, length - 1):
        if chance.random() < 0.2:
            history[n] = None
    testable = [n for n, rate in enumerate(history) if rate is not None]
    return history, max(n for n in testable if n < change), min(n for n in testable if n >= change)


def test_random_histories_with_untestable_and_flaky_versions_end_as_a_scan_does() -> None:
    wrong, tried = 0, 400
    for seed in range(tried):
        chance = random.Random(seed)  # noqa: S311 - the same in each run
        history, last, first = random_history(chance)

        def probe(
            index: int, *, h: list[float | None] = history, c: random.Random = chance
        ) -> Classification:
            rate = h[index]
            return U if rate is None else B if c.random() < rate else G

        search = search_of([G] * len(history))
        for word in (G, B):  # from the beginning every verdict is a tested one
            bound = str(len(history) - 1)
            search = search.plus(BisectionAnswer(version=bound, word=word, purpose=Purpose.KNOWN))
        found = go(search, probe).result
        expected = tuple(str(n) for n in range(last + 1, first + 1))
        wrong += found.candidates != expected
        assert found.named is None or history[int(found.named)] is not None
    assert wrong <= tried * ERROR_RATE


def test_two_looks_that_differ_begin_the_sequential_test() -> None:
    given = {3: iter([B, G, *[B] * 20])}

    def probe(index: int) -> Classification:
        return next(given[index]) if index in given else (G if index < 3 else B)

    asked = go(search_of([G] * 6), probe)
    (flaky,) = [x for x in asked.result.assessments if x.flaky]
    assert (flaky.version, asked.result.named) == ("3", "3")
    assert str(flaky) == f"bad, flaky ({flaky.bad} of {flaky.asked} bad)"
    assert Purpose.SETTLE in asked.purposes(2)


def test_what_cannot_be_settled_is_left_and_stepped_around() -> None:
    tossed = iter([B, G] + [G, G, G, B] * MAX_ANSWERS)

    def probe(index: int) -> Classification:
        return next(tossed) if index == 5 else (G if index < 5 else B)

    found = go(search_of([G] * 11), probe).result
    assert found.candidates == ("5", "6")
    (left,) = found.untestable
    assert left.asked == MAX_ANSWERS
    assert left.reason == f"flaky, {left.bad} of {MAX_ANSWERS} bad, and not settled"


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_the_sequential_test_keeps_its_error_rate(rate: float) -> None:
    chance, wrong, tried = random.Random(1), 0, 3000  # noqa: S311
    for _ in range(tried):
        words: tuple[Classification, ...] = ()
        while (word := sequential_test(words)) is None:
            words += (B if chance.random() < rate else G,)
        wrong += word is (B if rate < 0.3 else G)
    assert wrong <= tried * ERROR_RATE * 1.5


def test_a_question_tells_what_remains() -> None:
    asked = bisect("GGGGGGGGB")
    assert [(q.remaining, q.candidates) for q in asked.questions[:4]] == [
        (("0", "8"), 8),
        (("0", "8"), 8),
        (("0", "8"), 8),
        (("4", "8"), 4),
    ]
