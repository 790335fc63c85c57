"""Executor of a run on the workers of a cluster: places the cases, and does lost ones elsewhere."""

import dataclasses
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from authprobe.clients.installation.cache import Cache, InstallationKey
from authprobe.core.version_ranges import INSTALLED
from authprobe.engine.faults import failed_observation
from authprobe.engine.probe import required_clients
from authprobe.engine.progress import Reporter
from authprobe.engine.record import own_program
from authprobe.engine.remote.cluster import BatchLostError, Cluster, Ended, SchedulerGoneError
from authprobe.engine.remote.placement import CaseBatch, Placement
from authprobe.engine.remote.reasons import LOST_WORKERS, NO_CLUSTER
from authprobe.engine.remote.worker import RemoteAnswer
from authprobe.engine.rounds import MayStart, ProbeCases
from authprobe.engine.scheduler import expected_wait
from authprobe.errors import ClientError
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.run.costs import Costs
from authprobe.scenario.clients import Client

NO_WORKER_TIMEOUT: Final = 60.0
"""Seconds without any usable worker after which the cases that are left are given up."""


def stays_here(case: Case) -> bool:
    """Return True for a case that only this machine can probe: it asks the real service, or needs
    a program of the user.
    """
    clients = [each for each in (case.client, case.client.through) if each]
    return case.live is not None or any(
        each.version == INSTALLED or own_program(each.definition) for each in clients
    )


@dataclass(slots=True)
class RemoteExecutor:
    """Probes of cases on the workers of a cluster, and of the others here."""

    cluster: Cluster
    cache: Cache
    """Cache of this machine, which knows the latest versions: all workers take the same."""
    reporter: Reporter
    probe_here: ProbeCases
    costs: Costs | None = None
    companions: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Versions of the packages beside the client of each case."""
    workers: dict[str, set[InstallationKey]] = field(default_factory=dict)
    """Clients that each worker has."""
    installs: dict[str, int] = field(default_factory=dict)
    """Clients that each worker has installed."""
    new_bytes: dict[str, int] = field(default_factory=dict)
    """Size of those, on each worker, when it was largest."""
    gone: str | None = None
    """Why the cluster probes nothing any more."""
    _clients: Sequence[Client] = ()
    """Clients of the cases that are probed now."""
    _without_worker_since: float | None = None

    def probe(
        self, cases: Sequence[Case], may_start: MayStart = lambda: True
    ) -> Generator[tuple[Case, Observation]]:
        """Yield each case with its observation, in order of completion, as a scheduler does."""
        yield from self._probe_there([case for case in cases if not stays_here(case)], may_start)
        if here := [case for case in cases if stays_here(case)]:
            yield from self.probe_here(here, may_start)

    def _probe_there(
        self, cases: Sequence[Case], may_start: MayStart
    ) -> Generator[tuple[Case, Observation]]:
        placement, originals = Placement(self.workers), {case.id: case for case in cases}
        try:
            for case in sorted(cases, key=lambda c: expected_wait(c, self.costs), reverse=True):
                try:
                    placement.add([self._at_exact_versions(case)])
                except ClientError as error:
                    yield case, _unavailable(str(error))
            self._clients = required_clients(placement.waiting)
            for case, observation in self._rounds(placement, may_start):
                yield originals[case.id], observation
        finally:
            self.cluster.cancel()

    def _at_exact_versions(self, case: Case) -> Case:
        """Return the case with `latest` as the version that this machine knows."""
        return dataclasses.replace(case, client=self._exact(case.client))

    def _exact(self, client: Client) -> Client:
        through = self._exact(client.through) if client.through else None
        version = self.cache.exact_version(client)
        return dataclasses.replace(client, version=version, through=through)

    def _rounds(
        self, placement: Placement, may_start: MayStart
    ) -> Generator[tuple[Case, Observation]]:
        """Yield what comes back, until nothing waits or runs, or the cluster is gone."""
        if self.gone is None:
            try:
                self._join(placement, [w for w in self.cluster.threads if w not in self.workers])
            except SchedulerGoneError as error:
                self._lose_scheduler(error)
        while (may_start() and not placement.is_empty()) or self.cluster.running:
            given_up: list[Case] = []
            if self.gone is None:  # it may be since an earlier call
                try:
                    given_up.extend(self._look(placement))
                    if may_start():
                        self._submit(placement)
                except SchedulerGoneError as error:
                    self._lose_scheduler(error)
            yield from ((case, _unavailable(LOST_WORKERS)) for case in given_up)
            if self.gone is not None:
                yield from self._leave(placement)
                return
            if (ended := self.cluster.next_end()) is not None:
                yield from self._take(placement, ended)

    def _look(self, placement: Placement) -> Generator[Case]:
        """Take in workers that have joined, and let the cases of lost ones wait again; yield those
        that have lost too many.
        """
        if (seen := self.cluster.look()) is None:
            return
        joined, lost = seen
        self._join(placement, joined)
        for worker in lost:
            placement.leave(worker)
            batches = self.cluster.forget(worker)
            count = sum(len(batch.cases) for batch in batches)
            self.reporter.notify(f"worker {worker} is lost; cases to probe elsewhere: {count}")
            for batch in batches:
                yield from placement.give_back(batch)
        self._check_workers()

    def _join(self, placement: Placement, workers: Sequence[str]) -> None:
        if workers:
            for worker, clients in self.cluster.clients_on(workers, self._clients).items():
                placement.join(worker, clients)

    def _check_workers(self) -> None:
        """Give up if no worker has been there for too long."""
        now = time.monotonic()
        if self.cluster.threads:
            self._without_worker_since = None
        elif self._without_worker_since is None:
            self._without_worker_since = now
            self.reporter.notify(f"{self.cluster.address} has no usable worker; waiting for one")
        elif now - self._without_worker_since > NO_WORKER_TIMEOUT:
            self._give_up(f"no usable worker in {NO_WORKER_TIMEOUT:.0f} s")

    def _lose_scheduler(self, error: SchedulerGoneError) -> None:
        self._give_up(f"its scheduler does not answer ({error})")

    def _give_up(self, reason: str) -> None:
        self.gone = f"not probed: {NO_CLUSTER}: {self.cluster.address}: {reason}"
        self.reporter.notify(
            f"{self.gone}; what was finished is kept; probe the rest with --last-failed"
        )

    def _submit(self, placement: Placement) -> None:
        """Let the workers probe as much as they take.

        Raises:
            SchedulerGoneError: the scheduler does not answer; what was not submitted still waits.
        """
        for worker in placement.workers:
            while self.cluster.free(worker) > 0:
                if (batch := placement.next_batch(worker)) is None:
                    break
                for case in batch.cases:
                    self.reporter.begin_step(case.id, "")
                try:
                    self.cluster.submit(worker, batch)
                except SchedulerGoneError:
                    placement.take_back(batch)
                    raise

    def _take(self, placement: Placement, ended: Ended) -> Generator[tuple[Case, Observation]]:
        placement.finish(ended.worker, ended.batch)
        if isinstance(ended.answers, BatchLostError):
            for case in placement.give_back(ended.batch):
                yield case, _unavailable(LOST_WORKERS)
        elif isinstance(ended.answers, Exception):
            failed = failed_observation(ended.answers)
            yield from ((case, failed) for case in ended.batch.cases)
        else:
            is_unable = any(answer.lacks_client for answer in ended.answers)
            if is_unable and placement.try_elsewhere(ended.worker, ended.batch):
                names = ", ".join(dict.fromkeys(str(case.client) for case in ended.batch.cases))
                self.reporter.notify(
                    f"worker {ended.worker} cannot install {names}; its cases are probed elsewhere"
                )
                return
            for case, answer in zip(ended.batch.cases, ended.answers, strict=True):
                self._note(ended.worker, case, answer)
                yield case, answer.observation

    def _note(self, worker: str, case: Case, answer: RemoteAnswer) -> None:
        self.companions[case.id] = answer.companions
        self.installs[worker] = max(answer.installs, self.installs.get(worker, 0))
        self.new_bytes[worker] = max(answer.new_bytes, self.new_bytes.get(worker, 0))
        if answer.isolation is not None:
            self.cluster.isolations[answer.isolation] = answer.refusal

    def _leave(self, placement: Placement) -> Generator[tuple[Case, Observation]]:
        """Yield every case that is left, as not probed."""
        unanswered: Sequence[CaseBatch] = self.cluster.cancel()
        for case in (*(c for batch in unanswered for c in batch.cases), *placement.waiting):
            yield case, _unavailable(self.gone or NO_CLUSTER)


def _unavailable(detail: str) -> Observation:
    return Observation(outcome=Outcome.UNAVAILABLE, elapsed=0.0, detail=detail)
