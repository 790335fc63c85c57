from dataclasses import replace

from authprobe.clients.installation.cache import installation_key
from authprobe.engine.remote.placement import (
    MAX_LOSSES,
    REQUEST_BATCH,
    WORTH_INSTALLING,
    CaseBatch,
    Placement,
)
from authprobe.plan.case import Case
from authprobe.scenario.clients import parse_client
from tests.support.make import make_case


def cases(client: str, count: int) -> list[Case]:
    """Return cases of a client, with ids of their own."""
    return [
        replace(make_case(), id=f"{client}/{n}", client=parse_client(client)) for n in range(count)
    ]


def placed(placement: Placement, worker: str) -> str | None:
    """Return the client of the batch that a worker gets, which comes back at once."""
    batch = placement.next_batch(worker)
    if batch is None:
        return None
    placement.finish(worker, batch)
    return str(batch.cases[0].client)


def test_a_version_goes_to_the_worker_that_has_it() -> None:
    old, new = "claude-code@2.1.31", "claude-code@2.1.332"
    placement = Placement()
    placement.add([*cases(old, 2), *cases(new, 3)])
    placement.join("one", [installation_key(parse_client(old))])
    placement.join("two", [installation_key(parse_client(new))])
    assert [placed(placement, "one") for _ in range(3)] == [old, old, None]
    assert [placed(placement, "two") for _ in range(4)] == [new, new, new, None]
    assert placement.is_empty()


def test_a_version_is_installed_once_unless_many_of_its_cases_are_left() -> None:
    placement = Placement()
    placement.add(cases("claude-code@2.1.31", WORTH_INSTALLING + 1))
    placement.join("one")
    placement.join("two")
    assert placement.next_batch("one") is not None
    assert placement.next_batch("one") is None  # it would only wait for the installation
    assert placement.next_batch("two") is not None  # enough are left for another installation
    placement.join("three")
    assert placement.next_batch("three") is None


def test_requests_go_anywhere_and_many_at_once() -> None:
    placement = Placement()
    placement.add(cases("raw-http", REQUEST_BATCH + 1))
    for worker in ("one", "two"):
        placement.join(worker)
    sizes = [len(batch.cases) for w in ("one", "two") if (batch := placement.next_batch(w))]
    assert sizes == [REQUEST_BATCH, 1]


def test_the_cases_of_a_lost_worker_go_to_another_one() -> None:
    placement = Placement()
    placement.add(cases("claude-code@2.1.31", 1))
    placement.join("one")
    placement.join("two")
    lost = placement.next_batch("one")
    assert lost is not None
    placement.leave("one")
    assert placement.next_batch("two") is None
    assert placement.give_back(lost) == ()
    assert placement.next_batch("two") == lost


def test_a_case_that_loses_worker_after_worker_is_given_up() -> None:
    placement = Placement()
    batch = CaseBatch(frozenset(), tuple(cases("raw-http", 1)))
    for _ in range(MAX_LOSSES - 1):
        assert placement.give_back(batch) == ()
    assert placement.give_back(batch) == batch.cases
    assert len(placement.waiting) == MAX_LOSSES - 1


def fail_on_first(placement: Placement) -> CaseBatch:
    """Let two workers join, the first of which cannot install what it gets; return that."""
    placement.join("one")
    placement.join("two")
    failed = placement.next_batch("one")
    assert failed is not None
    placement.finish("one", failed)
    assert placement.try_elsewhere("one", failed)
    return failed


def test_a_worker_that_cannot_install_a_version_leaves_its_cases_to_another_one() -> None:
    placement = Placement()
    placement.add(cases("claude-code@2.1.31", 3))
    fail_on_first(placement)
    assert placement.next_batch("one") is None
    assert [placed(placement, "two") for _ in range(4)] == ["claude-code@2.1.31"] * 3 + [None]


def test_a_version_that_no_worker_can_install_is_tried_once_on_each() -> None:
    placement = Placement()
    placement.add(cases("claude-code@2.1.31", 2))
    retried = []
    for worker in ("one", "two"):
        placement.join(worker)
    for worker in ("one", "two"):
        batch = placement.next_batch(worker)
        assert batch is not None
        placement.finish(worker, batch)
        retried.append(placement.try_elsewhere(worker, batch))
    assert retried == [True, False]
    assert placed(placement, "one") is not None  # the other case gets its reason, too
    assert placement.is_empty()


def test_the_last_worker_gets_what_it_cannot_install() -> None:
    placement = Placement()
    placement.add(cases("claude-code@2.1.31", 1))
    failed = fail_on_first(placement)
    placement.leave("two")
    assert placement.next_batch("one") == failed
