"""Bisection search on all kinds of histories, compared with a scan of every version."""

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
class FinishedSearch:
    """A finished search, with its result and requests."""

    result: Bisection
    requests: list[ProbeRequest]
    search: Search

    def purposes(self, version: int) -> list[Purpose]:
        """Return the purposes of the probes of a version."""
        return [x.purpose for x in self.requests if x.version == str(version)]


def make_search(length: int, oldest: Classification = G) -> Search:
    """Return a search in this number of versions, `0` the oldest."""
    return Search(versions=tuple(map(str, range(length))), oldest=oldest)


def with_logged(search: Search, index: int, classification: Classification) -> Search:
    """Return the search with an answer from the log."""
    return search.with_answer(
        BisectionAnswer(version=str(index), classification=classification, purpose=Purpose.LOGGED)
    )


def finish(search: Search, probe: Callable[[int], Classification]) -> FinishedSearch:
    """Probe until there is a result."""
    requests = []
    while isinstance(step := next_step(search), ProbeRequest):
        requests.append(step)
        classification = probe(int(step.version))
        reason = "by design" if classification is U else None
        search = search.with_answer(
            BisectionAnswer(
                version=step.version,
                classification=classification,
                reason=reason,
                purpose=step.purpose,
            )
        )
    return FinishedSearch(step, requests, search)


def bisect(history: str, oldest: Classification = G) -> FinishedSearch:
    """Return the finished search in a history, which has a letter for each version."""
    classifications = [LETTERS[letter] for letter in history]
    return finish(make_search(len(history), oldest), classifications.__getitem__)


@st.composite
def single_changes(draw: st.DrawFn, untestable: bool) -> str:
    """Draw a history with one change and testable bounds."""
    length = draw(st.integers(2, 150))
    change = draw(st.integers(1, length - 1))
    letters = ["G"] * change + ["B"] * (length - change)
    if untestable:
        for index in draw(st.sets(st.integers(1, max(length - 2, 1)))):
            letters[index] = "U" if 0 < index < length - 1 else letters[index]
    return "".join(letters)


@given(single_changes(untestable=True))
def test_the_interval_equals_that_of_a_scan_of_all_versions(history: str) -> None:
    result = bisect(history).result
    last, first = history.rindex("G"), history.index("B")
    assert (result.last_before, result.first_after) == (str(last), str(first))
    assert result.candidates == tuple(map(str, range(last + 1, first + 1)))
    assert result.changed_in == (str(first) if first == last + 1 else None)
    assert result.monotonic
    assert {x.version for x in result.untestable} <= {
        str(i) for i, letter in enumerate(history) if letter == "U"
    }


@given(single_changes(untestable=False))
def test_a_single_change_takes_a_logarithmic_number_of_probes(history: str) -> None:
    result = bisect(history).result
    assert result.probes <= math.ceil(math.log2(len(history))) + 2
    assert result.checks <= 2 + 2 * MIN_SAMPLES
    assert all(x.classification is not U and not x.flaky for x in result.assessments)


@given(single_changes(untestable=True))
def test_a_fix_is_found_like_a_breakage(history: str) -> None:
    mirrored = history.translate(str.maketrans("GB", "BG"))
    one, other = bisect(history).result, bisect(mirrored, oldest=B).result
    assert (one.candidates, one.probes) == (other.candidates, other.probes)


@given(st.text("GBU", max_size=60))
def test_the_neighbours_are_good_and_bad_in_any_history(inside: str) -> None:
    history = f"G{inside}B"
    result = bisect(history).result
    assert result.last_before is not None
    assert result.first_after is not None
    low, high = int(result.last_before), int(result.first_after)
    assert (history[low], history[high]) == ("G", "B")
    assert set(history[low + 1 : high]) <= {"U"}
    tested = [history[int(x.version)] for x in result.assessments if x.classification is not U]
    assert result.monotonic is ("BG" not in "".join(tested))


@given(st.text("GBU", min_size=2, max_size=60))
def test_an_untestable_version_is_never_the_result(history: str) -> None:
    result = bisect(history).result
    assert result.changed_in is None or history[int(result.changed_in)] == "B"
    assert result.problem is None or history[0] != "G" or history[-1] != "B"


@given(single_changes(untestable=True), st.data())
def test_versions_with_logged_answers_are_not_probed(history: str, data: st.DataObject) -> None:
    logged = data.draw(st.sets(st.sampled_from(range(len(history)))))
    classifications = [LETTERS[letter] for letter in history]
    search = make_search(len(history))
    for index in logged:
        for _ in range(2):
            search = search.with_answer(
                BisectionAnswer(
                    version=str(index),
                    classification=classifications[index],
                    purpose=Purpose.LOGGED,
                )
            )
    finished = finish(search, classifications.__getitem__)
    assert {x.version for x in finished.requests}.isdisjoint(map(str, logged))
    assert finished.result.candidates == bisect(history).result.candidates
    assert finished.result.logged == 2 * len(logged)


@given(single_changes(untestable=False))
def test_the_next_request_is_one_of_the_upcoming_versions(history: str) -> None:
    finished, search = bisect(history), make_search(len(history))
    for request, following in zip(finished.requests, finished.requests[1:], strict=False):
        if following.version != request.version:
            assert following.version in upcoming_versions(search, request)
        search = search.with_answer(finished.search.answers[len(search.answers)])


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        ("BB", "0 should be good, but is bad"),
        ("GGG", "2 should be bad, but is good"),
        ("UB", "0, which should be good, is untestable (by design)"),
        ("GU", "1, which should be bad, is untestable (by design)"),
    ],
)
def test_wrong_bounds_have_no_result(history: str, problem: str) -> None:
    result = bisect(history).result
    assert (result.problem, result.changed_in, result.candidates) == (problem, None, ())


def test_a_wrong_bound_is_confirmed_before_the_search_stops() -> None:
    assert bisect("BB").purposes(0) == [Purpose.BOUND, Purpose.CONFIRM]


def test_only_the_two_neighbours_are_confirmed() -> None:
    finished = bisect("GGGGGBBBBB")
    confirmed = [x.version for x in finished.requests if x.purpose is Purpose.CONFIRM]
    assert sorted(confirmed) == ["4", "5"]


def test_versions_on_both_sides_are_sampled_after_the_search() -> None:
    result = bisect("G" * 40 + "B" * 60).result
    assert len(result.sampled) == 2 * MIN_SAMPLES
    assert sum(int(version) < 39 for version in result.sampled) == MIN_SAMPLES


def test_a_contradicting_sample_is_confirmed_and_reported() -> None:
    letters = ["G"] * 40 + ["B"] * 60
    (sample, *_) = bisect("".join(letters)).result.sampled
    letters[int(sample)] = "B"
    finished = bisect("".join(letters))
    assert finished.result.contradictions == (sample,)
    assert not finished.result.monotonic
    assert finished.purposes(int(sample)) == [Purpose.SAMPLE, Purpose.CONFIRM]


def test_the_search_leaves_a_cluster_of_untestable_versions_in_one_step() -> None:
    finished = bisect("G" * 40 + "U" * 20 + "G" * 20 + "B" * 20)
    assert [x.version for x in finished.requests[:4]] == ["0", "99", "49", "74"]
    assert [x.version for x in finished.result.untestable] == ["49"]


def test_untestable_confirmations_end_the_search() -> None:
    classifications = iter([G, B, U, U, G, B])
    result = finish(make_search(2), lambda _: next(classifications)).result
    assert result.changed_in == "1"


def test_an_untestable_bound_is_probed_again() -> None:
    classifications = iter([U, G, B])
    result = finish(make_search(2), lambda _: next(classifications, B)).result
    assert result.changed_in == "1"


@pytest.mark.parametrize(("second", "changed_in"), [(G, "6"), (U, None)])
def test_an_untestable_version_beside_the_change_is_probed_again(
    second: Classification, changed_in: str | None
) -> None:
    letters = "GGGGGUBBBB"
    answers = iter([U, second])

    def probe(index: int) -> Classification:
        return next(answers, second) if index == 5 else LETTERS[letters[index]]

    finished = finish(make_search(len(letters)), probe)
    assert finished.result.changed_in == changed_in
    assert finished.purposes(5)[:2] == [Purpose.SEARCH, Purpose.CONFIRM]


def test_a_version_that_becomes_untestable_is_given_up() -> None:
    hanging = iter([G, *[U] * 100])
    differing = iter([B, G, *[B] * 20])

    def probe(index: int) -> Classification:
        if index == 2:
            return next(hanging)
        return next(differing) if index == 3 else (G if index < 3 else B)

    result = finish(make_search(6), probe).result
    (assessment,) = [x for x in result.assessments if x.version == "2"]
    assert (assessment.classification, assessment.answers, assessment.reason) == (
        U,
        1 + MAX_UNTESTABLE_REPEATS,
        "by design",
    )


def test_untestable_samples_are_replaced() -> None:
    letters = list("G" * 40 + "B" * 60)
    (low, *_, high) = bisect("".join(letters)).result.sampled
    letters[int(low)] = letters[int(high)] = "U"
    result = bisect("".join(letters)).result
    assert not {low, high} & set(result.sampled)
    assert len(result.sampled) == 2 * MIN_SAMPLES
    nothing = bisect("G" + "U" * 39 + "GB" + "U" * 57 + "B")
    assert nothing.result.sampled == ()
    assert [x.purpose for x in nothing.requests].count(Purpose.SAMPLE) <= 2 * MAX_SAMPLES


def test_a_replay_gives_up_versions_that_the_log_does_not_settle() -> None:
    search = make_search(6)
    for index, classification in ((0, G), (2, G), (3, B), (3, G), (5, B)):
        search = with_logged(search, index, classification)
    steps = 0
    while isinstance(step := next_step(search), ProbeRequest):
        steps += 1
        search = search.with_answer(
            BisectionAnswer(
                version=step.version,
                classification=U,
                reason="none",
                purpose=Purpose.REPLAY_ONLY,
            )
        )
    assert steps <= 6
    reason = "0 of 1 bad, and not settled by the answers in the log"
    assert step.problem == f"0, which should be good, is untestable ({reason})"
    assert {x.version: x.answers for x in step.assessments} == {"0": 1, "2": 1, "3": 2, "5": 1}


def rates(length: int, change: int, bad: float) -> list[float]:
    """Return the probability that a probe of each version is bad."""
    return [0.0] * change + [bad] * (length - change)


@pytest.mark.parametrize("bad", [0.5, 0.7, 0.9])
def test_flaky_versions_are_settled_within_the_error_rate(bad: float) -> None:
    # Contradictory answers of a bound start the sequential test for all versions.
    wrong, searches = 0, 300
    for seed in range(searches):
        chance = random.Random(seed)  # noqa: S311 - the same in each run
        length = chance.randint(3, 100)
        change = chance.randint(1, length - 1)
        history = rates(length, change, bad)
        search = make_search(length)
        for classification in (G, B):
            search = with_logged(search, length - 1, classification)
        result = finish(search, lambda i, h=history, c=chance: B if c.random() < h[i] else G).result  # type: ignore[misc]
        wrong += result.changed_in != str(change)
        assert result.changed_in is None or any(
            x.bad for x in result.assessments if x.version == result.changed_in
        )
    # Each search takes about log2(100) classifications, each of which may be wrong.
    assert wrong <= searches * ERROR_RATE * 8


def random_history(chance: random.Random) -> tuple[list[float | None], int, int]:
    """Return a history with the last good and first bad testable versions.

    It has the probability that a probe of each version is bad; None: untestable.
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


def test_random_histories_have_the_result_of_a_scan() -> None:
    wrong, searches = 0, 400
    for seed in range(searches):
        chance = random.Random(seed)  # noqa: S311 - the same in each run
        history, last, first = random_history(chance)

        def probe(
            index: int, *, h: list[float | None] = history, c: random.Random = chance
        ) -> Classification:
            rate = h[index]
            return U if rate is None else B if c.random() < rate else G

        search = make_search(len(history))
        for classification in (G, B):  # start the sequential test for all versions
            search = with_logged(search, len(history) - 1, classification)
        result = finish(search, probe).result
        expected = tuple(str(n) for n in range(last + 1, first + 1))
        wrong += result.candidates != expected
        assert result.changed_in is None or history[int(result.changed_in)] is not None
    assert wrong <= searches * ERROR_RATE


def test_contradictory_answers_start_the_sequential_test() -> None:
    answers = {3: iter([B, G, *[B] * 20])}

    def probe(index: int) -> Classification:
        return next(answers[index]) if index in answers else (G if index < 3 else B)

    finished = finish(make_search(6), probe)
    (flaky,) = [x for x in finished.result.assessments if x.flaky]
    assert (flaky.version, finished.result.changed_in) == ("3", "3")
    assert str(flaky) == f"bad, flaky ({flaky.bad} of {flaky.answers} bad)"
    assert Purpose.SETTLE in finished.purposes(2)


def test_a_version_that_cannot_be_settled_is_untestable() -> None:
    answers = iter([B, G] + [G, G, G, B] * MAX_ANSWERS)

    def probe(index: int) -> Classification:
        return next(answers) if index == 5 else (G if index < 5 else B)

    result = finish(make_search(11), probe).result
    assert result.candidates == ("5", "6")
    (assessment,) = result.untestable
    assert assessment.answers == MAX_ANSWERS
    assert assessment.reason == f"flaky, {assessment.bad} of {MAX_ANSWERS} bad, and not settled"


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_the_sequential_test_keeps_its_error_rate(rate: float) -> None:
    chance, wrong, tests = random.Random(1), 0, 3000  # noqa: S311
    for _ in range(tests):
        answers: tuple[Classification, ...] = ()
        while (classification := sequential_test(answers)) is None:
            answers += (B if chance.random() < rate else G,)
        wrong += classification is (B if rate < 0.3 else G)
    assert wrong <= tests * ERROR_RATE * 1.5


def test_a_request_has_the_remaining_interval() -> None:
    finished = bisect("GGGGGGGGB")
    assert [(x.remaining, x.candidates) for x in finished.requests[:4]] == [
        (("0", "8"), 8),
        (("0", "8"), 8),
        (("0", "8"), 8),
        (("4", "8"), 4),
    ]
