"""Collects what versions show: installs one after the other, probes, and removes the oldest."""

import contextlib
import functools
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Final

from authprobe.clients.base import Laboratory
from authprobe.engine import probe
from authprobe.engine.laboratory import MAX_CONCURRENT_INSTALLS
from authprobe.engine.progress import Reporter
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.clients import Client
from authprobe.settings import Settings
from authprobe.trials.log import ProbeLog, Trial
from authprobe.trials.workplace import ProbeSession, keep, local_failure_reason

OPEN_AT_ONCE: Final = MAX_CONCURRENT_INSTALLS + 1
"""Versions that are installed or probed: the next is there when a slow case holds one up."""


@dataclass(slots=True)
class _Version:
    """A version that is being installed or probed."""

    cases: Sequence[Case]
    preparing: Future[None] | None
    """None: it is installed, or cannot be."""
    left: int
    """Cases that have not ended."""


Next = Callable[[Sequence[Trial], Counter[str]], Sequence[Case]]
"""What to probe next, by what is known, and by how often each case has been tried."""


def probe_until_done(
    next_cases: Next,
    trials: list[Trial],
    collector: "ProbeScheduler",
    log: ProbeLog,
    reporter: Reporter,
) -> str | None:
    """Probe until there is nothing more to ask: each trial is in the log at once, and is added to
    `trials`. Why it had to stop before; None: it had not.
    """
    tried: Counter[str] = Counter()
    while cases := next_cases(trials, tried):
        tried.update(case.id for case in cases)
        with contextlib.closing(collector.collect(cases)) as probed:
            for case, observation in probed:
                if reason := local_failure_reason(observation):
                    return reason
                if trial := keep(log, case, observation, reporter):
                    trials.append(trial)
    return None


class ProbeScheduler(ProbeSession):
    """Probes cases at many versions.

    Of the clients that it installs it keeps what fits into `disk_bytes`, and removes first what
    was probed first. What was in the cache before stays there.
    """

    def __init__(
        self, settings: Settings, redactor: Redactor, reporter: Reporter, *, disk_bytes: int
    ) -> None:
        super().__init__(settings, redactor, jobs=settings.jobs)
        self.probes = 0
        self.installs = 0
        self.disk_peak_bytes = 0
        self._jobs = settings.jobs
        self._reporter = reporter
        self._disk_bytes = disk_bytes
        self._probed: deque[Client] = deque()

    def collect(self, cases: Sequence[Case]) -> Generator[tuple[Case, Observation]]:
        """Each case with what it shows, in the order in which they end; version after version."""
        laboratory = self.laboratory
        waiting = deque(_by_client(cases).items())
        self._reporter.begin_stage("installing and probing", len(waiting) + len(cases))
        versions: dict[Client, _Version] = {}
        ready: deque[Case] = deque()
        running: dict[Future[Observation], Case] = {}
        while waiting or versions:
            while waiting and len(versions) < OPEN_AT_ONCE:
                client, own = waiting.popleft()
                versions[client] = self._open(laboratory, own)
            while ready and len(running) < self._jobs:
                case = ready.popleft()
                self._reporter.begin_step(case.id, "")
                running[self._probing.submit(probe.probe_case, laboratory, case)] = case
            preparing = {v.preparing: v for v in versions.values() if v.preparing is not None}
            waited_for: list[Future[Any]] = [*running, *preparing]
            done, _ = wait(waited_for, return_when=FIRST_COMPLETED)
            for prepared in (each for each in preparing if each in done):
                prepared.result()
                preparing[prepared].preparing = None
                ready.extend(preparing[prepared].cases)
                self._reporter.finish_step(str(preparing[prepared].cases[0].client))
                self._count(laboratory)
            for probed in (each for each in tuple(running) if each in done):
                case = running.pop(probed)
                versions[case.client].left -= 1
                if not versions[case.client].left:
                    del versions[case.client]
                    self._close(laboratory, case.client)
                self.probes += 1
                self._reporter.finish_step(case.id)
                yield case, probed.result()

    def _open(self, laboratory: Laboratory, cases: Sequence[Case]) -> _Version:
        clients = probe.required_clients(cases)
        laboratory.cache.pin(clients)
        self._reporter.begin_step(str(cases[0].client), "")
        preparing = self._installing.submit(self._prepare, laboratory, clients)
        return _Version(cases, preparing, len(cases))

    def _prepare(self, laboratory: Laboratory, clients: Sequence[Client]) -> None:
        for client in clients:
            say = functools.partial(self._reporter.begin_step, str(client))
            laboratory.cache.prepare(client, say, self._reporter.notify)

    def _count(self, laboratory: Laboratory) -> None:
        self.installs = laboratory.cache.installs
        self.disk_peak_bytes = max(self.disk_peak_bytes, laboratory.cache.new_bytes)

    def _close(self, laboratory: Laboratory, client: Client) -> None:
        """Let it go; what is too much is removed, the oldest first."""
        laboratory.cache.release(client)
        self._probed.append(client)
        while self._probed and laboratory.cache.new_bytes > self._disk_bytes:
            laboratory.cache.evict(self._probed.popleft())


def _by_client(cases: Sequence[Case]) -> dict[Client, list[Case]]:
    found = defaultdict(list)
    for case in cases:
        found[case.client].append(case)
    return found
