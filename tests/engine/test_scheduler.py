import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from authprobe.clients.installation.cache import Cache
from authprobe.engine.admission import AdmissionGate
from authprobe.engine.installs import Installs
from authprobe.engine.load import MachineLoad
from authprobe.engine.probe import MAX_CONCURRENT_REQUESTS, make_thread_pool
from authprobe.engine.progress import NullReporter
from authprobe.engine.scheduler import Scheduler, depends_on_time, expected_wait
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.run.costs import CaseCost, Costs, load_costs
from authprobe.scenario.clients import Client
from authprobe.scenario.model import Expectation
from tests.engine.test_probe import FAILED, PROGRAM, RAW, TIMEOUT, cases_of
from tests.support.make import make_observation


def probe_cases(
    cases: Sequence[Case],
    probe_one: Callable[[Case], Observation],
    pool: Executor,
    *,
    jobs: int,
    idle: float = 1000.0,
    **others: Any,
) -> Generator[tuple[Case, Observation]]:
    """Return the probes of a scheduler on a machine with idle processors."""
    gate = AdmissionGate(jobs, processors=1, read_load=lambda: MachineLoad(idle))
    return Scheduler(probe_one, pool, gate, **others).probe(cases)


class ConcurrencyMeter:
    """Probe that waits until `size` calls run concurrently, and records their maximum."""

    def __init__(self, size: int) -> None:
        self.maximum = 0
        self._count = 0
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(size, timeout=TIMEOUT)

    def __call__(self, case: Case) -> Observation:
        with self._lock:
            self._count += 1
            self.maximum = max(self.maximum, self._count)
        self._barrier.wait()
        with self._lock:
            self._count -= 1
        return FAILED


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_at_most_jobs_programs_run_at_a_time(jobs: int) -> None:
    meter = ConcurrencyMeter(jobs)
    cases = cases_of(PROGRAM, jobs * 4)
    with make_thread_pool(jobs) as pool:
        ids = [case.id for case, _ in probe_cases(cases, meter, pool, jobs=jobs)]
    assert meter.maximum == jobs
    assert sorted(ids) == sorted(case.id for case in cases)


def test_requests_do_not_wait_for_programs() -> None:
    """Each case waits until all 64 requests and both programs run."""
    requests, programs = ConcurrencyMeter(MAX_CONCURRENT_REQUESTS + 2), 2
    cases = cases_of(RAW, MAX_CONCURRENT_REQUESTS) + cases_of(PROGRAM, programs)
    with make_thread_pool(programs) as pool:
        assert len(list(probe_cases(cases, requests, pool, jobs=programs))) == len(cases)
    assert requests.maximum == MAX_CONCURRENT_REQUESTS + programs


def test_at_most_64_requests_run_at_a_time() -> None:
    meter = ConcurrencyMeter(MAX_CONCURRENT_REQUESTS)
    with ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS * 2) as pool:
        assert len(list(probe_cases(cases_of(RAW, 256), meter, pool, jobs=1))) == 256
    assert meter.maximum == MAX_CONCURRENT_REQUESTS


def test_observations_are_yielded_with_their_cases_in_order_of_completion() -> None:
    """Each case but the last ends only after the next one has been yielded."""
    cases = cases_of(PROGRAM, 4)
    yielded = {case.id: threading.Event() for case in cases}
    next_id = {cases[n].id: cases[n + 1].id for n in range(3)}

    def probe_one(case: Case) -> Observation:
        if case.id in next_id:
            assert yielded[next_id[case.id]].wait(TIMEOUT)
        return make_observation(detail=case.id)

    order = []
    with make_thread_pool(4) as pool:
        for case, observation in probe_cases(cases, probe_one, pool, jobs=4):
            assert observation.detail == case.id
            order.append(case)
            yielded[case.id].set()
    assert order == list(reversed(cases))


def test_cases_begin_in_plan_order() -> None:
    begun_cases = []

    def probe_one(case: Case) -> Observation:
        begun_cases.append(case)
        return FAILED

    cases = cases_of(PROGRAM, 20)
    with make_thread_pool(1) as pool:
        assert [case for case, _ in probe_cases(cases, probe_one, pool, jobs=1)] == list(cases)
    assert begun_cases == list(cases)


def test_no_case_begins_after_the_consumer_stops() -> None:
    begun_ids: list[str] = []
    gate, second = threading.Event(), threading.Event()

    def probe_one(case: Case) -> Observation:
        begun_ids.append(case.id)
        if len(begun_ids) == 2:
            second.set()
            assert gate.wait(TIMEOUT)
        return FAILED

    cases = cases_of(PROGRAM, 20)
    with ThreadPoolExecutor(1) as pool:
        for case, _ in probe_cases(cases, probe_one, pool, jobs=3):
            assert case is cases[0]
            assert second.wait(TIMEOUT)
            break  # drops the last reference to the iterator, which closes it
        gate.set()
    assert begun_ids == [case.id for case in cases[:2]]


def test_bug_in_a_probe_is_raised() -> None:
    def probe_one(case: Case) -> Observation:
        raise ZeroDivisionError

    with make_thread_pool(1) as pool, pytest.raises(ZeroDivisionError):
        list(probe_cases(cases_of(PROGRAM, 3), probe_one, pool, jobs=1))


def test_empty_plan_yields_nothing() -> None:
    with make_thread_pool(1) as pool:
        assert list(probe_cases((), lambda case: FAILED, pool, jobs=1)) == []


def test_busy_machine_runs_one_client_per_processor() -> None:
    meter = ConcurrencyMeter(1)
    with make_thread_pool(9) as pool:
        assert len(list(probe_cases(cases_of(PROGRAM, 5), meter, pool, jobs=9, idle=0.0))) == 5
    assert meter.maximum == 1


def timed(case: Case, limit: float) -> Case:
    """Return a case that is to end by its limit."""
    return replace(case, limit=limit, expectation=Expectation(outcome=Outcome.TIMED_OUT))


def test_cases_that_wait_begin_first() -> None:
    begun: list[str] = []

    def probe_one(case: Case) -> Observation:
        begun.append(case.id)
        return FAILED

    first, second, third, fourth = cases_of(PROGRAM, 4)
    cases = [first, timed(second, 10.0), third, timed(fourth, 20.0)]
    with make_thread_pool(1) as pool:
        list(probe_cases(cases, probe_one, pool, jobs=1))
    assert begun == [fourth.id, second.id, first.id, third.id]
    assert list(map(depends_on_time, cases)) == [False, True, False, True]


def test_no_case_begins_when_it_may_not_and_those_that_run_are_yielded() -> None:
    begun: list[str] = []
    both = threading.Barrier(2, timeout=TIMEOUT)

    def probe_one(case: Case) -> Observation:
        begun.append(case.id)
        both.wait()
        return FAILED

    cases = cases_of(PROGRAM, 9)
    gate = AdmissionGate(2, read_load=lambda: MachineLoad(1000.0))
    with make_thread_pool(2) as pool:
        scheduler = Scheduler(probe_one, pool, gate)
        ended = [case.id for case, _ in scheduler.probe(cases, lambda: len(begun) < 2)]
    assert sorted(ended) == sorted(begun) == [case.id for case in cases[:2]]


@dataclass
class SlowCache:
    """Cache that has some clients, and installs another one when it may."""

    present: set[Client]
    may_install: threading.Event = field(default_factory=threading.Event)
    prepared: list[Client] = field(default_factory=list)
    is_stopped: bool = False
    error: Exception | None = None

    def has(self, client: Client) -> bool:
        return client in self.present

    def pin(self, clients: Sequence[Client]) -> None:
        pass

    def prepare(self, client: Client, show: Callable[[str], None], warn: object) -> None:
        if client not in self.present:
            show("installing")
            assert self.may_install.wait(TIMEOUT)
        if self.error:
            raise self.error
        self.prepared.append(client)

    def stop(self) -> None:
        self.is_stopped = True
        self.may_install.set()


MISSING = replace(PROGRAM, version="2.0.0")


def test_what_is_there_is_probed_while_the_rest_is_installed() -> None:
    """The missing client comes first in the plan, and is installed after the last other case."""
    cache = SlowCache(present={PROGRAM})
    cases = (*cases_of(MISSING, 2), *cases_of(RAW, 3))
    others = [replace(case, id=f"there-{n}") for n, case in enumerate(cases_of(PROGRAM, 3))]
    ended: list[str] = []

    def probe_one(case: Case) -> Observation:
        assert case.client.kind == RAW.kind or case.client in cache.prepared
        return FAILED

    with make_thread_pool(2) as pool, Installs(cast("Cache", cache), NullReporter()) as installs:
        for case, _ in probe_cases([*cases, *others], probe_one, pool, jobs=2, installs=installs):
            ended.append(case.id)
            if len(ended) == 6:
                cache.may_install.set()
    assert set(ended[:6]) == {case.id for case in (*cases[2:], *others)}
    assert ended[6:] == [case.id for case in cases[:2]]
    assert cache.prepared == [PROGRAM, MISSING]
    assert not cache.is_stopped


def test_unfinished_installations_end_with_the_run() -> None:
    cache = SlowCache(present=set())
    with make_thread_pool(2) as pool, Installs(cast("Cache", cache), NullReporter()) as installs:
        cases = (*cases_of(RAW, 1), *cases_of(MISSING, 2))
        probes = probe_cases(cases, lambda case: FAILED, pool, jobs=2, installs=installs)
        assert next(probes)[0] is cases[0]
        probes.close()
    assert cache.is_stopped


def test_bug_in_an_installation_is_raised() -> None:
    cache = SlowCache(present={PROGRAM}, error=ZeroDivisionError())
    with make_thread_pool(2) as pool, Installs(cast("Cache", cache), NullReporter()) as installs:
        probes = probe_cases(
            cases_of(PROGRAM, 2), lambda case: FAILED, pool, jobs=2, installs=installs
        )
        with pytest.raises(ZeroDivisionError):
            list(probes)


def test_no_client_is_installed_twice() -> None:
    cache = SlowCache(present={PROGRAM})
    with make_thread_pool(2) as pool, Installs(cast("Cache", cache), NullReporter()) as installs:
        for _ in range(2):
            cases = cases_of(PROGRAM, 2)
            list(probe_cases(cases, lambda case: FAILED, pool, jobs=2, installs=installs))
            installs.wait_for(cases[0])
    assert cache.prepared == [PROGRAM]


def test_learned_waits_come_before_those_of_the_plan(tmp_path: Path) -> None:
    costs = Costs(tmp_path / "costs.json")
    first, second, third = cases_of(PROGRAM, 3)
    cases = [first, timed(second, 10.0), third]
    for case, cost in ((second, CaseCost(5.0, 4.0)), (third, CaseCost(9.0, 2.0))):
        costs.note(case.id, cost)
    costs.save()
    learned = load_costs(tmp_path)
    assert [depends_on_time(replace(first, limit=limit), learned) for limit in (9.9, 10.1)] == [
        False,
        False,
    ]
    assert [depends_on_time(replace(third, limit=limit), learned) for limit in (17.9, 18.1)] == [
        True,
        False,
    ]
    assert [expected_wait(case, learned) for case in cases] == [0.0, 1.0, 7.0]
    begun = []
    gate = AdmissionGate(1, read_load=lambda: MachineLoad(0.0))
    with make_thread_pool(1) as pool:
        scheduler = Scheduler(lambda case: FAILED, pool, gate, costs=learned)
        begun = [case.id for case, _ in scheduler.probe(cases)]
    assert begun == [third.id, second.id, first.id]
