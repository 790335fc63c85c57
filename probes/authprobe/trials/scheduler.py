"""Scheduler for probing many versions: installs ahead, probes, and evicts the oldest."""

import contextlib
import functools
import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Final

from authprobe.clients.base import Laboratory
from authprobe.engine import probe
from authprobe.engine.admission import AdmissionGate
from authprobe.engine.laboratory import MAX_CONCURRENT_INSTALLS
from authprobe.engine.progress import Reporter
from authprobe.engine.scheduler import INTERVAL
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from authprobe.redaction.redactor import Redactor
from authprobe.scenario.clients import Client
from authprobe.settings import Settings
from authprobe.trials.log import ProbeLog, Trial
from authprobe.trials.workplace import ProbeSession, local_failure_reason, record_trial

MAX_OPEN_VERSIONS: Final = MAX_CONCURRENT_INSTALLS + 1
"""Versions that are being installed or probed; the additional one is ready while a case is slow."""


@dataclass(slots=True)
class _OpenVersion:
    """A client version that is being installed or probed."""

    cases: Sequence[Case]
    installation: Future[None] | None
    """None: the installation has finished or failed."""
    remaining_cases: int


STAGE: Final = "installing and probing"
"""Title of the progress of a round."""

NextCases = Callable[[Sequence[Trial], Counter[str]], Sequence[Case]]
"""Returns the cases to probe next, given the trials and the number of attempts per case id."""


def probe_until_done(
    next_cases: NextCases,
    trials: list[Trial],
    scheduler: "ProbeScheduler",
    log: ProbeLog,
    reporter: Reporter,
) -> str | None:
    """Probe until `next_cases` returns none; append each trial to the log and to `trials`.

    Returns the reason for stopping early; None: all cases were probed.
    """
    attempts: Counter[str] = Counter()
    for number in itertools.count(1):
        cases = next_cases(trials, attempts)
        if not cases:
            break
        attempts.update(case.id for case in cases)
        stage = STAGE if number == 1 else f"{STAGE}, round {number}"
        with contextlib.closing(scheduler.probe(cases, stage)) as results:
            for case, observation in results:
                if reason := local_failure_reason(observation):
                    return reason
                if trial := record_trial(log, case, observation, reporter):
                    trials.append(trial)
    return None


class ProbeScheduler(ProbeSession):
    """Installs clients and probes cases at many versions.

    Clients that it installs are evicted, the first probed first, when they take more than
    `disk_bytes`. Clients that were in the cache before stay there.
    """

    def __init__(
        self, settings: Settings, redactor: Redactor, reporter: Reporter, *, disk_bytes: int
    ) -> None:
        super().__init__(settings, redactor, jobs=settings.jobs)
        self.probes = 0
        self.installs = 0
        self.disk_peak_bytes = 0
        self._gate = AdmissionGate(settings.jobs)
        self._reporter = reporter
        self._disk_bytes = disk_bytes
        self._probed: deque[Client] = deque()

    def probe(
        self, cases: Sequence[Case], stage: str = STAGE
    ) -> Generator[tuple[Case, Observation]]:
        """Yield each case with its observation, in the order of completion, version by version.

        `stage` is the title of the progress.

        Raises:
            SettingsError: no scheduler or no usable worker answers.
        """
        remote = self.remote(self._reporter, lambda cases, _: self._probe_here(cases, stage))
        if remote is None:
            probed = self._probe_here(cases, stage)
        else:
            self._reporter.begin_stage(stage, len(cases))
            probed = remote.probe(cases)
        with contextlib.closing(probed) as results:
            for case, observation in results:
                self.probes += 1
                self._count()
                self._reporter.finish_step(case.id)
                yield case, observation

    def _probe_here(self, cases: Sequence[Case], stage: str) -> Generator[tuple[Case, Observation]]:
        """Yield each case with its observation, probed by this machine."""
        laboratory = self.laboratory
        waiting = deque(_by_client(cases).items())
        self._reporter.begin_stage(stage, len(waiting) + len(cases))
        versions: dict[Client, _OpenVersion] = {}
        ready: deque[Case] = deque()
        running: dict[Future[Observation], Case] = {}
        while waiting or versions:
            while waiting and len(versions) < MAX_OPEN_VERSIONS:
                client, client_cases = waiting.popleft()
                versions[client] = self._open(laboratory, client_cases)
            while ready and self._gate.enter(len(running), installs=_installing(versions)):
                case = ready.popleft()
                self._reporter.begin_step(case.id, "")
                running[self._probing.submit(probe.probe_case, laboratory, case)] = case
            installing = {v.installation: v for v in versions.values() if v.installation}
            futures: list[Future[Any]] = [*running, *installing]
            timeout = INTERVAL if ready else None
            finished, _ = wait(futures, timeout=timeout, return_when=FIRST_COMPLETED)
            for installation in (future for future in installing if future in finished):
                installation.result()
                version = installing[installation]
                version.installation = None
                ready.extend(version.cases)
                self._reporter.finish_step(str(version.cases[0].client))
                self._count()
            for probed in (future for future in tuple(running) if future in finished):
                case = running.pop(probed)
                versions[case.client].remaining_cases -= 1
                if not versions[case.client].remaining_cases:
                    del versions[case.client]
                    self._close(laboratory, case.client)
                yield case, probed.result()

    def _open(self, laboratory: Laboratory, cases: Sequence[Case]) -> _OpenVersion:
        clients = probe.required_clients(cases)
        laboratory.cache.pin(clients)
        self._reporter.begin_step(str(cases[0].client), "")
        installation = self._installing.submit(self._install, laboratory, clients)
        return _OpenVersion(cases, installation, len(cases))

    def _install(self, laboratory: Laboratory, clients: Sequence[Client]) -> None:
        for client in clients:
            report = functools.partial(self._reporter.begin_step, str(client))
            laboratory.cache.prepare(client, report, self._reporter.notify)

    def _count(self) -> None:
        """Count the installations and their size, here and on the workers."""
        cache, remote = self.laboratory.cache, self._remote
        self.installs = cache.installs + (sum(remote.installs.values()) if remote else 0)
        new_bytes = cache.new_bytes + (sum(remote.new_bytes.values()) if remote else 0)
        self.disk_peak_bytes = max(self.disk_peak_bytes, new_bytes)

    def _close(self, laboratory: Laboratory, client: Client) -> None:
        """Release a client, and evict the oldest while the installed ones take too much space."""
        laboratory.cache.release(client)
        self._probed.append(client)
        while self._probed and laboratory.cache.new_bytes > self._disk_bytes:
            laboratory.cache.evict(self._probed.popleft())


def _by_client(cases: Sequence[Case]) -> dict[Client, list[Case]]:
    by_client = defaultdict(list)
    for case in cases:
        by_client[case.client].append(case)
    return by_client


def _installing(versions: Mapping[Client, _OpenVersion]) -> int:
    return sum(version.installation is not None for version in versions.values())
