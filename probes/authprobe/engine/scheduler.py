"""Scheduler of a run: which case starts when, by what is installed and by the load of the machine.

Cases with requests of authprobe's own need no processor and start at once. Those with programs
start when their client is there and the gate admits them, the ones first that wait the longest.
"""

import heapq
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

from authprobe.core.client_kinds import ClientKind, Flow
from authprobe.engine.admission import AdmissionGate
from authprobe.engine.installs import Installs
from authprobe.engine.probe import MAX_CONCURRENT_REQUESTS
from authprobe.engine.rounds import MayStart
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.run.costs import Costs

NEAR_LIMIT: Final = 0.5
"""Part of the limit from which a case that takes twice as long would be another result."""
INTERVAL: Final = 0.1
"""Seconds between two looks at the load while a case could start."""


def expected_wait(case: Case, costs: Costs | None = None) -> float:
    """Return the seconds that a case waits as far as is known, else its limit if it is to end by
    that.
    """
    if costs is not None and (cost := costs.of(case.id)) is not None:
        return cost.wait
    return case.limit if case.expectation.outcome is Outcome.TIMED_OUT else 0.0


def depends_on_time(case: Case, costs: Costs | None = None) -> bool:
    """Return True if a slow machine can change the result.

    The case is to end by its limit, has sessions that race one another, or came near its limit in
    earlier runs.
    """
    if case.expectation.outcome is Outcome.TIMED_OUT or case.flow == Flow.PROMPTS_AT_ONCE:
        return True
    cost = costs.of(case.id) if costs is not None else None
    return cost is not None and cost.elapsed > case.limit * NEAR_LIMIT


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Concurrent probes of cases, each as soon as its clients and a processor are there."""

    probe_one: Callable[[Case], Observation]
    executor: Executor
    gate: AdmissionGate
    installs: Installs | None = None
    """None: all clients are there."""
    costs: Costs | None = None

    def probe(
        self, cases: Sequence[Case], may_start: MayStart = lambda: True
    ) -> Generator[tuple[Case, Observation]]:
        """Yield each case with its observation, in order of completion.

        If the consumer stops, or `may_start` returns False, no further case begins; those that run
        are yielded in the latter case.
        """
        queue = _Queue(self, may_start)
        queue.add(cases)
        try:
            while queue.start():
                if (ended := queue.next_end()) is not None:
                    case = queue.remove(ended)
                    yield case, ended.result()
                    # Only now does the next one start, as the consumer may have had enough.
        finally:
            queue.cancel()


@dataclass(slots=True)
class _Queue:
    """Cases of one round: those that wait for a client, those that are ready, those that run."""

    scheduler: Scheduler
    may_start: MayStart
    requests: deque[Case] = field(default_factory=deque)
    ready: list[tuple[int, Case]] = field(default_factory=list)
    """Heap of the cases with programs, by their rank."""
    blocked: dict[int, tuple[Case, set[Future[None]]]] = field(default_factory=dict)
    """Cases by rank, with the installations that they wait for."""
    running: dict[Future[Observation], Case] = field(default_factory=dict)
    events: "SimpleQueue[Future[Observation] | None]" = field(default_factory=SimpleQueue)
    """Probes that have ended; None: an installation has."""
    programs: int = 0
    """Number of the programs that run."""
    timed: int = 0
    """Of these, the ones of which the result depends on time."""

    def add(self, cases: Sequence[Case]) -> None:
        """Sort the cases, and begin to install the clients that they need."""
        self.requests.extend(c for c in cases if c.client.kind == ClientKind.RAW_HTTP)
        programs = [case for case in cases if case.client.kind != ClientKind.RAW_HTTP]
        costs = self.scheduler.costs  # below: `sort` keeps the order of equal ones
        programs.sort(key=lambda case: expected_wait(case, costs), reverse=True)
        installs = self.scheduler.installs
        if installs is not None:
            installs.begin(programs)
        seen: set[Future[None]] = set()
        for rank, case in enumerate(programs):
            awaited = set(installs.unfinished(case)) if installs is not None else set()
            if awaited:
                self.blocked[rank] = case, awaited
            else:
                self.ready.append((rank, case))
            seen |= awaited
        for future in seen:
            future.add_done_callback(lambda _: self.events.put(None))

    def start(self) -> bool:
        """Start what may start now; return False if nothing runs and nothing is to be started."""
        if not self.may_start():
            return bool(self.running)
        while self.requests and len(self.running) - self.programs < MAX_CONCURRENT_REQUESTS:
            self._submit(self.requests.popleft())
        while self.ready and self._admits(self.ready[0][1]):
            _, case = heapq.heappop(self.ready)
            self.programs += 1
            self.timed += self._is_timed(case)
            self._submit(case)
        return bool(self.running or self.ready or self.blocked)

    def _is_timed(self, case: Case) -> bool:
        return depends_on_time(case, self.scheduler.costs)

    def _admits(self, case: Case) -> bool:
        gate, installs = self.scheduler.gate, self.scheduler.installs
        running = installs.running if installs is not None else 0
        timed = self.timed + self._is_timed(case)
        return gate.enter(self.programs, installs=running, timed=timed)

    def _submit(self, case: Case) -> None:
        future = self.scheduler.executor.submit(self.scheduler.probe_one, case)
        self.running[future] = case
        future.add_done_callback(self.events.put)

    def next_end(self) -> Future[Observation] | None:
        """Wait for the end of a probe, and return it; None: something else may start now."""
        can_start = self.ready and self.programs < self.scheduler.gate.jobs
        try:
            ended = self.events.get(timeout=INTERVAL if can_start else None)
        except Empty:
            return None
        if ended is None:
            self._release()
        return ended

    def _release(self) -> None:
        """Move the cases of which the clients are there now to those that are ready."""
        for rank, (case, awaited) in tuple(self.blocked.items()):
            for future in [each for each in awaited if each.done()]:
                future.result()  # a fault of ours; that of an installation is in the cache
                awaited.discard(future)
            if not awaited:
                del self.blocked[rank]
                heapq.heappush(self.ready, (rank, case))

    def remove(self, ended: Future[Observation]) -> Case:
        """Return the case of a probe that has ended."""
        case = self.running.pop(ended)
        if case.client.kind != ClientKind.RAW_HTTP:
            self.programs -= 1
            self.timed -= self._is_timed(case)
        return case

    def cancel(self) -> None:
        """Keep the probes from starting that have not started yet."""
        for future in self.running:
            future.cancel()
