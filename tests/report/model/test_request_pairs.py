from authprobe.observation.model import Exchange
from authprobe.report.model.request_pairs import MAX_PAIRED, pair_requests, unpaired
from tests.support.make import make_exchange


def ask(path: str, status: int = 200, **changes: object) -> Exchange:
    return make_exchange(path=path, status=status, **changes)


def test_equal_requests_are_beside_each_other_and_others_alone() -> None:
    before = (ask("/a"), ask("/b", 401), ask("/c"))
    after = (ask("/a"), ask("/new"), ask("/b", 200), ask("/c"))
    pairs = pair_requests(before, after)
    assert [(pair.request[-4:], pair.before, pair.after) for pair in pairs] == [
        ("om/a", "no credential: 200", "no credential: 200"),
        ("/new", None, "no credential: 200"),
        ("om/b", "no credential: 401", "no credential: 200"),
        ("om/c", "no credential: 200", "no credential: 200"),
    ]
    assert [pair.differs for pair in pairs] == [False, True, True, False]


def test_repetitions_are_folded_with_their_number() -> None:
    (first, more) = pair_requests((ask("/a", 401),), (ask("/a", 401),) * 4)
    assert (first.times, first.differs) == (1, False)
    assert (more.times, more.before, more.after) == (3, None, "no credential: 401")


def test_ids_in_paths_are_no_difference() -> None:
    before, after = (ask(f"/api/eval/sdk-{id * 14}") for id in "ab")
    assert [pair.differs for pair in pair_requests((before,), (after,))] == [False]
    assert pair_requests((), ()) == ()


def test_of_very_many_requests_the_first_are_paired() -> None:
    before, after = (tuple(ask(f"/{n % 7}", code) for n in range(5000)) for code in (200, 401))
    pairs = pair_requests(before, after[:10])
    assert sum(pair.times for pair in pairs if pair.before) == MAX_PAIRED
    assert unpaired(before, after[:10]) == unpaired(after[:10], before) == 5000 - MAX_PAIRED
    assert unpaired(after[:10], ()) == 0
